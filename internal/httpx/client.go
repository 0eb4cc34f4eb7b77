package httpx

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"github.com/oidckit/oidckit/internal/safeurl"
)

// DefaultTimeout bounds a call, body included, where nothing else is said.
const DefaultTimeout = 8 * time.Second

const (
	dialTimeout     = 4 * time.Second
	keepAlive       = 30 * time.Second
	idleTimeout     = 90 * time.Second
	maxHeaderBytes  = 64 << 10
	maxIdlePerHost  = 32
	maxConnsPerHost = 64
)

// Config says how a client reaches out. The zero value is usable.
type Config struct {
	// Timeout bounds a call, body included; 0 means DefaultTimeout.
	Timeout time.Duration
	// RootCAs are the roots to trust; nil means the system's.
	RootCAs *x509.CertPool
	// Guard judges every address before it is dialled; nil judges none, which
	// is right for URLs that the operator has configured.
	Guard *safeurl.Guard
}

// NewClient returns a client with a connection pool of its own. It follows no
// redirects and ignores HTTP_PROXY and its kin.
func NewClient(cfg Config) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	if cfg.Guard != nil {
		dialer.Control = cfg.Guard.Control
	}
	return &http.Client{
		Timeout:       timeoutOr(cfg.Timeout),
		CheckRedirect: refuseRedirect,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    dialTimeout,
			ResponseHeaderTimeout:  timeoutOr(cfg.Timeout),
			MaxResponseHeaderBytes: maxHeaderBytes,
			MaxIdleConnsPerHost:    maxIdlePerHost,
			MaxConnsPerHost:        maxConnsPerHost,
			IdleConnTimeout:        idleTimeout,
			ForceAttemptHTTP2:      true,
		},
	}
}

// Bounded returns a copy of an app's client that follows no redirects, keeps
// no cookies and has a timeout. A nil client, and one without a transport, gets
// the transport of NewClient: the default one would read proxies from the
// environment.
func Bounded(c *http.Client) *http.Client {
	if c == nil {
		return NewClient(Config{})
	}
	b := *c
	b.Timeout = timeoutOr(c.Timeout)
	b.CheckRedirect = refuseRedirect
	b.Jar = nil
	if b.Transport == nil {
		b.Transport = NewClient(Config{Timeout: c.Timeout}).Transport
	}
	return &b
}

func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func timeoutOr(d time.Duration) time.Duration {
	if d <= 0 {
		return DefaultTimeout
	}
	return d
}
