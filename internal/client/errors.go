package client

import (
	"errors"
	"fmt"

	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// ErrUnavailable is in every error that says the server did not answer, or not
// as it should: nothing is known of the person.
var ErrUnavailable = errors.New("client: the authorization server is not available")

// RequestRefused is the reason where the server did not take what a login asks
// for, before anybody was sent there.
const RequestRefused = "request_refused"

// Refusal is an answer that must not be believed. Its text is for the log.
type Refusal struct {
	// Reason is a stable word for logs and events.
	Reason string
	// Cause is what was wrong, nil where the reason says it all.
	Cause error
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Cause == nil {
		return "client: " + r.Reason
	}
	return "client: " + r.Reason + ": " + r.Cause.Error()
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

func refuse(reason string, cause error) error { return &Refusal{Reason: reason, Cause: cause} }

func unavailable(cause error) error {
	if errors.Is(cause, ErrUnavailable) {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, cause)
}

// noErrorCode is what errorCode returns where a server has given none.
const noErrorCode = "none"

// errorCode returns the error that an answer names (RFC 6749 §5.2).
func errorCode(resp *httpx.Response) string {
	var answer struct {
		Error string `json:"error"`
	}
	if resp.IsJSON() {
		_ = strictjson.Unmarshal(resp.Body, &answer)
	}
	if !IsErrorCode(answer.Error) {
		return noErrorCode
	}
	return answer.Error
}

// IsErrorCode reports whether a peer's error code looks like one.
func IsErrorCode(code string) bool {
	if len(code) > 64 {
		return false
	}
	for i := range len(code) {
		c := code[i]
		if (c < 'a' || c > 'z') && c != '_' && c != '-' && (c < '0' || c > '9') {
			return false
		}
	}
	return code != ""
}
