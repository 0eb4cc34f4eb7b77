package subject_test

import (
	"bytes"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/subject"
	"github.com/oidckit/oidckit/provider/opstore"
)

func client(subjectType, sector string, redirects ...string) *opstore.Client {
	return &opstore.Client{Metadata: oidckit.ClientMetadata{SubjectType: subjectType, SectorIdentifierURI: sector, RedirectURIs: redirects}}
}

// ATK-269, OpenID Connect Core 1.0 §8.1: two sectors get two names, one sector
// one, and a restart changes none.
func TestATK269PairwiseSubjects(t *testing.T) {
	salt := bytes.Repeat([]byte{7}, 32)
	m := subject.New(salt)
	shop := client("pairwise", "", "https://shop.example/cb")
	want := m.For(shop, "alice")
	if want != "-JAPIEq0E4nhwthXlBNSgokwS3REHc_39SwUpAa6vpk" {
		t.Errorf("the function has changed: every client would take its users for new ones: %s", want)
	}
	for name, row := range map[string]struct {
		mapper *subject.Mapper
		client *opstore.Client
		local  string
		same   bool
	}{
		"after a restart":      {subject.New(salt), shop, "alice", true},
		"another path":         {m, client("pairwise", "", "https://shop.example/other", "https://SHOP.example:8443/x"), "alice", true},
		"a sector of its own":  {m, client("pairwise", "https://shop.example/sector.json", "https://a.example/cb", "https://b.example/cb"), "alice", true},
		"another person":       {m, shop, "bob", false},
		"another host":         {m, client("pairwise", "", "https://bank.example/cb"), "alice", false},
		"another sector":       {m, client("pairwise", "https://bank.example/s", "https://shop.example/cb"), "alice", false},
		"another salt":         {subject.New(bytes.Repeat([]byte{8}, 32)), shop, "alice", false},
		"the border has moved": {m, client("pairwise", "", "https://shop.examplea/cb"), "lice", false},
	} {
		if got := row.mapper.For(row.client, row.local); (got == want) != row.same || len(got) != 43 {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := m.For(client("public", "https://bank.example/s"), "alice"); got != "alice" {
		t.Errorf("public: %s", got)
	}
	if got := m.For(shop, ""); got != "" {
		t.Errorf("nobody: %s", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("without a salt the local subject was told")
		}
	}()
	subject.New(nil).For(shop, "alice")
}

// OpenID Connect Core 1.0 §8.1: what the sector identifier is.
func TestSector(t *testing.T) {
	for name, row := range map[string]struct {
		client *opstore.Client
		want   string
	}{
		"one host":              {client("", "", "https://a.example/1", "https://a.example/2"), "a.example"},
		"case and port":         {client("", "", "https://A.example:444/1", "https://a.EXAMPLE/2"), "a.example"},
		"sector_identifier_uri": {client("", "https://s.example/u", "https://a.example/1", "https://b.example/2"), "s.example"},
		"two hosts":             {client("", "", "https://a.example/1", "https://b.example/2"), ""},
		"a private-use scheme":  {client("", "", "com.example.app:/cb"), ""},
		"nothing":               {client("", ""), ""},
	} {
		got, err := subject.Sector(&row.client.Metadata)
		if got != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}
