package provider_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opsql"
)

const killedAt = "OIDCKIT_TEST_KILLED_AT"

// fileFixture is an issuer over a database file, which the next process finds
// as this one left it.
func fileFixture(t *testing.T, path string) *fixture {
	t.Helper()
	const issuer = "https://op.example"
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	store, err := opsql.New(opsql.Config{DB: db, Dialect: opsql.SQLite})
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := oidckit.NewSecrets(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	set := store.Open(issuer)
	accounts := provider.NewAccountsWith(provider.AccountsConfig{Store: set.Users, AllowWeakHashes: true})
	_, _ = accounts.Create(t.Context(), provider.Account{
		Username: oidctest.Username, PasswordHash: aliceHash, Claims: map[string]any{"sub": oidctest.Subject},
	})
	web := webClient
	web.IDTokenSignedResponseAlg = "ES256"
	p := newProvider(t, provider.Config{
		Issuer: issuer, Secrets: secrets, Stores: set, SigningAlgs: []string{"ES256"}, Users: accounts, Clients: []oidckit.ClientMetadata{web},
	})
	client := &http.Client{Transport: p.LocalTransport(nil)}
	return &fixture{
		t: t, client: client, browser: oidctest.NewBrowser(t, issuer, client), base: issuer,
		op: &oidctest.Server{Issuer: issuer, Provider: p, Stores: set},
	}
}

// FLT-36: kill -9 during consent and code exchange. After a restart a code that
// was seen is redeemed once at most, over both lives of the issuer, what was
// answered is still good, and no code is there without the consent it came of.
func TestFLT36Kill(t *testing.T) {
	if path := os.Getenv(killedAt); path != "" {
		redeemForEver(fileFixture(t, path))
		return
	}
	for round := range 6 {
		path := filepath.Join(t.TempDir(), "op.db")
		cmd := exec.Command(os.Args[0], "-test.run=^TestFLT36Kill$", "-test.v")
		cmd.Env = append(os.Environ(), killedAt+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var codes []string
		redeemed := map[string]bool{}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); {
			verb, value, _ := strings.Cut(lines.Text(), " ")
			switch verb {
			case "code":
				codes = append(codes, value)
			case "redeemed":
				redeemed[value] = true
			default:
				continue
			}
			// Another moment in each round: behind a code, and behind its use.
			if n++; n == 4+round {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		if len(codes) == 0 {
			t.Fatal("the process gave no code")
		}
		f := fileFixture(t, path)
		if _, err := f.op.Stores.Consents.Consent(t.Context(), oidctest.Subject, "web"); err != nil {
			t.Errorf("round %d: a code without a consent: %v", round, err)
		}
		for _, code := range codes {
			first, second := f.token(codeForm(code)), f.token(codeForm(code))
			if second.status == http.StatusOK || first.status == http.StatusOK && redeemed[code] {
				t.Errorf("round %d: a code was redeemed twice", round)
			}
		}
		f.tokens()
	}
}

// redeemForEver is the process that is killed.
func redeemForEver(f *fixture) {
	for {
		q := f.authorize("prompt", "consent", "scope", "openid offline_access")
		fmt.Println("code", q.Get("code"))
		if res := f.token(codeForm(q.Get("code"))); res.status == http.StatusOK {
			fmt.Println("redeemed", q.Get("code"))
		}
	}
}

// A process that dies between a person's decision and its record has decided
// nothing: the question is answered, the consent is not there, and the person
// is asked again.
func TestNoConsentWithoutRecord(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	sid := claims(t, f.token(codeForm(f.code("scope", "openid"))).ID)["sid"].(string)
	_, form := f.consentPage("scope", "openid email")
	if _, err := f.op.Stores.Interactions.TakeInteraction(t.Context(), oidckit.HashToken(form.Get("interaction")), sid); err != nil {
		t.Fatal(err)
	}
	f.browse(http.MethodPost, "/consent", form).page(t, http.StatusBadRequest)
	a := f.browse(http.MethodGet, "/authorize?"+request("scope", "openid email").Encode(), nil)
	if u, err := url.Parse(a.location); err != nil || u.Path != "/consent" {
		t.Errorf("%d %q", a.status, a.location)
	}
}
