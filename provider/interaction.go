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
// page, or with a redirect to the client. id is LoginRequest.ID. It does not
// look at where r comes from: the app refuses, before it looks at a password,
// a form that another site has sent (http.CrossOriginProtection), which would
// otherwise sign people in as somebody else. Each login is
// completed once; a second call returns an *oidckit.Error. After an error
// nothing has been written.
func (p *Provider) CompleteLogin(w http.ResponseWriter, r *http.Request, id string, auth oidckit.Authentication) error {
	return p.interaction.CompleteLogin(w, r, id, auth)
}

// FailLogin ends a login that did not succeed, and sends the person back to
// the client with cause's code where it is an *oidckit.Error, access_denied
// otherwise. Where no client has asked (LoginRequest.ClientID is empty: the
// person came for a page of the issuer's own), it returns the error.
func (p *Provider) FailLogin(w http.ResponseWriter, r *http.Request, id string, cause error) error {
	return p.interaction.FailLogin(w, r, id, cause)
}

// ConsentRequest returns what the consent page at Config.ConsentURL is asked
// for, from the interaction parameter it was called with. It returns an
// *oidckit.Error where the question is not one of this session, was answered
// or is too old; its description may be shown.
func (p *Provider) ConsentRequest(r *http.Request) (*oidckit.ConsentRequest, error) {
	return p.interaction.ConsentRequest(r)
}

// CompleteConsent allows what is in allowed of the scopes that were asked for,
// remembers it, and answers the request with a redirect to the client.
// ConsentRequest.Scope allows everything; openid is never left out where it
// was asked for. r is the POST of the page's form, from the session that was
// asked; id is ConsentRequest.ID. Each question is answered once; a second
// answer, one of another session and one that allows more than was asked for
// return an *oidckit.Error. After an error nothing has been written.
func (p *Provider) CompleteConsent(w http.ResponseWriter, r *http.Request, id string, allowed oidckit.Scope) error {
	return p.interaction.CompleteConsent(w, r, id, allowed)
}

// DenyConsent ends a request that the person did not allow: the client gets
// access_denied. The terms are those of CompleteConsent.
func (p *Provider) DenyConsent(w http.ResponseWriter, r *http.Request, id string) error {
	return p.interaction.DenyConsent(w, r, id)
}
