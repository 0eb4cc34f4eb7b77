package middleware_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/middleware"
)

// turning is an issuer's key endpoint whose answer a test exchanges.
type turning struct {
	*httptest.Server
	answer atomic.Pointer[http.HandlerFunc]
}

func newTurning(t *testing.T, tlsConfig *tls.Config) *turning {
	t.Helper()
	s := &turning{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.answer.Load())(w, r) }))
	if tlsConfig != nil {
		s.TLS = tlsConfig
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *turning) turn(h http.HandlerFunc) { s.answer.Store(&h) }

func (s *turning) bytes(b []byte) {
	s.turn(func(w http.ResponseWriter, _ *http.Request) { w.Write(b) })
}

// FLT-07, FLT-08: whatever the key endpoint answers, reading stops at the cap,
// no redirect is followed, old keys serve, and memory stays.
func TestHostileKeyEndpoint(t *testing.T) {
	iss := newIssuer(t)
	keys := marshal(t, iss.keys...)
	other, err := jose.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	foreign := marshal(t, jose.JWK{KeyID: "kid-ES256", Key: other.Public()})
	var followed atomic.Int64
	internal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		followed.Add(1)
		w.Write(foreign)
	}))
	defer internal.Close()
	filler := []byte(strings.Repeat(" ", 1<<16))
	var sent atomic.Int64
	endless := func(limit int64) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(`{"keys":[`))
			for n := int64(0); n < limit; n += int64(len(filler)) {
				if _, err := w.Write(filler); err != nil {
					return
				}
				sent.Add(int64(len(filler)))
			}
		}
	}
	for _, row := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"FLT-07 200 MB", endless(200 << 20)},
		{"FLT-07 200 MB, announced", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(200<<20))
			endless(200<<20)(w, r)
		}},
		{"FLT-07 endless", endless(1 << 50)},
		{"FLT-07 gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 3200 {
				if _, err := z.Write(filler); err != nil {
					return
				}
			}
			z.Close()
		}},
		{"a byte more than the cap", func(w http.ResponseWriter, _ *http.Request) {
			w.Write(append(append([]byte{}, foreign...), []byte(strings.Repeat(" ", 512<<10+1-len(foreign)))...))
		}},
		{"FLT-08 redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, internal.URL, http.StatusFound) }},
		{"FLT-08 redirect for ever", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
		}},
		{"status 500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); w.Write(foreign) }},
		{"status 204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }},
		{"status 203", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(203); w.Write(foreign) }},
		{"page", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>maintenance</html>") }},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(foreign)))
			w.Write(foreign[:len(foreign)/2])
		}},
		{"repeated member", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"keys":[],`+string(foreign[1:]))
		}},
		{"connection dropped", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Close()
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			endpoint := newTurning(t, nil)
			endpoint.bytes(keys)
			g, v := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience,
				Keys: middleware.KeySource{JWKSURI: endpoint.URL, SoftLifetime: 20 * time.Millisecond}})
			good := "Bearer " + iss.token(t)
			forged := "Bearer " + withKey(t, "ES256", "kid-ES256", other, iss.claims())
			g.wantServed(t, g.get(good))
			sent.Store(0)
			before := heap()
			endpoint.turn(row.answer)
			eventually(t, 60*time.Second, func() bool {
				g.wantServed(t, g.get(good))
				return v.KeyStates()[0].Failures > 0
			})
			g.wantRefused(t, g.get(forged), 401, "invalid_token")
			g.wantServed(t, g.get(good))
			if grown := heap() - before; grown > 8<<20 {
				t.Errorf("the heap has grown by %d bytes", grown)
			}
			// the rest is what a connection's buffers hold
			if n := sent.Load(); n > 16<<20 {
				t.Errorf("%d bytes were sent", n)
			}
			if err := v.KeyStates()[0].Err; err == nil || strings.Contains(err.Error(), "/again") {
				t.Errorf("%v", err)
			}
		})
	}
	if n := followed.Load(); n != 0 {
		t.Errorf("%d redirects followed", n)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// FLT-09: a certificate that has expired, a name that is gone: what is known
// serves, and nothing insecure takes its place.
func TestConnectionFailsMidRun(t *testing.T) {
	iss := newIssuer(t)
	endpoint := newTurning(t, &tls.Config{MinVersion: tls.VersionTLS12})
	endpoint.bytes(marshal(t, iss.keys...))
	roots := x509.NewCertPool()
	roots.AddCert(endpoint.Certificate())
	var clock, dialled atomic.Int64
	var gone atomic.Bool
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots, Time: func() time.Time { return time.Now().Add(time.Duration(clock.Load())) }},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled.Add(1)
			if gone.Load() {
				return nil, &net.DNSError{Err: "no such host", Name: "issuer.example", IsNotFound: true}
			}
			return (&net.Dialer{}).DialContext(ctx, network, endpoint.Listener.Addr().String())
		},
	}
	g, v := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience, HTTPClient: &http.Client{Transport: transport},
		Keys: middleware.KeySource{JWKSURI: strings.Replace(endpoint.URL, "127.0.0.1", "example.com", 1), SoftLifetime: 20 * time.Millisecond}})
	token := "Bearer " + iss.token(t)
	g.wantServed(t, g.get(token))
	fails := func(with func(error) bool) {
		t.Helper()
		eventually(t, 60*time.Second, func() bool {
			g.wantServed(t, g.get(token))
			s := v.KeyStates()[0]
			return s.Failures > 0 && with(s.Err)
		})
	}
	clock.Store(int64(200 * 365 * 24 * time.Hour))
	fails(func(err error) bool {
		_, ok := errors.AsType[*tls.CertificateVerificationError](err)
		return ok
	})
	gone.Store(true)
	fails(func(err error) bool {
		_, ok := errors.AsType[*net.DNSError](err)
		return ok
	})
	gone.Store(false)
	clock.Store(0)
	eventually(t, 60*time.Second, func() bool {
		g.wantServed(t, g.get(token))
		return v.KeyStates()[0].Failures == 0
	})
}

// 200 requests on a cold start, over HTTP, cost one fetch.
func TestColdRequestsCostOneFetch(t *testing.T) {
	iss := newIssuer(t)
	g := newAPI(t, iss, nil)
	var wg sync.WaitGroup
	for i := range 200 {
		token := "Bearer " + iss.token(t, map[string]any{"jti": fmt.Sprint(i)})
		wg.Go(func() {
			if resp := g.get(token); resp.StatusCode != http.StatusOK {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	wg.Wait()
	if n := iss.fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// A thousand tokens with invented key ids cost a fetch a second at most, and
// as many with a known one and a bad signature none at all.
func TestFloodOfForgedTokens(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, iss *testIssuer, g *guarded, _ *middleware.JWTVerifier) {
		good := iss.token(t)
		g.wantServed(t, g.get("Bearer "+good))
		dot := strings.LastIndexByte(good, '.')
		begin, before := time.Now(), iss.fetches.Load()
		for i := range 1000 {
			forged := forge(t, fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":"forged-%d"}`, i), iss.claims())
			g.wantRefused(t, g.get("Bearer "+forged), 401, "invalid_token")
			time.Sleep(5 * time.Millisecond)
		}
		took := time.Since(begin)
		if n := iss.fetches.Load() - before; n > int64(took/time.Second)+1 {
			t.Errorf("%d fetches in %s", n, took)
		}
		time.Sleep(2 * time.Second)
		before = iss.fetches.Load()
		for i := range 1000 {
			g.wantRefused(t, g.get("Bearer "+good[:dot+1]+b64([]byte(fmt.Sprintf("%064d", i)))), 401, "invalid_token")
			time.Sleep(5 * time.Millisecond)
		}
		if n := iss.fetches.Load() - before; n != 0 {
			t.Errorf("%d fetches for a known kid", n)
		}
		g.wantServed(t, g.get("Bearer "+good))
	})
}

// A rotation in the middle of a flood is taken within a second and twice the
// time the issuer takes to answer, and old tokens never notice.
func TestRotationInAFlood(t *testing.T) {
	const answers = 150 * time.Millisecond
	var slow atomic.Bool
	edit := func(c *middleware.JWTConfig) {
		direct := c.HTTPClient.Transport
		c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := direct.RoundTrip(r)
			if slow.Load() {
				time.Sleep(answers)
			}
			return resp, err
		})}
	}
	inBubble(t, edit, func(t *testing.T, iss *testIssuer, g *guarded, _ *middleware.JWTVerifier) {
		before, after := iss.keys[0], iss.keys[1]
		iss.set(false, before)
		old, fresh := "Bearer "+iss.token(t), "Bearer "+iss.sign(t, "ES384", "at+jwt", iss.claims())
		g.wantServed(t, g.get(old))
		slow.Store(true)
		ctx, stop := context.WithCancel(t.Context())
		var flood sync.WaitGroup
		for n := range 4 {
			flood.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					forged := forge(t, fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":"forged-%d-%d"}`, n, i), iss.claims())
					g.get("Bearer " + forged)
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		time.Sleep(3*time.Second + 77*time.Millisecond)
		iss.set(false, before, after)
		rotated := time.Now()
		for g.get(fresh).StatusCode != http.StatusOK {
			if resp := g.get(old); resp.StatusCode != http.StatusOK {
				t.Errorf("the old token: status %d", resp.StatusCode)
			}
			time.Sleep(5 * time.Millisecond)
		}
		if d := time.Since(rotated); d > time.Second+2*answers {
			t.Errorf("taken after %s", d)
		}
		stop()
		flood.Wait()
	})
}

// FLT-10: a kid that was somebody's mistake makes a rotation after it refuse
// nobody, whenever it comes; it costs one fetch.
func TestRotationAfterAStrayKeyID(t *testing.T) {
	for _, pause := range []time.Duration{time.Second, 10 * time.Second, 29 * time.Second} {
		t.Run(pause.String(), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, iss *testIssuer, g *guarded, _ *middleware.JWTVerifier) {
				before, after := iss.keys[0], iss.keys[1]
				iss.set(false, before)
				g.wantServed(t, g.get("Bearer "+iss.token(t)))
				g.wantRefused(t, g.get("Bearer "+forge(t, `{"alg":"ES256","typ":"at+jwt","kid":"2026-12"}`, iss.claims())), 401, "invalid_token")
				time.Sleep(pause)
				iss.set(false, before, after)
				fetched := iss.fetches.Load()
				var all sync.WaitGroup
				for i := range 200 {
					fresh := "Bearer " + iss.sign(t, "ES384", "at+jwt", iss.claims(map[string]any{"jti": fmt.Sprint(i)}))
					all.Go(func() {
						if resp := g.get(fresh); resp.StatusCode != http.StatusOK {
							t.Errorf("status %d", resp.StatusCode)
						}
					})
				}
				all.Wait()
				if n := iss.fetches.Load() - fetched; n != 1 {
					t.Errorf("%d fetches", n)
				}
			})
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
