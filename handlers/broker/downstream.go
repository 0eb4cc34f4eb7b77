package broker

import (
	"net/http"

	"github.com/oidckit/oidckit"
)

// Downstream is who asks for logins and gets their outcome: a
// *provider.Provider, whose LoginURL is the broker's login route, or a
// *handlers.LocalLogin for an app without an issuer. It is safe for concurrent
// use.
type Downstream interface {
	// LoginRequest returns what the login route was asked for, from the request
	// parameter it was called with. An *oidckit.Error says why it cannot be
	// answered; its description may be shown.
	LoginRequest(r *http.Request) (*oidckit.LoginRequest, error)
	// CompleteLogin signs the person in and answers the request. Each login is
	// completed once. After an error nothing has been written.
	CompleteLogin(w http.ResponseWriter, r *http.Request, id string, auth oidckit.Authentication) error
	// FailLogin ends a login that did not succeed and answers the request. After
	// an error nothing has been written.
	FailLogin(w http.ResponseWriter, r *http.Request, id string, cause error) error
}
