package main_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "oidckit-api-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "api")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// program is a running api.
type program struct {
	url    string
	cmd    *exec.Cmd
	stderr bytes.Buffer
	exited chan error
}

func start(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(binary, append([]string{"-addr", "127.0.0.1:0"}, args...)...), exited: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "api: http://127.0.0.1:") {
		t.Fatalf("%q, %v: %s", line, err, p.stderr.String())
	}
	p.url = strings.TrimSpace(strings.TrimPrefix(line, "api: "))
	go func() { p.exited <- p.cmd.Wait() }()
	t.Cleanup(func() { p.cmd.Process.Kill() })
	return p
}

func (p *program) do(t *testing.T, method, path, token string) (*http.Response, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	_ = json.Unmarshal(text, &doc)
	return resp, doc
}

// stop ends the program by a signal and demands that it ends well.
func (p *program) stop(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.exited:
		if err != nil {
			t.Errorf("after %v: %v: %s", s, err, p.stderr.String())
		}
	case <-time.After(30 * time.Second):
		t.Errorf("%v does not stop it", s)
	}
}

// issuer publishes one key and signs with it.
type issuer struct {
	*httptest.Server
	key *ecdsa.PrivateKey
}

func newIssuer(t *testing.T, serve func(http.Handler) *httptest.Server) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	answer := func(path string, doc func() any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(doc())
		})
	}
	answer("/.well-known/openid-configuration", func() any {
		return map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/a", "token_endpoint": i.URL + "/t"}
	})
	answer("/keys", func() any {
		return map[string]any{"keys": []map[string]string{{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1",
			"x": b64(point[1:33]), "y": b64(point[33:])}}}
	})
	i.Server = serve(mux)
	t.Cleanup(i.Close)
	return i
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (i *issuer) token(t *testing.T, audience, scope string, more ...map[string]any) string {
	t.Helper()
	now := time.Now().Unix()
	document := map[string]any{"iss": i.URL, "sub": "alice", "aud": audience, "client_id": "webapp",
		"scope": scope, "jti": "1", "iat": now, "exp": now + 300}
	for _, claims := range more {
		maps.Copy(document, claims)
	}
	claims, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	input := b64([]byte(`{"alg":"ES256","kid":"1","typ":"at+jwt"}`)) + "." + b64(claims)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return input + "." + b64(sig)
}

func authAgo(d time.Duration) map[string]any {
	return map[string]any{"auth_time": time.Now().Add(-d).Unix()}
}

func TestBadSettings(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	noCert := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(noCert, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		env   string
		args  []string
		names []string
	}{
		{"unknown flags", "", []string{"-mtls", "-broker", "x"}, []string{"-mtls", "-broker"}},
		{"DPoP", "", []string{"-dpop", "maybe"}, []string{"-dpop", `"maybe"`}},
		{"DPoP without an address", "", []string{"-dpop", "allow", "-addr", "0.0.0.0:0", "-resource", "urn:api"}, []string{"-dpop", "-resource"}},
		{"stores", "", []string{"-dpop", "allow", "-db", "oracle:canary", "-redis", "http://canary"}, []string{"-db", `"oracle"`, "-redis"}},
		{"PostgreSQL", "", []string{"-addr", "127.0.0.1:0", "-dpop", "allow", "-db", "postgres://u:canary@db:port/x"}, []string{"-db"}},
		{"no file", "", []string{"-dpop", "allow", "-db", "sqlite:/no/such/folder/x.db"}, []string{"-db", "/no/such/folder"}},
		{"argument", "", []string{"serve"}, []string{`"serve"`}},
		{"address", "", []string{"-addr", "8082"}, []string{"-addr"}},
		{"taken port", "", []string{"-addr", taken.Addr().String()}, []string{"-addr", "in use"}},
		{"issuer", "", []string{"-issuer", "http://issuer.example", "-issuer", "nonsense"}, []string{"http://issuer.example", "nonsense"}},
		{"resource", "", []string{"-resource", "orders"}, []string{"-resource"}},
		{"routes", "", []string{"-route", "GET /a", "-route", "GET /orders=a", "-route", "GET {=a", "-route", `GET /b=a"`},
			[]string{`"GET /a"`, `"GET /orders"`, `"GET {"`, `"GET /b"`}},
		{"no file of roots", "", []string{"-ca", "/no/such/file"}, []string{"-ca", "/no/such/file"}},
		{"no certificate", "", []string{"-ca", noCert}, []string{"-ca", noCert}},
		{"environment", "OIDCKIT_ROUTE=nonsense", []string{"-addr", "127.0.0.1:0"}, []string{"OIDCKIT_ROUTE"}},
		{"all at once", "OIDCKIT_ISSUER=ftp://x", []string{"-x", "-addr", taken.Addr().String(), "-resource", "", "-ca", "/no", "-route", "a"},
			[]string{"-x", "-addr", "-resource", "-ca", "-route", "ftp://x"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			cmd := exec.Command(binary, row.args...)
			cmd.Env = append(os.Environ(), row.env)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			if cmd.ProcessState.ExitCode() != 2 {
				t.Fatalf("%v: %s", err, stderr.String())
			}
			line, rest, _ := strings.Cut(stderr.String(), "\n")
			if stdout.Len() != 0 || rest != "" {
				t.Errorf("more than one line on standard error: %s%s", stdout.String(), stderr.String())
			}
			if strings.Contains(line, "canary") {
				t.Errorf("%q tells what may be a password", line)
			}
			for _, name := range row.names {
				if !strings.Contains(line, name) {
					t.Errorf("%q does not name %s", line, name)
				}
			}
		})
	}
}

func TestHelp(t *testing.T) {
	out, err := exec.Command(binary, "-help").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("-route")) {
		t.Errorf("%s, %v", out, err)
	}
}

func TestRoutes(t *testing.T) {
	const resource = "https://api.example"
	one := newIssuer(t, httptest.NewServer)
	two := newIssuer(t, httptest.NewTLSServer)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: two.Certificate().Raw})
	if err := os.WriteFile(roots, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	stranger := newIssuer(t, httptest.NewServer)
	p := start(t, []string{"OIDCKIT_RESOURCE=" + resource, "OIDCKIT_ROUTE=GET /things=things:read, DELETE /things=things:write"},
		"-issuer", one.URL, "-issuer", two.URL, "-ca", roots)

	for _, row := range []struct {
		name, method, path, token string
		status                    int
		challenge                 string
	}{
		{"public", "GET", "/", "", 200, ""},
		{"health", "GET", "/healthz", "", 200, ""},
		{"ATK-142 no token", "GET", "/whoami", "", 401, `Bearer realm="api"`},
		{"first issuer", "GET", "/whoami", one.token(t, resource, ""), 200, ""},
		{"second issuer", "GET", "/whoami", two.token(t, resource, ""), 200, ""},
		{"ATK-015 a stranger's token", "GET", "/whoami", stranger.token(t, resource, ""), 401, `error="invalid_token"`},
		{"another audience", "GET", "/whoami", one.token(t, "https://other.example", ""), 401, `error="invalid_token"`},
		{"no token at all", "GET", "/whoami", "opaque", 401, `error="invalid_token"`},
		{"orders", "GET", "/orders", one.token(t, resource, "orders:read"), 200, ""},
		{"orders without scope", "GET", "/orders", one.token(t, resource, "openid"), 403, `scope="orders:read"`},
		{"placing an order", "POST", "/orders", two.token(t, resource, "orders:write"), 201, ""},
		{"placing an order with the scope to read", "POST", "/orders", one.token(t, resource, "orders:read"), 403, `scope="orders:write"`},
		{"a further route", "GET", "/things", one.token(t, resource, "things:read"), 200, ""},
		{"a further route without scope", "DELETE", "/things", one.token(t, resource, "things:read"), 403, `scope="things:write"`},
		{"RFC 9470 no authentication", "POST", "/transfer", one.token(t, resource, ""), 401, `error="insufficient_user_authentication"`},
		{"RFC 9470 an old one", "POST", "/transfer", one.token(t, resource, "", authAgo(time.Hour)), 401, `max_age="300"`},
		{"RFC 9470 a recent one", "POST", "/transfer", one.token(t, resource, "", authAgo(time.Minute)), 200, ""},
		{"RFC 9449 off", "GET", "/whoami", one.token(t, resource, "", map[string]any{"cnf": map[string]string{"jkt": "x"}}), 401, `error="invalid_token"`},
		{"RFC 9728 §5.1", "GET", "/whoami", "", 401, `resource_metadata="https://api.example/.well-known/oauth-protected-resource"`},
		{"RFC 9728 §3", "GET", "/.well-known/oauth-protected-resource", "", 200, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp, doc := p.do(t, row.method, row.path, row.token)
			if resp.StatusCode != row.status || !strings.Contains(resp.Header.Get("WWW-Authenticate"), row.challenge) {
				t.Errorf("status %d, %s, %v", resp.StatusCode, resp.Header.Get("WWW-Authenticate"), doc)
			}
			if row.token != "" && resp.StatusCode < 300 && doc["sub"] != "alice" {
				t.Errorf("answer %v", doc)
			}
		})
	}
	p.stop(t, os.Interrupt)
	for line := range strings.Lines(p.stderr.String()) {
		if strings.Contains(line, "eyJ") {
			t.Errorf("a token is in the log: %s", line)
		}
	}
}

// FLT-01: the issuer may be started later.
func TestIssuerDown(t *testing.T) {
	gone := newIssuer(t, httptest.NewServer)
	token := gone.token(t, "http://localhost:8082", "")
	gone.Close()
	p := start(t, nil, "-issuer", gone.URL)
	resp, _ := p.do(t, "GET", "/whoami", token)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("status %d", resp.StatusCode)
	}
	if resp, _ := p.do(t, "GET", "/healthz", ""); resp.StatusCode != 200 {
		t.Errorf("health: status %d", resp.StatusCode)
	}
	p.stop(t, syscall.SIGTERM)
}
