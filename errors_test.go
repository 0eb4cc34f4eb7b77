package oidckit_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
)

// The statuses with which codes are answered outside of redirects.
func TestErrorCodeStatus(t *testing.T) {
	for clause, row := range map[string]struct {
		code oidckit.ErrorCode
		want int
	}{
		"RFC 6749 §5.2 invalid_request":    {oidckit.InvalidRequest, http.StatusBadRequest},
		"RFC 6749 §5.2 invalid_client":     {oidckit.InvalidClient, http.StatusUnauthorized},
		"RFC 6749 §5.2 invalid_grant":      {oidckit.InvalidGrant, http.StatusBadRequest},
		"RFC 6749 §5.2 unauthorized":       {oidckit.UnauthorizedClient, http.StatusBadRequest},
		"RFC 6749 §5.2 grant type":         {oidckit.UnsupportedGrantType, http.StatusBadRequest},
		"RFC 6749 §5.2 scope":              {oidckit.InvalidScope, http.StatusBadRequest},
		"RFC 6750 §3.1 invalid_token":      {oidckit.InvalidToken, http.StatusUnauthorized},
		"RFC 6750 §3.1 insufficient_scope": {oidckit.InsufficientScope, http.StatusForbidden},
		"RFC 8707 §2 invalid_target":       {oidckit.InvalidTarget, http.StatusBadRequest},
		"RFC 9470 §3":                      {oidckit.InsufficientUserAuthentication, http.StatusUnauthorized},
		"server_error":                     {oidckit.ServerError, http.StatusInternalServerError},
		"temporarily_unavailable":          {oidckit.TemporarilyUnavailable, http.StatusServiceUnavailable},
		"an unknown code":                  {"made_up", http.StatusBadRequest},
	} {
		if got := row.code.Status(); got != row.want {
			t.Errorf("%s: %d, want %d", clause, got, row.want)
		}
	}
}

// The cause is found by those who look for it, and never part of the text.
func TestErrorKeepsItsCauseToItself(t *testing.T) {
	cause := errors.New("the-private-half")
	base := oidckit.NewError(oidckit.InvalidGrant, "the code is not valid")
	err := fmt.Errorf("token endpoint: %w", base.WithCause(cause).WithStatus(http.StatusTeapot))
	for name, target := range map[string]error{"code": oidckit.InvalidGrant, "cause": cause} {
		if !errors.Is(err, target) {
			t.Errorf("errors.Is does not find the %s", name)
		}
	}
	if errors.Is(err, oidckit.InvalidClient) {
		t.Error("errors.Is finds another code")
	}
	e, ok := errors.AsType[*oidckit.Error](err)
	if !ok || e.HTTPStatus() != http.StatusTeapot || e.Cause() != cause {
		t.Fatalf("%+v", e)
	}
	for _, verb := range []string{"%v", "%s", "%q", "%+v"} {
		if text := fmt.Sprintf(verb, err); strings.Contains(text, "the-private-half") {
			t.Errorf("%s: %s", verb, text)
		}
	}
	if base.Cause() != nil || base.HTTPStatus() != http.StatusBadRequest {
		t.Error("WithCause or WithStatus has changed the original")
	}
	if got := oidckit.NewError(oidckit.LoginRequired, "").Error(); got != "login_required" {
		t.Error(got)
	}
}

// The errors of the store contract are told apart.
func TestStoreErrorsAreDistinct(t *testing.T) {
	all := []error{oidckit.ErrNotFound, oidckit.ErrConsumed, oidckit.ErrConflict, oidckit.ErrUnauthenticated}
	for i, a := range all {
		for j, b := range all {
			if errors.Is(fmt.Errorf("wrapped: %w", a), b) != (i == j) {
				t.Errorf("%v and %v", a, b)
			}
		}
	}
}
