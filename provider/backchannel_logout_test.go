package provider_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// receiver is a client's back-channel logout endpoint.
type receiver struct {
	*httptest.Server
	// answer writes the answer to the n-th call, counted from 1; nil is 200.
	answer func(n int, w http.ResponseWriter, r *http.Request)

	mu    sync.Mutex
	calls []logoutCall
	came  chan struct{}
}

type logoutCall struct {
	method, contentType, path string
	form                      url.Values
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	rc := &receiver{answer: answer, came: make(chan struct{}, 1000)}
	rc.Server = httptest.NewServer(rc)
	t.Cleanup(func() {
		rc.CloseClientConnections()
		rc.Close()
	})
	return rc
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	rc.mu.Lock()
	rc.calls = append(rc.calls, logoutCall{r.Method, r.Header.Get("Content-Type"), r.URL.Path, form})
	n := len(rc.calls)
	rc.mu.Unlock()
	rc.came <- struct{}{}
	if rc.answer != nil {
		rc.answer(n, w, r)
	}
}

// wait returns the next call, and fails the test where none comes.
func (rc *receiver) wait(t *testing.T) logoutCall {
	t.Helper()
	select {
	case <-rc.came:
	case <-time.After(time.Minute):
		t.Fatal("the client is not told")
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return rc.calls[len(rc.calls)-1]
}

func (rc *receiver) count() int {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return len(rc.calls)
}

// told returns the clients with back-channel logout at the receiver: web, and
// other with another path. spa has none.
func told(rc *receiver) oidctest.Config {
	web, other := webClient, otherClient
	web.BackchannelLogoutURI, web.BackchannelLogoutSessionRequired = rc.URL+"/web?client=1", true
	other.BackchannelLogoutURI = rc.URL + "/other"
	return oidctest.Config{
		Clients: []oidckit.ClientMetadata{web, other, publicClient},
		Users:   []provider.Account{{Username: "bob", PasswordHash: aliceHash, Claims: map[string]any{"sub": "bob-subject"}}},
		Configure: func(c *provider.Config) {
			c.BackchannelLogout = &provider.BackchannelLogout{}
			c.Outbound.AllowLoopback = true
		},
	}
}

// checkLogoutToken is OpenID Connect Back-Channel Logout 1.0 §2.4, §2.5.
func checkLogoutToken(t *testing.T, f *fixture, call logoutCall, clientID, idToken string) {
	t.Helper()
	if call.method != http.MethodPost || call.contentType != "application/x-www-form-urlencoded" || len(call.form) != 1 {
		t.Errorf("the call: %s %s %d fields", call.method, call.contentType, len(call.form))
	}
	token := call.form.Get("logout_token")
	header, c, id := part(t, token, 0), claims(t, token), claims(t, idToken)
	if header["typ"] != "logout+jwt" || header["alg"] != part(t, idToken, 0)["alg"] || header["kid"] != part(t, idToken, 0)["kid"] {
		t.Errorf("header: %v", header)
	}
	events, _ := c["events"].(map[string]any)
	event, ok := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
	if !ok || len(events) != 1 || len(event) != 0 {
		t.Errorf("events: %v", c["events"])
	}
	iat, exp := c["iat"].(float64), c["exp"].(float64)
	if age := float64(time.Now().Unix()) - iat; age < -1 || age > 60 || exp-iat != 120 {
		t.Errorf("iat %v, exp %v", iat, exp)
	}
	if c["iss"] != f.base || c["aud"] != clientID || c["sub"] != id["sub"] || c["sid"] != id["sid"] || c["sid"] == nil || c["jti"] == "" || c["jti"] == nil {
		t.Errorf("claims: %v", c)
	}
	for name := range c {
		if !slices.Contains([]string{"iss", "aud", "sub", "sid", "iat", "exp", "jti", "events"}, name) {
			t.Errorf("a logout token has no %s", name)
		}
	}
	if _, _, err := f.op.Stores.Grants.RefreshToken(t.Context(), oidckit.HashToken(token)); !errors.Is(err, oidckit.ErrNotFound) {
		t.Error(err)
	}
}

// Every client that got tokens in the session and wants to be told is, and no
// other one: not one that the person never used, not in another session.
func TestBackchannelLogout(t *testing.T) {
	rc := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 2 {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	f := newFixture(t, told(rc))
	stranger := f.sub(t)
	stranger.code()
	web := f.token(codeForm(f.code())).ID
	f.code("client_id", "spa")
	other := f.token(f.as("other", codeForm(f.code("client_id", "other")))).ID
	f.code()
	if f.endSession(http.MethodGet, url.Values{"id_token_hint": {web}}).status != http.StatusOK || f.signedIn() {
		t.Fatal("still signed in")
	}
	byPath := map[string]logoutCall{}
	for range 2 {
		rc.wait(t)
	}
	rc.mu.Lock()
	for _, call := range rc.calls {
		byPath[call.path] = call
	}
	rc.mu.Unlock()
	checkLogoutToken(t, f, byPath["/web"], "web", web)
	checkLogoutToken(t, f, byPath["/other"], "other", other)
	if !stranger.signedIn() {
		t.Error("another session has ended")
	}
	f.waitEvents(oidckit.EventLogoutDelivered, 2)
	if rc.count() != 2 {
		t.Errorf("%d calls", rc.count())
	}
	e, ok := f.watch.last(oidckit.EventLogoutDelivered)
	if !ok || e.Subject != oidctest.Subject || e.SessionID == "" || e.ClientID == "" {
		t.Errorf("event: %+v", e)
	}
	if e, ok := f.watch.last(oidckit.EventSessionEnded); !ok || e.SessionID == "" || e.Subject != oidctest.Subject {
		t.Errorf("event: %+v", e)
	}
}

// waitEvents waits until as many events of a name have come.
func (f *fixture) waitEvents(name oidckit.EventName, n int) {
	f.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		got := 0
		for _, e := range f.watch.names() {
			if e == name {
				got++
			}
		}
		if got >= n {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%d events %s, want %d", got, name, n)
		}
	}
}

// recorder remembers the deliveries that are in a store.
type recorder struct {
	opstore.Deliveries
	mu  sync.Mutex
	all map[string]opstore.Delivery
}

func (r *recorder) CreateDeliveries(ctx context.Context, all []opstore.Delivery) error {
	err := r.Deliveries.CreateDeliveries(ctx, all)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range all {
		if err == nil {
			r.all[d.ID] = d
		}
	}
	return err
}

func (r *recorder) RetryDelivery(ctx context.Context, id string, next time.Time) error {
	r.mu.Lock()
	d := r.all[id]
	d.Attempts++
	d.NextAt = next
	r.all[id] = d
	r.mu.Unlock()
	return r.Deliveries.RetryDelivery(ctx, id, next)
}

func (r *recorder) DeleteDelivery(ctx context.Context, id string) error {
	r.mu.Lock()
	delete(r.all, id)
	r.mu.Unlock()
	return r.Deliveries.DeleteDelivery(ctx, id)
}

// Every way in which a session ends.
func TestBackchannelLogoutReasons(t *testing.T) {
	rc := newReceiver(t, nil)
	f := newFixture(t, told(rc))
	for name, end := range map[string]func(*fixture, string){
		"confirmed on the page": func(f *fixture, _ string) {
			action, form, _ := oidctest.Form(f.endSession(http.MethodGet, url.Values{"client_id": {"web"}}).body)
			form.Set("logout", "yes")
			f.browse(http.MethodPost, action, form, "Sec-Fetch-Site", "same-origin")
		},
		"somebody else signs in": func(f *fixture, _ string) {
			f.browser.Username = "bob"
			f.code("prompt", "login", "client_id", "spa")
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := f.sub(t)
			id := g.token(codeForm(g.code())).ID
			end(g, claims(t, id)["sid"].(string))
			checkLogoutToken(t, g, rc.wait(t), "web", id)
		})
	}
	t.Run("the same person signs in again", func(t *testing.T) {
		g := f.sub(t)
		before := rc.count()
		sid := claims(t, g.token(codeForm(g.code())).ID)["sid"]
		if again := claims(t, g.token(codeForm(g.code("prompt", "login"))).ID)["sid"]; again != sid || rc.count() != before {
			t.Errorf("sid %v and %v, %d calls", sid, again, rc.count()-before)
		}
	})
}

// §2.7: refresh tokens without offline_access end with the session, the others
// stay. Access tokens of the session go the same way.
func TestTokensEndWithTheSession(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	offline := f.tokens()
	online := f.token(codeForm(f.code()))
	code := f.code()
	sid := claims(t, online.ID)["sid"].(string)
	bound := opstore.Grant{
		ID: "bound", ClientID: "web", CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
		Authorization: opstore.Authorization{GrantID: "bound", Subject: oidctest.Subject, SessionID: sid, Scope: oidckit.Scope{"openid"}},
	}
	if err := f.op.Stores.Grants.CreateGrant(t.Context(), &bound, &opstore.RefreshToken{Hash: oidckit.HashToken("bound"), ExpiresAt: bound.ExpiresAt}); err != nil {
		t.Fatal(err)
	}
	f.endSession(http.MethodGet, url.Values{"id_token_hint": {online.ID}})
	if res := f.token(refreshForm("bound")); res.Error != "invalid_grant" {
		t.Errorf("a refresh token of the session: %+v", res)
	}
	if f.alive(online.Access) {
		t.Error("an access token of the session is alive")
	}
	if res := f.token(codeForm(code)); res.Error != "invalid_grant" {
		t.Errorf("a code of the session: %d %s", res.status, res.body)
	}
	if !f.alive(offline.Access) {
		t.Error("an access token with offline_access is dead")
	}
	if res := f.token(refreshForm(offline.Refresh)); res.status != http.StatusOK {
		t.Errorf("a refresh token with offline_access: %+v", res)
	}
}

// ATK-263: addresses inside are not called, redirects are not followed.
func TestATK263BackchannelAddresses(t *testing.T) {
	rc := newReceiver(t, nil)
	for name, allow := range map[string]bool{"loopback": false, "redirect": true} {
		t.Run(name, func(t *testing.T) {
			before := rc.count()
			redirecting := newReceiver(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, rc.URL+"/internal", http.StatusTemporaryRedirect)
			})
			cfg := told(redirecting)
			configure := cfg.Configure
			cfg.Configure = func(c *provider.Config) {
				configure(c)
				c.Outbound.AllowLoopback = allow
				c.BackchannelLogout.Attempts = 1
			}
			f := newFixture(t, cfg)
			id := f.token(codeForm(f.code())).ID
			f.endSession(http.MethodGet, url.Values{"id_token_hint": {id}})
			f.waitEvents(oidckit.EventLogoutUndelivered, 1)
			if rc.count() != before || !allow && redirecting.count() != 0 {
				t.Errorf("%d calls went inside, %d to the client", rc.count()-before, redirecting.count())
			}
		})
	}
}

// FLT-22: a hundred clients that hang hold nobody up, and are given up in the
// end.
func TestFLT22ReceiversHang(t *testing.T) {
	released := make(chan struct{})
	rc := newReceiver(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
		select {
		case <-released:
		case <-r.Context().Done():
		}
	})
	defer close(released)
	cfg := told(rc)
	for i := range 100 {
		c := webClient
		c.ClientID, c.BackchannelLogoutURI = fmt.Sprint("hanging-", i), rc.URL
		cfg.Clients = append(cfg.Clients, c)
	}
	f := newFixture(t, cfg)
	id := f.token(codeForm(f.code())).ID
	sid := claims(t, id)["sid"].(string)
	list, err := f.op.Stores.Sessions.ListSessions(t.Context(), opstore.SessionSelector{ID: sid}, "", 1)
	if err != nil || len(list) != 1 {
		t.Fatal(err)
	}
	for i := range 100 {
		list[0].Clients = append(list[0].Clients, fmt.Sprint("hanging-", i))
	}
	if err := f.op.Stores.Sessions.UpdateSession(t.Context(), &list[0]); err != nil {
		t.Fatal(err)
	}
	done := make(chan answer, 1)
	go func() { done <- f.endSession(http.MethodGet, url.Values{"id_token_hint": {id}}) }()
	select {
	case a := <-done:
		if a.status != http.StatusOK {
			t.Errorf("%d", a.status)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the logout waits for the clients")
	}
	rc.wait(t)
	if n := rc.count(); n > 16 {
		t.Errorf("%d calls at once", n)
	}
	if err := f.op.Provider.Close(); err != nil {
		t.Error(err)
	}
}

// §2.8: what the client answers decides whether it is called again.
func TestBackchannelLogoutAnswers(t *testing.T) {
	for _, row := range []struct {
		status int
		event  oidckit.EventName
	}{
		{200, oidckit.EventLogoutDelivered},
		{204, oidckit.EventLogoutDelivered},
		{400, oidckit.EventLogoutUndelivered},
		{500, ""}, {501, ""}, {404, ""}, {302, ""}, {201, ""},
	} {
		t.Run(fmt.Sprint(row.status), func(t *testing.T) {
			rc := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(row.status) })
			queue := &recorder{all: map[string]opstore.Delivery{}}
			cfg := told(rc)
			cfg.Stores = func(issuer string) opstore.Set {
				set := opstore.NewMemory().Open(issuer)
				queue.Deliveries = set.Deliveries
				set.Deliveries = queue
				return set
			}
			f := newFixture(t, cfg)
			id := f.token(codeForm(f.code())).ID
			f.endSession(http.MethodGet, url.Values{"id_token_hint": {id}})
			rc.wait(t)
			if row.event != "" {
				f.waitEvents(row.event, 1)
				if len(queue.snapshot()) != 0 {
					t.Errorf("still queued: %v", queue.snapshot())
				}
				return
			}
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
				all := queue.snapshot()
				if len(all) == 1 && all[0].Attempts == 1 && all[0].NextAt.After(time.Now().Add(time.Second)) {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("not to be called again: %+v", all)
				}
			}
		})
	}
}

func (r *recorder) snapshot() []opstore.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []opstore.Delivery
	for _, d := range r.all {
		all = append(all, d)
	}
	return all
}

func TestBackchannelLogoutConfig(t *testing.T) {
	cfg := goodConfig(t)
	cfg.BackchannelLogout = &provider.BackchannelLogout{Attempts: 21}
	cfg.Stores.Deliveries = nil
	_, err := provider.New(cfg)
	for _, want := range []string{"BackchannelLogout.Attempts is 21", "Stores.Deliveries is nil"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q not in %v", want, err)
		}
	}
}
