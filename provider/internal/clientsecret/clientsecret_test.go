package clientsecret

import (
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

func client(id string, sealed []byte) *opstore.Client {
	return &opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: id}, SealedSecret: sealed}
}

// A sealed secret is of one client of one issuer (OpenID Connect Core 1.0 §9).
func TestOpensForItsOwnClientOnly(t *testing.T) {
	ring, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	box := NewBox(ring, "https://op.example")
	sealed := box.Seal("app", "the secret")
	if got, err := box.Open(client("app", sealed)); err != nil || string(got) != "the secret" {
		t.Fatalf("%q %v", got, err)
	}
	other, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		box    *Box
		client *opstore.Client
	}{
		"another client": {box, client("other", sealed)},
		"another issuer": {NewBox(ring, "https://op.example/2"), client("app", sealed)},
		"another ring":   {NewBox(other, "https://op.example"), client("app", sealed)},
		"none":           {box, client("app", nil)},
	} {
		if got, err := row.box.Open(row.client); err == nil || got != nil {
			t.Errorf("%s: opened %q", name, got)
		}
	}
}

// RFC 7591 §3.2.1: a secret counts until client_secret_expires_at.
func TestExpired(t *testing.T) {
	end := time.Now()
	for now, want := range map[time.Time]bool{end.Add(-time.Second): false, end: true, end.Add(time.Second): true} {
		if got := Expired(&opstore.Client{SecretExpiresAt: end}, now); got != want {
			t.Errorf("%v: %v", now.Sub(end), got)
		}
	}
	if Expired(&opstore.Client{}, end) {
		t.Error("a secret without an end has ended")
	}
}
