package provider

import (
	"fmt"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
	"github.com/oidckit/oidckit/provider/internal/token"
	"github.com/oidckit/oidckit/provider/internal/userclaims"
)

// responseTypes are those that the issuer offers.
func (c *Config) responseTypes() []responsetype.Type {
	types := []responsetype.Type{responsetype.Code}
	if c.Legacy != nil {
		types = append(types, c.Legacy.responseTypes()...)
	}
	if c.Hybrid != nil {
		types = append(types, c.Hybrid.responseTypes()...)
	}
	return types
}

// responseTypeNames is response_types_supported.
func (c *Config) responseTypeNames() []string {
	var names []string
	for _, t := range c.responseTypes() {
		names = append(names, t.String())
	}
	return names
}

// grantTypes is grant_types_supported: what the token endpoint serves, and
// implicit for tokens of the authorization endpoint.
func (c *Config) grantTypes() []string {
	grants := token.GrantTypes()
	if c.Legacy != nil && c.Legacy.Password != nil {
		grants = append(grants, oidckit.GrantTypePassword)
	}
	if slices.ContainsFunc(c.responseTypes(), responsetype.Type.FrontChannelTokens) {
		grants = append(grants, oidckit.GrantTypeImplicit)
	}
	return grants
}

// resolveClaims checks which claims the scopes bring, and what signing in can.
func (r *resolved) resolveClaims() []error {
	var errs []error
	var err error
	if r.userClaims, err = userclaims.New(r.Config.Claims); err != nil {
		errs = append(errs, err)
	}
	if rules := r.preset(); rules != nil && r.userClaims != nil {
		r.userClaims = r.userClaims.WithAliases(rules.claimNames)
	}
	for scope := range r.Config.Claims {
		if r.catalogue != nil && !slices.Contains(r.catalogue.Names(), scope) {
			errs = append(errs, fmt.Errorf("Claims: %q is not a scope of this issuer", scope))
		}
	}
	for _, acr := range r.ACRValues {
		if acr == "" || strings.ContainsAny(acr, " \t\r\n") {
			errs = append(errs, fmt.Errorf("ACRValues: %q is empty or has a space", acr))
		}
	}
	return errs
}
