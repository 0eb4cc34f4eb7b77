package provider_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func newFaulty(t *testing.T, configure func(*provider.Config)) (*fixture, *faults) {
	stores := &faults{}
	return newFixture(t, oidctest.Config{Stores: stores.open, Configure: configure}), stores
}

// unavailable checks that an answer blames nobody but ourselves: 503, told
// when to come again, no token, no redirect, nothing from inside.
func (a answer) unavailable(t *testing.T) {
	t.Helper()
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.location != "" {
		t.Errorf("want 503, got %d, Retry-After %q, Location %q: %s", a.status, a.header.Get("Retry-After"), a.location, a.body)
	}
	for _, bad := range []string{"invalid_grant", "invalid_client", "invalid_token", "the store is down", "secret detail", "access_token"} {
		if strings.Contains(a.body, bad) {
			t.Errorf("the body says %s: %s", bad, a.body)
		}
	}
	if a.header.Get("WWW-Authenticate") != "" {
		t.Errorf("WWW-Authenticate: %q", a.header.Get("WWW-Authenticate"))
	}
}

func (r tokenResponse) answer() answer {
	return answer{status: r.status, header: r.header, body: r.body, location: r.header.Get("Location")}
}

// FLT-28, FLT-29: whichever step of a code's exchange fails, the answer is
// 503, and there are never tokens without a code that was spent for them, nor
// two sets for one code.
func TestFLT29CodeExchange(t *testing.T) {
	for _, row := range []struct {
		verb string
		what fault
		// retry is what the client gets when the store is back.
		retry int
	}{
		{"Code", failsBefore, 200},
		{"Code", failsAfter, 200},
		{"User", failsBefore, 200},
		{"ConsumeCode", failsBefore, 200},
		{"ConsumeCode", failsAfter, 400},
		{"CreateGrant", failsBefore, 400},
		{"CreateGrant", failsAfter, 400},
	} {
		t.Run(row.verb, func(t *testing.T) {
			f, stores := newFaulty(t, nil)
			code := f.code("scope", "openid offline_access")
			stores.tell(row.verb, row.what)
			f.token(codeForm(code)).answer().unavailable(t)
			stores.tell(row.verb, works)
			res := f.token(codeForm(code))
			if res.status != row.retry {
				t.Fatalf("retry: %d %s", res.status, res.body)
			}
			if row.retry == 200 {
				// One set, and no second one.
				f.token(codeForm(code)).refusal(t, 400, "invalid_grant")
			} else {
				res.refusal(t, 400, "invalid_grant")
			}
			// I7
			if f.token(codeForm(f.code())).status != 200 {
				t.Error("the next code does not work")
			}
		})
	}
}

// FLT-35: the same for a refresh. With a reuse interval an answer that was
// lost after the store had rotated costs the client nothing.
func TestFLT35Refresh(t *testing.T) {
	for _, row := range []struct {
		verb     string
		what     fault
		interval bool
		retry    int
	}{
		{"RefreshToken", failsBefore, false, 200},
		{"User", failsBefore, false, 200},
		{"RotateRefreshToken", failsBefore, false, 200},
		{"RotateRefreshToken", failsAfter, false, 400},
		{"RotateRefreshToken", failsAfter, true, 200},
	} {
		t.Run(row.verb, func(t *testing.T) {
			f, stores := newFaulty(t, func(c *provider.Config) {
				if row.interval {
					c.Lifetimes.RefreshTokenReuse = 10e9
				}
			})
			first := f.tokens()
			stores.tell(row.verb, row.what)
			f.token(refreshForm(first.Refresh)).answer().unavailable(t)
			stores.tell(row.verb, works)
			res := f.token(refreshForm(first.Refresh))
			if res.status != row.retry {
				t.Fatalf("retry: %d %s", res.status, res.body)
			}
			if row.retry == 200 && f.token(refreshForm(res.Refresh)).status != 200 {
				t.Error("the chain is broken")
			}
		})
	}
}

// A replay that cannot be punished now is not answered as if it had been; the
// next one is.
func TestReplayWhileRevocationFails(t *testing.T) {
	for _, verb := range []string{"Revoke", "RevokeGrants"} {
		t.Run(verb, func(t *testing.T) {
			f, stores := newFaulty(t, nil)
			code := f.code("scope", "openid offline_access")
			first := f.token(codeForm(code))
			second := f.token(refreshForm(first.Refresh))
			stores.tell(verb, failsBefore)
			f.token(codeForm(code)).answer().unavailable(t)
			f.token(refreshForm(first.Refresh)).answer().unavailable(t)
			stores.tell(verb, works)
			f.token(refreshForm(first.Refresh)).refusal(t, 400, "invalid_grant")
			f.token(refreshForm(second.Refresh)).refusal(t, 400, "invalid_grant")
			if f.alive(second.Access) {
				t.Error("the access token lives on")
			}
		})
	}
}

// FLT-28: pages of a store that is down, at each step of a login; the person
// can go on where they were once it is back.
func TestFLT28Pages(t *testing.T) {
	authorize := func(f *fixture, with ...string) answer {
		return f.browse(http.MethodGet, "/authorize?"+request(with...).Encode(), nil)
	}
	for _, row := range []struct {
		verb string
		step func(f *fixture) func() answer
	}{
		{"Session", func(f *fixture) func() answer { return func() answer { return authorize(f) } }},
		{"User", func(f *fixture) func() answer { return func() answer { return authorize(f) } }},
		{"Consent", func(f *fixture) func() answer { return func() answer { return authorize(f) } }},
		{"CreateCode", func(f *fixture) func() answer { return func() answer { return authorize(f) } }},
		{"CreateInteraction", func(f *fixture) func() answer {
			return func() answer { return authorize(f, "prompt", "consent") }
		}},
		{"UpdateSession", func(f *fixture) func() answer {
			_, form := f.consentPage("client_id", "spa")
			return func() answer { return f.browse(http.MethodPost, "/consent", form) }
		}},
		{"Interaction", func(f *fixture) func() answer {
			_, form := f.consentPage()
			return func() answer {
				return f.browse(http.MethodGet, "/consent?interaction="+form.Get("interaction"), nil)
			}
		}},
		{"TakeInteraction", func(f *fixture) func() answer {
			_, form := f.consentPage()
			return func() answer { return f.browse(http.MethodPost, "/consent", form) }
		}},
		{"UserByUsername", func(f *fixture) func() answer {
			g := f.sub(f.t)
			_, form := g.loginPage()
			return func() answer { return g.browse(http.MethodPost, "/login", form) }
		}},
		{"UseOnce", func(f *fixture) func() answer {
			g := f.sub(f.t)
			_, form := g.loginPage()
			return func() answer { return g.browse(http.MethodPost, "/login", form) }
		}},
		{"Session", func(f *fixture) func() answer {
			return func() answer { return f.browse(http.MethodGet, "/end_session", nil) }
		}},
		{"EndSessions", func(f *fixture) func() answer {
			id := f.token(codeForm(f.code())).ID
			return func() answer { return f.browse(http.MethodGet, "/end_session?id_token_hint="+id, nil) }
		}},
	} {
		t.Run(row.verb, func(t *testing.T) {
			f, stores := newFaulty(t, nil)
			f.authorize()
			step, cookie := row.step(f), f.cookie()
			stores.tell(row.verb, failsBefore)
			a := step()
			a.unavailable(t)
			if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				t.Errorf("no page: %s", a.header.Get("Content-Type"))
			}
			if f.cookie() != cookie {
				t.Error("the session cookie was changed")
			}
			if e, ok := f.watch.last(oidckit.EventStoreUnavailable); !ok || !errors.Is(e.Err, errDown) {
				t.Errorf("event: %+v", e)
			}
			stores.tell(row.verb, works)
			if row.verb == "UpdateSession" {
				// The decision was taken; the person starts again.
				step = func() answer { return authorize(f, "client_id", "spa", "prompt", "consent") }
			}
			if a := step(); a.status != http.StatusSeeOther && a.status != http.StatusOK {
				t.Errorf("afterwards: %d %s", a.status, a.body)
			}
			if line := f.watch.log(); !strings.Contains(line, errDown.Error()) {
				t.Error("the log does not say why")
			}
		})
	}
}

// FLT-28, FLT-38: what needs no store goes on while it is down.
func TestFLT28WhatGoesOn(t *testing.T) {
	f, stores := newFaulty(t, nil)
	res := f.tokens()
	stores.all(failsBefore)
	for _, path := range []string{"/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		if status, _, _ := f.get(path, ""); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}
	if cc := f.token(f.as("machine", url.Values{"grant_type": {"client_credentials"}})); cc.status != http.StatusOK {
		t.Errorf("client_credentials: %s", cc.body)
	}
	f.token(codeForm("unknown-unknown-unknown")).answer().unavailable(t)
	f.token(refreshForm("unknown-unknown-unknown")).answer().unavailable(t)
	f.userinfo(res.Access).unavailable(t)
	f.token(f.as("nobody", codeForm("x"))).refusal(t, 401, "invalid_client")
	if a := f.userinfo("junk"); a.status != http.StatusUnauthorized {
		t.Errorf("a junk token needs no store: %d", a.status)
	}
	stores.all(works)
	if !f.alive(res.Access) || f.token(refreshForm(res.Refresh)).status != http.StatusOK {
		t.Error("it does not come back")
	}
}

func (f *fixture) userinfo(access string) answer {
	req := f.newRequest(http.MethodGet, "/userinfo", nil)
	req.Header.Set("Authorization", "Bearer "+access)
	return f.send(f.client, req)
}

// A name that no account can have is not looked for: some databases fail on
// such a question.
func TestUsernameThatIsNoText(t *testing.T) {
	f, stores := newFaulty(t, nil)
	_, form := f.loginPage()
	for _, name := range []string{"alice\x00", "alice\x1f", "alice\n", strings.Repeat("u", 300)} {
		f.browse(http.MethodPost, "/login", change(form, "username", name+"x")).page(t, http.StatusForbidden)
	}
	if n := stores.count("UserByUsername"); n != 0 {
		t.Errorf("%d questions", n)
	}
}

// ATK-254: keys that cannot be read cost no client its code.
func TestATK254KeysUnavailable(t *testing.T) {
	f, stores := newFaulty(t, nil)
	code := f.code("scope", "openid offline_access")
	stores.tell("Keys", failsBefore)
	g := f.replica(t, nil)
	g.token(codeForm(code)).answer().unavailable(t)
	g.token(f.as("machine", url.Values{"grant_type": {"client_credentials"}})).answer().unavailable(t)
	g.send(g.client, g.newRequest(http.MethodGet, "/jwks", nil)).unavailable(t)
	if n := stores.count("ConsumeCode") + stores.count("CreateGrant"); n != 0 {
		t.Errorf("%d writes", n)
	}
	stores.tell("Keys", works)
	if res := g.token(codeForm(code)); res.status != http.StatusOK {
		t.Errorf("afterwards: %s", res.body)
	}
}

// FLT-57: a store that breaks its contract gives nobody anything.
func TestFLT57NonsenseFromTheStore(t *testing.T) {
	for verb, request := range map[string]func(f *fixture, res tokenResponse) answer{
		"Code":         func(f *fixture, _ tokenResponse) answer { return f.token(codeForm("unknown-unknown-unknown")).answer() },
		"ConsumeCode":  func(f *fixture, _ tokenResponse) answer { return f.token(codeForm(f.code())).answer() },
		"RefreshToken": func(f *fixture, res tokenResponse) answer { return f.token(refreshForm(res.Refresh)).answer() },
		"Session": func(f *fixture, _ tokenResponse) answer {
			return f.browse(http.MethodGet, "/authorize?"+request().Encode(), nil)
		},
		"Consent": func(f *fixture, _ tokenResponse) answer {
			return f.browse(http.MethodGet, "/authorize?"+request("client_id", "spa").Encode(), nil)
		},
		"User": func(f *fixture, res tokenResponse) answer { return f.userinfo(res.Access) },
	} {
		for _, what := range []fault{answersNothing, panics} {
			t.Run(verb, func(t *testing.T) {
				f, stores := newFaulty(t, nil)
				res := f.tokens()
				if verb == "ConsumeCode" {
					f.code()
				}
				stores.tell(verb, what)
				a := request(f, res)
				if a.status != http.StatusInternalServerError || a.location != "" {
					t.Errorf("%d %q %s", a.status, a.location, a.body)
				}
				doc := map[string]any{}
				if json.Unmarshal([]byte(a.body), &doc) == nil && doc["access_token"] != nil {
					t.Error("tokens")
				}
				if strings.Contains(a.body, "secret detail") || strings.Contains(f.watch.log(), "secret detail") {
					t.Error("the panic's value was told")
				}
				stores.tell(verb, works)
				// FLT-55: no lock was left behind
				if f.token(codeForm(f.code())).status != http.StatusOK {
					t.Error("the next request does not work")
				}
			})
		}
	}
}

// A session that ends while its request is answered leads to a login, and with
// prompt=none to login_required.
func TestSessionEndsMeanwhile(t *testing.T) {
	f, stores := newFaulty(t, func(c *provider.Config) { c.TrustedClients = []string{"spa", "other"} })
	f.authorize()
	end := func() {
		_, err := stores.set.Sessions.EndSessions(t.Context(), opstore.SessionSelector{Subject: oidctest.Subject})
		if err != nil {
			t.Error(err)
		}
	}
	stores.first["UpdateSession"] = end
	if a := f.browse(http.MethodGet, "/authorize?"+request("client_id", "spa").Encode(), nil); !strings.HasPrefix(a.location, "/login?") {
		t.Errorf("%d %q", a.status, a.location)
	}
	f.authorize()
	stores.first["UpdateSession"] = end
	a := f.browse(http.MethodGet, "/authorize?"+request("client_id", "other", "prompt", "none").Encode(), nil)
	a.refusal(t, oidckit.LoginRequired, f.base, "the state")
}
