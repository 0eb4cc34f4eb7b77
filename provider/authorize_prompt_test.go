package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// ATK-193 and OpenID Connect Core 1.0 §3.1.2.1: prompt=none answers without a
// page, or not at all.
func TestATK193PromptNone(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	none := func(g *fixture, with ...string) answer {
		q := request(append([]string{"prompt", "none", "state", oddState}, with...)...)
		return g.browse(http.MethodGet, "/authorize?"+q.Encode(), nil)
	}
	t.Run("no session", func(t *testing.T) {
		none(f.sub(t)).refusal(t, oidckit.LoginRequired, f.base, oddState)
	})
	t.Run("a cookie that is none of ours", func(t *testing.T) {
		g := f.sub(t)
		g.setCookie(strings.Repeat("A", 43))
		none(g).refusal(t, oidckit.LoginRequired, f.base, oddState)
	})
	f.authorize()
	t.Run("max_age=0 is always past", func(t *testing.T) {
		none(f, "max_age", "0").refusal(t, oidckit.LoginRequired, f.base, oddState)
	})
	t.Run("another client needs consent", func(t *testing.T) {
		none(f, "client_id", "other").refusal(t, oidckit.ConsentRequired, f.base, oddState)
	})
	t.Run("a scope more needs consent", func(t *testing.T) {
		none(f, "scope", "openid profile email orders:read").refusal(t, oidckit.ConsentRequired, f.base, oddState)
	})
	t.Run("a resource more needs consent", func(t *testing.T) {
		none(f, "resource", ordersAPI).refusal(t, oidckit.ConsentRequired, f.base, oddState)
	})
	t.Run("RFC 8252 §8.6 a native app always needs consent", func(t *testing.T) {
		callback, err := f.browser.Authorize(f.authorizationURL("client_id", "native", "redirect_uri", "http://127.0.0.1/cb"))
		if err != nil || callback.Query().Get("code") == "" {
			t.Fatal(callback, err)
		}
		a := none(f, "client_id", "native", "redirect_uri", "http://127.0.0.1/cb")
		if !strings.Contains(a.location, "error=consent_required") {
			t.Errorf("%d %q", a.status, a.location)
		}
	})
	for uri, asks := range map[string]bool{
		"http://127.0.0.1:5001/cb": true, "http://[::1]/cb": true, "com.example.app:/cb": true,
		"http://localhost:8081/cb": false, "https://app.example/cb": false,
	} {
		t.Run("RFC 8252 §8.6 a public client at "+uri, func(t *testing.T) {
			app := publicClient
			app.RedirectURIs = []string{uri}
			f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{app}})
			f.authorize("client_id", app.ClientID, "redirect_uri", uri)
			a := none(f, "client_id", app.ClientID, "redirect_uri", uri)
			if strings.Contains(a.location, "error=consent_required") != asks || strings.Contains(a.location, "code=") == asks {
				t.Errorf("%d %q", a.status, a.location)
			}
		})
	}
	// Conformance, prompt-none-logged-in
	t.Run("session and consent", func(t *testing.T) {
		if a := none(f); !strings.HasPrefix(a.location, redirectURI+"?code=") {
			t.Errorf("%d %q", a.status, a.location)
		}
	})
	t.Run("fewer scopes than consented", func(t *testing.T) {
		if a := none(f, "scope", "openid"); !strings.HasPrefix(a.location, redirectURI+"?code=") {
			t.Errorf("%d %q", a.status, a.location)
		}
	})
}

// setCookie gives the browser a session cookie of a value.
func (f *fixture) setCookie(value string) {
	f.t.Helper()
	u := f.newRequest(http.MethodGet, "/", nil).URL
	f.browser.Client.Jar.SetCookies(u, []*http.Cookie{{Name: f.cookieName(), Value: value, Path: "/", Secure: u.Scheme == "https"}})
}

// cookie returns the browser's session cookie, "" where it has none.
func (f *fixture) cookie() string {
	f.t.Helper()
	for _, c := range f.browser.Client.Jar.Cookies(f.newRequest(http.MethodGet, "/", nil).URL) {
		if c.Name == f.cookieName() {
			return c.Value
		}
	}
	return ""
}

// cookieName returns the name that the issuer gives its cookie, learned from a
// login.
func (f *fixture) cookieName() string {
	f.t.Helper()
	if name := f.watch.cookieName(); name != "" {
		return name
	}
	f.sub(f.t).authorize("scope", "openid")
	return f.watch.cookieName()
}

// Each prompt asks for what it names, once, and only for that.
func TestPromptPages(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) { c.TrustedClients = []string{"other"} }})
	f.authorize()
	for _, row := range []struct {
		with []string
		seen []string
	}{
		{nil, nil},
		{[]string{"prompt", "login"}, []string{"/login"}},
		{[]string{"prompt", "select_account"}, []string{"/login"}},
		{[]string{"prompt", "consent"}, []string{"/consent"}},
		{[]string{"prompt", "login consent"}, []string{"/login", "/consent"}},
		{[]string{"prompt", "consent login"}, []string{"/login", "/consent"}},
		{[]string{"prompt", "consent consent"}, []string{"/consent"}},
		{[]string{"max_age", "0"}, []string{"/login"}},
		{[]string{"max_age", "10000"}, nil},
		{[]string{"client_id", "spa"}, []string{"/consent"}},
		{[]string{"client_id", "spa"}, nil},
		{[]string{"client_id", "other"}, nil},
		{[]string{"client_id", "other", "prompt", "consent"}, []string{"/consent"}},
	} {
		f.browser.Seen = nil
		if q := f.authorize(row.with...); q.Get("code") == "" {
			t.Errorf("%v: %v", row.with, q)
		}
		if !slices.Equal(f.browser.Seen, row.seen) {
			t.Errorf("%v: pages %v, want %v", row.with, f.browser.Seen, row.seen)
		}
	}
}

// OpenID Connect Core 1.0 §3.1.2.1, max_age, and conformance max-age-1,
// max-age-10000, prompt-login: auth_time is that of the login, the same for as
// long as nobody has signed in anew.
func TestMaxAgeAndAuthTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, nil)
		authTime := func(with ...string) int64 {
			t.Helper()
			f.browser.Seen = nil
			return int64(claims(t, f.token(codeForm(f.code(with...))).ID)["auth_time"].(float64))
		}
		first := authTime("max_age", "15000")
		if now := time.Now().Unix(); first != now {
			t.Fatalf("auth_time %d at %d", first, now)
		}
		time.Sleep(2 * time.Second)
		for _, row := range []struct {
			with []string
			wait time.Duration
			page bool
		}{
			{[]string{"max_age", "10000"}, 0, false},
			{nil, 0, false},
			{[]string{"prompt", "none"}, 0, false},
			{[]string{"max_age", "1"}, 0, true},
			{[]string{"max_age", "1"}, time.Second, false},
			{[]string{"prompt", "login"}, 2 * time.Second, true},
			{[]string{"max_age", "0"}, 2 * time.Second, true},
		} {
			time.Sleep(row.wait)
			got := authTime(row.with...)
			want := first
			if row.page {
				want = time.Now().Unix()
			}
			if got != want || slices.Contains(f.browser.Seen, "/login") != row.page {
				t.Errorf("%v: auth_time %d, want %d; pages %v", row.with, got, want, f.browser.Seen)
			}
			first = got
		}
		// A session ends on time, whatever is done with it.
		time.Sleep(11 * time.Hour)
		if q := f.authorize("prompt", "none"); q.Get("code") == "" {
			t.Errorf("after 11 hours: %v", q)
		}
		time.Sleep(time.Hour)
		if q := f.authorize("prompt", "none"); q.Get("error") != "login_required" {
			t.Errorf("after 12 hours: %v", q)
		}
	})
}

// Registration §2, default_max_age: as if every request had asked for it.
func TestDefaultMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, func(c *provider.Config) {
			age := int64(60)
			c.Clients[0].DefaultMaxAge = &age
		})
		f.authorize()
		time.Sleep(61 * time.Second)
		if q := f.authorize("prompt", "none"); q.Get("error") != "login_required" {
			t.Errorf("default: %v", q)
		}
		if q := f.authorize("prompt", "none", "max_age", "100"); q.Get("code") == "" {
			t.Errorf("the request's own: %v", q)
		}
	})
}

// OpenID Connect Core 1.0 §3.1.2.1, id_token_hint.
func TestIDTokenHint(t *testing.T) {
	f := newFixture(t, oidctest.Config{Users: []provider.Account{{Username: "bob", PasswordHash: aliceHash, Claims: map[string]any{"sub": "bob-subject"}}}})
	mine := f.token(codeForm(f.code()))
	bob := f.sub(t)
	bob.browser.Username = "bob"
	bobs := bob.token(codeForm(bob.code()))
	try := func(t *testing.T, hint string) answer {
		q := request("prompt", "none", "id_token_hint", hint, "state", oddState)
		return f.browse(http.MethodGet, "/authorize?"+q.Encode(), nil)
	}
	t.Run("conformance: of the person signed in", func(t *testing.T) {
		if a := try(t, mine.ID); !strings.HasPrefix(a.location, redirectURI+"?code=") {
			t.Errorf("%d %q", a.status, a.location)
		}
	})
	t.Run("of another person", func(t *testing.T) {
		try(t, bobs.ID).refusal(t, oidckit.LoginRequired, f.base, oddState)
	})
	payload := decode(t, mine.ID, 1)
	for name, hint := range map[string]string{
		"alg none":                encode(`{"alg":"none","typ":"JWT"}`) + "." + strings.Split(mine.ID, ".")[1] + ".",
		"alg none with signature": encode(`{"alg":"none","typ":"JWT"}`) + mine.ID[strings.Index(mine.ID, "."):],
		"foreign key, own kid":    sign(t, "RS256", part(t, mine.ID, 0)["kid"].(string), "JWT", payload),
		"foreign key, own alg":    sign(t, "ES256", "theirs", "JWT", payload),
		"an access token":         mine.Access,
		"changed payload":         strings.Replace(mine.ID, "."+strings.Split(mine.ID, ".")[1], "."+encode(strings.Replace(string(payload), oidctest.Subject, "bob-subject", 1)), 1),
		"of 20 KB":                mine.ID + strings.Repeat("A", 14<<10),
	} {
		t.Run(name, func(t *testing.T) {
			try(t, hint).refusal(t, oidckit.InvalidRequest, f.base, oddState)
		})
	}
	t.Run("of another person, who may sign in", func(t *testing.T) {
		a := f.browse(http.MethodGet, "/authorize?"+request("id_token_hint", bobs.ID).Encode(), nil)
		if !strings.HasPrefix(a.location, "/login?") {
			t.Errorf("%d %q", a.status, a.location)
		}
	})
	t.Run("another person signs in", func(t *testing.T) {
		g := f.sub(t)
		g.browser.Username = "bob"
		q := g.authorize("id_token_hint", mine.ID)
		if q.Get("error") != "login_required" || q.Has("code") {
			t.Errorf("%v", q)
		}
		if slices.Contains(g.browser.Seen, "/consent") {
			t.Error("asked for consent on the way to a refusal")
		}
	})
	t.Run("the person signs in", func(t *testing.T) {
		if q := f.sub(t).authorize("id_token_hint", mine.ID); q.Get("code") == "" {
			t.Errorf("%v", q)
		}
	})
}

// Core §3.1.2.1: a hint may be long expired; it still names the person.
func TestExpiredIDTokenHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, func(c *provider.Config) { c.Lifetimes.IDToken = time.Minute })
		hint := f.token(codeForm(f.code())).ID
		time.Sleep(2 * time.Hour)
		if q := f.authorize("prompt", "none", "id_token_hint", hint); q.Get("code") == "" {
			t.Errorf("%v", q)
		}
	})
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func decode(t *testing.T, token string, i int) []byte {
	t.Helper()
	b, err := json.Marshal(part(t, token, i))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// halfHash is at_hash for algorithms with SHA-256 (Core §3.1.3.6).
func halfHash(t *testing.T, token string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// sign makes a JWS with a new key.
func sign(t *testing.T, alg, kid, typ string, payload []byte) string {
	t.Helper()
	key, err := jose.GenerateKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner(alg, kid, key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign(typ, payload)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
