package middleware

import (
	"context"

	"github.com/oidckit/oidckit"
)

// Verifier turns an access token into the identity it stands for.
//
// An error that matches oidckit.InvalidToken with errors.Is says that the
// token is bad: the client gets 401. Any other error says that the token could
// not be checked, and the client, whose token may be good, gets 503. A
// *oidckit.Error in the chain may also carry oidckit.InsufficientScope.
//
// A token that is bound to a key is returned with its Confirmation; whether who
// sent it has the key is for the guard to check, on every request.
//
// Verify is called with strings from strangers, of any length, and must be
// safe for concurrent use. The identity may be shared between requests and is
// not modified by anyone. The token must not appear in the error.
type Verifier interface {
	Verify(ctx context.Context, token string) (*oidckit.Identity, error)
}

// TokenError is why a token was refused, in the words of the operator: the
// cause in the error of Verify, in the log line and in the event. The client is
// not told.
type TokenError struct {
	// Claim is the claim, or header parameter, that is at odds; "token" for
	// its form and "signature" for its signature.
	Claim string
	// Setting is the field of the verifier's configuration that would have to
	// be another one for this token, empty where none would help.
	Setting string
	// Reason is a short text. It may quote a claim's value, cut short.
	Reason string

	// config is the type that has Setting; "" means JWTConfig.
	config string
	cause  error
}

// Error returns claim, reason and setting.
func (e *TokenError) Error() string {
	s := e.Claim + ": " + e.Reason
	if e.Setting != "" {
		s += " (" + e.setting() + ")"
	}
	return s
}

// setting names type and field.
func (e *TokenError) setting() string {
	if e.config == "" {
		return "JWTConfig." + e.Setting
	}
	return e.config + "." + e.Setting
}

// Unwrap returns the error of the part that refused the token, if any.
func (e *TokenError) Unwrap() error { return e.cause }

// reportedError marks a cause that a verifier has logged or sent as an event,
// so that the guard around it does not do so again.
type reportedError struct {
	error
	logged, sent bool
}

// Unwrap returns the cause.
func (e *reportedError) Unwrap() error { return e.error }
