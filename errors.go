package oidckit

import (
	"errors"
	"net/http"
)

// Errors of the store contract. A store returns exactly one of these (wrapped
// or bare), or an error that means the store itself could not answer.
var (
	// ErrNotFound says that no live record has this key.
	ErrNotFound = errors.New("oidckit: not found")
	// ErrConsumed says that a one-time record was spent before by another call.
	ErrConsumed = errors.New("oidckit: already consumed")
	// ErrConflict says that a record with this key exists, or that the version
	// the caller read is no longer the current one.
	ErrConflict = errors.New("oidckit: conflict")
)

// ErrUnauthenticated says that a request carries no session or token that
// could be checked. It is neither a refusal of a token nor a fault.
var ErrUnauthenticated = errors.New("oidckit: not authenticated")

// ErrorCode is an error code as registered for OAuth 2.0 and OpenID Connect.
// A code is itself an error, so that errors.Is(err, InvalidGrant) works on
// every *Error that carries it.
type ErrorCode string

// Error returns the code as it goes over the wire.
func (c ErrorCode) Error() string { return string(c) }

// Error codes, by the document that defines each.
const (
	// RFC 6749 §4.1.2.1 and §5.2
	InvalidRequest          ErrorCode = "invalid_request"
	InvalidClient           ErrorCode = "invalid_client"
	InvalidGrant            ErrorCode = "invalid_grant"
	InvalidScope            ErrorCode = "invalid_scope"
	UnauthorizedClient      ErrorCode = "unauthorized_client"
	UnsupportedGrantType    ErrorCode = "unsupported_grant_type"
	UnsupportedResponseType ErrorCode = "unsupported_response_type"
	AccessDenied            ErrorCode = "access_denied"
	ServerError             ErrorCode = "server_error"
	TemporarilyUnavailable  ErrorCode = "temporarily_unavailable"

	// RFC 6750 §3.1
	InvalidToken      ErrorCode = "invalid_token"
	InsufficientScope ErrorCode = "insufficient_scope"

	// OpenID Connect Core 1.0 §3.1.2.6
	InteractionRequired      ErrorCode = "interaction_required"
	LoginRequired            ErrorCode = "login_required"
	AccountSelectionRequired ErrorCode = "account_selection_required"
	ConsentRequired          ErrorCode = "consent_required"
	InvalidRequestURI        ErrorCode = "invalid_request_uri"
	InvalidRequestObject     ErrorCode = "invalid_request_object"
	RequestNotSupported      ErrorCode = "request_not_supported"
	RequestURINotSupported   ErrorCode = "request_uri_not_supported"
	RegistrationNotSupported ErrorCode = "registration_not_supported"

	// OpenID Connect Core Error Code unmet_authentication_requirements 1.0
	UnmetAuthenticationRequirements ErrorCode = "unmet_authentication_requirements"

	// RFC 7009 §2.2.1
	UnsupportedTokenType ErrorCode = "unsupported_token_type"
	// RFC 7591 §3.2.2
	InvalidRedirectURI          ErrorCode = "invalid_redirect_uri"
	InvalidClientMetadata       ErrorCode = "invalid_client_metadata"
	InvalidSoftwareStatement    ErrorCode = "invalid_software_statement"
	UnapprovedSoftwareStatement ErrorCode = "unapproved_software_statement"

	// RFC 8707 §2
	InvalidTarget ErrorCode = "invalid_target"
	// RFC 9449 §5, §7.1, §8
	InvalidDPoPProof ErrorCode = "invalid_dpop_proof"
	UseDPoPNonce     ErrorCode = "use_dpop_nonce"
	// RFC 9470 §3
	InsufficientUserAuthentication ErrorCode = "insufficient_user_authentication"
)

// Status returns the HTTP status with which the code is answered when it
// stands in a body or a challenge rather than in a redirect.
func (c ErrorCode) Status() int {
	switch c {
	case InvalidClient, InvalidToken, InsufficientUserAuthentication, LoginRequired:
		return http.StatusUnauthorized
	case InsufficientScope, AccessDenied:
		return http.StatusForbidden
	case ServerError:
		return http.StatusInternalServerError
	case TemporarilyUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}

// Error is what a peer may be told, joined with the cause it is not told.
// Description is written for the developer of the client; it is never built
// from another error's text. The cause goes to the log and to the event only.
//
// An Error is immutable once returned and safe for concurrent use.
type Error struct {
	// Code is the registered error code.
	Code ErrorCode
	// Description is error_description: printable ASCII without quotation
	// marks and backslashes (RFC 6749 §5.2).
	Description string
	// URI is error_uri, a page with more about the error. Optional.
	URI string
	// Status is the HTTP status; 0 means Code.Status().
	Status int

	cause error
}

// NewError returns an Error with the code's own status.
func NewError(code ErrorCode, description string) *Error {
	return &Error{Code: code, Description: description}
}

// WithCause returns a copy of e that wraps cause.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithStatus returns a copy of e that is answered with an HTTP status.
func (e *Error) WithStatus(status int) *Error {
	c := *e
	c.Status = status
	return &c
}

// HTTPStatus returns Status, or the code's own where that is 0.
func (e *Error) HTTPStatus() int {
	if e.Status != 0 {
		return e.Status
	}
	return e.Code.Status()
}

// Error returns the public half: code and description. The cause is reached
// with errors.Is, errors.As or Cause.
func (e *Error) Error() string {
	if e.Description == "" {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Description
}

// Cause returns the private half, nil where there is none.
func (e *Error) Cause() error { return e.cause }

// Unwrap makes the code and the cause visible to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.cause}
}
