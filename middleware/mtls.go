package middleware

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
)

var errMTLSNotBuilt = errors.New("middleware: MTLS was not made by NewMTLS")

// MTLSConfig says how the client's certificate is known (RFC 8705).
type MTLSConfig struct {
	// Required refuses tokens that are not bound to a certificate.
	Required bool
	// TrustedProxies are the addresses from which connections come that a proxy
	// has made, which ends the clients' TLS connections and tells of their
	// certificates in a header. Of those connections only the header counts,
	// of all others only the certificate of the connection itself. None are
	// trusted by default. A proxy must take the header out of what clients
	// send; one that is reached over a Unix socket cannot be named.
	TrustedProxies []netip.Prefix
	// CertificateHeader is the header's name; "" means Client-Cert (RFC 9440
	// §2.1).
	CertificateHeader string
	// CertificateFormat is the header's form.
	CertificateFormat CertificateFormat
}

// CertificateFormat is how a proxy writes a certificate into a header.
type CertificateFormat int

const (
	// CertificateRFC9440 is DER in base64 between colons, as RFC 9440 §2.1 has
	// it.
	CertificateRFC9440 CertificateFormat = iota
	// CertificateEscapedPEM is PEM, percent-encoded: the variable
	// $ssl_client_escaped_cert of nginx.
	CertificateEscapedPEM
)

// MTLS takes tokens that are bound to a certificate of the client's, over
// connections on which the client has shown that it has the certificate's key
// (RFC 8705 §3). It is safe for concurrent use. The zero value answers 503 to
// every bound token.
//
// Who ends the TLS connections asks for the certificates: the server's
// tls.Config with ClientAuth of at least tls.RequestClientCert. By whom a
// certificate was issued does not matter here, for the token names it.
type MTLS struct{ cfg *MTLSConfig }

// NewMTLS checks cfg and reports all its problems together.
func NewMTLS(cfg MTLSConfig) (*MTLS, error) {
	var problems []error
	problem := func(field, text string) { problems = append(problems, errors.New(field+" "+text)) }
	for _, p := range cfg.TrustedProxies {
		if !p.IsValid() || p.Bits() == 0 {
			problem("TrustedProxies", "holds "+p.String()+", which is no range of addresses or all of them")
		}
	}
	if len(cfg.TrustedProxies) == 0 && cfg.CertificateHeader != "" {
		problem("CertificateHeader", "is set without TrustedProxies")
	}
	if cfg.CertificateFormat != CertificateRFC9440 && cfg.CertificateFormat != CertificateEscapedPEM {
		problem("CertificateFormat", "is unknown")
	}
	if cfg.CertificateHeader == "" {
		cfg.CertificateHeader = "Client-Cert"
	}
	for i := range len(cfg.CertificateHeader) {
		if !isTokenChar(cfg.CertificateHeader[i]) {
			problem("CertificateHeader", "is no header's name")
			break
		}
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("middleware: MTLSConfig: %w", errors.Join(problems...))
	}
	cfg.CertificateHeader = http.CanonicalHeaderKey(cfg.CertificateHeader)
	cfg.TrustedProxies = slices.Clone(cfg.TrustedProxies)
	for i, p := range cfg.TrustedProxies {
		cfg.TrustedProxies[i] = unmapped(p)
	}
	return &MTLS{cfg: &cfg}, nil
}

func (m *MTLS) required() bool { return m != nil && m.cfg != nil && m.cfg.Required }

// check compares the token's certificate with the client's: RFC 8705 §3.
func (m *MTLS) check(r *http.Request, thumbprint string) *oidckit.Error {
	if m.cfg == nil {
		return wire.Unavailable(errMTLSNotBuilt)
	}
	der, reason := m.certificate(r)
	if reason != "" {
		return refusedBinding(errBound, "MTLS", reason)
	}
	sum := sha256.Sum256(der)
	if !secret.Equal(base64.RawURLEncoding.EncodeToString(sum[:]), thumbprint) {
		return refusedBinding(errCertificate, "", "x5t#S256 is not the thumbprint of the client's certificate")
	}
	return nil
}

// certificate returns the client's certificate in DER, or says why there is
// none.
func (m *MTLS) certificate(r *http.Request) (der []byte, reason string) {
	if m.fromProxy(r) {
		values := r.Header[m.cfg.CertificateHeader]
		if len(values) != 1 {
			return nil, fmt.Sprintf("the proxy has sent %d values of %s", len(values), m.cfg.CertificateHeader)
		}
		der, ok := readCertificate(m.cfg.CertificateFormat, values[0])
		if !ok {
			return nil, "the proxy's header " + m.cfg.CertificateHeader + " holds no certificate in the form that is configured"
		}
		return der, ""
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, "the connection has no client certificate, and is from none of the trusted proxies"
	}
	return r.TLS.PeerCertificates[0].Raw, ""
}

// fromProxy reports whether a connection was made by a trusted proxy.
func (m *MTLS) fromProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(m.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// unmapped writes a range of IPv4 addresses that are mapped into IPv6 as one
// of IPv4 addresses.
func unmapped(p netip.Prefix) netip.Prefix {
	if addr := p.Addr(); addr.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(addr.Unmap(), p.Bits()-96)
	}
	return p
}
