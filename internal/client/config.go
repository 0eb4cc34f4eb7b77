package client

import (
	"net/http"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
)

// Config is a client as it is registered at one authorization server. Whoever
// makes one has checked it and filled in the defaults: the texts of errors name
// the fields that people know.
type Config struct {
	// Issuer is the exact issuer identifier.
	Issuer       string
	ClientID     string
	ClientSecret string
	// TokenEndpointAuthMethod is empty where the server's metadata decides.
	TokenEndpointAuthMethod string
	// RedirectURI is where the person comes back.
	RedirectURI string
	// Scope is what a login asks for.
	Scope oidckit.Scope
	// Resource is the API that access tokens are for (RFC 8707 §2), or empty.
	Resource string
	// IDTokenSignedResponseAlg is the one algorithm of ID tokens.
	IDTokenSignedResponseAlg string
	// HTTPClient reaches the server; see httpx.Bounded.
	HTTPClient *http.Client
	Logger     zerolog.Logger
}
