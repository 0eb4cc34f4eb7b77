package discovery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func document(issuer string) string {
	return fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q}`,
		issuer, issuer+"/authorize", issuer+"/token", issuer+"/jwks")
}

func TestParse(t *testing.T) {
	const iss = "https://id.example.com"
	with := func(member string) string { return strings.TrimSuffix(document(iss), "}") + "," + member + "}" }
	rows := []struct {
		name, doc string
		ok        bool
	}{
		{"minimal", document(iss), true},
		{"unknown members", with(`"x":{"y":[1]}`), true},
		{"endpoint with a query", with(`"end_session_endpoint":"https://id.example.com/logout?t=a"`), true},
		{"endpoint on another host", with(`"userinfo_endpoint":"https://api.example.com/me"`), true},
		{"Discovery §4.3 trailing slash", document(iss + "/"), false},
		{"Discovery §4.3 other case", document("https://ID.example.com"), false},
		{"Discovery §4.3 other issuer", document("https://evil.example"), false},
		{"Discovery §4.3 no issuer", `{"jwks_uri":"https://id.example.com/jwks"}`, false},
		{"ATK-037 issuer twice", with(`"issuer":"https://id.example.com"`), false},
		{"name in another case", `{"Issuer":"https://id.example.com"}`, false},
		{"ATK-065 http endpoint", with(`"userinfo_endpoint":"http://id.example.com/me"`), false},
		{"ATK-065 http loopback endpoint of an https issuer", with(`"userinfo_endpoint":"http://localhost/me"`), false},
		{"javascript endpoint", with(`"end_session_endpoint":"javascript:alert(1)"`), false},
		{"endpoint with userinfo", with(`"userinfo_endpoint":"https://a@id.example.com/me"`), false},
		{"endpoint of another type", with(`"userinfo_endpoint":1`), false},
		{"ATK-039 trailing bytes", document(iss) + "x", false},
		{"ATK-039 BOM", "\ufeff" + document(iss), false},
		{"ATK-040 null", "null", false},
		{"array", "[]", false},
		{"empty", "", false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			m, err := Parse(iss, []byte(row.doc))
			if (err == nil) != row.ok || (m != nil) != row.ok {
				t.Errorf("Parse = %v, %v; want ok %v", m, err, row.ok)
			}
		})
	}
}

func TestLocations(t *testing.T) {
	for issuer, want := range map[string][2]string{
		"https://a.example":      {"https://a.example/.well-known/openid-configuration", "https://a.example/.well-known/oauth-authorization-server"},
		"https://a.example/":     {"https://a.example/.well-known/openid-configuration", "https://a.example/.well-known/oauth-authorization-server"},
		"https://a.example/r/x":  {"https://a.example/r/x/.well-known/openid-configuration", "https://a.example/.well-known/oauth-authorization-server/r/x"},
		"https://a.example/r/x/": {"https://a.example/r/x/.well-known/openid-configuration", "https://a.example/.well-known/oauth-authorization-server/r/x"},
	} {
		got, err := locations(issuer)
		if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("locations(%q) = %v, %v", issuer, got, err)
		}
	}
	if _, err := locations("http://a.example"); err == nil {
		t.Error("an http issuer has locations")
	}
}

// issuer is a server whose answer can be changed.
type issuer struct {
	*httptest.Server
	hits   atomic.Int32
	answer atomic.Pointer[http.HandlerFunc]
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := new(issuer)
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.hits.Add(1)
		(*i.answer.Load())(w, r)
	}))
	t.Cleanup(i.Close)
	i.answers(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, document(i.URL)) })
	return i
}

func (i *issuer) answers(h http.HandlerFunc) { i.answer.Store(&h) }

func client(t *testing.T, iss string) *Client {
	t.Helper()
	c := New(Config{Issuer: iss})
	t.Cleanup(func() { c.Close() })
	return c
}

func TestFallsBackToTheOAuthPath(t *testing.T) {
	i := newIssuer(t)
	i.answers(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/oauth-authorization-server" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, document(i.URL))
	})
	m, err := client(t, i.URL).Metadata(t.Context())
	if err != nil || m.TokenEndpoint != i.URL+"/token" {
		t.Fatalf("Metadata = %v, %v", m, err)
	}
}

func TestBadAnswers(t *testing.T) {
	var canary atomic.Int32
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { canary.Add(1) }))
	defer evil.Close()
	rows := map[string]http.HandlerFunc{
		"status 500": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) },
		"status 404": http.NotFound,
		"FLT-08 redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, evil.URL, http.StatusFound)
		},
		"FLT-07 larger than 512 KiB": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"issuer":"http://%s","x":%q}`, r.Host, strings.Repeat("x", maxDocument))
		},
		"garbage":      func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>") },
		"other issuer": func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, document(evil.URL)) },
	}
	for name, h := range rows {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t)
			i.answers(h)
			if m, err := client(t, i.URL).Metadata(t.Context()); !errors.Is(err, ErrUnavailable) || m != nil {
				t.Errorf("Metadata = %v, %v", m, err)
			}
		})
	}
	if canary.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// FLT-53: callers share a fetch, and one that goes away leaves it to the rest.
func TestOneFetchForAll(t *testing.T) {
	i := newIssuer(t)
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	i.answers(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		fmt.Fprint(w, document(i.URL))
	})
	c := client(t, i.URL)
	gone, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := c.Metadata(gone)
		first <- err
	}()
	<-arrived
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := c.Metadata(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that went away got %v", err)
	}
	close(release)
	wg.Wait()
	if n := i.hits.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// roundTrip is an issuer without a network, for time that is not real.
type roundTrip func() (int, string)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := f()
	w := httptest.NewRecorder()
	w.WriteHeader(status)
	w.WriteString(body)
	return w.Result(), nil
}

// FLT-01, FLT-02: a failure is backed off, recovers by itself, and never takes
// away a document that was good.
func TestLifetimeAndBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const iss = "https://id.example.com"
		var hits, down = 0, true
		c := New(Config{Issuer: iss, HTTPClient: &http.Client{Transport: roundTrip(func() (int, string) {
			hits++
			if down {
				return 503, ""
			}
			return 200, document(iss)
		})}})
		defer c.Close()
		ask := func(want bool) {
			t.Helper()
			_, err := c.Metadata(t.Context())
			synctest.Wait()
			if (err == nil) != want {
				t.Fatalf("Metadata: %v, want success %v", err, want)
			}
		}
		ask(false)
		ask(false)
		if hits != 1 {
			t.Fatalf("%d fetches inside the pause", hits)
		}
		for range 60 {
			time.Sleep(time.Second)
			ask(false)
		}
		if hits > 16 {
			t.Errorf("a dead issuer was asked %d times in a minute", hits)
		}
		down, hits = false, 0
		time.Sleep(maxBackoff)
		ask(true)
		time.Sleep(lifetime - time.Second)
		ask(true)
		if hits != 1 {
			t.Errorf("%d fetches within the lifetime", hits)
		}
		down = true
		time.Sleep(2 * time.Second)
		ask(true)
		time.Sleep(48 * time.Hour)
		ask(true)
		if hits < 3 {
			t.Errorf("only %d fetches: the document is not refreshed", hits)
		}
	})
}

// A document that has led nowhere is fetched anew, and served until another is
// there, and back-off holds.
func TestExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const iss = "https://id.example.com"
		hits, status, path := 0, 200, "/jwks"
		c := New(Config{Issuer: iss, HTTPClient: &http.Client{Transport: roundTrip(func() (int, string) {
			hits++
			time.Sleep(300 * time.Millisecond)
			return status, strings.ReplaceAll(document(iss), "/jwks", path)
		})}})
		want := func(fetches int, at string) {
			t.Helper()
			m, err := c.Metadata(t.Context())
			synctest.Wait()
			if err != nil || m.JWKSURI != iss+at || hits != fetches {
				t.Errorf("%v, %v after %d fetches, want %s after %d", m, err, hits, at, fetches)
			}
		}
		c.Expire()
		synctest.Wait()
		if hits != 0 {
			t.Error("fetched what nobody has asked for")
		}
		want(1, "/jwks")
		path = "/moved"
		for range 10 {
			c.Expire()
		}
		synctest.Wait()
		if hits != 2 {
			t.Errorf("%d fetches before anybody asks", hits)
		}
		want(2, "/jwks")
		time.Sleep(400 * time.Millisecond)
		want(2, "/moved")

		status = 503
		for range 100 {
			c.Expire()
			time.Sleep(400 * time.Millisecond)
			if m, err := c.Metadata(t.Context()); err != nil || m.JWKSURI != iss+"/moved" {
				t.Errorf("%v, %v", m, err)
			}
		}
		synctest.Wait()
		if hits < 8 || hits > 14 {
			t.Errorf("%d fetches in 40 seconds of failure", hits)
		}
		c.Close()
		time.Sleep(time.Minute)
		c.Expire()
		c.mu.Lock()
		if c.inFlight != nil {
			t.Error("a fetch after Close")
		}
		c.mu.Unlock()
	})
}

func TestClosed(t *testing.T) {
	c := New(Config{Issuer: "https://id.example.com"})
	c.Close()
	c.Close()
	if _, err := c.Metadata(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after Close: %v", err)
	}
}
