package page

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	webapp = Client{Name: "Webapp", LogoURI: "https://app.example/logo.png", PolicyURI: "https://app.example/policy", TosURI: "https://app.example/tos"}
	day    = time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)
)

// every is one page of each kind, filled in.
func every() map[string]Page {
	hidden := []Field{{"interaction", "abc"}, {"csrf", "def"}}
	return map[string]Page{
		"login":  Login{Client: webapp, Action: "/login", Hidden: hidden, Username: "alice", Error: "That user name and password do not match."},
		"choose": Choose{Client: webapp, UserName: "alice", Action: "/login", Hidden: hidden},
		"chooser": Chooser{Client: webapp, Action: "/choose", Hidden: hidden, AskEmail: true, Email: "alice@example.com", Error: "No such address.",
			Providers: []ProviderChoice{{ID: "1", Name: "Staff"}, {ID: "2", Name: "Partners & friends", LastUsed: true}}},
		"consent": Consent{Client: webapp, UserName: "alice", Action: "/consent", Hidden: hidden, ReturnHost: "app.example",
			Scopes: []ScopeLine{{"openid", "Know who you are"}, {"orders:read", ""}}, Claims: []string{"shoe_size"}},
		"account": Account{UserName: "alice", Action: "/account", Notice: "Done.",
			Allowed: []Allowed{
				{Client: webapp, Scopes: []ScopeLine{{"openid", ""}, {"orders:read", "Read orders"}}, Host: "app.example", At: day, Withdraw: Field{"withdraw", "w1"}},
				{Client: webapp, Host: "other.example", At: day, Withdraw: Field{"withdraw", "w2"}},
			},
			Sessions: []Session{{At: day, Here: true, End: Field{"end", "e1"}}, {At: day, End: Field{"end", "e2"}}}},
		"logout":     Logout{ClientName: "Webapp", UserName: "alice", Action: "/logout", Hidden: hidden},
		"signingout": SigningOut{Frames: []string{"https://app.example/out?iss=https%3A%2F%2Fop.example&sid=1", "javascript:alert(1)"}},
		"signedout":  SignedOut{Message: "See you.", ReturnURL: "https://app.example/", ReturnLabel: "Back to Webapp"},
		"error":      Error{Message: "The link was used before.", RetryURL: "/auth/login", RetryLabel: "Start again"},
	}
}

func render(t *testing.T, status int, p Page) *http.Response {
	t.Helper()
	rec := httptest.NewRecorder()
	if err := Write(rec, status, p); err != nil {
		t.Fatal(err)
	}
	return rec.Result()
}

func text(t *testing.T, p Page) string {
	t.Helper()
	rec := httptest.NewRecorder()
	if err := Write(rec, http.StatusOK, p); err != nil {
		t.Fatal(err)
	}
	return rec.Body.String()
}

// ATK-336: the header matrix of the pages.
func TestHeaders(t *testing.T) {
	forms := map[string]bool{"login": true, "choose": true, "chooser": true, "consent": true, "account": true, "logout": true}
	for name, p := range every() {
		h := render(t, http.StatusBadRequest, p).Header
		want := map[string]string{
			"Content-Type":           "text/html; charset=utf-8",
			"X-Content-Type-Options": "nosniff",
			"Cache-Control":          "no-store",
			"Referrer-Policy":        "no-referrer",
			"Server":                 "",
			"Set-Cookie":             "",
		}
		if forms[name] {
			want["Referrer-Policy"] = "same-origin"
		}
		for k, v := range want {
			if got := h.Get(k); got != v {
				t.Errorf("%s: %s = %q, want %q", name, k, got, v)
			}
		}
		csp := h.Get("Content-Security-Policy")
		for _, d := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, d) {
				t.Errorf("%s: policy lacks %s: %s", name, d, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") || strings.Contains(csp, "*") {
			t.Errorf("%s: policy allows too much: %s", name, csp)
		}
		// OpenID Connect Dynamic Client Registration 1.0 §2: the logo is shown, and
		// nothing else is loaded.
		logo := name == "login" || name == "choose" || name == "chooser" || name == "consent"
		if strings.Contains(csp, "; img-src https://app.example/logo.png") != logo || strings.Contains(csp, "img-src") != logo {
			t.Errorf("%s: images in %q", name, csp)
		}
		// A form-action also binds the redirect that answers the form.
		if strings.Contains(csp, "form-action") == forms[name] {
			t.Errorf("%s: form-action in %q", name, csp)
		}
	}
}

// CSP3 §8.4: the hash is that of the style element's text, byte for byte.
func TestStyleHashMatchesPage(t *testing.T) {
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	for name, p := range every() {
		res := render(t, http.StatusOK, p)
		var body strings.Builder
		res.Write(&body)
		m := style.FindAllStringSubmatch(body.String(), -1)
		if len(m) != 1 {
			t.Fatalf("%s: %d style elements", name, len(m))
		}
		sum := sha256.Sum256([]byte(m[0][1]))
		want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, want) {
			t.Errorf("%s: %s not in %s", name, want, csp)
		}
	}
}

// An app's own logout page leads back for who does not mean to, and to nowhere
// else.
func TestLogoutOfAnApp(t *testing.T) {
	got := text(t, Logout{Action: "/auth/logout", ReturnURL: "/shop/"})
	if !strings.Contains(got, `<a href="/shop/">Stay signed in</a>`) || !strings.Contains(got, "signed out of this app") {
		t.Errorf("%s", got)
	}
	if got := text(t, Logout{Action: "/auth/logout", ReturnURL: "//evil.example/"}); strings.Contains(got, "evil") {
		t.Errorf("%s", got)
	}
}

// What a page must hold, so that people, password managers and screen readers
// find it, and what none may hold.
func TestContents(t *testing.T) {
	pages := every()
	must := map[string][]string{
		"login": {`name="username"`, `name="password"`, `type="password"`, `<button type="submit">`, "Webapp", `autocomplete="username"`,
			`autocomplete="current-password"`, `<label for="username">`, `<label for="password">`, `role="alert"`, `aria-describedby="login-error"`,
			`value="alice"`, `name="interaction" value="abc"`, `action="/login"`, `href="https://app.example/policy"`, `href="https://app.example/tos"`,
			`<img class="logo" src="https://app.example/logo.png" alt=""`},
		"choose": {`name="account" value="continue"`, `name="account" value="other"`, "alice", "Webapp", `name="interaction" value="abc"`},
		"account": {"Webapp", "alice", "Know who you are", "Read orders", "2026-03-01", `name="withdraw" value="w1"`, `name="withdraw" value="w2"`,
			`name="end" value="e1"`, `name="end" value="e2"`, "This browser", "app.example", "other.example", `aria-label="Withdraw what Webapp may do (app.example)"`, `aria-label="Withdraw what Webapp may do (other.example)"`, `role="status"`},
		"consent":   {`name="decision" value="allow"`, `name="decision" value="deny"`, "Webapp", "alice", "Know who you are", "orders:read", "app.example", "shoe_size"},
		"logout":    {`name="logout"`, "Webapp", "alice", `name="csrf" value="def"`},
		"signedout": {`href="https://app.example/"`, "Back to Webapp", "See you."},
		"error":     {`href="/auth/login"`, "Start again", "The link was used before."},
	}
	never := []string{"<script", "javascript:", "style=", "onclick", "http-equiv", "<iframe", "<link"}
	for name, p := range pages {
		got := text(t, p)
		for _, s := range append(must[name], `<html lang="en" dir="ltr">`, `name="viewport"`, "<h1>", "<title>") {
			if !strings.Contains(got, s) {
				t.Errorf("%s lacks %s:\n%s", name, s, got)
			}
		}
		for _, s := range never {
			if strings.Contains(got, s) && (s != "<iframe" || name != "signingout") {
				t.Errorf("%s holds %s", name, s)
			}
		}
	}
	if n := strings.Count(text(t, pages["login"]), `type="submit"`); n != 1 {
		t.Errorf("login page has %d submit buttons, want 1", n)
	}
}

func TestFocusAndState(t *testing.T) {
	username := regexp.MustCompile(`<input id="username"[^>]*autofocus`)
	password := regexp.MustCompile(`<input id="password"[^>]*autofocus`)
	rows := []struct {
		name             string
		p                Login
		user, pass, role bool
	}{
		{"first visit", Login{}, true, false, false},
		{"login_hint (OIDC Core §3.1.2.1)", Login{Username: "alice"}, false, true, false},
		{"wrong password", Login{Username: "alice", Error: "No."}, false, true, true},
	}
	for _, row := range rows {
		got := text(t, row.p)
		if username.MatchString(got) != row.user || password.MatchString(got) != row.pass {
			t.Errorf("%s: focus is elsewhere", row.name)
		}
		for _, s := range []string{`role="alert"`, `aria-describedby="login-error"`, "try again"} {
			if strings.Contains(got, s) != row.role {
				t.Errorf("%s: %s present = %v, want %v", row.name, s, !row.role, row.role)
			}
		}
	}
}

// ATK-092, ATK-214: what others chose stays text, or is left out.
func TestHostileValues(t *testing.T) {
	for _, v := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `javascript:alert(1)`, "a\r\nSet-Cookie: x=1",
		"\x1b[31mred", `</style><script>`, `{{.}}`, "\u202eevil", "\xff\xfe", strings.Repeat("long ", 100_000),
	} {
		hidden, client := []Field{{"h", v}}, Client{v, v, v, v}
		for name, p := range map[string]Page{
			"login":   Login{Client: client, Action: "/x", Hidden: hidden, Username: v, Error: v},
			"choose":  Choose{Client: client, UserName: v, Action: "/x", Hidden: hidden},
			"consent": Consent{Client: client, UserName: v, Scopes: []ScopeLine{{v, ""}, {"", v}}, Claims: []string{v}, ReturnHost: v, Action: "/x", Hidden: hidden},
			"account": Account{UserName: v, Notice: v, Action: "/x", Allowed: []Allowed{{Client: client, Host: v, Scopes: []ScopeLine{{v, v}}, Withdraw: Field{"h", v}}},
				Sessions: []Session{{End: Field{"h", v}}}},
			"logout":     Logout{ClientName: v, UserName: v, Action: "/x", Hidden: hidden, ReturnURL: v},
			"signedout":  SignedOut{Message: v, ReturnURL: v, ReturnLabel: v},
			"signingout": SigningOut{ReturnURL: v, ReturnLabel: v},
			"error":      Error{Title: v, Message: v, RetryURL: v, RetryLabel: v},
		} {
			res := render(t, http.StatusOK, p)
			for k, vals := range res.Header {
				if strings.Contains(strings.Join(vals, ""), v) {
					t.Errorf("%s: header %s holds %.40q", name, k, v)
				}
			}
			got := text(t, p)
			for _, bad := range []string{"<script", "<img", `href="javascript`, "href=\"#Zgot"} {
				if strings.Contains(got, bad) {
					t.Errorf("%s: %.40q became %s", name, v, bad)
				}
			}
		}
	}
	long := strings.Repeat("long ", 100_000)
	if n := len(text(t, Logout{ClientName: long, UserName: long})); n > 20_000 {
		t.Errorf("a long name makes a page of %d bytes", n)
	}
}

// ATK-214, ATK-096: which addresses a page may offer.
func TestLinks(t *testing.T) {
	rows := []struct {
		raw        string
		web, local bool
	}{
		{"https://app.example/policy?x=1", true, true},
		{"http://localhost:8081/", true, true},
		{"/auth/login?return_to=%2Fme", false, true},
		{"", false, false},
		{"//evil.example", false, false},
		{"/\\evil.example", false, false},
		{"/\t/evil.example", false, false},
		{"javascript:alert(1)", false, false},
		{"data:text/html,x", false, false},
		{"https:evil.example", false, false},
		{"https:///evil.example", false, false},
		{"https://good.example@evil.example/", false, false},
		{"mailto:a@b.example", false, false},
		{"relative", false, false},
		{"https://a b/", false, false},
	}
	for _, row := range rows {
		if got := webLink(row.raw) != ""; got != row.web {
			t.Errorf("webLink(%q) = %v, want %v", row.raw, got, row.web)
		}
		if got := link(row.raw) != ""; got != row.local {
			t.Errorf("link(%q) = %v, want %v", row.raw, got, row.local)
		}
	}
}

// A person always gets a way on.
func TestErrorHasWayOn(t *testing.T) {
	for _, status := range []int{400, 403, 404, 405, 429, 500, 503} {
		for _, p := range []Error{{}, {RetryURL: "javascript:alert(1)"}, {RetryURL: "/auth/login"}} {
			got := text(t, p)
			if !strings.Contains(got, `class="button"`) && !strings.Contains(got, "Go back to the app") {
				t.Errorf("%d %+v: no way on", status, p)
			}
		}
		if English.Text(errorTitle(status)) == "" {
			t.Errorf("%d has no title", status)
		}
		if got := render(t, status, Error{}).StatusCode; got != status {
			t.Errorf("status = %d, want %d", got, status)
		}
	}
}

type deafWriter struct{ http.ResponseWriter }

var errDeaf = errors.New("gone")

func (deafWriter) Write([]byte) (int, error) { return 0, errDeaf }

func TestWriteReportsLostConnection(t *testing.T) {
	err := Write(deafWriter{httptest.NewRecorder()}, http.StatusOK, Logout{})
	if !errors.Is(err, errDeaf) {
		t.Errorf("err = %v, want %v", err, errDeaf)
	}
}
