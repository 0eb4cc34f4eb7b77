package handlers

import (
	"errors"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/wire"
)

// checkResponse checks what a login asks for and how the answer comes back.
func (c Config) checkResponse(bad func(field string, err error)) {
	err := client.CheckResponseType(c.ResponseType)
	bad("ResponseType", err)
	if err == nil {
		bad("ResponseMode", client.CheckResponseMode(c.ResponseType, c.ResponseMode))
	}
	if c.OAuth2 != nil && strings.Contains(c.ResponseType, " ") || c.OAuth2 != nil && c.ResponseType == "id_token" {
		bad("ResponseType", errors.New("must be code with OAuth2: nothing vouches for a token that comes with the answer"))
	}
	bad("AuthorizationSignedResponseAlg", checkAlgorithm(c.AuthorizationSignedResponseAlg))
}

// callbackMethod is the one method of the callback.
func (c Config) callbackMethod() string {
	if c.postsBack() {
		return http.MethodPost
	}
	return http.MethodGet
}

// postsBack reports whether the issuer's page posts the answer to us.
func (c Config) postsBack() bool { return strings.HasPrefix(c.ResponseMode, "form_post") }

// readResponse takes the answer from where it was to come, and looks nowhere
// else.
func (rp *RelyingParty) readResponse(w http.ResponseWriter, r *http.Request) (client.Response, error) {
	if !rp.cfg.postsBack() {
		return rp.client.ParseResponse(r.URL.RawQuery)
	}
	// OAuth 2.0 Form Post Response Mode §2
	body, err := wire.FormBody(w, r)
	if err != nil {
		return client.Response{}, refuse("malformed_response", err)
	}
	return rp.client.ParseResponse(body)
}
