package provider

import (
	"net/http"

	"github.com/oidckit/oidckit"
)

// LoginRequest returns what the login page at Config.LoginURL is asked for,
// from the request parameter it was called with. It returns an *oidckit.Error
// where the parameter is not the issuer's or is too old; its description may
// be shown.
func (p *Provider) LoginRequest(r *http.Request) (*oidckit.LoginRequest, error) {
	return p.interaction.LoginRequest(r)
}

// CompleteLogin signs the person in and answers the request: with the consent
// page, or with a redirect to the client. id is LoginRequest.ID. Each login is
// completed once; a second call returns an *oidckit.Error. After an error
// nothing has been written.
func (p *Provider) CompleteLogin(w http.ResponseWriter, r *http.Request, id string, auth oidckit.Authentication) error {
	return p.interaction.CompleteLogin(w, r, id, auth)
}

// FailLogin ends a login that did not succeed, and sends the person back to
// the client with cause's code where it is an *oidckit.Error, access_denied
// otherwise.
func (p *Provider) FailLogin(w http.ResponseWriter, r *http.Request, id string, cause error) error {
	return p.interaction.FailLogin(w, r, id, cause)
}
