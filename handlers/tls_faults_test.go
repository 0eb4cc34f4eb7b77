package handlers_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit/handlers"
)

// certificate makes one for 127.0.0.1 that ends at a time.
func certificate(t *testing.T, notAfter time.Time) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: notAfter.Add(-48 * time.Hour), NotAfter: notAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, parsed
}

// FLT-09: the issuer's certificate ends, or its name or address does, while the
// app runs. Who is signed in stays so, a login has a page, nothing falls back
// to what is not secure, and all is well again when the issuer is.
func TestIssuerOutOfReach(t *testing.T) {
	good, root := certificate(t, time.Now().Add(time.Hour))
	expired, expiredRoot := certificate(t, time.Now().Add(-time.Hour))
	roots := x509.NewCertPool()
	roots.AddCert(root)
	roots.AddCert(expiredRoot)
	var plain atomic.Int32
	for name, fault := range map[string]struct {
		certificate *tls.Certificate
		dial        error
	}{
		"certificate": {certificate: &expired},
		"NXDOMAIN":    {dial: &net.DNSError{Err: "no such host", Name: "id.example", IsNotFound: true}},
		"black hole":  {dial: &net.OpError{Op: "dial", Net: "tcp6", Err: &timeoutError{}}},
	} {
		t.Run(name, func(t *testing.T) {
			var served atomic.Pointer[tls.Certificate]
			served.Store(&good)
			var broken atomic.Bool
			p := newIDP(t)
			secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.TLS == nil {
					plain.Add(1)
				}
				p.serveHTTP(w, r)
			}))
			secure.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
				return &tls.Config{Certificates: []tls.Certificate{*served.Load()}}, nil
			}}
			secure.Config.ErrorLog = log.New(io.Discard, "", 0)
			secure.StartTLS()
			defer secure.Close()
			p.URL = secure.URL
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
			dialer := &net.Dialer{}
			transport.DialContext = dialer.DialContext
			if fault.dial != nil {
				transport.DialContext = failing(dialer, &broken, fault.dial)
			}
			a := newApp(t, p, options{config: func(c *handlers.Config) { c.HTTPClient = &http.Client{Transport: transport} }})
			b := a.browser()
			b.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify = true
			if b.open(a.URL+"/me").StatusCode != http.StatusOK {
				t.Fatal("no login")
			}
			callback := a.browser()
			callbackURL := callback.begin(a, "/me")

			broken.Store(true)
			if fault.certificate != nil {
				served.Store(fault.certificate)
			}
			if who := b.loggedIn(a); who != "alice" {
				t.Errorf("who was signed in is %q", who)
			}
			res := callback.step(callbackURL)
			if res.StatusCode != http.StatusBadGateway && res.StatusCode != http.StatusGatewayTimeout || !strings.Contains(res.body, "/auth/login?return_to=%2Fme") {
				t.Errorf("a login: %d %s", res.StatusCode, res.body)
			}
			if who := callback.loggedIn(a); who != "" {
				t.Errorf("%s is signed in", who)
			}
			broken.Store(false)
			served.Store(&good)
			if res := callback.open(a.URL + "/me"); res.StatusCode != http.StatusOK {
				t.Errorf("afterwards: %d %s", res.StatusCode, res.body)
			}
		})
	}
	if plain.Load() != 0 {
		t.Error("a call went out without TLS")
	}
}

// failing dials as long as nothing is broken.
func failing(d *net.Dialer, broken *atomic.Bool, err error) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if broken.Load() {
			return nil, err
		}
		return d.DialContext(ctx, network, address)
	}
}

// timeoutError is what a connection that nobody answers ends with.
type timeoutError struct{}

func (*timeoutError) Error() string   { return "i/o timeout" }
func (*timeoutError) Timeout() bool   { return true }
func (*timeoutError) Temporary() bool { return true }
