package cookies

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
)

func newJar(t testing.TB, id string, seeds ...byte) *Jar {
	t.Helper()
	var keys [][]byte
	for _, s := range seeds {
		keys = append(keys, bytes.Repeat([]byte{s}, 32))
	}
	ring, err := oidckit.NewSecrets(keys...)
	if err != nil {
		t.Fatal(err)
	}
	site, err := NewSite("https://app.example")
	if err != nil {
		t.Fatal(err)
	}
	return NewJar(site, secret.NewBox(ring, "test"), "login-", id)
}

func with(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example/callback", nil)
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

func pending(content string) Pending {
	return Pending{State: secret.ID(), Created: time.Now().Truncate(time.Second), Content: []byte(content)}
}

func TestJarRoundTrip(t *testing.T) {
	j := newJar(t, "c", 1)
	for _, content := range []string{"", "x", strings.Repeat("long", 500)} {
		p := pending(content)
		got, err := j.Open(with(j.Seal(p)), p.State)
		if err != nil || got.State != p.State || !got.Created.Equal(p.Created) || string(got.Content) != content {
			t.Errorf("%q became %+v, %v", content, got, err)
		}
	}
	c := j.Seal(pending("x"))
	if !strings.HasPrefix(c.Name, "__Host-login-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 600 {
		t.Errorf("cookie %v", c)
	}
	if c := j.CrossSite().Seal(pending("x")); c.SameSite != http.SameSiteNoneMode || !c.Secure {
		t.Errorf("cookie for a form of another site: %v", c)
	}
}

// ATK-102, ATK-103: what was changed, moved, doubled or made by another opens
// nothing.
func TestForeignCookies(t *testing.T) {
	j, other, keys := newJar(t, "c", 1), newJar(t, "d", 1), newJar(t, "c", 2)
	p, second := pending("one"), pending("two")
	good := j.Seal(p)
	named := func(name, value string) *http.Cookie { return &http.Cookie{Name: name, Value: value} }
	flip := func(i int) string {
		b := []byte(good.Value)
		b[i] ^= 1
		return string(b)
	}
	for name, r := range map[string]*http.Request{
		"none":                        with(),
		"ATK-103 time changed":        with(named(good.Name, flip(4))),
		"ATK-103 bit flipped":         with(named(good.Name, flip(40))),
		"ATK-103 truncated":           with(named(good.Name, good.Value[:len(good.Value)-4])),
		"ATK-103 empty":               with(named(good.Name, "")),
		"ATK-103 another login's":     with(named(good.Name, j.Seal(second).Value)),
		"ATK-103 another client's":    with(named(good.Name, other.Seal(p).Value)),
		"ATK-103 another app's":       with(named(good.Name, keys.Seal(p).Value)),
		"ATK-102 two of the name":     with(good, named(good.Name, "x")),
		"ATK-102 two, ours is second": with(named(good.Name, "x"), good),
		"ATK-102 name in lower case":  with(named(strings.ToLower(good.Name[:7])+good.Name[7:], good.Value)),
		"ATK-102 without the prefix":  with(named(strings.TrimPrefix(good.Name, "__Host-"), good.Value)),
	} {
		if got, err := j.Open(r, p.State); err != ErrNone || got != nil {
			t.Errorf("%s: opened", name)
		}
	}
	for _, state := range []string{"", "x", p.State + "A", second.State, strings.Repeat("A", 22)} {
		if _, err := j.Open(with(good), state); err == nil {
			t.Errorf("state %q opened", state)
		}
	}
}

// FLT-61: a ring that was rotated opens what its old key sealed.
func TestRotatedRing(t *testing.T) {
	p := pending("x")
	c := newJar(t, "c", 1).Seal(p)
	if _, err := newJar(t, "c", 2, 1).Open(with(c), p.State); err != nil {
		t.Error("an old key does not open")
	}
	if _, err := newJar(t, "c", 2).Open(with(c), p.State); err == nil {
		t.Error("a dropped key opens")
	}
}

// ATK-087: the time is ours, whatever the browser has kept.
func TestExpired(t *testing.T) {
	now := time.Now()
	for age, want := range map[time.Duration]bool{0: false, 9 * time.Minute: false, 11 * time.Minute: true, -30 * time.Second: false, -2 * time.Minute: true} {
		if Expired(now.Add(-age), now) != want {
			t.Errorf("age %v: expired %v", age, !want)
		}
	}
}

// The oldest logins go, by count and by size, and expired ones always.
func TestMakeRoom(t *testing.T) {
	j := newJar(t, "c", 1)
	now := time.Now()
	made := func(n, length int, age time.Duration) []*http.Cookie {
		var out []*http.Cookie
		for i := range n {
			p := pending(strings.Repeat("a", length))
			p.Created = now.Add(-age + time.Duration(i)*time.Second)
			out = append(out, j.Seal(p))
		}
		return out
	}
	for name, row := range map[string]struct {
		cookies []*http.Cookie
		removed int
	}{
		"few":               {made(3, 60, time.Minute), 0},
		"nineteen":          {made(19, 60, time.Minute), 0},
		"twenty":            {made(20, 60, time.Minute), 1},
		"thirty":            {made(30, 60, time.Minute), 11},
		"expired":           {append(made(5, 60, 15*time.Minute), made(2, 60, time.Minute)...), 5},
		"two that are long": {made(2, 1500, time.Minute), 1},
		"not one of ours":   {[]*http.Cookie{{Name: "__Host-login-x", Value: "x"}}, 1},
		"other cookies":     {[]*http.Cookie{{Name: "theme", Value: "dark"}}, 0},
	} {
		w := httptest.NewRecorder()
		j.MakeRoom(w, with(row.cookies...), j.Seal(pending(strings.Repeat("a", 60))))
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

// FuzzOpen: what opens, we sealed.
func FuzzOpen(f *testing.F) {
	j := newJar(f, "c", 1)
	p := pending("x")
	good := j.Seal(p)
	f.Add(good.Value)
	f.Add(good.Value[:len(good.Value)-1])
	f.Add("")
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", good.Name+"="+value)
		if _, err := j.Open(r, p.State); err == nil && strings.Trim(value, " \t\"") != good.Value {
			// A request line may carry further cookies after ours.
			if c, _ := r.Cookie(good.Name); c == nil || c.Value != good.Value {
				t.Fatalf("%q opened", value)
			}
		}
	})
}

func TestNewSite(t *testing.T) {
	for base, want := range map[string]string{
		"https://app.example": "https://app.example/x", "https://app.example/": "https://app.example/x", "https://app.example/a/": "https://app.example/a/x",
		"http://localhost:8081": "http://localhost:8081/x",
	} {
		s, err := NewSite(base)
		if err != nil || s.URL("/x") != want || s.Secure != strings.HasPrefix(base, "https") || strings.HasPrefix(s.Name("n"), "__Host-") != s.Secure {
			t.Errorf("%s: %+v %v", base, s, err)
		}
	}
	for _, base := range []string{"http://app.example", "app.example", "https://app.example/a//b", "https://app.example/%61", "https://app.example/../a", "https://app.example?x"} {
		if _, err := NewSite(base); err == nil {
			t.Errorf("%s is taken", base)
		}
	}
}
