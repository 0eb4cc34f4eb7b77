package handlers

import (
	"crypto/x509"
	"net/http"

	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/safeurl"
)

// Outbound says how addresses are called that a stranger has chosen, such as
// the host of an identifier that somebody typed, and the issuer found there. A
// call follows no redirects, ignores the proxies of the environment, and by
// default reaches public addresses only, judged when they are dialled: nobody
// looks into the operator's network through the app (OWASP ASVS 5.0 15.3.2).
type Outbound struct {
	// AllowLoopback also reaches 127.0.0.0/8 and ::1.
	AllowLoopback bool
	// AllowPrivate also reaches private networks: RFC 1918, RFC 4193 and the
	// shared space of RFC 6598.
	AllowPrivate bool
	// RootCAs are the roots to trust; nil means the system's.
	RootCAs *x509.CertPool
}

// HTTPClient returns a client that calls like this, with a connection pool of
// its own: for RegistrationRequest.HTTPClient and Config.HTTPClient where an
// issuer was found by FindIssuer.
func (o Outbound) HTTPClient() *http.Client {
	return httpx.NewClient(httpx.Config{
		RootCAs: o.RootCAs, Guard: &safeurl.Guard{AllowLoopback: o.AllowLoopback, AllowPrivate: o.AllowPrivate},
	})
}
