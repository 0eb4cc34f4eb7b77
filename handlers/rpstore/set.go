package rpstore

import (
	"errors"

	"github.com/oidckit/oidckit"
)

// Set is the stores of one app.
type Set struct {
	Sessions        Sessions
	BrowserSessions BrowserSessions
	Replay          oidckit.ReplayStore
	// AccountLinks is for the broker alone.
	AccountLinks AccountLinks
}

// Validate names every store that is missing of those a relying party needs.
func (s Set) Validate() error {
	var errs []error
	if s.Sessions == nil {
		errs = append(errs, errors.New("rpstore.Set.Sessions is nil"))
	}
	if s.BrowserSessions == nil {
		errs = append(errs, errors.New("rpstore.Set.BrowserSessions is nil"))
	}
	if s.Replay == nil {
		errs = append(errs, errors.New("rpstore.Set.Replay is nil"))
	}
	return errors.Join(errs...)
}
