package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/secret"
)

// Check is one sentence of a store contract, and how it is shown.
type Check[S any] struct {
	Name string
	Run  func(ctx context.Context, s S) error
}

// Run runs each check as a subtest, over a realm of its own.
func Run[S any](t *testing.T, checks []Check[S], open func(t *testing.T, realm string) S) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(t.Context(), open(t, Realm())); err != nil {
				t.Error(err)
			}
		})
	}
}

// Realm returns the name of an issuer or tenant that nobody has used.
func Realm() string { return "https://" + secret.Token() + ".example" }

// Want returns an error unless err is want, which may be nil.
func Want(what string, err, want error) error {
	if want == nil && err == nil || want != nil && errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("%s: got error %v, want %v", what, err, want)
}

// First returns the first error that is not nil.
func First(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Cancelled returns a context that has ended.
func Cancelled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// ErrTooSlow is returned by the function given to ShortLived when its record
// ended before it was done with it.
var ErrTooSlow = errors.New("the record ended before the test had used it")

// ShortLived calls fn with a lifetime for a record, and again with a longer
// one while the machine is too slow for it.
func ShortLived(fn func(lifetime time.Duration) error) error {
	var err error
	for lifetime := 50 * time.Millisecond; lifetime < 10*time.Second; lifetime *= 3 {
		if err = fn(lifetime); !errors.Is(err, ErrTooSlow) {
			return err
		}
	}
	return err
}

// WaitFor waits until a time has passed.
func WaitFor(end time.Time) { time.Sleep(time.Until(end) + 2*time.Millisecond) }
