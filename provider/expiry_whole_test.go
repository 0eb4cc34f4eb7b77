package provider_test

import (
	"database/sql"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opsql"
	"github.com/oidckit/oidckit/provider/opstore"
)

// allIsOver is when the last of what leaveTraces leaves has ended: 24 hours of
// attempts to tell a client, and a key's life.
const allIsOver = 50 * time.Hour

// shortLived has every feature that keeps something, for hours.
func shortLived(t *testing.T, key clientKey) func(c *provider.Config) {
	set := keySet(t, key)
	return func(c *provider.Config) {
		c.Clients[0].BackchannelLogoutURI = "http://127.0.0.1:1/logout"
		c.Clients = append(c.Clients, keyed(webClient, set))
		c.Clients[len(c.Clients)-1].IDTokenSignedResponseAlg = "ES256"
		c.Introspection, c.Revocation = &provider.Introspection{}, &provider.Revocation{}
		c.BackchannelLogout, c.Outbound.AllowLoopback = &provider.BackchannelLogout{Attempts: 3}, true
		c.Registration = &provider.Registration{AllowAnonymous: true}
		c.Resources[1].AccessTokenFormat = provider.AccessTokenOpaque
		c.Lifetimes = provider.Lifetimes{
			RefreshToken: 6 * time.Hour, Grant: 12 * time.Hour, Session: 6 * time.Hour, Consent: 12 * time.Hour, SigningKey: 24 * time.Hour,
		}
	}
}

// leaveTraces does all that leaves something behind in a store: what is used up,
// what is ended, what is sent twice, and what people begin and give up.
func leaveTraces(f *fixture, key clientKey) {
	f.t.Helper()
	given := f.code()
	res := f.tokens("scope", "openid email offline_access stock:read", "resource", stockAPI)
	next := f.token(refreshForm(res.Refresh))
	f.token(refreshForm(next.Refresh))
	// Replays end grants.
	f.token(refreshForm(res.Refresh)).refusal(f.t, http.StatusBadRequest, "invalid_grant")
	f.token(codeForm(given))
	f.token(codeForm(given)).refusal(f.t, http.StatusBadRequest, "invalid_grant")
	// One that stays as it is.
	kept := f.tokens()
	f.send(f.client, f.clientRequest("/revoke", url.Values{"token": {kept.Access}}))
	asked := f.newRequest(http.MethodPost, "/token", asserted(ownForm, key.sign(f.t, "", assertion("keyed", f.base))))
	if a := f.do(asked); a.status != http.StatusOK {
		f.t.Fatalf("%d %s", a.status, a.body)
	}
	// A code, a question and a session that nobody comes back to.
	f.code()
	f.consentPage("prompt", "consent")
	other := f.sub(f.t)
	hint := other.token(codeForm(other.code())).ID
	other.endSession(http.MethodGet, url.Values{"id_token_hint": {hint}})
	c := f.register(appMetadata("id_token_signed_response_alg", "ES256"))
	f.send(f.client, f.deletion(c))
}

// TestNothingOutlivesItsEndInMemory lives through more than a memory store may
// hold at once, many times over: each time what came before has left.
func TestNothingOutlivesItsEndInMemory(t *testing.T) {
	const limit, flows, epochs = 40, 3, 16
	key := newClientKey(t, "ES256", "1")
	synctest.Test(t, func(t *testing.T) {
		memory, err := opstore.NewBoundedMemory(opstore.MemoryConfig{MaxRecords: limit})
		if err != nil {
			t.Fatal(err)
		}
		c := replicated(t, shortLived(t, key))
		f := newReplica(t, c, memory.Open(c.Issuer))
		defer f.op.Provider.Close()
		createAlice(t, f.op.Stores)
		for range epochs {
			for range flows {
				leaveTraces(f.sub(t), key)
			}
			time.Sleep(allIsOver)
		}
	})
}

// permanent are the tables whose rows do not end by themselves, and why.
var permanent = map[string]string{
	"oidckit_op_user":           "accounts are the operator's",
	"oidckit_op_client":         "clients are registered until they are deleted",
	"oidckit_op_key_generation": "three numbers for each rotation",
}

// TestNothingOutlivesItsEndInDatabases finds a row in each table, and no row in
// any when its time is over but in those that are documented not to end.
func TestNothingOutlivesItsEndInDatabases(t *testing.T) {
	key := newClientKey(t, "ES256", "1")
	databases(t, func(t *testing.T, d database) {
		db := d.connect(t)
		store, err := opsql.New(opsql.Config{DB: db, Dialect: d.dialect})
		if err != nil {
			t.Fatal(err)
		}
		c := replicated(t, shortLived(t, key))
		f := newReplica(t, c, store.Open(c.Issuer))
		createAlice(t, f.op.Stores)
		for range 5 {
			leaveTraces(f.sub(t), key)
		}
		if err := f.op.Provider.Close(); err != nil {
			t.Fatal(err)
		}
		all := tables(t, db, d)
		if len(all) < 13 {
			t.Fatalf("tables: %q", all)
		}
		for _, table := range all {
			rows := number(t, db, "SELECT count(*) FROM "+table)
			if _, ok := permanent[table]; ok {
				continue
			}
			if rows == 0 {
				t.Errorf("%s: no rows, so nothing is shown of it", table)
				continue
			}
			last := time.UnixMicro(number(t, db, "SELECT max(ends_at) FROM "+table))
			if left := time.Until(last); left > allIsOver {
				t.Errorf("%s: a row ends in %v, the longest lifetime is %v", table, left, allIsOver)
			}
			// What was written then, seen now.
			if _, err := db.ExecContext(t.Context(), fmt.Sprintf("UPDATE %s SET ends_at = ends_at - %d", table, allIsOver.Microseconds())); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := store.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, table := range all {
			rows, want := number(t, db, "SELECT count(*) FROM "+table), int64(0)
			if table == "oidckit_op_user" || table == "oidckit_op_key_generation" {
				want = 1
			}
			if rows != want {
				t.Errorf("%s: %d rows when all is over, want %d", table, rows, want)
			}
		}
	})
}

// tables returns those of the issuer, as the database itself knows them.
func tables(t *testing.T, db *sql.DB, d database) []string {
	t.Helper()
	query := "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
	if d.dialect == opsql.SQLite {
		query = "SELECT name FROM sqlite_master WHERE type = 'table'"
	}
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		found[name] = strings.HasPrefix(name, "oidckit_op_")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(found, func(_ string, own bool) bool { return !own })
	return slices.Sorted(maps.Keys(found))
}

func number(t *testing.T, db *sql.DB, query string) (n int64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// An issuer that nobody has asked for longer than its keys live signs at once.
func TestIssuerThatWasIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, nil)
		f.tokens()
		time.Sleep(200 * 24 * time.Hour)
		if res := f.tokens(); !f.alive(res.Access) {
			t.Error("the first token after a long time is not good")
		}
	})
}
