package client

import (
	"encoding/json"
	"net/http"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
)

// Config is a client as it is registered at one authorization server. Whoever
// makes one has checked it and filled in the defaults: the texts of errors name
// the fields that people know.
type Config struct {
	// Issuer is the exact issuer identifier.
	Issuer string
	// Metadata is what is known of the server by hand, nil where it is fetched.
	Metadata *oidckit.ProviderMetadata
	// Endpoints stand before those of the metadata, where they are not empty.
	Endpoints Endpoints
	// Keys are those of its signatures that are known by hand, nil where its
	// jwks_uri has them.
	Keys []jose.JWK
	// PlainOAuth is nil for an OpenID provider.
	PlainOAuth *PlainOAuth
	// Legacy is what the server wants against the standards.
	Legacy       Legacy
	ClientID     string
	ClientSecret string
	// TokenEndpointAuthMethod is empty where the server's metadata decides.
	TokenEndpointAuthMethod string
	// TokenEndpointAuthSigningAlg is the HMAC algorithm of client_secret_jwt.
	TokenEndpointAuthSigningAlg string
	// AllowTokenEndpointAudience names the token endpoint in assertions, for
	// servers that take no other audience.
	AllowTokenEndpointAudience bool
	// PushedAuthorization pushes the authorization requests (RFC 9126), which is
	// done too where the server's metadata demands it.
	PushedAuthorization bool
	// RequestObjects sends requests as JWTs (RFC 9101), which is done too, by
	// value, where the server's metadata demands it and there is a Signer. Optional.
	RequestObjects *RequestObjects
	// Signer signs for the client, nil where it has no key.
	Signer *jose.Signer
	// RedirectURI is where the person comes back.
	RedirectURI string
	// Scope is what a login asks for.
	Scope oidckit.Scope
	// Resource is the API that access tokens are for (RFC 8707 §2), or empty.
	Resource string
	// ResponseType is "" for code; ResponseMode is "" for the query. See
	// CheckResponseType and CheckResponseMode.
	ResponseType, ResponseMode string
	// AuthorizationSignedResponseAlg is the one algorithm of responses that are
	// JWTs.
	AuthorizationSignedResponseAlg string
	// Claims is what every login asks for by the claims parameter, empty or as
	// CheckClaimsRequest has it.
	Claims json.RawMessage
	// AuthorizationParams are further parameters of every login. None of them is
	// IsReservedParameter.
	AuthorizationParams map[string]string
	// IDTokenSignedResponseAlg is the one algorithm of ID tokens.
	IDTokenSignedResponseAlg string
	// UserinfoSignedResponseAlg is the one algorithm of userinfo, empty where it
	// comes as JSON.
	UserinfoSignedResponseAlg string
	// AllowLogoutTokenWithoutExp takes logout tokens without exp.
	AllowLogoutTokenWithoutExp bool
	// HTTPClient reaches the server; see httpx.Bounded.
	HTTPClient *http.Client
	Logger     zerolog.Logger
}
