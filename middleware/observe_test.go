package middleware_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// What an event says of the end of tokens is refused with the next request, and
// nothing besides. Each row's time is that of the tokens or a second later.
func TestObserve(t *testing.T) {
	const event = oidckit.EventGrantRevoked
	for _, row := range []struct {
		name    string
		e       oidckit.Event
		refused string
	}{
		{"a token", oidckit.Event{Name: oidckit.EventTokenRevoked, TokenID: "a", Subject: "alice", SessionID: "s1", ClientID: "web"}, "a"},
		{"a session", oidckit.Event{Name: oidckit.EventSessionEnded, SessionID: "s1", Subject: "alice"}, "a b later"},
		{"a logout", oidckit.Event{Name: oidckit.EventLogout, SessionID: "s1", Subject: "alice"}, "a b"},
		{"a user", oidckit.Event{Name: oidckit.EventUserDisabled, Subject: "alice"}, "a b c offline"},
		{"a grant", oidckit.Event{Name: event, ClientID: "web", Subject: "alice", SessionID: "s1"}, "a c offline"},
		{"a grant without a session", oidckit.Event{Name: event, ClientID: "web", Subject: "alice"}, "a c offline"},
		{"a grant of a pairwise subject", oidckit.Event{Name: event, ClientID: "web", Subject: "local", SessionID: "s1"}, "a offline"},
		{"a code used twice", oidckit.Event{Name: oidckit.EventCodeReplayed, ClientID: "app", Subject: "alice"}, "b"},
		{"a refresh token used twice", oidckit.Event{Name: oidckit.EventRefreshTokenReplayed, ClientID: "app", Subject: "alice"}, "b"},
		{"a consent", oidckit.Event{Name: oidckit.EventConsentWithdrawn, ClientID: "web", Subject: "alice", SessionID: "s9"}, "a c offline"},
		{"another issuer", oidckit.Event{Name: oidckit.EventTokenRevoked, TokenID: "a", Issuer: "https://other.example"}, ""},
		{"no issuer", oidckit.Event{Name: oidckit.EventTokenRevoked, TokenID: "a", Issuer: "none"}, ""},
		{"nothing named", oidckit.Event{Name: oidckit.EventSessionEnded}, ""},
		{"a login", oidckit.Event{Name: oidckit.EventLoginSucceeded, Subject: "alice", SessionID: "s1", TokenID: "a"}, ""},
		{"a user let in again", oidckit.Event{Name: oidckit.EventUserEnabled, Subject: "alice"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			withAndWithout(t, nil, func(t *testing.T, iss *testIssuer, g *guarded, v *middleware.JWTVerifier) {
				token := func(jti, sid, client, scope string) string {
					return "Bearer " + iss.token(t, map[string]any{"jti": jti, "sid": sid, "client_id": client, "scope": scope})
				}
				tokens := map[string]string{"a": token("a", "s1", "web", "openid"), "b": token("b", "s1", "app", "openid"),
					"c": token("c", "s2", "web", "openid"), "offline": token("o", "s1", "web", "openid offline_access")}
				for _, each := range tokens {
					g.wantServed(t, g.get(each))
				}
				e := row.e
				switch e.Issuer {
				case "":
					e.Issuer = iss.URL
				case "none":
					e.Issuer = ""
				}
				v.Observe(t.Context(), e)
				time.Sleep(time.Second)
				tokens["later"] = token("l", "s1", "web", "openid")
				for name, each := range tokens {
					if resp := g.get(each); (resp.StatusCode == 401) != strings.Contains(" "+row.refused+" ", " "+name+" ") {
						t.Errorf("%s: status %d", name, resp.StatusCode)
					}
				}
			})
		})
	}
}

// An event counts for as long as it says, or a day; a list that is full says
// that it is.
func TestObserveLasts(t *testing.T) {
	one := func(c *middleware.JWTConfig) { c.MaxRevocations = 1 }
	withAndWithout(t, one, func(t *testing.T, iss *testIssuer, g *guarded, v *middleware.JWTVerifier) {
		full := func() bool {
			return errors.Is(v.Revoke(middleware.Revocation{TokenID: "other", Until: time.Now()}), middleware.ErrDenyListFull)
		}
		v.Observe(t.Context(), oidckit.Event{Name: oidckit.EventTokenRevoked, Issuer: iss.URL, TokenID: "t-1", Until: time.Now().Add(time.Hour)})
		time.Sleep(time.Hour)
		if !full() {
			t.Error("forgotten before its time")
		}
		time.Sleep(time.Hour)
		v.Observe(t.Context(), oidckit.Event{Name: oidckit.EventSessionEnded, Issuer: iss.URL, SessionID: "s"})
		if log, _ := g.reported(); log != "" {
			t.Errorf("log %s", log)
		}
		v.Observe(t.Context(), oidckit.Event{Name: oidckit.EventSessionEnded, Issuer: iss.URL, SessionID: "s2"})
		if log, _ := g.reported(); !strings.Contains(log, "full") || !strings.Contains(log, "session.ended") {
			t.Errorf("log %s", log)
		}
		time.Sleep(24 * time.Hour)
		if !full() {
			t.Error("forgotten within the day")
		}
		time.Sleep(time.Hour)
		if full() {
			t.Error("kept for ever")
		}
	})
}

// The other verifiers observe, too, each for its own issuer; what was not built
// ignores all.
func TestObserveOfEitherKind(t *testing.T) {
	m := newMixed(t)
	token := "Bearer " + m.jwt.token(t, map[string]any{"sid": "s-1"})
	m.wantServed(t, m.get(token))
	m.wantServed(t, m.get("Bearer "+goodToken))
	m.verifier.Observe(t.Context(), oidckit.Event{Name: oidckit.EventSessionEnded, Issuer: m.opaque.URL, SessionID: "s-1"})
	m.wantServed(t, m.get(token))
	m.wantRefused(t, m.get("Bearer "+goodToken), 401, "invalid_token")
	m.verifier.Observe(t.Context(), oidckit.Event{Name: oidckit.EventSessionEnded, Issuer: m.jwt.URL, SessionID: "s-1"})
	m.wantRefused(t, m.get(token), 401, "invalid_token")
	for _, observe := range []oidckit.EventSink{
		(*middleware.JWTVerifier)(nil).Observe, (&middleware.JWTVerifier{}).Observe,
		(*middleware.IntrospectionVerifier)(nil).Observe, (&middleware.IntrospectionVerifier{}).Observe,
		(*middleware.JWTOrOpaqueVerifier)(nil).Observe, (&middleware.JWTOrOpaqueVerifier{}).Observe,
	} {
		observe(t.Context(), oidckit.Event{Name: oidckit.EventTokenRevoked, Issuer: m.jwt.URL, TokenID: "x"})
	}
}
