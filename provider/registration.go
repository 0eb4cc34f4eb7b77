package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/internal/register"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Registration lets clients register themselves, and read, change and delete
// their own registration (RFC 7591, RFC 7592, OpenID Connect Dynamic Client
// Registration 1.0). They are kept in Stores.Registrations.
//
// Who may register is said by InitialAccessTokens, CheckInitialAccessToken or
// AllowAnonymous; without one of them nobody could, which is an error of the
// config. Whoever registers, a client never gets by itself the grants that act
// without a person (client_credentials, password) nor scopes beyond the
// standard ones: Policy may give them.
type Registration struct {
	// InitialAccessTokens are the hashes of the tokens that allow to register
	// (RFC 7591 §3), each any number of times: oidckit.HashToken.
	InitialAccessTokens []oidckit.TokenHash
	// CheckInitialAccessToken reports whether another token allows to register.
	// An error means that it could not be checked. It must be safe for
	// concurrent use. Optional.
	CheckInitialAccessToken func(ctx context.Context, token string) (bool, error)
	// AllowAnonymous registers whoever asks. Clients that are never used again
	// stay until somebody deletes them: MaxClients bounds what that costs, and a
	// limit by address, in front of the issuer, keeps one stranger from using it
	// up.
	AllowAnonymous bool
	// Policy may change what a client is about to register, at its registration
	// and at each change of it, or refuse it by returning an *oidckit.Error; any
	// other error means that it could not decide, and is answered with 503. The
	// metadata was checked, has its defaults, and is checked again afterwards. It
	// must be safe for concurrent use. Optional.
	Policy func(ctx context.Context, m *oidckit.ClientMetadata) error
	// Scopes are scopes, beside the standard ones, that clients may have by
	// themselves. What else they ask for is left out of their registration.
	Scopes []string
	// MaxClients is how many clients there may be before further registrations
	// are refused: 10 000 by default. Clients of the config do not count, those
	// that operators register do.
	MaxClients int
	// SecretLifetime ends client secrets: 0 is never, else at least an hour. A
	// client that updates its registration after the end gets a new one.
	SecretLifetime time.Duration
}

const defaultMaxClients = 10_000

func (f *Registration) check(r *resolved) []error {
	var errs []error
	if r.Stores.Registrations == nil {
		errs = append(errs, errors.New("Registration: Stores.Registrations is nil"))
	}
	if len(f.InitialAccessTokens) == 0 && f.CheckInitialAccessToken == nil && !f.AllowAnonymous {
		errs = append(errs, errors.New("Registration: nobody could register: set InitialAccessTokens, CheckInitialAccessToken or AllowAnonymous"))
	}
	if slices.Contains(f.InitialAccessTokens, oidckit.TokenHash{}) {
		errs = append(errs, errors.New("Registration.InitialAccessTokens has an empty hash"))
	}
	for _, name := range f.Scopes {
		if r.catalogue != nil && !slices.Contains(r.catalogue.Names(), name) {
			errs = append(errs, fmt.Errorf("Registration.Scopes: %q is not a scope of the issuer", name))
		}
	}
	if f.MaxClients < 0 {
		errs = append(errs, fmt.Errorf("Registration.MaxClients is %d, must not be negative", f.MaxClients))
	}
	if f.SecretLifetime != 0 && f.SecretLifetime < time.Hour {
		errs = append(errs, fmt.Errorf("Registration.SecretLifetime is %v, must be 0 or at least 1h", f.SecretLifetime))
	}
	return errs
}

func (f *Registration) routes(a *assembly) []route {
	r := a.cfg
	h := &register.Handler{
		Registrar: a.registrar(), URL: r.Issuer + r.Paths.Registration,
		AccessTokens: f.InitialAccessTokens, CheckToken: f.CheckInitialAccessToken, AllowAnonymous: f.AllowAnonymous,
		Decide: f.Policy, GrantTypes: slices.DeleteFunc(slices.Clone(r.clients.Policy.GrantTypes), withoutPerson),
		Scopes:     append(r.catalogue.Allowed(&opstore.Client{}, r.catalogue.Names()), f.Scopes...),
		MaxClients: f.MaxClients, SecretLifetime: f.SecretLifetime,
		Guard: &safeurl.Guard{AllowLoopback: r.Outbound.AllowLoopback, AllowPrivate: r.Outbound.AllowPrivate},
	}
	if h.MaxClients == 0 {
		h.MaxClients = defaultMaxClients
	}
	return []route{a.at(r.Paths.Registration, a.endpoint("register", h.Serve, register.Methods, register.WriteError))}
}

func (f *Registration) describe(r *resolved, m *oidckit.ProviderMetadata) {
	m.RegistrationEndpoint = r.Issuer + r.Paths.Registration
}

// withoutPerson reports whether a grant asks no person at the issuer.
func withoutPerson(grantType string) bool {
	return grantType == oidckit.GrantTypeClientCredentials || grantType == oidckit.GrantTypePassword
}

// registrar registers clients for whoever asks.
func (a *assembly) registrar() *clients.Registrar {
	r := a.cfg
	return &clients.Registrar{
		Issuer: r.Issuer, Configured: r.clients.Configured, Policy: r.clients.Policy,
		Store: r.Stores.Registrations, Grants: r.Stores.Grants, Outbound: a.outbound, Logger: r.Logger, Events: r.Events,
	}
}
