package broker

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/safeurl"
)

const (
	// outboundTimeout leaves a page time to answer within its own.
	outboundTimeout = 4 * time.Second
	// lookupTimeout bounds what a save asks of the resolver.
	lookupTimeout = 2 * time.Second
)

// Outbound says how the broker calls the addresses of its records. A call
// follows no redirects, ignores the proxies of the environment, and by default
// reaches public addresses only, judged when they are dialled: a record must not
// become a way into the operator's network.
type Outbound struct {
	// AllowLoopback also reaches 127.0.0.0/8 and ::1, over http too.
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

func (o Outbound) guard() *safeurl.Guard {
	return &safeurl.Guard{AllowLoopback: o.AllowLoopback, AllowPrivate: o.AllowPrivate}
}

func (o Outbound) client() *http.Client {
	timeout := o.Timeout
	if timeout == 0 {
		timeout = outboundTimeout
	}
	return httpx.NewClient(httpx.Config{Timeout: timeout, RootCAs: o.RootCAs, Guard: o.guard()})
}

var (
	errAddress = errors.New("is at an address that the broker does not call")
	errPort    = errors.New("has a port that is no web server's")
	errHTTPS   = errors.New("must be https")
)

// firstFreePort is where ports begin that any program may listen on.
const firstFreePort = 1024

// servicePorts are those of other services, where a request could be taken for
// one of theirs.
var servicePorts = []int{
	1433, 1521, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 5432, 5672, 5900, 6379, 6443, 9042, 9092, 9200, 9300, 10250, 11211, 27017,
}

// checkURL judges an address as it is written.
func (o Outbound) checkURL(raw string) error {
	u, err := safeurl.Endpoint(raw)
	if err != nil {
		return err
	}
	if u.Scheme != "https" && !o.AllowLoopback {
		return errHTTPS
	}
	if o.guard().CheckName(u.Hostname()) != nil {
		return errAddress
	}
	if port, err := strconv.Atoi(u.Port()); err == nil && port != 443 && !safeurl.IsLoopback(u.Hostname()) &&
		(port < firstFreePort || slices.Contains(servicePorts, port)) {
		return errPort
	}
	return nil
}

// lookup asks the resolver where hosts lead and returns those that lead to an
// address that is not called. One that cannot be resolved now may be later: it
// is judged when it is dialled, as all are.
func (o Outbound) lookup(ctx context.Context, hosts []string) (bad []string) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	guard := o.guard()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, host := range hosts {
		wg.Go(func() {
			if errors.Is(guard.CheckHost(ctx, host), safeurl.ErrAddress) {
				mu.Lock()
				defer mu.Unlock()
				bad = append(bad, host)
			}
		})
	}
	wg.Wait()
	return bad
}

// hostOf returns the host of an address that was checked, "" for none.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
