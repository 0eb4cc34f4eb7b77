package provider

import (
	"fmt"
	"slices"

	"github.com/oidckit/oidckit/provider/internal/scopes"
)

// Forms of access tokens.
const (
	// AccessTokenJWT is a JWT that the resource verifies by itself (RFC 9068).
	AccessTokenJWT = "jwt"
	// AccessTokenOpaque says nothing to who holds it: the resource asks the
	// introspection endpoint (RFC 7662).
	AccessTokenOpaque = "opaque"
)

// Resource is a protected resource (RFC 8707).
type Resource struct {
	// Resource is the resource indicator, an absolute URI without fragment:
	// the aud of its access tokens.
	Resource string
	// Scopes are the scopes that belong to it.
	Scopes []string
	// SigningAlg signs its access tokens; empty means the first of
	// Config.SigningAlgs.
	SigningAlg string
	// AccessTokenFormat is AccessTokenJWT, the default, or AccessTokenOpaque,
	// for which Stores.AccessTokens is needed. A token for several resources is
	// opaque only where all of them take it so.
	AccessTokenFormat string
	// ClientIDs are the clients as which the resource itself calls the issuer:
	// they may introspect the access tokens that are meant for it.
	ClientIDs []string
}

// checkResources returns the resources as the catalogue takes them.
func (r *resolved) checkResources() ([]scopes.Resource, []error) {
	var out []scopes.Resource
	var errs []error
	for i, res := range r.Resources {
		if res.SigningAlg != "" && !slices.Contains(r.SigningAlgs, res.SigningAlg) {
			errs = append(errs, fmt.Errorf("Resources[%d]: SigningAlg %q is not among SigningAlgs", i, res.SigningAlg))
		}
		switch res.AccessTokenFormat {
		case "", AccessTokenJWT:
		case AccessTokenOpaque:
			if r.Stores.AccessTokens == nil {
				errs = append(errs, fmt.Errorf("Resources[%d]: AccessTokenFormat is opaque, but Stores.AccessTokens is nil", i))
			}
		default:
			errs = append(errs, fmt.Errorf("Resources[%d]: AccessTokenFormat %q is neither jwt nor opaque", i, res.AccessTokenFormat))
		}
		out = append(out, scopes.Resource{
			Identifier: res.Resource, Scopes: res.Scopes, SigningAlg: res.SigningAlg,
			Opaque: res.AccessTokenFormat == AccessTokenOpaque, ClientIDs: res.ClientIDs,
		})
	}
	return out, errs
}
