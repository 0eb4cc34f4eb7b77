package provider

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"time"

	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/safeurl"
)

// outboundTimeout leaves an endpoint time to answer within its own.
const outboundTimeout = 4 * time.Second

// Outbound says how the issuer calls addresses that clients have given it:
// jwks_uri, request_uri, sector_identifier_uri, backchannel_logout_uri. A call
// follows no redirects, ignores the proxies of the environment, and by default
// reaches public addresses only, judged when they are dialled: what a client
// registers must not become a way into the operator's network (RFC 9700 §2.6,
// RFC 9101 §10.4).
type Outbound struct {
	// AllowLoopback also reaches 127.0.0.0/8 and ::1.
	AllowLoopback bool
	// AllowPrivate also reaches private networks: RFC 1918, RFC 4193 and the
	// shared space of RFC 6598.
	AllowPrivate bool
	// RootCAs are the roots to trust; nil means the system's.
	RootCAs *x509.CertPool
	// Timeout bounds a call, its body included. Default 4 seconds, at most 8.
	Timeout time.Duration
}

func (o Outbound) check() error {
	if o.Timeout < 0 || o.Timeout > httpx.DefaultTimeout {
		return fmt.Errorf("Outbound.Timeout is %v, must be up to %v", o.Timeout, httpx.DefaultTimeout)
	}
	return nil
}

func (o Outbound) client() *http.Client {
	timeout := o.Timeout
	if timeout == 0 {
		timeout = outboundTimeout
	}
	return httpx.NewClient(httpx.Config{
		Timeout: timeout, RootCAs: o.RootCAs,
		Guard: &safeurl.Guard{AllowLoopback: o.AllowLoopback, AllowPrivate: o.AllowPrivate},
	})
}
