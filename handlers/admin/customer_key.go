package admin

import (
	"context"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
)

const (
	defaultWindow = time.Minute
	maxWindow     = 5 * time.Minute
	// timestampDigits is how many a time in milliseconds has until the year 2286.
	timestampDigits = 13
	maxCustomerKey  = 128
)

// CustomerKey lets in who sends three headers: Customer-Key; Timestamp, in
// milliseconds since 1970; and Authorization, the lower-case hexadecimal SHA-512
// of the customer key, the timestamp and an API key, one after the other.
//
// It is for clients that know nothing else. The hash covers neither method nor
// path nor body, so that whoever reads a request before the server does can send
// another one in its place: use it over TLS, and prefer a bearer token. Each hash
// is good for one request, on whatever replica, within Window; two requests of
// one customer in one millisecond need two timestamps. A header Api-Key, which
// some clients send, is not looked at.
type CustomerKey struct {
	// APIKeys returns the API keys of a customer: more than one while one takes
	// the place of another, none for a customer that is not known. They must be at
	// hand in clear, so keep them sealed. Required.
	APIKeys func(ctx context.Context, customerKey string) ([]string, error)
	// Replay remembers what was used, for all replicas. Required.
	Replay oidckit.ReplayStore
	// Window is how far a timestamp may be from this server's time, either way.
	// Default 60 seconds, at most 5 minutes.
	Window time.Duration
	// AllowPlainHTTP takes requests that come without TLS from elsewhere than
	// this machine: from a proxy that has ended it.
	AllowPlainHTTP bool
}

func (c *CustomerKey) check() []error {
	var errs []error
	if c.APIKeys == nil {
		errs = append(errs, errors.New("admin.Config.CustomerKey.APIKeys is nil"))
	}
	if c.Replay == nil {
		errs = append(errs, errors.New("admin.Config.CustomerKey.Replay is nil"))
	}
	if c.Window < 0 || c.Window > maxWindow {
		errs = append(errs, fmt.Errorf("admin.Config.CustomerKey.Window is %v, must be up to %v", c.Window, maxWindow))
	}
	return errs
}

// customerKeyGuard makes a guard of the scheme.
func (h *Handler) customerKeyGuard(c CustomerKey) func(http.Handler) http.Handler {
	if c.Window == 0 {
		c.Window = defaultWindow
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			customer := ""
			h.endpoint("admin_customer_key", func(w http.ResponseWriter, r *http.Request) (err error) {
				customer, err = c.authenticate(r)
				return challenge(w, err)
			}, r.Method).ServeHTTP(w, r)
			if customer != "" {
				ctx := oidckit.ContextWithIdentity(r.Context(), &oidckit.Identity{Subject: customer, ClientID: customer})
				next.ServeHTTP(w, r.WithContext(ctx))
			}
		})
	}
}

// challenge adds what RFC 9110 §15.5.2 demands of a 401.
func challenge(w http.ResponseWriter, err error) error {
	if e, ok := errors.AsType[*oidckit.Error](err); ok && e.HTTPStatus() == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "CustomerKey")
	}
	return err
}

var (
	errPlainHTTP = oidckit.NewError(oidckit.AccessDenied, "Requests with a customer key are taken over TLS only.")
	errUnsigned  = oidckit.NewError(oidckit.InvalidClient, "Customer-Key, Timestamp and Authorization do not belong together, or are not what they must be.")
	errTime      = oidckit.NewError(oidckit.InvalidClient, "Timestamp is too far from this server's time.")
	errUsed      = oidckit.NewError(oidckit.InvalidClient, "This Timestamp was used before: send each request with one of its own.")
)

// authenticate returns the customer that a request comes from.
func (c *CustomerKey) authenticate(r *http.Request) (string, error) {
	if r.TLS == nil && !c.AllowPlainHTTP && !fromThisMachine(r) {
		return "", errPlainHTTP
	}
	customer, okCustomer := single(r, "Customer-Key")
	stamp, okStamp := single(r, "Timestamp")
	presented, okHash := single(r, "Authorization")
	if !okCustomer || !okStamp || !okHash || !validCustomerKey(customer) {
		return "", errUnsigned
	}
	at, err := parseTimestamp(stamp)
	if err != nil {
		return "", errUnsigned
	}
	hash, err := parseHash(presented)
	if err != nil {
		return "", errUnsigned
	}
	keys, err := c.APIKeys(r.Context(), customer)
	if err != nil {
		return "", err
	}
	if !matches(hash, customer+stamp, keys) {
		return "", errUnsigned
	}
	if distance := time.Since(at).Abs(); distance > c.Window {
		return "", errTime
	}
	// After everything else: a stranger must not use up a customer's timestamps.
	// What is accepted now may be accepted until a window after its time; a clock
	// that is set back makes that later, and the store's memory too.
	err = c.Replay.UseOnce(r.Context(), "admin customer key "+customer+" "+stamp, at.Add(2*c.Window+time.Minute))
	switch {
	case errors.Is(err, oidckit.ErrConsumed):
		return "", errUsed
	case err != nil:
		return "", err
	}
	return customer, nil
}

// single returns a header that stands once.
func single(r *http.Request, name string) (string, bool) {
	values := r.Header.Values(name)
	if len(values) != 1 {
		return "", false
	}
	return values[0], true
}

func validCustomerKey(s string) bool {
	return s != "" && len(s) <= maxCustomerKey && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

func parseTimestamp(s string) (time.Time, error) {
	if len(s) != timestampDigits || strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		return time.Time{}, errUnsigned
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	return time.UnixMilli(ms), err
}

func parseHash(s string) ([]byte, error) {
	if len(s) != hex.EncodedLen(sha512.Size) || s != strings.ToLower(s) {
		return nil, errUnsigned
	}
	return hex.DecodeString(s)
}

// matches compares with each key and stops at none. A customer that is not known
// costs what one with a key does.
func matches(hash []byte, signed string, keys []string) bool {
	found := 0
	for _, key := range keys {
		want := sha512.Sum512([]byte(signed + key))
		equal := subtle.ConstantTimeCompare(hash, want[:])
		if key == "" {
			equal = 0
		}
		found |= equal
	}
	if len(keys) == 0 {
		want := sha512.Sum512([]byte(signed + strings.Repeat("-", 32)))
		subtle.ConstantTimeCompare(hash, want[:])
	}
	return found == 1
}

func fromThisMachine(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
