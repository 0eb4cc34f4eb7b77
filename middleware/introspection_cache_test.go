package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// transport is an introspection endpoint without a network, for tests of time.
type transport struct {
	calls atomic.Int64
	fn    func(*http.Request) (*http.Response, error)
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.calls.Add(1)
	return t.fn(r)
}

// reply is an answer of the endpoint.
func reply(status int, doc string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(doc))}, nil
}

const timelessAnswer = `{"active":true,"sub":"alice","aud":"` + audience + `"}`

// newTimedVerifier is a verifier over a transport. It fits a synctest bubble:
// all its goroutines must have ended when the test does.
func newTimedVerifier(t *testing.T, edit func(*middleware.IntrospectionConfig), fn func(*http.Request) (*http.Response, error)) (*middleware.IntrospectionVerifier, *transport) {
	t.Helper()
	tr := &transport{fn: fn}
	cfg := middleware.IntrospectionConfig{Issuer: "https://issuer.example", Endpoint: "https://issuer.example/introspect", Audience: audience,
		ClientID: "a", ClientSecret: "b", HTTPClient: &http.Client{Transport: tr}}
	if edit != nil {
		edit(&cfg)
	}
	v, err := middleware.NewIntrospectionVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v, tr
}

// verdict is "served", "refused" or "unchecked".
func verdict(v middleware.Verifier, token string) string {
	_, err := v.Verify(context.Background(), token)
	switch {
	case err == nil:
		return "served"
	case errors.Is(err, oidckit.InvalidToken):
		return "refused"
	}
	return "unchecked"
}

// 200 requests with the same token cost one call, and 300 tokens one
// connection.
func TestIntrospectionIsMergedAndPooled(t *testing.T) {
	i := newIntrospector(t)
	g, _ := newIntrospectedAPI(t, i, nil)
	release := i.hold()
	var started, done sync.WaitGroup
	started.Add(200)
	for range 200 {
		done.Go(func() {
			started.Done()
			if resp := g.get("Bearer " + goodToken); resp.StatusCode != http.StatusOK {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	started.Wait()
	eventually(t, 60*time.Second, func() bool { return i.calls.Load() == 1 })
	close(release)
	done.Wait()
	if n, m := i.calls.Load(), i.others.Load(); n != 1 || m != 1 {
		t.Errorf("%d calls to the endpoint and %d for metadata, want one of each", n, m)
	}
	i.play(nil)
	before := i.connections.Load()
	for n := range 300 {
		g.get(fmt.Sprintf("Bearer stranger-%d", n))
	}
	if n := i.connections.Load() - before; n > 1 || i.calls.Load() != 301 {
		t.Errorf("%d new connections for %d calls", n, i.calls.Load())
	}
}

// FLT-21: at most 64 questions at a time; who comes after waits its turn.
func TestIntrospectionsAreCapped(t *testing.T) {
	i := newIntrospector(t)
	g, _ := newIntrospectedAPI(t, i, nil)
	release := i.hold()
	var done sync.WaitGroup
	for n := range 200 {
		done.Go(func() {
			if resp := g.get(fmt.Sprintf("Bearer token-%d", n)); resp.StatusCode != http.StatusOK {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	eventually(t, 60*time.Second, func() bool { return i.inFlight.Load() == 64 })
	close(release)
	done.Wait()
	if n := i.mostInFlight.Load(); n != 64 {
		t.Errorf("%d in flight at once", n)
	}
}

// ATK-154: a revocation counts when the answer's time is over, and at once
// where nothing is remembered. No wait for that is longer for being asked
// often.
func TestIntrospectionOfRevokedToken(t *testing.T) {
	for _, row := range []struct {
		name  string
		edit  func(*middleware.IntrospectionConfig)
		after time.Duration
	}{
		{"by default", nil, 60 * time.Second},
		{"MaxAge", func(c *middleware.IntrospectionConfig) { c.Cache.MaxAge = 5 * time.Second }, 5 * time.Second},
		{"no cache", func(c *middleware.IntrospectionConfig) { c.Cache.Disabled = true }, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var revoked atomic.Bool
				v, tr := newTimedVerifier(t, row.edit, func(*http.Request) (*http.Response, error) {
					// What is decided now arrives a second later.
					doc := timelessAnswer
					if revoked.Load() {
						doc = `{"active":false}`
					}
					time.Sleep(time.Second)
					return reply(200, doc)
				})
				asked := time.Now()
				if got := verdict(v, "token"); got != "served" {
					t.Fatal(got)
				}
				revoked.Store(true)
				if row.after == 0 {
					// A question that is under way is from before.
					revoked.Store(false)
					go verdict(v, "token")
					time.Sleep(500 * time.Millisecond)
					revoked.Store(true)
				}
				for time.Since(asked) < row.after {
					if got := verdict(v, "token"); got != "served" || tr.calls.Load() != 1 {
						t.Fatalf("%s, %d calls after %v", got, tr.calls.Load(), time.Since(asked))
					}
					time.Sleep(500 * time.Millisecond)
				}
				if got := verdict(v, "token"); got != "refused" {
					t.Errorf("%s after %v", got, time.Since(asked))
				}
			})
		})
	}
}

// ATK-058: an answer that is remembered outlives neither the token nor its
// beginning.
func TestIntrospectionHitsCheckLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		v, tr := newTimedVerifier(t, func(c *middleware.IntrospectionConfig) { c.Leeway = 5 * time.Second }, func(r *http.Request) (*http.Response, error) {
			r.ParseForm()
			if r.PostForm.Get("token") == "ends" {
				return reply(200, fmt.Sprintf(`{"exp":%d,%s`, now+20, timelessAnswer[1:]))
			}
			return reply(200, fmt.Sprintf(`{"nbf":%d,%s`, now+20, timelessAnswer[1:]))
		})
		exact, _ := newTimedVerifier(t, func(c *middleware.IntrospectionConfig) { c.Leeway = -time.Minute }, func(*http.Request) (*http.Response, error) {
			return reply(200, fmt.Sprintf(`{"exp":%d,"nbf":%d,%s`, now+20, now, timelessAnswer[1:]))
		})
		if got := verdict(exact, "token"); got != "served" {
			t.Errorf("%s without leeway", got)
		}
		for _, step := range []struct {
			at           int64
			ends, begins string
		}{{0, "served", "refused"}, {14, "served", "refused"}, {15, "served", "served"}, {24, "served", "served"}, {25, "refused", "served"}} {
			time.Sleep(time.Until(time.Unix(now+step.at, 0)))
			if ends, begins := verdict(v, "ends"), verdict(v, "begins"); ends != step.ends || begins != step.begins {
				t.Errorf("after %d s: %s and %s, want %s and %s", step.at, ends, begins, step.ends, step.begins)
			}
		}
		if n := tr.calls.Load(); n != 2 {
			t.Errorf("%d calls", n)
		}
		if got := verdict(exact, "token"); got != "refused" {
			t.Errorf("%s after exp without leeway", got)
		}
	})
}

// A token that is not active is refused for a moment without another call, and
// no longer.
func TestIntrospectionRefusalsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		doc := `{"active":false}`
		v, tr := newTimedVerifier(t, nil, func(*http.Request) (*http.Response, error) { return reply(200, doc) })
		for range 100 {
			if got := verdict(v, "token"); got != "refused" {
				t.Fatal(got)
			}
		}
		doc = timelessAnswer
		time.Sleep(10*time.Second - time.Millisecond)
		if got := verdict(v, "token"); got != "refused" || tr.calls.Load() != 1 {
			t.Errorf("%s, %d calls", got, tr.calls.Load())
		}
		time.Sleep(time.Millisecond)
		if got := verdict(v, "token"); got != "served" || tr.calls.Load() != 2 {
			t.Errorf("%s, %d calls", got, tr.calls.Load())
		}
		// ATK-151: an answer that nobody can mean is not remembered.
		doc = `{"active":"false"}`
		for range 3 {
			if got := verdict(v, "odd"); got != "refused" {
				t.Error(got)
			}
		}
		if n := tr.calls.Load(); n != 5 {
			t.Errorf("%d calls", n)
		}
	})
}

// Strangers fill the cache of refusals and nothing else; more good tokens than
// fit are asked about again, and served.
func TestIntrospectionCachesAreBounded(t *testing.T) {
	const room = 64
	v, tr := newTimedVerifier(t, func(c *middleware.IntrospectionConfig) { c.Cache.MaxTokens = room }, func(r *http.Request) (*http.Response, error) {
		r.ParseForm()
		if strings.HasPrefix(r.PostForm.Get("token"), "good") {
			return reply(200, timelessAnswer)
		}
		return reply(200, `{"active":false}`)
	})
	for n := range room / 2 {
		verdict(v, fmt.Sprintf("good-%d", n))
	}
	for n := range 5000 {
		if got := verdict(v, fmt.Sprintf("stranger-%d", n)); got != "refused" {
			t.Fatal(got)
		}
	}
	before := tr.calls.Load()
	for n := range room / 2 {
		if got := verdict(v, fmt.Sprintf("good-%d", n)); got != "served" {
			t.Error(got)
		}
	}
	if n := tr.calls.Load() - before; n != 0 {
		t.Errorf("strangers pushed out %d good tokens", n)
	}
	// One that is used all the time stays.
	for n := range 20 * room {
		if verdict(v, fmt.Sprintf("good-new-%d", n)) != "served" || verdict(v, "good-0") != "served" {
			t.Fatal("a good token is refused")
		}
	}
	if n := tr.calls.Load() - before; n != 20*room {
		t.Errorf("%d calls for %d tokens", n, 20*room)
	}
	verdict(v, "good-1")
	if n := tr.calls.Load() - before; n != 20*room+1 {
		t.Error("the cache does not forget")
	}
}

// Answers as large as they may be take no more room than many small ones.
func TestIntrospectionCacheIsBoundedInBytes(t *testing.T) {
	large := `{"pad":"` + strings.Repeat("x", 900<<10) + `",` + timelessAnswer[1:]
	v, tr := newTimedVerifier(t, nil, func(*http.Request) (*http.Response, error) { return reply(200, large) })
	const tokens = 100
	for range 2 {
		for n := range tokens {
			if got := verdict(v, fmt.Sprint("token-", n)); got != "served" {
				t.Fatal(got)
			}
		}
	}
	if n := tr.calls.Load(); n < 2*tokens-80 {
		t.Errorf("%d calls: more than 64 MiB are remembered", n)
	}
}

// However close two requests with a token come, it is asked about once.
func TestIntrospectionIsAskedOnce(t *testing.T) {
	v, tr := newTimedVerifier(t, nil, func(*http.Request) (*http.Response, error) { return reply(200, timelessAnswer) })
	const tokens = 300
	for n := range tokens {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { verdict(v, fmt.Sprint("token-", n)) })
		}
		all.Wait()
	}
	if n := tr.calls.Load(); n != tokens {
		t.Errorf("%d calls for %d tokens", n, tokens)
	}
}

// Forget counts at once, and for what is being asked too.
func TestIntrospectionForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var revoked atomic.Bool
		v, tr := newTimedVerifier(t, nil, func(*http.Request) (*http.Response, error) {
			doc := timelessAnswer
			if revoked.Load() {
				doc = `{"active":false}`
			}
			time.Sleep(time.Second)
			return reply(200, doc)
		})
		verdict(v, "token")
		revoked.Store(true)
		v.Forget("another")
		if got := verdict(v, "token"); got != "served" || tr.calls.Load() != 1 {
			t.Errorf("%s, %d calls", got, tr.calls.Load())
		}
		v.Forget("token")
		if got := verdict(v, "token"); got != "refused" {
			t.Error(got)
		}
		// The answer under way is from before, and not for later requests.
		revoked.Store(false)
		go verdict(v, "asked")
		time.Sleep(500 * time.Millisecond)
		revoked.Store(true)
		v.Forget("asked")
		for range 2 {
			if got := verdict(v, "asked"); got != "refused" {
				t.Errorf("%s while it was being asked", got)
			}
			time.Sleep(2 * time.Second)
		}
	})
}

// What is revoked here is refused at once, remembered or not, and whatever the
// issuer says.
func TestIntrospectionRevoke(t *testing.T) {
	i := newIntrospector(t)
	g, v := newIntrospectedAPI(t, i, func(c *middleware.IntrospectionConfig) { c.MaxRevocations = 3 })
	until := time.Now().Add(time.Hour)
	for name, r := range map[string]middleware.Revocation{
		"another issuer": {Issuer: "https://other.example", Subject: "a", Until: until}, "nothing": {Until: until}, "for ever": {Subject: "a"},
	} {
		if v.Revoke(r) == nil {
			t.Errorf("%s can be revoked", name)
		}
	}
	for _, row := range []struct {
		name  string
		by    middleware.Revocation
		claim string
	}{
		{"jti", middleware.Revocation{TokenID: "t-1"}, "jti"},
		{"sid", middleware.Revocation{SessionID: "s-2", Issuer: i.URL}, "sid"},
		{"sub", middleware.Revocation{Subject: "mallory"}, "sub"},
	} {
		t.Run(row.name, func(t *testing.T) {
			token, fresh := "revoked-"+row.name, "revoked-"+row.name+"-unseen"
			mine := map[string]any{"jti": row.by.TokenID, "sid": row.by.SessionID, "sub": "mallory"}
			if row.by.TokenID == "" {
				mine["jti"] = nil
			}
			i.answer(token, i.active(mine))
			i.answer(fresh, i.active(mine))
			i.answer(goodToken, i.active(map[string]any{"jti": "t-0", "sid": "s-0"}))
			v.Forget(goodToken)
			g.wantServed(t, g.get("Bearer "+token))
			row.by.Until = until
			if err := v.Revoke(row.by); err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{token, fresh} {
				g.wantRefused(t, g.get("Bearer "+bad), 401, "invalid_token")
				log, event := g.reported()
				g.wantReason(t, log, event, row.claim)
			}
			g.wantServed(t, g.get("Bearer "+goodToken))
		})
	}
	if err := v.Revoke(middleware.Revocation{Subject: "bob", Until: until}); !errors.Is(err, middleware.ErrDenyListFull) {
		t.Errorf("Revoke = %v", err)
	}
}
