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

// ATK-102, ATK-103: what was changed, moved, doubled or made by another opens
// nothing.
func TestForeignLoginCookies(t *testing.T) {
	rp, other, keys := offline(t, ring(t, 1), "c"), offline(t, ring(t, 1), "d"), offline(t, ring(t, 2), "c")
	tx, second := newTransaction(oidckit.LoginRequest{ReturnTo: "/"}), newTransaction(oidckit.LoginRequest{ReturnTo: "/"})
	good := rp.sealLogin(tx)
	with := func(name, value string) *http.Cookie { return &http.Cookie{Name: name, Value: value} }
	flip := func(i int) string {
		b := []byte(good.Value)
		b[i] ^= 1
		return string(b)
	}
	for name, r := range map[string]*http.Request{
		"none":                          withCookies(),
		"ATK-103 time changed":          withCookies(with(good.Name, flip(4))),
		"ATK-103 bit flipped":           withCookies(with(good.Name, flip(40))),
		"ATK-103 truncated":             withCookies(with(good.Name, good.Value[:len(good.Value)-4])),
		"ATK-103 empty":                 withCookies(with(good.Name, "")),
		"ATK-103 another login's":       withCookies(with(good.Name, rp.sealLogin(second).Value)),
		"ATK-103 another client's":      withCookies(with(good.Name, other.sealLogin(tx).Value)),
		"ATK-103 another app's":         withCookies(with(good.Name, keys.sealLogin(tx).Value)),
		"ATK-102 two of the name":       withCookies(good, with(good.Name, "x")),
		"ATK-102 two, ours is second":   withCookies(with(good.Name, "x"), good),
		"ATK-102 name in lower case":    withCookies(with(strings.ToLower(good.Name[:7])+good.Name[7:], good.Value)),
		"ATK-102 without the prefix":    withCookies(with(strings.TrimPrefix(good.Name, "__Host-"), good.Value)),
		"the session cookie as a login": withCookies(with(rp.sessions.cookieName, good.Value)),
	} {
		if got, err := rp.openLogin(r, tx.state); err == nil || got != nil {
			t.Errorf("%s: opened", name)
		}
	}
	for _, state := range []string{"", "x", tx.state + "A", second.state, strings.Repeat("A", 22)} {
		if _, err := rp.openLogin(withCookies(good), state); err == nil {
			t.Errorf("state %q opened", state)
		}
	}
}

// FLT-61: a ring that was rotated opens what its old key sealed.
func TestRotatedRing(t *testing.T) {
	tx := newTransaction(oidckit.LoginRequest{ReturnTo: "/"})
	cookie := offline(t, ring(t, 1), "c").sealLogin(tx)
	if _, err := offline(t, ring(t, 2, 1), "c").openLogin(withCookies(cookie), tx.state); err != nil {
		t.Error("an old key does not open")
	}
	if _, err := offline(t, ring(t, 2), "c").openLogin(withCookies(cookie), tx.state); err == nil {
		t.Error("a dropped key opens")
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

// The oldest logins go, by count and by size, and expired ones always.
func TestMakeRoom(t *testing.T) {
	rp := offline(t, ring(t, 1), "c")
	now := time.Now()
	made := func(n, target int, age time.Duration) []*http.Cookie {
		var out []*http.Cookie
		for i := range n {
			tx := newTransaction(oidckit.LoginRequest{ReturnTo: "/" + strings.Repeat("a", target)})
			tx.created = now.Add(-age + time.Duration(i)*time.Second)
			out = append(out, rp.sealLogin(tx))
		}
		return out
	}
	for name, row := range map[string]struct {
		cookies []*http.Cookie
		removed int
	}{
		"few":               {made(3, 10, time.Minute), 0},
		"nineteen":          {made(19, 2, time.Minute), 0},
		"twenty":            {made(20, 2, time.Minute), 1},
		"thirty":            {made(30, 2, time.Minute), 11},
		"expired":           {append(made(5, 10, 15*time.Minute), made(2, 10, time.Minute)...), 5},
		"two that are long": {made(2, 1500, time.Minute), 1},
		"not one of ours":   {[]*http.Cookie{{Name: "__Host-login-x", Value: "x"}}, 1},
		"other cookies":     {[]*http.Cookie{{Name: "theme", Value: "dark"}}, 0},
	} {
		w := httptest.NewRecorder()
		fresh := rp.sealLogin(newTransaction(oidckit.LoginRequest{ReturnTo: "/"}))
		rp.logins.MakeRoom(w, withCookies(row.cookies...), fresh)
		got := w.Result().Cookies()
		if len(got) != row.removed {
			t.Errorf("%s: %d removed, want %d", name, len(got), row.removed)
		}
		for i, c := range got {
			if c.MaxAge >= 0 || c.Name != row.cookies[i].Name {
				t.Errorf("%s: removed %v, want the oldest first", name, c)
			}
		}
	}
}

// FuzzCookieOpen: what opens, we sealed.
func FuzzCookieOpen(f *testing.F) {
	rp := offline(f, ring(f, 1), "c")
	tx := newTransaction(oidckit.LoginRequest{ReturnTo: "/me"})
	good := rp.sealLogin(tx)
	f.Add(good.Value)
	f.Add(good.Value[:len(good.Value)-1])
	f.Add("")
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", good.Name+"="+value)
		if _, err := rp.openLogin(r, tx.state); err == nil && strings.Trim(value, " \t\"") != good.Value {
			// A request line may carry further cookies after ours.
			if c, _ := r.Cookie(good.Name); c == nil || c.Value != good.Value {
				t.Fatalf("%q opened", value)
			}
		}
	})
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
