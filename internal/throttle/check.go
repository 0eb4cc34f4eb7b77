package throttle

import (
	"errors"
	"time"

	"github.com/oidckit/oidckit"
)

// Check runs check, which looks at a password, unless there were too many
// wrong ones for this name or from this address: then it returns how long to
// wait. check returns oidckit.ErrUnauthenticated for a wrong one; an attempt
// that ends with any other error counts for nothing.
func (t *Throttle) Check(username, address string, check func() (oidckit.Authentication, error)) (oidckit.Authentication, time.Duration, error) {
	return t.check(username, address, addressLimit, check)
}

// CheckFromApp is Check for a password that an app has taken. Where the app's
// server is says nothing of the person: the app counts in the address's place.
func (t *Throttle) CheckFromApp(username, clientID string, check func() (oidckit.Authentication, error)) (oidckit.Authentication, time.Duration, error) {
	return t.check(username, "client_id "+clientID, appLimit, check)
}

func (t *Throttle) check(username, address string, limit uint32, check func() (oidckit.Authentication, error)) (oidckit.Authentication, time.Duration, error) {
	try, wait := t.begin(username, address, limit)
	if wait > 0 {
		return oidckit.Authentication{}, wait, nil
	}
	auth, err := check()
	switch {
	case err == nil:
		try.succeeded()
	case !errors.Is(err, oidckit.ErrUnauthenticated):
		try.unchecked()
	}
	return auth, 0, err
}
