package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// newOpaqueIssuer is an issuer that also has an introspection endpoint, for one
// client and one opaque token.
func newOpaqueIssuer(t *testing.T, resource string, asked *atomic.Int64) *issuer {
	t.Helper()
	return newIssuer(t, func(h http.Handler) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			base := "http://" + r.Host
			w.Header().Set("Content-Type", "application/json")
			switch r.URL.Path {
			case "/.well-known/openid-configuration":
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"%s/keys","introspection_endpoint":"%s/introspect"}`, base, base, base)
			case "/introspect":
				asked.Add(1)
				id, secret, _ := r.BasicAuth()
				if id != "the-api" || secret != url.QueryEscape("s3cret canary") {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				answer := map[string]any{"active": false}
				if r.FormValue("token") == "opaque-token" {
					answer = map[string]any{"active": true, "sub": "alice", "aud": resource, "scope": "orders:read", "client_id": "webapp"}
				}
				json.NewEncoder(w).Encode(answer)
			default:
				h.ServeHTTP(w, r)
			}
		}))
	})
}

// Both kinds of token open the same routes.
func TestIntrospect(t *testing.T) {
	const resource = "https://api.example"
	var asked atomic.Int64
	iss := newOpaqueIssuer(t, resource, &asked)
	stranger := newIssuer(t, httptest.NewServer)
	p := start(t, []string{"OIDCKIT_CLIENT_ID=the-api", "OIDCKIT_CLIENT_SECRET=s3cret canary"}, "-resource", resource, "-issuer", iss.URL, "-introspect")
	good := iss.token(t, resource, "orders:read")
	for _, row := range []struct {
		name, method, path, token string
		status                    int
		asked                     int64
	}{
		{"opaque", "GET", "/orders", "opaque-token", 200, 1},
		{"opaque, remembered", "GET", "/whoami", "opaque-token", 200, 0},
		{"opaque without scope", "POST", "/orders", "opaque-token", 403, 0},
		{"opaque and unknown", "GET", "/orders", "no-such-token", 401, 1},
		{"JWT", "GET", "/orders", good, 200, 0},
		{"JWT without scope", "POST", "/orders", good, 403, 0},
		{"JWT with a bad signature", "GET", "/orders", good[:len(good)-20] + strings.Repeat("A", 20), 401, 0},
		{"ATK-015 a stranger's JWT", "GET", "/orders", stranger.token(t, resource, "orders:read"), 401, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := asked.Load()
			resp, doc := p.do(t, row.method, row.path, row.token)
			if resp.StatusCode != row.status || asked.Load()-before != row.asked {
				t.Errorf("status %d, the issuer was asked %d times: %v", resp.StatusCode, asked.Load()-before, doc)
			}
			if row.status == 200 && doc["sub"] != "alice" {
				t.Errorf("answer %v", doc)
			}
		})
	}
	p.stop(t, os.Interrupt)

	wrong := start(t, nil, "-resource", resource, "-issuer", iss.URL, "-introspect", "-client-id", "the-api", "-client-secret", "canary-wrong")
	if resp, _ := wrong.do(t, "GET", "/orders", "opaque-token"); resp.StatusCode != 503 {
		t.Errorf("status %d with wrong credentials", resp.StatusCode)
	}
	wrong.stop(t, syscall.SIGTERM)
	if log := p.stderr.String() + wrong.stderr.String(); strings.Contains(log, "canary") || strings.Contains(log, "opaque-token") {
		t.Errorf("a secret is in the log: %s", log)
	}
}

func TestIntrospectNeedsCredentials(t *testing.T) {
	for args, names := range map[string][]string{
		"-introspect":                            {"-client-id", "-client-secret"},
		"-introspect -client-id a":               {"-client-secret"},
		"-introspect -client-secret b -issuer x": {"-client-id", "-issuer"},
	} {
		var stderr bytes.Buffer
		cmd := exec.Command(binary, append([]string{"-addr", "127.0.0.1:0"}, strings.Fields(args)...)...)
		cmd.Stderr = &stderr
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 2 || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: %v: %s", args, err, stderr.String())
		}
		for _, name := range names {
			if !strings.Contains(stderr.String(), name) {
				t.Errorf("%s: %s does not name %s", args, stderr.String(), name)
			}
		}
	}
}
