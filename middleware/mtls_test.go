package middleware_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// newCertificate is one that its holder has signed (RFC 8705 §2.2).
func newCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func x5t(c tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return b64(sum[:])
}

// boundTo takes every token, as one that is bound to a certificate; the token
// "plain" is not.
func boundTo(c tls.Certificate) middleware.Verifier {
	return verifierFunc(func(token string) (*oidckit.Identity, error) {
		id := *alice
		if token != "plain" {
			id.Confirmation = &oidckit.Confirmation{CertificateThumbprint: x5t(c)}
		}
		return &id, nil
	})
}

func mtlsAPI(t *testing.T, v middleware.Verifier, cfg middleware.MTLSConfig) *guarded {
	t.Helper()
	m, err := middleware.NewMTLS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{}
	g.handler = middleware.Bearer{Verifier: v, MTLS: m, Logger: zerolog.New(g), Events: g.event}.Require(http.HandlerFunc(g.serve))
	return g
}

// RFC 8705 §3: the certificate is that of the connection, over real TLS, also
// when the connection resumes an earlier session.
func TestMTLSOverTLS(t *testing.T) {
	own, other := newCertificate(t), newCertificate(t)
	g := mtlsAPI(t, boundTo(own), middleware.MTLSConfig{})
	server := httptest.NewUnstartedServer(g.handler)
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	for _, row := range []struct {
		name         string
		certificates []tls.Certificate
		token        string
		status       int
	}{
		{"own", []tls.Certificate{own}, "t", 200},
		{"another", []tls.Certificate{other}, "t", 401},
		{"none", nil, "t", 401},
		{"a plain token", []tls.Certificate{own}, "plain", 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
				InsecureSkipVerify: true, Certificates: row.certificates, ClientSessionCache: tls.NewLRUClientSessionCache(1)}}
			for range 2 {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer "+row.token)
				// nobody's word but the handshake's counts
				r.Header.Set("Client-Cert", ":"+base64.StdEncoding.EncodeToString(own.Certificate[0])+":")
				resp, err := transport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != row.status {
					t.Errorf("status %d", resp.StatusCode)
				}
				if row.status == 401 && !strings.Contains(resp.Header.Get("WWW-Authenticate"), `Bearer realm="api", error="invalid_token"`) {
					t.Errorf("challenge %s", resp.Header.Get("WWW-Authenticate"))
				}
				body(t, resp)
				resp.Body.Close()
			}
		})
	}
}

// A certificate in a header counts when a trusted proxy has sent it, and then
// the connection's own does not.
func TestMTLSBehindProxy(t *testing.T) {
	own, other := newCertificate(t), newCertificate(t)
	structured := func(c tls.Certificate) string { return ":" + base64.StdEncoding.EncodeToString(c.Certificate[0]) + ":" }
	text := func(c tls.Certificate) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
	}
	// url.PathEscape leaves "+" as nginx does not; both are read
	escaped := func(c tls.Certificate) string { return strings.ReplaceAll(url.PathEscape(text(c)), "+", "%2B") }
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("::ffff:192.0.2.0/120")}
	rfc9440 := middleware.MTLSConfig{TrustedProxies: proxies}
	nginx := middleware.MTLSConfig{TrustedProxies: proxies, CertificateHeader: "x-ssl-cert", CertificateFormat: middleware.CertificateEscapedPEM}
	untrusted := middleware.MTLSConfig{}
	connection := func(c tls.Certificate) *tls.ConnectionState {
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
	}
	const header, proxy, stranger = "Client-Cert", "10.1.2.3:4567", "203.0.113.9:4567"
	for _, row := range []struct {
		name   string
		cfg    middleware.MTLSConfig
		peer   string
		tls    *tls.ConnectionState
		header string
		values []string
		ok     bool
	}{
		{"RFC 9440 §2.1", rfc9440, proxy, nil, header, []string{structured(own)}, true},
		{"nginx", nginx, proxy, nil, "X-Ssl-Cert", []string{escaped(own)}, true},
		{"PEM with plus signs as they are", nginx, proxy, nil, "X-Ssl-Cert", []string{url.PathEscape(text(own))}, true},
		{"a proxy over IPv6", rfc9440, "[fd00::1]:1", nil, header, []string{structured(own)}, true},
		{"a proxy over IPv6 with a zone", rfc9440, "[fd00::1%eth0]:1", nil, header, []string{structured(own)}, true},
		{"a proxy over a mapped address", rfc9440, "[::ffff:10.1.2.3]:1", nil, header, []string{structured(own)}, true},
		{"a range of mapped addresses", rfc9440, "192.0.2.7:1", nil, header, []string{structured(own)}, true},
		{"RFC 9651 §3.1.2 a parameter", rfc9440, proxy, nil, header, []string{structured(own) + ";a=1"}, true},
		{"RFC 9651 §3.1.2 parameters of all kinds", rfc9440, proxy, nil, header, []string{structured(own) + `; a;*b="x; \"y\", z";c=?1;d=tok/en;e=:AAAA:;f=-1.5`}, true},
		{"RFC 9651 §3.1 a list", rfc9440, proxy, nil, header, []string{structured(own) + ", " + structured(own)}, false},
		{"a list with parameters", rfc9440, proxy, nil, header, []string{structured(own) + ";a=1, " + structured(own)}, false},
		{"what is no parameter", rfc9440, proxy, nil, header, []string{structured(own) + "x"}, false},
		{"a parameter without a name", rfc9440, proxy, nil, header, []string{structured(own) + ";=1"}, false},
		{"a parameter without a value", rfc9440, proxy, nil, header, []string{structured(own) + ";a="}, false},
		{"bytes that do not end", rfc9440, proxy, nil, header, []string{structured(own) + ";a=:AA"}, false},
		{"a parameter that does not end", rfc9440, proxy, nil, header, []string{structured(own) + `;a="x`}, false},
		{"no colon in front", rfc9440, proxy, nil, header, []string{structured(own)[1:]}, false},
		{"no colon behind", rfc9440, proxy, nil, header, []string{strings.TrimSuffix(structured(own), ":")}, false},
		{"another's certificate", rfc9440, proxy, nil, header, []string{structured(other)}, false},
		{"a stranger's header", rfc9440, stranger, nil, header, []string{structured(own)}, false},
		{"nobody is trusted", untrusted, proxy, nil, header, []string{structured(own)}, false},
		{"nobody is trusted, loopback", untrusted, "127.0.0.1:1", nil, header, []string{structured(own)}, false},
		{"X-Forwarded-For is no peer", rfc9440, stranger, nil, header, []string{structured(own)}, false},
		{"a Unix socket is no peer", rfc9440, "@", nil, header, []string{structured(own)}, false},
		{"another header", rfc9440, proxy, nil, "X-Ssl-Cert", []string{structured(own)}, false},
		{"two values", rfc9440, proxy, nil, header, []string{structured(own), structured(own)}, false},
		{"no value", rfc9440, proxy, nil, header, nil, false},
		{"an empty value", rfc9440, proxy, nil, header, []string{""}, false},
		{"the other form", rfc9440, proxy, nil, header, []string{escaped(own)}, false},
		{"the other form, too", nginx, proxy, nil, "X-Ssl-Cert", []string{structured(own)}, false},
		{"two certificates", nginx, proxy, nil, "X-Ssl-Cert", []string{escaped(own) + escaped(other)}, false},
		{"not a certificate", nginx, proxy, nil, "X-Ssl-Cert", []string{strings.ReplaceAll(escaped(own), "CERTIFICATE", "PUBLIC%20KEY")}, false},
		{"something else in base64", rfc9440, proxy, nil, header, []string{":AAAA:"}, false},
		{"not base64", rfc9440, proxy, nil, header, []string{":?:"}, false},
		{"long", rfc9440, proxy, nil, header, []string{":" + strings.Repeat("A", 64<<10) + ":"}, false},
		{"a trusted proxy's own certificate is not the client's", rfc9440, proxy, connection(own), "", nil, false},
		{"a trusted proxy's header beside its own certificate", rfc9440, proxy, connection(other), header, []string{structured(own)}, true},
		{"a stranger's own certificate", rfc9440, stranger, connection(own), header, []string{structured(other)}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := mtlsAPI(t, boundTo(own), row.cfg)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer t")
			r.Header.Set("X-Forwarded-For", "10.1.2.3")
			r.RemoteAddr, r.TLS = row.peer, row.tls
			r.Header[row.header] = row.values
			resp := serve(g.handler, r)
			if row.ok {
				g.wantServed(t, resp)
				return
			}
			g.wantRefused(t, resp, 401, "invalid_token")
			if log, _ := g.reported(); strings.Contains(log, "is not the thumbprint") != (row.name == "another's certificate") {
				t.Errorf("log %s", log)
			}
		})
	}
}

func TestMTLSRequired(t *testing.T) {
	own := newCertificate(t)
	g := mtlsAPI(t, boundTo(own), middleware.MTLSConfig{Required: true})
	g.wantRefused(t, g.get("Bearer plain"), 401, "invalid_token")
	if log, event := g.reported(); !strings.Contains(log, "Bearer.MTLS") || event.Name != oidckit.EventTokenRefused {
		t.Errorf("log %s, event %+v", log, event)
	}
	off := &guarded{}
	off.handler = middleware.Bearer{Verifier: boundTo(own), Logger: zerolog.New(off)}.Require(http.HandlerFunc(off.serve))
	off.wantRefused(t, off.get("Bearer t"), 401, "invalid_token")
	if log, _ := off.reported(); !strings.Contains(log, "Bearer.MTLS") {
		t.Errorf("log %s", log)
	}
	zero := &guarded{}
	zero.handler = middleware.Bearer{Verifier: boundTo(own), MTLS: &middleware.MTLS{}}.Require(http.HandlerFunc(zero.serve))
	zero.wantRefused(t, zero.get("Bearer t"), 503, "server_error")
}

func TestMTLSConfig(t *testing.T) {
	some := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, row := range []struct {
		name  string
		cfg   middleware.MTLSConfig
		names []string
	}{
		{"everybody is trusted", middleware.MTLSConfig{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, []string{"TrustedProxies"}},
		{"no range", middleware.MTLSConfig{TrustedProxies: []netip.Prefix{{}}}, []string{"TrustedProxies"}},
		{"a header and no proxy", middleware.MTLSConfig{CertificateHeader: "Client-Cert"}, []string{"CertificateHeader"}},
		{"no header's name", middleware.MTLSConfig{TrustedProxies: some, CertificateHeader: "a b"}, []string{"CertificateHeader"}},
		{"no format", middleware.MTLSConfig{CertificateFormat: 7}, []string{"CertificateFormat"}},
		{"everything", middleware.MTLSConfig{CertificateHeader: "a b", CertificateFormat: -1, TrustedProxies: []netip.Prefix{{}}},
			[]string{"TrustedProxies", "CertificateHeader", "CertificateFormat"}},
	} {
		m, err := middleware.NewMTLS(row.cfg)
		if err == nil || m != nil {
			t.Errorf("%s: taken", row.name)
			continue
		}
		for _, name := range row.names {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %q does not name %s", row.name, err, name)
			}
		}
	}
}
