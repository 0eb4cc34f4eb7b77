package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
)

// postgres returns the address of a schema of the test's own.
func postgres(t *testing.T) string {
	t.Helper()
	address := os.Getenv("OIDCKIT_TEST_POSTGRES")
	u, err := url.Parse(address)
	if address == "" || err != nil || u.Scheme == "" {
		t.Skip("OIDCKIT_TEST_POSTGRES is not set to a postgres://… address: PostgreSQL not tested")
	}
	admin, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	schema := "issuer_" + strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(oidckit.GenerateSecret()))[:20]
	if _, err := admin.Exec("CREATE SCHEMA " + schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP SCHEMA " + schema + " CASCADE"); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func redisAddress(t *testing.T) string {
	t.Helper()
	address := os.Getenv("OIDCKIT_TEST_REDIS")
	if address == "" {
		t.Skip("OIDCKIT_TEST_REDIS is not set: Redis not tested")
	}
	return address
}

const aliceOnly = `{"users": [{"username": "alice", "password": "wonderland"}]}`

// A restart keeps the clients that have registered themselves, sessions,
// grants and keys.
func TestRestartKeepsWhatWasIssued(t *testing.T) {
	for name, databases := range map[string]func(*testing.T) (db, redis []string){
		"SQLite": func(*testing.T) (db, redis []string) { return []string{"-db", "sqlite:issuer.db"}, nil },
		"SQLite, Redis": func(t *testing.T) (db, redis []string) {
			return []string{"-db", "sqlite:issuer.db"}, []string{"-redis", redisAddress(t)}
		},
		"PostgreSQL": func(t *testing.T) (db, redis []string) { return []string{"-db", postgres(t)}, nil },
		"PostgreSQL, Redis": func(t *testing.T) (db, redis []string) {
			return []string{"-db", postgres(t)}, []string{"-redis", redisAddress(t)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			addr, issuer := freeIssuer(t, "")
			dir, config := t.TempDir(), write(t, "config.json", aliceOnly)
			db, redis := databases(t)
			args := append([]string{"-config", config}, db...)
			r := launch(t, dir, addr, issuer, append(args, redis...)...)

			const redirect = "https://app.example/cb"
			status, client := r.call(http.MethodPost, issuer+"/register", map[string]any{
				"redirect_uris": []string{redirect}, "grant_types": []string{"authorization_code", "refresh_token"}, "scope": "openid offline_access",
			}, nil)
			if status != http.StatusCreated {
				t.Fatalf("register: %d %v", status, client)
			}
			id, secret := client["client_id"].(string), client["client_secret"].(string)
			b := r.person("alice", "wonderland")
			q := challenge(id, redirect, url.Values{"scope": {"openid offline_access"}, "prompt": {"consent"}})
			tokens := r.redeem(r.authorize(b, q).Get("code"), redirect, nil, basic(id, secret))
			_, before := claimsOf(t, tokens["id_token"])
			var keys keySet
			get(t, issuer+"/jwks", &keys)
			r.Stop()

			r = launch(t, dir, addr, issuer, append(args, redis...)...)
			var same keySet
			if get(t, issuer+"/jwks", &same); fmt.Sprint(same) != fmt.Sprint(keys) || len(keys.Keys) != 2 {
				t.Errorf("keys %v, before %v", same, keys)
			}
			status, read := r.call(http.MethodGet, client["registration_client_uri"].(string), nil, bearer(client["registration_access_token"]))
			if status != http.StatusOK || read["client_id"] != id {
				t.Errorf("the registration: %d %v", status, read)
			}
			quiet := challenge(id, redirect, url.Values{"prompt": {"none"}})
			answer := r.authorize(b, quiet)
			_, after := claimsOf(t, r.redeem(answer.Get("code"), redirect, nil, basic(id, secret))["id_token"])
			if after["sub"] != before["sub"] || after["sid"] != before["sid"] || after["auth_time"] != before["auth_time"] {
				t.Errorf("another session: %v, before %v", after, before)
			}
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}}
			if status, answer := r.call(http.MethodPost, issuer+"/token", form, basic(id, secret)); status != http.StatusOK {
				t.Errorf("refresh: %d %v", status, answer)
			}
			r.Stop()
			if redis == nil {
				return
			}
			// The sessions were in Redis, and nowhere else.
			r = launch(t, dir, addr, issuer, args...)
			if answer := r.authorize(b, quiet); answer.Get("error") != "login_required" {
				t.Errorf("without Redis: %v", answer)
			}
		})
	}
}

// Without its databases the program starts all the same, refuses what it cannot
// do, and says so in lines like all others, without the passwords.
func TestDatabasesAreDown(t *testing.T) {
	for name, args := range map[string][]string{
		"Redis":      {"-redis", "redis://:canary-word@127.0.0.1:1/0"},
		"PostgreSQL": {"-db", "postgres://u:canary-word@127.0.0.1:1/x"},
	} {
		t.Run(name, func(t *testing.T) {
			addr, issuer := freeIssuer(t, "")
			config := write(t, "config.json", `{"users": [{"username": "alice", "password": "wonderland"}],
				"clients": [{"client_id": "spa", "redirect_uris": ["https://spa.example/cb"]}]}`)
			r := launch(t, t.TempDir(), addr, issuer, append(args, "-config", config)...)
			if status := get(t, issuer+"/healthz", nil); status != http.StatusOK {
				t.Errorf("healthz: %d", status)
			}
			endpoint := issuer + "/authorize?" + challenge("spa", "https://spa.example/cb", nil).Encode()
			back, err := r.person("alice", "wonderland").Authorize(endpoint)
			if err == nil && back.Query().Get("error") != "temporarily_unavailable" || err != nil && !strings.Contains(err.Error(), "status 503") {
				t.Errorf("%v %v", back, err)
			}
			r.Stop()
			if lines(t, r.Stderr()); strings.Contains(r.Stderr(), "canary-word") {
				t.Errorf("the log holds a password: %s", r.Stderr())
			}
		})
	}
}

// SIGTERM while a client is being told of a logout: the program ends at once,
// and its successor tells the client, before anybody asks it anything.
func TestLogoutSurvivesTheEnd(t *testing.T) {
	begun, told, release := make(chan struct{}, 1), make(chan string, 1), make(chan struct{})
	var calls atomic.Int64
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if calls.Add(1) == 1 {
			begun <- struct{}{}
			<-release
			return
		}
		told <- req.PostFormValue("logout_token")
	}))
	defer app.Close()
	defer close(release)
	addr, issuer := freeIssuer(t, "")
	dir, redirect := t.TempDir(), "https://app.example/cb"
	config := write(t, "config.json", fmt.Sprintf(`{"users": [{"username": "alice", "password": "wonderland", "claims": {"sub": "1"}}],
		"clients": [{"client_id": "app", "client_secret": "the secret of app", "redirect_uris": [%q], "backchannel_logout_uri": %q}]}`,
		redirect, app.URL+"/logout"))
	args := []string{"-config", config, "-db", "sqlite:issuer.db"}
	r := launch(t, dir, addr, issuer, args...)
	b := r.person("alice", "wonderland")
	tokens := r.redeem(r.authorize(b, challenge("app", redirect, nil)).Get("code"), redirect, nil, basic("app", "the secret of app"))
	_, claims := claimsOf(t, tokens["id_token"])
	logout := make(chan error, 1)
	go func() {
		res, err := b.Client.Get(issuer + "/end_session?id_token_hint=" + tokens["id_token"].(string))
		if err == nil {
			res.Body.Close()
		}
		logout <- err
	}()
	select {
	case <-begun:
	case <-time.After(time.Minute):
		t.Fatal("the client is not called")
	}
	r.Stop()
	if err := <-logout; err != nil {
		t.Errorf("the person who has signed out: %v", err)
	}

	dueNow(t, filepath.Join(dir, "issuer.db"))
	launch(t, dir, addr, issuer, args...)
	select {
	case token := <-told:
		header, again := claimsOf(t, token)
		if header["typ"] != "logout+jwt" || again["sid"] != claims["sid"] || again["sub"] != "1" {
			t.Errorf("%v %v, the session was %v", header, again, claims["sid"])
		}
	case <-time.After(time.Minute):
		t.Fatal("the client is not told")
	}
}

// dueNow ends the minute for which the one delivery belongs to the program that
// began it.
func dueNow(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", sqliteDSN(file))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	res, err := db.Exec("UPDATE oidckit_op_delivery SET next_at = 0")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); n != 1 || err != nil {
		t.Fatalf("%d deliveries are kept: %v", n, err)
	}
}

// Calls to clients reach this machine where the issuer is on it, or where the
// operator says so.
func TestAllowLoopback(t *testing.T) {
	called := make(chan struct{}, 10)
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called <- struct{}{} }))
	defer app.Close()
	cert, key := certificate(t)
	redirect := "https://app.example/cb"
	config := write(t, "config.json", fmt.Sprintf(`{"users": [{"username": "alice", "password": "wonderland"}],
		"clients": [{"client_id": "app", "client_secret": "the secret of app", "redirect_uris": [%q], "backchannel_logout_uri": %q}]}`,
		redirect, app.URL+"/logout"))
	for _, row := range []struct {
		name, host string
		args       []string
		want       bool
	}{
		{"on loopback", "localhost", nil, true},
		{"on loopback, off", "localhost", []string{"-allow-loopback=false"}, false},
		{"elsewhere", "login.example", nil, false},
		{"elsewhere, on", "login.example", []string{"-allow-loopback"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			addr := freeAddr(t)
			issuer := "https://" + row.host + addr[strings.LastIndex(addr, ":"):]
			r := launch(t, t.TempDir(), addr, issuer, append(row.args, "-config", config, "-tls-cert", cert, "-tls-key", key)...)
			r.client = trusting(t, addr)
			b := r.person("alice", "wonderland")
			tokens := r.redeem(r.authorize(b, challenge("app", redirect, nil)).Get("code"), redirect, nil, basic("app", "the secret of app"))
			res, err := b.Client.Get(issuer + "/end_session?id_token_hint=" + tokens["id_token"].(string))
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			deadline := time.Now().Add(time.Minute)
			for {
				if len(called) > 0 || strings.Contains(r.Stderr(), "could not be told") {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("neither called nor given up\n%s", r.Stderr())
				}
				time.Sleep(10 * time.Millisecond)
			}
			r.Stop()
			got := len(called) > 0
			for len(called) > 0 {
				<-called
			}
			if got != row.want {
				t.Errorf("the client is called: %t\n%s", got, r.Stderr())
			}
		})
	}
}
