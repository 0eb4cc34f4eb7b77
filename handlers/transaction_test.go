package handlers

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

func ring(t testing.TB, seeds ...byte) oidckit.Secrets {
	t.Helper()
	var keys [][]byte
	for _, s := range seeds {
		keys = append(keys, bytes.Repeat([]byte{s}, 32))
	}
	r, err := oidckit.NewSecrets(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// offline is a relying party whose issuer nobody asks.
func offline(t testing.TB, secrets oidckit.Secrets, client string) *RelyingParty {
	t.Helper()
	sessions, err := NewSessions(SessionConfig{Secrets: secrets, Store: rpstore.NewMemory().Open("t"), BaseURL: "https://app.example"})
	if err != nil {
		t.Fatal(err)
	}
	rp, err := NewRelyingParty(Config{Issuer: "https://id.example", ClientID: client, BaseURL: "https://app.example", Sessions: sessions})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rp.Close() })
	return rp
}

func withCookies(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example/auth/callback", nil)
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

func TestLoginCookieRoundTrip(t *testing.T) {
	rp := offline(t, ring(t, 1), "c")
	day := 24 * time.Hour
	zero := time.Duration(0)
	for _, req := range []oidckit.LoginRequest{
		{ReturnTo: "/"}, {ReturnTo: "/me?a=b", MaxAge: &day, ACRValues: []string{"gold", "silver"}}, {ReturnTo: "/x", MaxAge: &zero},
	} {
		tx := newTransaction(req)
		got, err := rp.openLogin(withCookies(rp.sealLogin(tx)), tx.state)
		if err != nil {
			t.Fatal(err)
		}
		if got.nonceText() != tx.nonceText() || got.codeVerifier() != tx.codeVerifier() || got.returnTo != req.ReturnTo || !got.created.Equal(tx.created) ||
			strings.Join(got.acr, " ") != strings.Join(req.ACRValues, " ") || encodeSeconds(got.maxAge) != encodeSeconds(req.MaxAge) {
			t.Errorf("%+v became %+v", tx, got)
		}
	}
	c := rp.sealLogin(newTransaction(oidckit.LoginRequest{ReturnTo: "/"}))
	if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 600 {
		t.Errorf("cookie %v", c)
	}
}

// ATK-087: after ten minutes there is a page, whatever the browser kept.
func TestExpiredLogin(t *testing.T) {
	rp := offline(t, ring(t, 1), "c")
	for age, want := range map[time.Duration]string{11 * time.Minute: "too long", -2 * time.Minute: "too long"} {
		tx := newTransaction(oidckit.LoginRequest{ReturnTo: "/me"})
		tx.created = time.Now().Add(-age)
		r := withCookies(rp.sealLogin(tx))
		r.URL.RawQuery = "code=x&state=" + tx.state
		w := httptest.NewRecorder()
		rp.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), "return_to=%2Fme") {
			t.Errorf("age %v: %d %s", age, w.Code, w.Body)
		}
		if c := w.Result().Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
			t.Errorf("age %v: cookies %v", age, c)
		}
	}
}

// ATK-114: 10 000 starts, all different, none below 128 bits.
func TestLoginsAreDistinct(t *testing.T) {
	seen := make(map[string]bool, 30_000)
	for range 10_000 {
		tx := newTransaction(oidckit.LoginRequest{})
		for value, least := range map[string]int{tx.state: 22, tx.nonceText(): 22, tx.codeVerifier(): 43} {
			if seen[value] || len(value) < least {
				t.Fatalf("%q is repeated or short", value)
			}
			seen[value] = true
		}
	}
}

// Twenty logins as most are fit beside each other; the next one takes the place
// of the oldest.
func TestTwentyLoginsFit(t *testing.T) {
	rp := offline(t, ring(t, 1), "c")
	var under []*http.Cookie
	for i := range 20 {
		tx := newTransaction(oidckit.LoginRequest{ReturnTo: "/me?tab=1"})
		tx.created = time.Now().Add(time.Duration(i-60) * time.Second)
		fresh := rp.sealLogin(tx)
		w := httptest.NewRecorder()
		rp.logins.MakeRoom(w, withCookies(under...), fresh)
		if gone := w.Result().Cookies(); len(gone) != 0 {
			t.Fatalf("login %d takes the place of %d others", i, len(gone))
		}
		under = append(under, fresh)
	}
	w := httptest.NewRecorder()
	rp.logins.MakeRoom(w, withCookies(under...), rp.sealLogin(newTransaction(oidckit.LoginRequest{ReturnTo: "/"})))
	if gone := w.Result().Cookies(); len(gone) != 1 || gone[0].Name != under[0].Name || gone[0].MaxAge >= 0 {
		t.Errorf("the next one removes %v", gone)
	}
}

// FuzzCallbackQuery: no query makes a session or a panic.
func FuzzCallbackQuery(f *testing.F) {
	rp := offline(f, ring(f, 1), "c")
	f.Add("code=a&state=b&iss=https://id.example")
	f.Add("code=a&code=b")
	f.Add("error=%3Cscript%3E;")
	f.Fuzz(func(t *testing.T, query string) {
		r := withCookies()
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		rp.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest || len(w.Result().Cookies()) != 0 {
			t.Fatalf("%q: %d", query, w.Code)
		}
	})
}

// FuzzCallbackForm: no form makes a session or a panic.
func FuzzCallbackForm(f *testing.F) {
	var parties []*RelyingParty
	for _, c := range []Config{
		{ResponseType: "code id_token token"}, {ResponseType: "id_token"}, {ResponseMode: "form_post"}, {ResponseMode: "form_post.jwt"},
	} {
		sessions, err := NewSessions(SessionConfig{Secrets: ring(f, 1), Store: rpstore.NewMemory().Open("t"), BaseURL: "https://app.example"})
		if err != nil {
			f.Fatal(err)
		}
		c.Issuer, c.ClientID, c.BaseURL, c.Sessions = "https://id.example", "c", "https://app.example", sessions
		rp, err := NewRelyingParty(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { rp.Close() })
		parties = append(parties, rp)
	}
	f.Add("code=a&state=b&iss=https://id.example&id_token=a.b.c&access_token=d&token_type=Bearer&expires_in=1")
	f.Add("response=eyJhbGciOiJSUzI1NiJ9.eyJzdGF0ZSI6ImEifQ.AA")
	f.Add("error=%3Cscript%3E;&state=b&state=c")
	f.Fuzz(func(t *testing.T, form string) {
		for _, rp := range parties {
			r := httptest.NewRequest(http.MethodPost, "https://app.example/auth/callback", strings.NewReader(form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			rp.ServeHTTP(w, r)
			if w.Code != http.StatusBadRequest || len(w.Result().Cookies()) != 0 {
				t.Fatalf("%q: %d", form, w.Code)
			}
		}
	})
}

// FLT-60: what the release before has sealed is read, and what needs nothing new
// is sealed as it can read it.
func TestSealedRequestVersions(t *testing.T) {
	rp := offline(t, ring(t, 1), "c")
	old := record{requestVersion}
	old.int(0)
	old.texts([]string{"gold"})
	old.texts(nil)
	old.texts(nil)
	old.text("alice")
	got := oidckit.LoginRequest{ReturnTo: "/me"}
	rp.openRequest(rp.requests.SealText(old, rp.id), &got)
	if got.ReturnTo != "/me" || got.LoginHint != "alice" || len(got.ACRValues) != 1 || got.EssentialACR || len(got.Claims) > 0 {
		t.Errorf("the one before: %+v", got)
	}
	for version, req := range map[byte]oidckit.LoginRequest{
		requestVersion: {LoginHint: "alice"}, claimsRequestVersion: {Claims: []byte(`{"userinfo":{}}`), EssentialACR: true},
	} {
		sealed := rp.sealRequest(req)
		if plain, err := rp.requests.OpenText(sealed, rp.id); err != nil || plain[0] != version {
			t.Errorf("version %d: %v", version, err)
		}
		var got oidckit.LoginRequest
		if rp.openRequest(sealed, &got); got.LoginHint != req.LoginHint || string(got.Claims) != string(req.Claims) || got.EssentialACR != req.EssentialACR {
			t.Errorf("version %d became %+v", version, got)
		}
	}
}
