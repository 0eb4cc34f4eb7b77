package handlers_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/internal/secret"
)

// The logout plans for implicit and hybrid response types: what a session began
// with makes no difference to how it ends. Each module is one of the code plans,
// which TestConformanceClientBackchannelLogout and TestConformanceClientLogout
// walk with a whole issuer.
func TestConformanceLogoutOfOtherResponseTypes(t *testing.T) {
	for _, typ := range []string{"id_token", "id_token token", "code id_token", "code token", "code id_token token"} {
		t.Run(typ, func(t *testing.T) {
			s := newRPSuite(t, typ, "form_post")
			s.app.build(s.idp, options{config: func(c *handlers.Config) {
				c.ResponseType, c.ResponseMode, c.FrontchannelLogout = typ, "form_post", true
			}})
			for name, row := range map[string]struct {
				change map[string]any
				sign   func(claims map[string]any) string
				good   bool
			}{
				"rpinitlogout":             {good: true},
				"rpinitlogout-alg-none":    {sign: unsigned},
				"rpinitlogout-no-event":    {change: map[string]any{"events": nil}},
				"rpinitlogout-with-nonce":  {change: map[string]any{"nonce": "n"}},
				"rpinitlogout-wrong-alg":   {sign: func(c map[string]any) string { return signWith(testKeys()["ES256"], "logout+jwt", c) }},
				"rpinitlogout-wrong-aud":   {change: map[string]any{"aud": "another"}},
				"rpinitlogout-wrong-event": {change: map[string]any{"events": map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}}},
				"rpinitlogout-wrong-iss":   {change: map[string]any{"iss": "https://other.example"}},
			} {
				b, _ := s.login(script{})
				claims, now := s.idp.idClaims(url.Values{}), time.Now()
				for _, of := range []string{"nonce", "auth_time", "acr", "amr"} {
					delete(claims, of)
				}
				claims["jti"], claims["exp"], claims["events"] = secret.ID(), now.Add(2*time.Minute).Unix(), map[string]any{logoutEvent: map[string]any{}}
				maps.Copy(claims, row.change)
				if row.sign == nil {
					row.sign = func(c map[string]any) string { return signWith(s.idp.signer, "logout+jwt", c) }
				}
				res := s.app.tell(row.sign(claims))
				if (res.StatusCode == http.StatusOK) != row.good || !row.good && res.StatusCode != http.StatusBadRequest || (b.loggedIn(s.app) == "") != row.good {
					t.Errorf("rp-backchannel-%s: %d %s, signed in: %q", name, res.StatusCode, res.body, b.loggedIn(s.app))
				}
			}
			s.frontchannel()
			for _, state := range []string{"own", "other", "none"} {
				s.initLogout(state)
			}
		})
	}
}

func unsigned(c map[string]any) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(claimsJSON(c)) + "."
}

// frontchannel is rp-frontchannel-rpinitlogout.
func (s *rpSuite) frontchannel() {
	b, _ := s.login(script{})
	frame := &browser{t: s.T, Client: s.app.Client()}
	if res := frame.step(s.app.URL + "/auth/frontchannel-logout?" + url.Values{"iss": {s.idp.URL}, "sid": {"sid-1"}}.Encode()); res.StatusCode != http.StatusOK || b.loggedIn(s.app) != "" {
		s.Errorf("rp-frontchannel: %d, signed in: %q", res.StatusCode, b.loggedIn(s.app))
	}
}

// initLogout is rp-init-logout with its own, another or no state in the return.
func (s *rpSuite) initLogout(state string) {
	b, _ := s.login(script{})
	to, err := b.post(s.app.URL+"/auth/logout", nil, s.app.URL).Location()
	if err != nil || !strings.HasPrefix(to.String(), s.idp.URL+"/logout?") || to.Query().Get("id_token_hint") == "" || b.loggedIn(s.app) != "" {
		s.Fatalf("rp-init-logout: %v %v", to, err)
	}
	query, want := "?state="+to.Query().Get("state"), http.StatusSeeOther
	switch state {
	case "other":
		query, want = "?state=another", http.StatusBadRequest
	case "none":
		query, want = "", http.StatusOK
	}
	if res := b.step(s.app.URL + "/auth/logged-out" + query); res.StatusCode != want {
		s.Errorf("rp-init-logout, %s state: %d", state, res.StatusCode)
	}
}
