package preset

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
)

// Revoke answers the documented GET, by which the holder of an access token
// ends it, beside the standard's endpoint (RFC 7009).
type Revoke struct {
	// End revokes an access token. It returns an error that is InvalidToken
	// where it is none that is live.
	End func(ctx context.Context, token string) error
}

// The documented answers, word for word.
const (
	revokedBody = `{"message":"Token has been revoked successfully.","status":"SUCCESS"}`
	refusedBody = `{"message":"Access token is either invalid or expired.","status":"FAILED"}`
)

// Beside serves GET, and leaves every other method to next.
func (v Revoke) Beside(next wire.HandlerFunc) wire.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodGet {
			return v.Serve(w, r)
		}
		return next(w, r)
	}
}

// Serve answers GET.
func (v Revoke) Serve(w http.ResponseWriter, r *http.Request) error {
	headers := r.Header.Values("Authorization")
	scheme, token := "", ""
	if len(headers) == 1 {
		scheme, token, _ = strings.Cut(headers[0], " ")
	}
	err := error(oidckit.InvalidToken)
	if strings.EqualFold(scheme, "Bearer") && token != "" && !strings.ContainsAny(token, " \t,") {
		err = v.End(r.Context(), token)
	}
	switch {
	case err == nil:
		wire.WriteJSONBytes(w, http.StatusOK, []byte(revokedBody))
	case errors.Is(err, oidckit.InvalidToken):
		// RFC 9110 §15.5.2: a 401 carries a challenge
		w.Header().Set("WWW-Authenticate", `Bearer realm="revoke"`)
		wire.WriteJSONBytes(w, http.StatusUnauthorized, []byte(refusedBody))
	default:
		return err
	}
	return nil
}
