package opredis_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opredis"
	"github.com/oidckit/oidckit/provider/opsql"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Durable state in a database and sessions in Redis: what one replica has
// begun the other one knows, and what was ended on one has ended on both.
func TestSessionsApartFromTheDatabase(t *testing.T) {
	client, prefix := server(t)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "op.db")+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	durable, err := opsql.New(opsql.Config{DB: db, Dialect: opsql.SQLite})
	if err != nil {
		t.Fatal(err)
	}
	fast := newStore(t, opredis.Config{Client: client, Prefix: prefix, Timeout: 5e9})
	var cfg provider.Config
	op := oidctest.New(t, oidctest.Config{
		Clients: []oidckit.ClientMetadata{{ClientID: "web", ClientSecret: "web-secret", RedirectURIs: []string{"https://app.example/cb"}}},
		Stores: func(issuer string) opstore.Set {
			set := durable.Open(issuer)
			set.Sessions = fast.Open(issuer)
			return set
		},
		Configure: func(c *provider.Config) { cfg = *c },
	})
	other, err := provider.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	b := op.NewBrowser(t)
	request := op.Issuer + "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {"web"}, "redirect_uri": {"https://app.example/cb"}, "scope": {"openid"}, "prompt": {"none"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode()
	ask := func(prompt string) url.Values {
		t.Helper()
		u, err := url.Parse(request)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Del("prompt")
		if prompt != "" {
			q.Set("prompt", prompt)
		}
		u.RawQuery = q.Encode()
		callback, err := b.Authorize(u.String())
		if err != nil {
			t.Fatal(err)
		}
		return callback.Query()
	}
	if ask("").Get("code") == "" || ask("none").Get("code") == "" {
		t.Fatal("not signed in")
	}
	if n, err := other.EndSessions(t.Context(), opstore.SessionSelector{Subject: oidctest.Subject}); n != 1 || err != nil {
		t.Fatalf("EndSessions on the other replica: %d %v", n, err)
	}
	if e := ask("none").Get("error"); e != "login_required" {
		t.Errorf("after the end: %q", e)
	}
	if res, err := op.HTTPClient().Get(op.Issuer + "/jwks"); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("%v", err)
	}
}

func Example() {
	client := redis.NewClient(&redis.Options{Addr: "redis.internal:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	store, err := opredis.New(opredis.Config{Client: client})
	if err != nil {
		fmt.Println(err)
		return
	}
	const issuer = "https://op.example"
	stores := opstore.NewMemory().Open(issuer) // or opsql, for what must survive
	stores.Sessions = store.Open(issuer)
	fmt.Println(stores.Validate())
	// Output: <nil>
}
