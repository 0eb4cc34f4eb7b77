package client

import "net/url"

// Legacy is what a server wants that was written before the standards, or
// against them.
type Legacy struct {
	RedirectURLParameter  bool
	ClientSecretBoth      bool
	ScopeInTokenRequest   bool
	LogoutByGet           bool
	ExpiresInMilliseconds bool
	InsecureNoPKCE        bool
}

// addToExchange changes the request that redeems a code.
func (l Legacy) addToExchange(form url.Values, cfg *Config) {
	if l.RedirectURLParameter {
		form.Set("redirect_url", cfg.RedirectURI)
	}
	if l.ScopeInTokenRequest && len(cfg.Scope) > 0 {
		form.Set("scope", cfg.Scope.String())
	}
	if l.InsecureNoPKCE {
		form.Del("code_verifier")
	}
}

// addSecret puts into the form what stands in the header too.
func (l Legacy) addSecret(form url.Values, cfg *Config) {
	if l.ClientSecretBoth {
		form.Set("client_id", cfg.ClientID)
		form.Set("client_secret", cfg.ClientSecret)
	}
}
