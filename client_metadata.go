package oidckit

import (
	"encoding/json"
	"fmt"
)

// ClientMetadata is what a client registers about itself (RFC 7591 §2,
// OpenID Connect Dynamic Client Registration 1.0 §2, OpenID Connect
// RP-Initiated Logout 1.0 §3.1, Back-Channel Logout 1.0 §2.2, Front-Channel
// Logout 1.0 §2, JWT Secured Authorization Response Mode §3).
type ClientMetadata struct {
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`

	ClientName string   `json:"client_name,omitempty"`
	ClientURI  string   `json:"client_uri,omitempty"`
	LogoURI    string   `json:"logo_uri,omitempty"`
	PolicyURI  string   `json:"policy_uri,omitempty"`
	TosURI     string   `json:"tos_uri,omitempty"`
	Contacts   []string `json:"contacts,omitempty"`

	RedirectURIs           []string `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
	// ResponseTypes defaults to ["code"], GrantTypes to ["authorization_code"].
	ResponseTypes []string `json:"response_types,omitempty"`
	GrantTypes    []string `json:"grant_types,omitempty"`
	// TokenEndpointAuthMethod defaults to client_secret_basic.
	TokenEndpointAuthMethod string `json:"token_endpoint_auth_method,omitempty"`
	// Scope is the most the client may ask for; empty means the issuer's
	// default.
	Scope           string `json:"scope,omitempty"`
	ApplicationType string `json:"application_type,omitempty"`
	// SubjectType is public (the default) or pairwise; SectorIdentifierURI says
	// with whom pairwise subjects are shared (OpenID Connect Core 1.0 §8.1).
	SubjectType         string `json:"subject_type,omitempty"`
	SectorIdentifierURI string `json:"sector_identifier_uri,omitempty"`

	// JWKS is the client's key set, JWKSURI where it is published; at most one
	// of them.
	JWKS    json.RawMessage `json:"jwks,omitempty"`
	JWKSURI string          `json:"jwks_uri,omitempty"`
	// TokenEndpointAuthSigningAlg is the one algorithm of client assertions;
	// empty leaves the choice among those the issuer supports.
	TokenEndpointAuthSigningAlg string `json:"token_endpoint_auth_signing_alg,omitempty"`

	// IDTokenSignedResponseAlg defaults to RS256.
	IDTokenSignedResponseAlg string `json:"id_token_signed_response_alg,omitempty"`
	// UserinfoSignedResponseAlg asks for userinfo as a JWT; empty means JSON.
	UserinfoSignedResponseAlg string `json:"userinfo_signed_response_alg,omitempty"`
	// IntrospectionSignedResponseAlg signs introspection answers for a client
	// that accepts them as JWTs (RFC 9701 §6); empty means RS256 or else the
	// issuer's first.
	IntrospectionSignedResponseAlg string `json:"introspection_signed_response_alg,omitempty"`
	// AuthorizationSignedResponseAlg is the one algorithm of authorization
	// responses that are JWTs; empty means RS256 (JARM §3).
	AuthorizationSignedResponseAlg string `json:"authorization_signed_response_alg,omitempty"`
	// RequestObjectSigningAlg is the one algorithm of request objects; empty
	// leaves the choice among those the issuer supports.
	RequestObjectSigningAlg string   `json:"request_object_signing_alg,omitempty"`
	RequestURIs             []string `json:"request_uris,omitempty"`

	// DefaultMaxAge is in seconds; nil asks nothing.
	DefaultMaxAge    *int64   `json:"default_max_age,omitempty"`
	RequireAuthTime  bool     `json:"require_auth_time,omitempty"`
	DefaultACRValues []string `json:"default_acr_values,omitempty"`
	InitiateLoginURI string   `json:"initiate_login_uri,omitempty"`

	BackchannelLogoutURI              string `json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSessionRequired  bool   `json:"backchannel_logout_session_required,omitempty"`
	FrontchannelLogoutURI             string `json:"frontchannel_logout_uri,omitempty"`
	FrontchannelLogoutSessionRequired bool   `json:"frontchannel_logout_session_required,omitempty"`

	SoftwareID      string `json:"software_id,omitempty"`
	SoftwareVersion string `json:"software_version,omitempty"`
}

// printedMetadata is ClientMetadata without its methods.
type printedMetadata ClientMetadata

// Format prints the metadata without the secret. JSON has it: that is the form
// in which a client gets it.
func (m ClientMetadata) Format(f fmt.State, verb rune) {
	if m.ClientSecret != "" {
		m.ClientSecret = "redacted"
	}
	fmt.Fprintf(f, fmt.FormatString(f, verb), printedMetadata(m))
}

// Token endpoint authentication methods (OpenID Connect Core 1.0 §9, RFC 8705
// §2.1.1, §2.2.1).
const (
	AuthMethodClientSecretBasic       = "client_secret_basic"
	AuthMethodClientSecretPost        = "client_secret_post"
	AuthMethodClientSecretJWT         = "client_secret_jwt"
	AuthMethodPrivateKeyJWT           = "private_key_jwt"
	AuthMethodTLSClientAuth           = "tls_client_auth"
	AuthMethodSelfSignedTLSClientAuth = "self_signed_tls_client_auth"
	AuthMethodNone                    = "none"
)

// Grant types (RFC 6749 §4, §6). Implicit names the response types that bring
// tokens from the authorization endpoint (RFC 7591 §2.1).
const (
	GrantTypeAuthorizationCode = "authorization_code"
	GrantTypeRefreshToken      = "refresh_token"
	GrantTypeClientCredentials = "client_credentials"
	GrantTypeImplicit          = "implicit"
	GrantTypePassword          = "password"
)
