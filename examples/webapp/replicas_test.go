package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/browsertest"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// balancer sends each request to the next replica in turn.
type balancer struct {
	*httptest.Server
	replicas []*httputil.ReverseProxy
	next     atomic.Int64
	// only, where it is not negative, is the one replica that is asked.
	only atomic.Int64
}

func newBalancer(t *testing.T) *balancer {
	b := &balancer{}
	b.only.Store(-1)
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := b.next.Add(1)
		if only := b.only.Load(); only >= 0 {
			i = only
		}
		b.replicas[i%int64(len(b.replicas))].ServeHTTP(w, r)
	}))
	t.Cleanup(b.Close)
	return b
}

// startReplicas starts two processes that share PostgreSQL, Redis and the key
// ring, behind one address.
func startReplicas(t *testing.T, issuer func(base string) *oidctest.Server, more ...string) (*balancer, string, *oidctest.Server) {
	t.Helper()
	postgres, redis := os.Getenv("OIDCKIT_TEST_POSTGRES"), os.Getenv("OIDCKIT_TEST_REDIS")
	if postgres == "" || redis == "" {
		t.Skip("OIDCKIT_TEST_POSTGRES and OIDCKIT_TEST_REDIS are not both set: two replicas not tested")
	}
	b := newBalancer(t)
	base := strings.Replace(b.URL, "127.0.0.1", "localhost", 1)
	op, ring := issuer(base), oidckit.GenerateSecret()
	for range 2 {
		addr, _ := freeAddr(t)
		args := append([]string{
			"-addr", addr, "-base-url", base, "-issuer", op.Issuer, "-db", postgres, "-redis", redis, "-secret", ring,
		}, more...)
		browsertest.Start(t, t.TempDir(), browsertest.Build(t, "."), args...).Line("app")
		target := &url.URL{Scheme: "http", Host: addr}
		b.replicas = append(b.replicas, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		}})
	}
	return b, base, op
}

// OpenID Connect Back-Channel Logout 1.0 §2.5: the issuer calls one replica, and
// the session has ended at both.
func TestBackchannelLogoutOverTwoReplicas(t *testing.T) {
	b, base, op := startReplicas(t, func(base string) *oidctest.Server {
		return oidctest.New(t, oidctest.Config{Clients: []oidckit.ClientMetadata{{
			ClientID: "webapp", TokenEndpointAuthMethod: oidckit.AuthMethodNone, RedirectURIs: []string{base + "/auth/callback"},
			BackchannelLogoutURI: base + "/auth/backchannel-logout", BackchannelLogoutSessionRequired: true,
		}}, Configure: func(c *provider.Config) {
			c.BackchannelLogout, c.Outbound.AllowLoopback = &provider.BackchannelLogout{}, true
		}})
	})
	p := newPerson(t, op)
	p.open(base, base+"/me")
	for i := range int64(2) {
		b.only.Store(i)
		if p.me(base) == nil {
			t.Fatalf("replica %d does not know the session", i)
		}
	}
	b.only.Store(0)
	if n, err := op.Provider.EndSessions(t.Context(), opstore.SessionSelector{Subject: oidctest.Subject}); err != nil || n != 1 {
		t.Fatalf("%d sessions ended: %v", n, err)
	}
	for i := range int64(2) {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if b.only.Store(i); p.me(base) == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("replica %d does not hear of the logout", i)
			}
		}
		// The issuer's call goes to the first.
		b.only.Store(0)
	}
}

// Two replicas are one app: a login that one has begun is ended by the other,
// twenty at a time too, and a logout at one is seen at the other within a
// second.
func TestTwoReplicas(t *testing.T) {
	b, base, op := startReplicas(t, func(base string) *oidctest.Server { return newIssuer(t, base, "/auth") })
	var wg sync.WaitGroup
	alice, err := op.Stores.Users.User(t.Context(), oidctest.Subject)
	if err != nil {
		t.Fatal(err)
	}
	people := make([]*person, 20)
	for i := range people {
		// Each is somebody else: twenty passwords for one name at a time are
		// guesses to the issuer.
		other := *alice
		other.Subject, other.Username = fmt.Sprint("person-", i), fmt.Sprint("person-", i)
		if err := op.Stores.Users.CreateUser(t.Context(), &other); err != nil {
			t.Fatal(err)
		}
		people[i] = newPerson(t, op)
		people[i].op.Username = other.Username
		wg.Go(func() {
			res, _, asked := people[i].open(base, base+"/me?x=1")
			if res.StatusCode != http.StatusOK || res.Request.URL.String() != base+"/me?x=1" || len(asked) != 1 {
				t.Errorf("person %d: %d at %s after %d logins", i, res.StatusCode, res.Request.URL, len(asked))
			}
		})
	}
	wg.Wait()

	p := people[0]
	b.only.Store(1)
	if p.me(base) == nil {
		t.Error("the second replica does not know the session")
	}
	b.only.Store(0)
	out, err := p.PostForm(base+"/auth/logout", nil)
	if err != nil {
		t.Fatal(err)
	}
	out.Body.Close()
	if p.me(base) != nil {
		t.Error("the replica of the logout still knows the session")
	}
	b.only.Store(1)
	for deadline := time.Now().Add(10 * time.Second); p.me(base) != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the other replica does not hear of the logout")
		}
	}
	if people[1].me(base) == nil {
		t.Error("another person was signed out too")
	}
}
