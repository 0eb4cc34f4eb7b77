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
	// AccountLinks and IdentityProviders are for the broker alone, which demands
	// what it uses itself: a store that serves relying parties may leave them nil.
	AccountLinks      AccountLinks
	IdentityProviders IdentityProviders
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
