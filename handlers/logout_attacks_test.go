package handlers_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// refused tells a logout that must change nothing.
func (a *app) refused(t *testing.T, name, token string, b *browser) {
	t.Helper()
	a.take()
	res := a.tell(token)
	events := a.take()
	if res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, `"invalid_request"`) || b.loggedIn(a) != oidctest.Subject {
		t.Errorf("%s: %d %s, signed in: %q", name, res.StatusCode, res.body, b.loggedIn(a))
	}
	if len(events) != 1 || events[0].Name != oidckit.EventLogoutRefused || events[0].Err == nil {
		t.Errorf("%s: events %v", name, events)
	}
}

// ATK-135, ATK-137: a logout token that lacks what makes it one, or that is of
// another time, is refused, and the session goes on.
func TestRefusedLogoutTokens(t *testing.T) {
	op, a := twoKeys(t)
	b, sid := loggedInAt(t, op, a)
	now := time.Now()
	events := func(v any) map[string]any { return map[string]any{"events": v} }
	typed := func(typ any) oidctest.Token { return oidctest.Token{Header: map[string]any{"typ": typ}} }
	for name, row := range map[string]struct {
		change map[string]any
		token  oidctest.Token
	}{
		"ATK-135 no events":             {change: events(nil)},
		"ATK-135 events are an array":   {change: events([]any{logoutEvent})},
		"ATK-135 events are a string":   {change: events(logoutEvent)},
		"ATK-135 the event is null":     {change: events(map[string]any{logoutEvent: nil})},
		"ATK-135 the event is an array": {change: events(map[string]any{logoutEvent: []any{}})},
		"ATK-135 the event is a string": {change: events(map[string]any{logoutEvent: "yes"})},
		"ATK-135 the event is true":     {change: events(map[string]any{logoutEvent: true})},
		"ATK-135 the event's case":      {change: events(map[string]any{strings.ToUpper(logoutEvent): map[string]any{}})},
		"ATK-135 nonce":                 {change: map[string]any{"nonce": "x"}},
		"ATK-135 empty nonce":           {change: map[string]any{"nonce": ""}},
		"ATK-135 typ at+jwt":            {token: typed("at+jwt")},
		"ATK-135 typ id_token":          {token: typed("id_token+jwt")},
		"ATK-135 typ is a number":       {token: typed(1)},
		"ATK-135 aud":                   {change: map[string]any{"aud": "another"}},
		"ATK-135 aud and another":       {change: map[string]any{"aud": []any{clientID, "another"}}},
		"ATK-135 no aud":                {change: map[string]any{"aud": nil}},
		"ATK-135 iss":                   {change: map[string]any{"iss": op.Issuer + "/"}},
		"ATK-135 no iss":                {change: map[string]any{"iss": nil}},
		"ATK-135 neither sub nor sid":   {change: map[string]any{"sub": nil, "sid": nil}},
		"ATK-135 both empty":            {change: map[string]any{"sub": "", "sid": ""}},
		"ATK-135 sid is a number":       {change: map[string]any{"sid": 1}},
		"ATK-137 no exp":                {change: map[string]any{"exp": nil}},
		"ATK-137 exp is over":           {change: map[string]any{"exp": now.Add(-2 * time.Minute)}},
		"ATK-137 exp in a day":          {change: map[string]any{"exp": now.Add(24 * time.Hour)}},
		"ATK-137 iat ten minutes ago":   {change: map[string]any{"iat": now.Add(-10 * time.Minute)}},
		"ATK-137 iat in the future":     {change: map[string]any{"iat": now.Add(10 * time.Minute)}},
		"ATK-137 no iat":                {change: map[string]any{"iat": nil}},
		"no jti":                        {change: map[string]any{"jti": nil}},
		"a long jti":                    {change: map[string]any{"jti": strings.Repeat("j", 300)}},
		"nbf in the future":             {change: map[string]any{"nbf": now.Add(time.Hour)}},
		"a stranger's signature":        {token: oidctest.Token{Signed: oidctest.ByStranger}},
		"no signature":                  {token: oidctest.Token{Signed: oidctest.ByNobody}},
	} {
		a.refused(t, name, logoutToken(t, op, sid, row.change, row.token), b)
	}
	a.refused(t, "an ID token", op.IDToken(t, oidctest.Token{Algorithm: "ES256", Claims: map[string]any{"sid": sid}}), b)
	a.refused(t, "an access token", op.AccessToken(t, oidctest.Token{}), b)
	for _, junk := range []string{"x", "a.b.c", strings.Repeat("a.", 5), strings.Repeat("a", 20<<10)} {
		a.refused(t, "junk", junk, b)
	}
	// Other sessions of other people and of other sids go on.
	for name, change := range map[string]map[string]any{
		"another sid":           {"sid": "another"},
		"another sid and sub":   {"sid": "another", "sub": "mallory"},
		"the sid and a foreign": {"sub": "mallory"},
		"another sub alone":     {"sub": "mallory", "sid": nil},
	} {
		if res := a.tell(logoutToken(t, op, sid, change, oidctest.Token{})); res.StatusCode != http.StatusOK || b.loggedIn(a) != oidctest.Subject {
			t.Errorf("%s: %d, signed in: %q", name, res.StatusCode, b.loggedIn(a))
		}
	}
	// What other makers' issuers send.
	for name, token := range map[string]oidctest.Token{"typ JWT": typed("JWT"), "no typ": typed(nil), "typ in full": typed("application/logout+jwt")} {
		b, sid := loggedInAt(t, op, a)
		if res := a.tell(logoutToken(t, op, sid, nil, token)); res.StatusCode != http.StatusOK || b.loggedIn(a) != "" {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
}

// OpenID Connect Back-Channel Logout 1.0 §2.4: exp may be missing where that is
// allowed, and iat bounds it then.
func TestLogoutTokenWithoutExp(t *testing.T) {
	op, a := newProviderApp(t, func(c *handlers.Config) { c.AllowLogoutTokenWithoutExp = true })
	b, sid := loggedInAt(t, op, a)
	a.refused(t, "iat ten minutes ago", logoutToken(t, op, sid, map[string]any{"exp": nil, "iat": time.Now().Add(-10 * time.Minute)}, oidctest.Token{}), b)
	if res := a.tell(logoutToken(t, op, sid, map[string]any{"exp": nil}, oidctest.Token{})); res.StatusCode != http.StatusOK || b.loggedIn(a) != "" {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

// ATK-139: the endpoint takes one form with one token.
func TestBackchannelLogoutRequests(t *testing.T) {
	op, a := newProviderApp(t, nil)
	b, sid := loggedInAt(t, op, a)
	token := logoutToken(t, op, sid, nil, oidctest.Token{})
	endpoint := a.URL + "/auth/backchannel-logout"
	machine := &browser{t: t, Client: a.Client()}
	form := func(mediaType, body string) answer {
		req, _ := http.NewRequest(http.MethodPost, endpoint, strings.NewReader(body))
		req.Header.Set("Content-Type", mediaType)
		res, err := machine.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return answer{Response: res}
	}
	const urlencoded = "application/x-www-form-urlencoded"
	for name, row := range map[string]struct {
		res  answer
		want int
	}{
		"ATK-139 GET":        {machine.do(http.MethodGet, endpoint+"?logout_token="+token, nil, nil), http.StatusMethodNotAllowed},
		"HEAD":               {machine.do(http.MethodHead, endpoint, nil, nil), http.StatusMethodNotAllowed},
		"ATK-139 JSON":       {form("application/json", `{"logout_token":"`+token+`"}`), http.StatusBadRequest},
		"ATK-139 two tokens": {form(urlencoded, "logout_token="+token+"&logout_token="+token), http.StatusBadRequest},
		"ATK-139 1 MB":       {form(urlencoded, "logout_token="+strings.Repeat("a", 1<<20)), http.StatusRequestEntityTooLarge},
		"in the query":       {machine.do(http.MethodPost, endpoint+"?logout_token="+token, url.Values{}, nil), http.StatusBadRequest},
		"nothing":            {form(urlencoded, ""), http.StatusBadRequest},
		"empty":              {form(urlencoded, "logout_token="), http.StatusBadRequest},
		"malformed":          {form(urlencoded, "logout_token=%zz"), http.StatusBadRequest},
	} {
		if row.res.StatusCode != row.want || row.res.Header.Get("Cache-Control") != "no-store" || b.loggedIn(a) != oidctest.Subject {
			t.Errorf("%s: %d %v", name, row.res.StatusCode, row.res.Header)
		}
	}
	if res := a.tell(token); res.StatusCode != http.StatusOK || b.loggedIn(a) != "" {
		t.Errorf("the good one: %d", res.StatusCode)
	}
}

// OpenID Connect Back-Channel Logout 1.0 §2.6 (7): a token is good for one
// logout. One that names a person alone ends all of their sessions, and none
// that they begin after it.
func TestLogoutTokenIsUsedOnce(t *testing.T) {
	op, a := newProviderApp(t, nil)
	first, _ := loggedInAt(t, op, a)
	second, _ := loggedInAt(t, op, a)
	token := logoutToken(t, op, "", map[string]any{"sid": nil}, oidctest.Token{})
	if res := a.tell(token); res.StatusCode != http.StatusOK || first.loggedIn(a) != "" || second.loggedIn(a) != "" {
		t.Errorf("%d", res.StatusCode)
	}
	third, sid := loggedInAt(t, op, a)
	a.refused(t, "again", token, third)
	bySession := logoutToken(t, op, sid, nil, oidctest.Token{})
	if res := a.tell(bySession); res.StatusCode != http.StatusOK || third.loggedIn(a) != "" {
		t.Errorf("%d", res.StatusCode)
	}
	fourth, _ := loggedInAt(t, op, a)
	a.refused(t, "again, by session", bySession, fourth)
}

// failingOnce is a store that cannot answer the next call.
type failingOnce struct {
	rpstore.Sessions
	oidckit.ReplayStore
	sessions, replay atomic.Bool
}

func (f *failingOnce) EndSessions(ctx context.Context, sel rpstore.SessionSelector) (int, error) {
	if f.sessions.Swap(false) {
		return 0, errDown
	}
	return f.Sessions.EndSessions(ctx, sel)
}

func (f *failingOnce) UseOnce(ctx context.Context, key string, expires time.Time) error {
	if f.replay.Swap(false) {
		return errDown
	}
	return f.ReplayStore.UseOnce(ctx, key, expires)
}

// A store that cannot answer is 503, and the same token does its work when the
// issuer sends it again.
func TestLogoutWhileTheStoreIsDown(t *testing.T) {
	p := newIDP(t)
	set := rpstore.NewMemory().Open("app")
	f := &failingOnce{Sessions: set.Sessions, ReplayStore: set.Replay}
	a := newApp(t, p, options{session: func(c *handlers.SessionConfig) {
		c.Store = rpstore.Set{Sessions: f, BrowserSessions: set.BrowserSessions, Replay: f}
	}})
	b := a.browser()
	if b.open(a.URL+"/me").StatusCode != http.StatusOK {
		t.Fatal("no login")
	}
	now := time.Now().Unix()
	token := signWith(p.signer, "logout+jwt", map[string]any{
		"iss": p.URL, "aud": clientID, "iat": now, "exp": now + 120, "jti": secret.ID(), "sid": "sid-1", "events": map[string]any{logoutEvent: map[string]any{}},
	})
	f.sessions.Store(true)
	if res := a.tell(token); res.StatusCode != http.StatusServiceUnavailable || b.loggedIn(a) != "alice" {
		t.Errorf("sessions down: %d, signed in: %q", res.StatusCode, b.loggedIn(a))
	}
	f.replay.Store(true)
	if res := a.tell(token); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("replay down: %d", res.StatusCode)
	}
	if res := a.tell(token); res.StatusCode != http.StatusOK || b.loggedIn(a) != "" {
		t.Errorf("again: %d, signed in: %q", res.StatusCode, b.loggedIn(a))
	}
}

// A token that names a person alone does its work after a store that failed too,
// within its tries, and then never again.
func TestLogoutOfPersonWhileTheStoreIsDown(t *testing.T) {
	p := newIDP(t)
	set := rpstore.NewMemory().Open("app")
	f := &failingOnce{Sessions: set.Sessions, ReplayStore: set.Replay}
	a := newApp(t, p, options{session: func(c *handlers.SessionConfig) {
		c.Store = rpstore.Set{Sessions: f, BrowserSessions: set.BrowserSessions, Replay: f}
	}})
	signedIn := func() *browser {
		b := a.browser()
		if b.open(a.URL+"/me").StatusCode != http.StatusOK {
			t.Fatal("no login")
		}
		return b
	}
	newToken := func() string {
		now := time.Now().Unix()
		return signWith(p.signer, "logout+jwt", map[string]any{
			"iss": p.URL, "aud": clientID, "iat": now, "exp": now + 120, "jti": secret.ID(), "sub": "alice", "events": map[string]any{logoutEvent: map[string]any{}},
		})
	}
	b, token := signedIn(), newToken()
	f.replay.Store(true)
	if res := a.tell(token); res.StatusCode != http.StatusServiceUnavailable || b.loggedIn(a) != "alice" {
		t.Errorf("replay down: %d, signed in: %q", res.StatusCode, b.loggedIn(a))
	}
	f.sessions.Store(true)
	if res := a.tell(token); res.StatusCode != http.StatusServiceUnavailable || b.loggedIn(a) != "alice" {
		t.Errorf("sessions down: %d, signed in: %q", res.StatusCode, b.loggedIn(a))
	}
	if res := a.tell(token); res.StatusCode != http.StatusOK || b.loggedIn(a) != "" {
		t.Errorf("again: %d, signed in: %q", res.StatusCode, b.loggedIn(a))
	}
	b = signedIn()
	if res := a.tell(token); res.StatusCode != http.StatusBadRequest || b.loggedIn(a) != "alice" {
		t.Errorf("after it has done its work: %d, signed in: %q", res.StatusCode, b.loggedIn(a))
	}
	token = newToken()
	for range 3 {
		f.sessions.Store(true)
		if res := a.tell(token); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("sessions down: %d", res.StatusCode)
		}
	}
	if res := a.tell(token); res.StatusCode != http.StatusBadRequest || b.loggedIn(a) != "alice" {
		t.Errorf("after its tries: %d, signed in: %q", res.StatusCode, b.loggedIn(a))
	}
}

// Keys that cannot be had are no refusal: the issuer tries again.
func TestLogoutWhileTheKeysAreDown(t *testing.T) {
	p := newIDP(t)
	p.play(script{serve: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/jwks" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}})
	a := newApp(t, p, options{})
	now := time.Now().Unix()
	token := signWith(p.signer, "logout+jwt", map[string]any{
		"iss": p.URL, "aud": clientID, "iat": now, "exp": now + 120, "jti": "j", "sid": "sid-1", "events": map[string]any{logoutEvent: map[string]any{}},
	})
	if res := a.tell(token); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

// ATK-140: a frame that names no session of this issuer ends none.
func TestFrontchannelLogoutRefusals(t *testing.T) {
	op, a := newProviderApp(t, func(c *handlers.Config) { c.FrontchannelLogout = true })
	b, sid := loggedInAt(t, op, a)
	frame := &browser{t: t, Client: a.Client()}
	for name, query := range map[string]string{
		"ATK-140 wrong sid": "iss=" + url.QueryEscape(op.Issuer) + "&sid=another",
		"ATK-140 no iss":    "sid=" + sid,
		"wrong iss":         "iss=https%3A%2F%2Fevil.example&sid=" + sid,
		"no sid":            "iss=" + url.QueryEscape(op.Issuer),
		"empty sid":         "iss=" + url.QueryEscape(op.Issuer) + "&sid=",
		"two sids":          "iss=" + url.QueryEscape(op.Issuer) + "&sid=" + sid + "&sid=x",
		"nothing":           "",
	} {
		if res := frame.step(a.URL + "/auth/frontchannel-logout?" + query); res.StatusCode != http.StatusOK || b.loggedIn(a) != oidctest.Subject {
			t.Errorf("%s: %d, signed in: %q", name, res.StatusCode, b.loggedIn(a))
		}
	}
	if res := frame.do(http.MethodPost, a.URL+"/auth/frontchannel-logout?iss="+url.QueryEscape(op.Issuer)+"&sid="+sid, nil, nil); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", res.StatusCode)
	}
	// Where it was not switched on there is no such address.
	_, off := newProviderApp(t, nil)
	if res := (&browser{t: t, Client: off.Client()}).step(off.URL + "/auth/frontchannel-logout"); !strings.HasPrefix(res.body, "page ") {
		t.Errorf("off: %d %s", res.StatusCode, res.body)
	}
}

// An app ends the sessions of a person everywhere, those of its own relying
// party alone, and the present one in a handler of its own.
func TestEndSessions(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	one, two, other := a.browser(), a.browser(), a.browser()
	one.open(a.URL + "/me")
	two.open(a.URL + "/me")
	p.subject = "bob"
	other.open(a.URL + "/me")
	a.take()
	n, err := a.rp.EndSessions(t.Context(), handlers.SessionSelector{Subject: "alice"})
	if err != nil || n != 2 || one.loggedIn(a) != "" || two.loggedIn(a) != "" || other.loggedIn(a) != "bob" {
		t.Errorf("%d %v: %q %q %q", n, err, one.loggedIn(a), two.loggedIn(a), other.loggedIn(a))
	}
	if e := a.take(); len(e) != 1 || e[0].Name != oidckit.EventSessionEnded || e[0].Subject != "alice" {
		t.Errorf("events %v", e)
	}
	foreign, err := handlers.NewRelyingParty(handlers.Config{Issuer: p.URL, ClientID: "another", BaseURL: a.URL, Sessions: a.sessions})
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	if n, err := foreign.EndSessions(t.Context(), handlers.SessionSelector{}); err != nil || n != 0 || other.loggedIn(a) != "bob" {
		t.Errorf("another client: %d %v", n, err)
	}
	if n, err := a.rp.EndSessions(t.Context(), handlers.SessionSelector{}); err != nil || n != 1 || other.loggedIn(a) != "" {
		t.Errorf("all: %d %v", n, err)
	}
}

// EndSession signs out without a redirect, and revokes the refresh token behind
// the person's back (RFC 7009 §2.1); LocalLogout leaves the issuer alone.
func TestEndSessionAndLocalLogout(t *testing.T) {
	p := newIDP(t)
	revoked := make(chan url.Values, 4)
	p.play(script{
		metadata: func(m map[string]any) { m["revocation_endpoint"] = p.URL + "/revoke" },
		serve: func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/revoke" {
				r.ParseForm()
				revoked <- r.PostForm
			}
			return r.URL.Path == "/revoke"
		},
	})
	a := newApp(t, p, options{config: func(c *handlers.Config) { c.LocalLogout = true }})
	wantRevoked := func() {
		t.Helper()
		select {
		case form := <-revoked:
			if !strings.HasPrefix(form.Get("token"), canaryFresh) || form.Get("token_type_hint") != "refresh_token" {
				t.Errorf("revoked %v", form)
			}
		case <-time.After(10 * time.Second):
			t.Error("nothing was revoked")
		}
	}
	b := a.browser()
	b.open(a.URL + "/me")
	close := a.sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.rp.EndSession(r); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	before := *a.handler.Load()
	a.handler.Store(&close)
	for range 2 {
		if res := b.post(a.URL+"/close", nil, a.URL); res.StatusCode != http.StatusNoContent {
			t.Errorf("%d", res.StatusCode)
		}
	}
	a.handler.Store(&before)
	wantRevoked()
	if b.loggedIn(a) != "" || len(b.cookies(a)) != 0 {
		t.Errorf("signed in: %q, cookies %v", b.loggedIn(a), b.cookies(a))
	}
	b.open(a.URL + "/me")
	if res := b.post(a.URL+"/auth/logout", nil, a.URL); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" || b.loggedIn(a) != "" {
		t.Errorf("local logout: %d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	wantRevoked()
}

// A stranger's front-channel logout of a session that is not there costs the
// others nothing: what is looked up meanwhile is kept.
func TestInventedSessionIDs(t *testing.T) {
	op, a := newProviderApp(t, func(c *handlers.Config) { c.FrontchannelLogout = true })
	loggedInAt(t, op, a)
	stranger := &browser{t: t, Client: a.Client()}
	if !handlers.Kept(a.rp, oidckit.HashToken("another"), func() {
		res := stranger.step(a.URL + "/auth/frontchannel-logout?" + url.Values{"iss": {op.Issuer}, "sid": {"invented"}}.Encode())
		if res.StatusCode != http.StatusOK {
			t.Error(res.StatusCode)
		}
	}) {
		t.Error("a session was looked up in vain")
	}
}
