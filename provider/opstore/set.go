package opstore

import (
	"errors"

	"github.com/oidckit/oidckit"
)

// Set is the stores of one issuer.
type Set struct {
	Codes        Codes
	Grants       Grants
	Sessions     Sessions
	Interactions Interactions
	Consents     Consents
	Keys         Keys
	Users        Users
	Revocations  Revocations
	Replay       oidckit.ReplayStore

	// Registrations is needed where clients are registered while the issuer
	// runs, AccessTokens where a resource takes opaque access tokens, Deliveries
	// for back-channel logout.
	Registrations Registrations
	AccessTokens  AccessTokens
	Deliveries    Deliveries
}

// Validate names every store that is missing of those that each issuer needs.
func (s Set) Validate() error {
	var errs []error
	for _, f := range []struct {
		name    string
		missing bool
	}{
		{"Codes", s.Codes == nil},
		{"Grants", s.Grants == nil},
		{"Sessions", s.Sessions == nil},
		{"Interactions", s.Interactions == nil},
		{"Consents", s.Consents == nil},
		{"Keys", s.Keys == nil},
		{"Users", s.Users == nil},
		{"Revocations", s.Revocations == nil},
		{"Replay", s.Replay == nil},
	} {
		if f.missing {
			errs = append(errs, errors.New("opstore.Set."+f.name+" is nil"))
		}
	}
	return errors.Join(errs...)
}
