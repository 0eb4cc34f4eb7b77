package main_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/oidckit/oidckit/internal/dpop"
	"github.com/oidckit/oidckit/internal/dpop/dpoptest"
)

// send makes a request with a proof for a URL.
func (p *program) send(t *testing.T, authorization, proof string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	if proof != "" {
		r.Header.Set("DPoP", proof)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// Bound and plain tokens, as -dpop has them, at each address of the API.
func TestDPoP(t *testing.T) {
	const resource = "https://api.example"
	iss, key := newIssuer(t, httptest.NewServer), dpoptest.NewKey(t)
	bound := iss.token(t, resource, "", map[string]any{"cnf": map[string]string{"jkt": key.Thumbprint()}})
	plain := iss.token(t, resource, "")
	for mode, plainStatus := range map[string]int{"allow": 200, "require": 401} {
		p := start(t, nil, "-issuer", iss.URL, "-resource", resource, "-dpop", mode)
		localhost := strings.Replace(p.url, "127.0.0.1", "localhost", 1)
		for _, origin := range []string{resource, p.url, localhost} {
			proof := key.Proof("GET", origin+"/whoami", map[string]any{"ath": dpop.TokenHash(bound)})
			for _, status := range []int{200, 401} {
				if resp := p.send(t, "DPoP "+bound, proof); resp.StatusCode != status {
					t.Errorf("%s, %s: status %d, want %d", mode, origin, resp.StatusCode, status)
				}
			}
		}
		if resp := p.send(t, "Bearer "+plain, ""); resp.StatusCode != plainStatus {
			t.Errorf("%s: a plain token gets %d", mode, resp.StatusCode)
		}
		resp := p.send(t, "Bearer "+bound, "")
		if c := strings.Join(resp.Header.Values("WWW-Authenticate"), ", "); resp.StatusCode != 401 || !strings.Contains(c, "DPoP ") {
			t.Errorf("%s: a bound token without its proof gets %d %s", mode, resp.StatusCode, c)
		}
		_, doc := p.do(t, "GET", "/.well-known/oauth-protected-resource", "")
		if required, _ := doc["dpop_bound_access_tokens_required"].(bool); required != (mode == "require") || doc["dpop_signing_alg_values_supported"] == nil {
			t.Errorf("%s: metadata %v", mode, doc)
		}
		p.stop(t, os.Interrupt)
	}
}

// ATK-161: two replicas that share a store take a proof once, also after one
// has been killed and started again.
func TestReplicas(t *testing.T) {
	const resource = "https://api.example"
	iss, key := newIssuer(t, httptest.NewServer), dpoptest.NewKey(t)
	bound := iss.token(t, resource, "", map[string]any{"cnf": map[string]string{"jkt": key.Thumbprint()}})
	for name, args := range map[string][]string{
		"SQLite":     {"-db", "sqlite:" + filepath.Join(t.TempDir(), "proofs.db")},
		"PostgreSQL": {"-db", os.Getenv("OIDCKIT_TEST_POSTGRES")},
		"Redis":      {"-redis", os.Getenv("OIDCKIT_TEST_REDIS")},
	} {
		t.Run(name, func(t *testing.T) {
			if args[1] == "" {
				t.Skip("OIDCKIT_TEST_POSTGRES or OIDCKIT_TEST_REDIS is not set: " + name + " not tested")
			}
			args = append(args, "-issuer", iss.URL, "-resource", resource, "-dpop", "require")
			replicas := [2]*program{start(t, nil, args...), start(t, nil, args...)}
			proof := func() string {
				return key.Proof("GET", resource+"/whoami", map[string]any{"ath": dpop.TokenHash(bound)})
			}
			var last string
			for range 20 {
				last = proof()
				var accepted atomic.Int64
				var wg sync.WaitGroup
				for i := range 6 {
					wg.Go(func() {
						if resp := replicas[i%2].send(t, "DPoP "+bound, last); resp.StatusCode == 200 {
							accepted.Add(1)
						}
					})
				}
				wg.Wait()
				if n := accepted.Load(); n != 1 {
					t.Fatalf("accepted %d times: %s", n, replicas[0].stderr.String())
				}
			}
			if err := replicas[0].cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-replicas[0].exited
			again := start(t, nil, args...)
			if resp := again.send(t, "DPoP "+bound, last); resp.StatusCode != 401 {
				t.Errorf("after a crash: status %d", resp.StatusCode)
			}
			if resp := again.send(t, "DPoP "+bound, proof()); resp.StatusCode != 200 {
				t.Errorf("a fresh proof after a crash: status %d", resp.StatusCode)
			}
		})
	}
}
