package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/browsertest"
)

func do(t *testing.T, method, address string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// Who comes to the issuer's address by hand is told what it is.
func TestHome(t *testing.T) {
	binary := browsertest.Build(t, ".")
	for _, path := range []string{"", "/moas"} {
		addr := freeAddr(t)
		base := "http://localhost:" + addr[strings.LastIndex(addr, ":")+1:]
		issuer := base + (&url.URL{Path: path}).EscapedPath()
		p := browsertest.Start(t, t.TempDir(), binary, "-addr", addr, "-issuer", issuer)
		p.Line("issuer")
		for _, row := range []struct {
			method, address string
			status          int
		}{
			{"GET", issuer, 200}, {"HEAD", issuer + "/", 200}, {"GET", issuer + "/nothing", 404}, {"GET", base + "/nothing", 404},
			{"POST", issuer + "/", 405}, {"OPTIONS", issuer, 405}, {"POST", base + "/healthz", 405},
		} {
			res, body := do(t, row.method, row.address)
			if res.StatusCode != row.status || (row.status == 405) != (res.Header.Get("Allow") == "GET, HEAD") {
				t.Errorf("%s %s: %d, Allow %q", row.method, row.address, res.StatusCode, res.Header.Get("Allow"))
			}
			if row.method == "GET" && row.status == 200 {
				policy := res.Header.Get("Content-Security-Policy")
				if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(body, "OpenID provider") || strings.Contains(body, "<script") {
					t.Errorf("%s: %s\n%s", row.address, policy, body)
				}
			}
		}
		p.Stop()
	}
}

func TestHomeInABrowser(t *testing.T) {
	b := browsertest.New(t)
	addr := freeAddr(t)
	issuer := "http://localhost:" + addr[strings.LastIndex(addr, ":")+1:]
	browsertest.Start(t, t.TempDir(), browsertest.Build(t, "."), "-addr", addr, "-issuer", issuer).Line("issuer")
	b.Window(320, 600, true)
	b.Open(issuer)
	if over := browsertest.Eval[float64](b, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
		t.Errorf("%v pixels stick out", over)
	}
	if status := b.Click("#discovery"); status != http.StatusOK || b.URL() != issuer+"/.well-known/openid-configuration" {
		t.Errorf("the link leads to %s: %d", b.URL(), status)
	}
}

// lines reads a log of JSON lines; all of it must be that.
func lines(t *testing.T, text string) (out []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("not a structured line: %q", line)
		}
		out = append(out, fields)
	}
	return out
}

// What happens is told in one line each, and no token with it.
func TestEventsAreLogged(t *testing.T) {
	addr := freeAddr(t)
	issuer := "http://localhost:" + addr[strings.LastIndex(addr, ":")+1:]
	config := write(t, "config.json", `{"clients": [{"client_id": "svc", "client_secret": "the secret of svc", "grant_types": ["client_credentials"]}],
		"scopes": {"orders:read": "Read"}, "resources": [{"resource": "https://api.example/", "scopes": ["orders:read"]}]}`)
	p := browsertest.Start(t, t.TempDir(), browsertest.Build(t, "."), "-addr", addr, "-issuer", issuer, "-config", config)
	p.Line("issuer")
	var token string
	for _, secret := range []string{"a guess of nobody", "the secret of svc"} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/token", strings.NewReader("grant_type=client_credentials&scope=orders:read"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth("svc", url.QueryEscape(secret))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var answer map[string]any
		_ = json.NewDecoder(res.Body).Decode(&answer)
		res.Body.Close()
		token, _ = answer["access_token"].(string)
	}
	if token == "" {
		t.Fatal("no token")
	}
	p.Stop()
	want := map[string]map[string]any{
		"client.refused": {"level": "warn", "error": "invalid_client"},
		"token.issued":   {"level": "info", "client_id": "svc", "grant_type": "client_credentials"},
	}
	for _, line := range lines(t, p.Stderr()) {
		name, _ := line["event"].(string)
		for field, value := range want[name] {
			if line[field] != value {
				t.Errorf("%s: %s is %v, want %v", name, field, line[field], value)
			}
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not in the log: %v\n%s", want, p.Stderr())
	}
	for _, secret := range []string{token, "secret of svc", "guess of nobody"} {
		if strings.Contains(p.Stderr(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// certificate writes a self-signed one and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
}

// A failed handshake is a line like all others, and -log-level is for it too.
func TestHandshakeNoise(t *testing.T) {
	cert, key := certificate(t)
	for level, want := range map[string]bool{"warn": true, "error": false} {
		addr := freeAddr(t)
		p := browsertest.Start(t, t.TempDir(), browsertest.Build(t, "."), "-addr", addr,
			"-issuer", "https://"+strings.Replace(addr, "127.0.0.1", "localhost", 1), "-tls-cert", cert, "-tls-key", key, "-log-level", level)
		p.Line("issuer")
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		// The answer comes after the line is written.
		_, _ = io.ReadAll(conn)
		conn.Close()
		p.Stop()
		got := false
		for _, line := range lines(t, p.Stderr()) {
			detail, _ := line["detail"].(string)
			got = got || line["level"] == "warn" && strings.Contains(detail, "TLS")
		}
		if got != want {
			t.Errorf("-log-level %s: %q", level, p.Stderr())
		}
	}
}

func TestPoolIsBounded(t *testing.T) {
	db, _, err := openDatabase("postgres://127.0.0.1:1/x")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if open := db.Stats().MaxOpenConnections; open != 20 {
		t.Errorf("at most %d connections", open)
	}
}
