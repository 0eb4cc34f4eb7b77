package handlers_test

import (
	"crypto/x509"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// loggedInAt is an app with a person, and the sid of their session.
func loggedInAt(t *testing.T, op *oidctest.Server, a *app) (b *browser, sid string) {
	t.Helper()
	b = a.browser()
	if res := b.step(b.callback(a, op)); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("no login: %d %s", res.StatusCode, res.body)
	}
	_, rest, _ := strings.Cut(b.step(a.URL+"/me").body, "sid=")
	sid, _, _ = strings.Cut(rest, " ")
	if sid == "" {
		t.Fatal("the session has no sid")
	}
	return b, sid
}

// logoutToken is one of the issuer's, changed as said: a good one names sid and
// subject.
func logoutToken(t *testing.T, op *oidctest.Server, sid string, change map[string]any, token oidctest.Token) string {
	t.Helper()
	now := time.Now()
	claims := map[string]any{
		"sid": sid, "exp": now.Add(2 * time.Minute), "jti": secret.ID(), "auth_time": nil,
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
	maps.Copy(claims, change)
	if token.Algorithm == "" {
		token.Algorithm = "ES256"
	}
	if token.Header == nil {
		token.Header = map[string]any{"typ": "logout+jwt"}
	}
	token.Claims = claims
	return op.IDToken(t, token)
}

// twoKeys is an app at an issuer that signs under another algorithm too.
func twoKeys(t *testing.T) (*oidctest.Server, *app) {
	t.Helper()
	return newAppAtProvider(t, registration{issuer: func(_ *app, c *provider.Config) { c.SigningAlgs = []string{"ES256", "RS256"} }})
}

// tell calls the back channel as an issuer does.
func (a *app) tell(token string) answer {
	return (&browser{t: a.t, Client: a.Client()}).do(http.MethodPost, a.URL+"/auth/backchannel-logout", url.Values{"logout_token": {token}}, nil)
}

// The RP modules of the back-channel logout plan (oidcc-client-back-channel-
// logout-rp-basic): by their names without "oidcc-client-test-rp-backchannel-".
func TestConformanceClientBackchannelLogout(t *testing.T) {
	for name, row := range map[string]struct {
		change map[string]any
		token  oidctest.Token
		good   bool
	}{
		"rpinitlogout":             {good: true},
		"rpinitlogout-alg-none":    {token: oidctest.Token{Signed: oidctest.ByNobody}},
		"rpinitlogout-no-event":    {change: map[string]any{"events": nil}},
		"rpinitlogout-with-nonce":  {change: map[string]any{"nonce": "n"}},
		"rpinitlogout-wrong-alg":   {token: oidctest.Token{Algorithm: "RS256"}},
		"rpinitlogout-wrong-aud":   {change: map[string]any{"aud": "another"}},
		"rpinitlogout-wrong-event": {change: map[string]any{"events": map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}}},
		"rpinitlogout-wrong-iss":   {change: map[string]any{"iss": "https://other.example"}},
	} {
		t.Run("oidcc-client-test-rp-backchannel-"+name, func(t *testing.T) {
			op, a := twoKeys(t)
			b, sid := loggedInAt(t, op, a)
			res := a.tell(logoutToken(t, op, sid, row.change, row.token))
			wantStatus, wantWho := http.StatusBadRequest, oidctest.Subject
			if row.good {
				wantStatus, wantWho = http.StatusOK, ""
			}
			if res.StatusCode != wantStatus || res.Header.Get("Cache-Control") != "no-store" || b.loggedIn(a) != wantWho {
				t.Errorf("%d %v %q, signed in: %q", res.StatusCode, res.Header, res.body, b.loggedIn(a))
			}
			if row.good == (res.body != "") || !row.good && !strings.Contains(res.body, `"invalid_request"`) {
				t.Errorf("body %q", res.body)
			}
		})
	}
}

// The RP modules of the front-channel and RP-initiated logout plans.
func TestConformanceClientLogout(t *testing.T) {
	frame := func(t *testing.T, op *oidctest.Server, a *app, b *browser, sid string) {
		// The frame has no cookie of the app's.
		res := (&browser{t: t, Client: a.Client()}).step(a.URL + "/auth/frontchannel-logout?" + url.Values{"iss": {op.Issuer}, "sid": {sid}}.Encode())
		if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("X-Frame-Options") != "" ||
			!strings.Contains(res.Header.Get("Content-Security-Policy"), "frame-ancestors "+op.Issuer) || b.loggedIn(a) != "" {
			t.Errorf("%d %v, signed in: %q", res.StatusCode, res.Header, b.loggedIn(a))
		}
	}
	framed := func(c *handlers.Config) { c.FrontchannelLogout = true }
	leave := func(t *testing.T) (op *oidctest.Server, a *app, b *browser, q url.Values) {
		op, a = newProviderApp(t, nil)
		b, _ = loggedInAt(t, op, a)
		res := b.post(a.URL+"/auth/logout", nil, a.URL)
		to, err := res.Location()
		if err != nil || res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to.String(), op.Issuer+"/end_session?") {
			t.Fatalf("%d %v", res.StatusCode, err)
		}
		return op, a, b, to.Query()
	}
	for name, run := range map[string]func(*testing.T){
		"rp-frontchannel-rpinitlogout": func(t *testing.T) {
			op, a := newProviderApp(t, framed)
			b, sid := loggedInAt(t, op, a)
			b.post(a.URL+"/auth/logout", nil, a.URL)
			frame(t, op, a, b, sid)
		},
		"rp-frontchannel-opinitlogout": func(t *testing.T) {
			op, a := newProviderApp(t, framed)
			b, sid := loggedInAt(t, op, a)
			frame(t, op, a, b, sid)
		},
		"rp-init-logout": func(t *testing.T) {
			_, a, b, q := leave(t)
			if q.Get("id_token_hint") == "" || q.Get("client_id") == "" || q.Get("state") == "" || q.Get("post_logout_redirect_uri") != a.URL+"/auth/logged-out" || b.loggedIn(a) != "" {
				t.Errorf("%v", q)
			}
			if res := b.step(a.URL + "/auth/logged-out?state=" + q.Get("state")); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" {
				t.Errorf("%d to %q", res.StatusCode, res.Header.Get("Location"))
			}
		},
		"rp-init-logout-other-state": func(t *testing.T) {
			_, a, b, _ := leave(t)
			if res := b.step(a.URL + "/auth/logged-out?state=another"); res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
				t.Errorf("%d to %q", res.StatusCode, res.Header.Get("Location"))
			}
		},
		"rp-init-logout-no-state": func(t *testing.T) {
			_, a, b, _ := leave(t)
			if res := b.step(a.URL + "/auth/logged-out"); res.StatusCode != http.StatusOK || !strings.Contains(res.body, "signed out") {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
		},
	} {
		t.Run("oidcc-client-test-"+name, run)
	}
}

// A whole issuer that tells of a logout: what one app begins, another hears of
// within the time of a call.
func TestBackchannelLogoutOfAnotherApp(t *testing.T) {
	op, a := newAppAtProvider(t, registration{
		client: func(a *app, m *oidckit.ClientMetadata) {
			m.BackchannelLogoutURI, m.BackchannelLogoutSessionRequired = a.URL+"/auth/backchannel-logout", true
		},
		issuer: func(a *app, c *provider.Config) {
			c.BackchannelLogout = &provider.BackchannelLogout{}
			c.Outbound.AllowLoopback, c.Outbound.RootCAs = true, x509.NewCertPool()
			c.Outbound.RootCAs.AddCert(a.Certificate())
		},
	})
	b, _ := loggedInAt(t, op, a)
	if n, err := op.Provider.EndSessions(t.Context(), opstore.SessionSelector{Subject: oidctest.Subject}); err != nil || n != 1 {
		t.Fatalf("%d %v", n, err)
	}
	soon(t, func() bool { return b.loggedIn(a) == "" })
	if res := b.step(a.URL + "/me"); res.StatusCode != http.StatusFound {
		t.Errorf("/me: %d", res.StatusCode)
	}
}
