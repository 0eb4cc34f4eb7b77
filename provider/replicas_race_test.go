package provider_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// TestReplicasSpendOnce sends the same thing 50 times at once to two replicas
// that share a database and nothing else, again and again: exactly one of the 50
// is served, always, and the others are refused, not failed.
func TestReplicasSpendOnce(t *testing.T) {
	const parallel = 50
	key := newClientKey(t, "ES256", "1")
	databases(t, func(t *testing.T, d database) {
		b := newBalanced(t, d, func(c *provider.Config) {
			c.Clients = append(c.Clients, keyed(webClient, keySet(t, key)))
			c.Clients[len(c.Clients)-1].IDTokenSignedResponseAlg = "ES256"
		})
		b.authorize("scope", "openid offline_access")
		for _, row := range []struct {
			name   string
			rounds int
			// prepare makes what is sent, served knows the answer that is wanted, and
			// refused are those that all others may have.
			prepare func() *http.Request
			served  func(answer) bool
			refused []int
		}{
			// RFC 6749 §4.1.2, ATK-239
			{"code", 100, func() *http.Request {
				return b.clientRequest("/token", codeForm(b.code("scope", "openid offline_access")))
			}, answer.hasTokens, []int{http.StatusBadRequest}},
			// RFC 9700 §4.14.2, ATK-239
			{"refresh token", 100, func() *http.Request { return b.clientRequest("/token", refreshForm(b.tokens().Refresh)) },
				answer.hasTokens, []int{http.StatusBadRequest}},
			// RFC 7523 §3, ATK-226
			{"client assertion", 30, func() *http.Request {
				return b.newRequest(http.MethodPost, "/token", asserted(ownForm, key.sign(t, "", assertion("keyed", b.base))))
			}, answer.hasTokens, []int{http.StatusUnauthorized}},
			// ATK-205
			{"consent", 30, func() *http.Request {
				_, form := b.consentPage("prompt", "consent")
				return b.withCookies(b.newRequest(http.MethodPost, "/consent", form))
			}, answer.hasCode, []int{http.StatusBadRequest}},
			// Of one name not more than 10 passwords are tried at once.
			{"login", 10, func() *http.Request {
				_, form := b.sub(t).loginPage()
				return b.newRequest(http.MethodPost, "/login", form)
			}, answer.hasCookie, []int{http.StatusBadRequest, http.StatusTooManyRequests}},
		} {
			t.Run(row.name, func(t *testing.T) {
				for round := range d.rounds(row.rounds) {
					req := row.prepare()
					answers := b.volley(req, parallel)
					served := 0
					for _, a := range answers {
						switch {
						case row.served(a):
							served++
						case !slices.Contains(row.refused, a.status):
							t.Errorf("refused with %d: %s", a.status, a.body)
						}
					}
					if served != 1 {
						t.Fatalf("round %d: %d of %d were served", round, served, parallel)
					}
				}
			})
		}
	})
}

func (a answer) hasTokens() bool {
	return a.status == http.StatusOK || strings.Contains(a.body, "access_token")
}

func (a answer) hasCode() bool { return strings.Contains(a.location, "code=") }

func (a answer) hasCookie() bool { return len(a.header.Values("Set-Cookie")) > 0 }

// clientRequest is a request of the client web.
func (f *fixture) clientRequest(path string, form url.Values) *http.Request {
	f.t.Helper()
	req := f.newRequest(http.MethodPost, path, form)
	req.SetBasicAuth("web", "web-secret")
	return req
}

// withCookies is a request of the person's browser, whose cookies no answer
// changes.
func (f *fixture) withCookies(req *http.Request) *http.Request {
	for _, c := range f.browser.Client.Jar.Cookies(req.URL) {
		req.AddCookie(c)
	}
	return req
}

// volley sends copies of a request at once, half of them to each replica.
func (b *balanced) volley(req *http.Request, n int) []answer {
	b.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var wg sync.WaitGroup
	start, answers := make(chan struct{}), make([]answer, n)
	for i := range answers {
		own, copied := *client, req.Clone(req.Context())
		own.Transport = b.replicas[i%2].client.Transport
		if req.GetBody != nil {
			copied.Body, _ = req.GetBody()
		}
		wg.Go(func() {
			<-start
			answers[i] = b.send(&own, copied)
		})
	}
	close(start)
	wg.Wait()
	return answers
}

// RFC 7592 §2.2: of replacements that race each is made whole, upon the one
// before it, or refused as a conflict: the version tells how many were.
func TestReplicasRegistrationRace(t *testing.T) {
	const parallel = 20
	databases(t, func(t *testing.T, d database) {
		b := newBalanced(t, d, func(c *provider.Config) { c.Registration = &provider.Registration{AllowAnonymous: true} })
		metadata := appMetadata("id_token_signed_response_alg", "ES256")
		c := b.register(metadata)
		version := int64(1)
		for range d.rounds(10) {
			var mu sync.Mutex
			var names []string
			var wg sync.WaitGroup
			for i := range parallel {
				name := fmt.Sprintf("Name %d of version %d", i, version)
				body := jsonText(t, with(metadata, "client_id", c.text("client_id"), "client_name", name))
				wg.Go(func() {
					r := b.replicas[i%2].manage(http.MethodPut, c.text("registration_client_uri"), c.text("registration_access_token"), body)
					switch r.status {
					case http.StatusOK:
						mu.Lock()
						defer mu.Unlock()
						names = append(names, r.text("client_name"))
					case http.StatusConflict:
					default:
						t.Errorf("%d %v", r.status, r.doc)
					}
				})
			}
			wg.Wait()
			reg, err := b.op.Stores.Registrations.Registration(t.Context(), c.text("client_id"))
			if err != nil {
				t.Fatal(err)
			}
			if version += int64(len(names)); reg.Version != version || len(names) == 0 || !slices.Contains(names, reg.Client.Metadata.ClientName) {
				t.Fatalf("%d replacements were told, version %d, %q", len(names), reg.Version, reg.Client.Metadata.ClientName)
			}
		}
		gone := 0
		for _, a := range b.volley(b.deletion(c), parallel) {
			switch a.status {
			case http.StatusNoContent:
				gone++
			case http.StatusUnauthorized:
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		if gone != 1 {
			t.Errorf("deleted %d times", gone)
		}
	})
}

func (f *fixture) deletion(c registered) *http.Request {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodDelete, c.text("registration_client_uri"), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.text("registration_access_token"))
	return req
}

// OpenID Connect Back-Channel Logout 1.0 §2.5: of each session that ends the
// client hears once, whichever replicas end it, how many times over.
func TestReplicasTellOnce(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		rc := newReceiver(t, nil)
		b := newBalanced(t, d, func(c *provider.Config) {
			c.Clients[0].BackchannelLogoutURI = rc.URL + "/web"
			c.BackchannelLogout, c.Outbound.AllowLoopback = &provider.BackchannelLogout{}, true
		})
		sessions := d.rounds(30)
		var logouts []*http.Request
		for range sessions {
			f := b.sub(t)
			hint := f.token(codeForm(f.code("scope", "openid"))).ID
			logouts = append(logouts, f.withCookies(f.newRequest(http.MethodGet, "/end_session?id_token_hint="+hint, nil)))
		}
		var wg sync.WaitGroup
		for _, req := range logouts {
			for i := range 4 {
				copied := req.Clone(req.Context())
				wg.Go(func() { b.send(b.replicas[i%2].client, copied) })
			}
		}
		wg.Wait()
		for range sessions {
			rc.wait(t)
		}
		for _, r := range b.replicas {
			if err := r.op.Provider.Close(); err != nil {
				t.Error(err)
			}
		}
		told := map[any]int{}
		rc.mu.Lock()
		defer rc.mu.Unlock()
		for _, call := range rc.calls {
			told[claims(t, call.form.Get("logout_token"))["sid"]]++
		}
		if len(told) != sessions || len(rc.calls) != sessions {
			t.Errorf("%d calls about %d sessions, of %d", len(rc.calls), len(told), sessions)
		}
	})
}

// Replicas that begin at the same moment over a database without tables and
// without keys make one set of both.
func TestReplicasBeginTogether(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		c := replicated(t, nil)
		var all [8]*fixture
		var kids [8]string
		var wg sync.WaitGroup
		for i := range all {
			all[i] = newReplica(t, c, d.open(t, c.Issuer))
		}
		for i, f := range all {
			wg.Go(func() { kids[i] = f.kid(f.do(f.clientRequest("/token", ownForm)).Access) })
		}
		wg.Wait()
		for i := range kids {
			if kids[i] != kids[0] {
				t.Errorf("replica %d signs with %s, the first with %s", i, kids[i], kids[0])
			}
		}
		createAlice(t, all[0].op.Stores)
		b := balance(t, all[6], all[7])
		if res := b.tokens(); !all[0].alive(res.Access) || claims(t, res.ID)["sub"] != oidctest.Subject {
			t.Error("a token of one replica is nothing to another")
		}
	})
}
