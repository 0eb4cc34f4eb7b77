package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// FLT-21: whatever the endpoint does instead of judging a token, the client
// gets 503, nothing is remembered, and the next answer counts.
func TestIntrospectionFaults(t *testing.T) {
	i := newIntrospector(t)
	status := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(n)
			// What is in the body of an error is no answer.
			w.Write([]byte(i.active()))
		}
	}
	for _, row := range []struct {
		name   string
		script http.HandlerFunc
		reason string
	}{
		{"FLT-21 500", status(500), "500"},
		{"FLT-21 502", status(502), "502"},
		{"FLT-21 503", status(503), "503"},
		{"FLT-21 our own credentials", status(401), "IntrospectionConfig.ClientID"},
		{"FLT-21 our own credentials, forbidden", status(403), "IntrospectionConfig.ClientID"},
		{"too many requests", status(429), "429"},
		{"bad request", status(400), "400"},
		{"not found", status(404), "404"},
		{"created", status(201), "201"},
		{"no content", status(204), "204"},
		{"FLT-21 timeout", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline"},
		{"timeout within the answer", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(`{"active":true,`))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "deadline"},
		{"connection cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		{"answer cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte(i.active()))
			panic(http.ErrAbortHandler)
		}, "EOF"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, _ := newIntrospectedAPI(t, i, func(c *middleware.IntrospectionConfig) {
				if strings.Contains(row.reason, "deadline") {
					c.Timeout = 200 * time.Millisecond
				}
			})
			for range 2 {
				i.play(row.script)
				g.wantUnchecked(t, g.get("Bearer "+goodToken), row.reason)
			}
			i.play(nil)
			g.wantServed(t, g.get("Bearer "+goodToken))
			g.wantRefused(t, g.get("Bearer unknown"), 401, "invalid_token")
		})
	}
}

// FLT-01: an issuer that is down at start costs 503, and nothing once it is up.
func TestIntrospectionIssuerDownAtStart(t *testing.T) {
	i := newIntrospector(t)
	address := i.Listener.Addr().String()
	i.Close()
	g, v := newIntrospectedAPI(t, i, nil)
	for range 10 {
		g.wantUnchecked(t, g.get("Bearer "+goodToken), "introspection")
	}
	if err := v.Check(t.Context()); err == nil || !strings.Contains(err.Error(), i.URL) {
		t.Errorf("Check = %v", err)
	}
	g.wantRefused(t, g.get(), 401, "")

	up := newIntrospector(t)
	up.answer(goodToken, i.active())
	revived := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			fmt.Fprintf(w, `{"issuer":%q,"introspection_endpoint":"%s/introspect"}`, i.URL, i.URL)
			return
		}
		up.introspect(w, r)
	}))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip("the port was taken by another process:", err)
	}
	revived.Listener.Close()
	revived.Listener = listener
	revived.Start()
	defer revived.Close()
	eventually(t, 120*time.Second, func() bool { return g.get("Bearer "+goodToken).StatusCode == http.StatusOK })
}

// FLT-21: after five failures in a row the endpoint is left alone; one call at
// a time finds out whether it is back. What is remembered serves meanwhile.
func TestIntrospectionCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status, doc := 200, timelessAnswer
		var delay time.Duration
		v, tr := newTimedVerifier(t, nil, func(*http.Request) (*http.Response, error) {
			time.Sleep(delay)
			return reply(status, doc)
		})
		token := 0
		want := func(want string, calls int64) {
			t.Helper()
			before := tr.calls.Load()
			token++
			if got := verdict(v, fmt.Sprint("token-", token)); got != want || tr.calls.Load()-before != calls {
				t.Fatalf("%s with %d calls, want %s with %d", got, tr.calls.Load()-before, want, calls)
			}
		}
		if verdict(v, "remembered") != "served" {
			t.Fatal("not served")
		}
		// Tokens that the endpoint cannot digest say nothing about it.
		status = 400
		for range 20 {
			want("unchecked", 1)
		}
		status, doc = 200, `{"exp":"never",`+timelessAnswer[1:]
		for range 20 {
			want("unchecked", 1)
		}
		status, doc = 503, timelessAnswer
		for range 4 {
			want("unchecked", 1)
		}
		status = 200
		want("served", 1)
		status = 503
		for range 5 {
			want("unchecked", 1)
		}
		for _, rest := range []time.Duration{1, 2, 4, 8, 10, 10} {
			time.Sleep(rest*time.Second - time.Millisecond)
			for range 20 {
				want("unchecked", 0)
			}
			if got := verdict(v, "remembered"); rest < 10 && got != "served" {
				t.Errorf("%s what is remembered", got)
			}
			time.Sleep(time.Millisecond)
			want("unchecked", 1)
			want("unchecked", 0)
		}
		// Only one finds out, however long that takes.
		status, delay = 200, time.Second
		time.Sleep(10 * time.Second)
		before := tr.calls.Load()
		var served atomic.Int64
		var all sync.WaitGroup
		for n := range 50 {
			all.Go(func() {
				if verdict(v, fmt.Sprint("at-once-", n)) == "served" {
					served.Add(1)
				}
			})
		}
		all.Wait()
		if calls := tr.calls.Load() - before; calls != 1 || served.Load() != 1 {
			t.Errorf("%d calls, %d served", calls, served.Load())
		}
		delay = 0
		want("served", 1)
		// It opens as before.
		status = 503
		for range 5 {
			want("unchecked", 1)
		}
		want("unchecked", 0)
		time.Sleep(time.Second)
		status = 200
		want("served", 1)
	})
}

// FLT-53: the request that asks may go away; the others get the answer.
func TestIntrospectionOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, tr := newTimedVerifier(t, nil, func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(time.Second):
				return reply(200, timelessAnswer)
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			_, err := v.Verify(ctx, "token")
			first <- err
		}()
		synctest.Wait()
		var others sync.WaitGroup
		for range 50 {
			others.Go(func() {
				if got := verdict(v, "token"); got != "served" {
					t.Error(got)
				}
			})
		}
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) || errors.Is(err, oidckit.InvalidToken) {
			t.Errorf("the first caller got %v", err)
		}
		others.Wait()
		if n := tr.calls.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
	})
}

// FLT-55: what the app brings may panic; the request fails, the lock is free
// and the next one is served.
func TestIntrospectionSurvivesPanics(t *testing.T) {
	var panics atomic.Bool
	burst := func() {
		if panics.Load() {
			panic("canary")
		}
	}
	var g *guarded
	v, _ := newTimedVerifier(t, func(c *middleware.IntrospectionConfig) {
		c.Events = func(context.Context, oidckit.Event) { burst() }
	}, func(*http.Request) (*http.Response, error) {
		burst()
		return reply(200, timelessAnswer)
	})
	g = &guarded{bearer: middleware.RequireBearer(v)}
	server := httptest.NewUnstartedServer(g.bearer(http.HandlerFunc(g.serve)))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()
	get := func(token string) int {
		r, err := http.NewRequest(http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		if strings.Contains(body(t, resp), "canary") {
			t.Error("the panic reached the client")
		}
		return resp.StatusCode
	}
	for range 3 {
		panics.Store(true)
		if status := get("token"); status != 500 {
			t.Errorf("status %d", status)
		}
		panics.Store(false)
		if status := get("token"); status != 200 {
			t.Errorf("status %d after a panic", status)
		}
		v.Forget("token")
	}
}

// FLT-56: a transport that never returns, and heeds no context, holds up no
// request for longer than Timeout, nor Close for ever.
func TestIntrospectionTransportHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		v, tr := newTimedVerifier(t, nil, func(*http.Request) (*http.Response, error) {
			<-hang
			return nil, errors.New("too late")
		})
		start := time.Now()
		if got := verdict(v, "token"); got != "unchecked" || time.Since(start) > 5*time.Second {
			t.Errorf("%s after %v", got, time.Since(start))
		}
		start = time.Now()
		var all sync.WaitGroup
		for n := range 500 {
			all.Go(func() {
				if got := verdict(v, fmt.Sprint("token-", n)); got != "unchecked" {
					t.Error(got)
				}
			})
		}
		all.Wait()
		if waited, calls := time.Since(start), tr.calls.Load(); waited > 5*time.Second || calls != 64 {
			t.Errorf("requests waited %v for %d calls", waited, calls)
		}
		start = time.Now()
		if err := v.Close(); err == nil || time.Since(start) > 10*time.Second {
			t.Errorf("Close = %v after %v", err, time.Since(start))
		}
		close(hang)
		if err := v.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

// FLT-58: Close in the middle of everything, twice and at once: calls end,
// nothing runs on, and what is remembered still serves.
func TestIntrospectionClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := false
		v, tr := newTimedVerifier(t, nil, func(r *http.Request) (*http.Response, error) {
			if !slow {
				return reply(200, timelessAnswer)
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		if verdict(v, "remembered") != "served" {
			t.Fatal("not served")
		}
		slow = true
		var all sync.WaitGroup
		for n := range 100 {
			all.Go(func() {
				if got := verdict(v, fmt.Sprint("token-", n)); got != "unchecked" {
					t.Error(got)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		for range 4 {
			all.Go(func() {
				if err := v.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if waited := time.Since(start); waited != 0 {
			t.Errorf("Close waited %v", waited)
		}
		before := tr.calls.Load()
		if got := verdict(v, "remembered"); got != "served" {
			t.Errorf("%s after Close", got)
		}
		if got := verdict(v, "new"); got != "unchecked" || tr.calls.Load() != before {
			t.Errorf("%s after Close, with %d calls", got, tr.calls.Load()-before)
		}
	})
}

// Check says whether the endpoint, the credentials and the answers are in
// order, without a token of anybody.
func TestIntrospectionCheck(t *testing.T) {
	i := newIntrospector(t)
	_, v := newIntrospectedAPI(t, i, nil)
	for range 3 {
		if err := v.Check(t.Context()); err != nil || i.calls.Load() != 1 {
			t.Errorf("Check = %v, %d calls", err, i.calls.Load())
		}
	}
	i.play(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	if got := verdict(v, "token"); got != "unchecked" || v.Check(t.Context()) == nil {
		t.Errorf("%s, and Check believes what it found before", got)
	}
	i.play(nil)
	for name, row := range map[string]struct {
		script http.HandlerFunc
		want   string
	}{
		"credentials": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "ClientSecret"},
		"endpoint":    {http.NotFound, "404"},
		"an endpoint that says yes to everything": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(i.active()))
		}, "made-up"},
	} {
		_, v := newIntrospectedAPI(t, i, nil)
		i.play(row.script)
		for range 2 {
			err := v.Check(t.Context())
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "canary") || !errors.Is(err, oidckit.TemporarilyUnavailable) {
				t.Errorf("%s: Check = %v", name, err)
			}
		}
		i.play(nil)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, late := newIntrospectedAPI(t, i, nil)
	if err := late.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Check = %v", err)
	}
}
