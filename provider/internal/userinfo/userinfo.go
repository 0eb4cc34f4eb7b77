package userinfo

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/tokens"
)

// Handler serves the endpoint. Its fields are set once; it is safe for
// concurrent use.
type Handler struct {
	Issuer string
	Tokens *tokens.Issuer
	// Claims returns the claims about a subject, or oidckit.ErrNotFound where
	// the user is gone or may not sign in any more.
	Claims func(ctx context.Context, subject string) (oidckit.Claims, error)
}

// scopeClaims is OpenID Connect Core 1.0 §5.4.
var scopeClaims = map[string][]string{
	oidckit.ScopeProfile: {
		"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
		"picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
	},
	oidckit.ScopeEmail:   {"email", "email_verified"},
	oidckit.ScopeAddress: {"address"},
	oidckit.ScopePhone:   {"phone_number", "phone_number_verified"},
}

// ClaimNames lists every claim that a scope can bring, in the order of the
// specification, after sub: claims_supported.
func ClaimNames() []string {
	names := []string{"sub"}
	for _, scope := range []string{oidckit.ScopeProfile, oidckit.ScopeEmail, oidckit.ScopeAddress, oidckit.ScopePhone} {
		names = append(names, scopeClaims[scope]...)
	}
	return names
}

// Serve answers GET and POST.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	token, err := bearerToken(w, r)
	if err != nil {
		return err
	}
	access, err := h.Tokens.ReadAccessToken(r.Context(), token)
	if err != nil {
		return err
	}
	// OpenID Connect Core 1.0 §5.3: for tokens of an authentication request
	if !access.Scope.Has(oidckit.ScopeOpenID) {
		return oidckit.NewError(oidckit.InsufficientScope, "the access token was not granted openid")
	}
	claims, err := h.Claims(r.Context(), access.Subject)
	if errors.Is(err, oidckit.ErrNotFound) {
		return oidckit.NewError(oidckit.InvalidToken, "the access token is invalid, expired or revoked").
			WithCause(errors.New("the user is gone or disabled"))
	}
	if err != nil {
		return err
	}
	body, err := Select(claims, access.Subject, access.Scope)
	if err != nil {
		return err
	}
	wire.WriteJSONBytes(w, http.StatusOK, body)
	return nil
}

// bearerToken reads the token from the one place it may stand in (RFC 6750
// §2): the header or, in a POST, the form.
func bearerToken(w http.ResponseWriter, r *http.Request) (string, error) {
	form := wire.Params{}
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		var err error
		if form, err = wire.Form(w, r); err != nil {
			return "", err
		}
	}
	headers, inForm := r.Header.Values("Authorization"), form.Get("access_token")
	switch {
	case len(headers) > 1, len(headers) == 1 && inForm != "", r.URL.Query().Has("access_token"):
		// RFC 6750 §2, §3.1; RFC 9700 §4.3.2 for the query
		return "", oidckit.NewError(oidckit.InvalidRequest, "the access token must be sent once, in the Authorization header")
	case inForm != "":
		return inForm, nil
	case len(headers) == 0:
		return "", errNoToken
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", errNoToken
	}
	if token == "" || strings.ContainsAny(token, " \t,") {
		return "", oidckit.NewError(oidckit.InvalidRequest, "the Authorization header is malformed")
	}
	return token, nil
}

var errNoToken = oidckit.NewError(oidckit.InvalidToken, "")

// WriteError writes a failure as RFC 6750 §3 has it.
func WriteError(w http.ResponseWriter, r *http.Request, e *oidckit.Error) {
	challenge := `Bearer realm="userinfo"`
	// RFC 6750 §3.1: no error code for a request without authentication
	if e != errNoToken {
		challenge += `, error="` + string(e.Code) + `"`
		if e.Description != "" {
			challenge += `, error_description="` + e.Description + `"`
		}
		if e.Code == oidckit.InsufficientScope {
			challenge += `, scope="openid"`
		}
	}
	if e.HTTPStatus() < http.StatusInternalServerError {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	if e == errNoToken {
		wire.WriteJSONBytes(w, e.HTTPStatus(), []byte("{}"))
		return
	}
	wire.WriteError(w, r, e)
}

// Select returns the userinfo document: sub, and the claims that the scope
// allows.
func Select(claims oidckit.Claims, subject string, scope oidckit.Scope) ([]byte, error) {
	allowed := map[string]bool{}
	for _, s := range scope {
		for _, name := range scopeClaims[s] {
			allowed[name] = true
		}
	}
	sub, err := json.Marshal(subject)
	if err != nil {
		return nil, err
	}
	body := append([]byte(`{"sub":`), sub...)
	if len(claims) == 0 {
		return append(body, '}'), nil
	}
	err = strictjson.Object(claims, func(name []byte, v strictjson.Value) error {
		// OpenID Connect Core 1.0 §5.3.2: claims without a value are left out
		if !allowed[string(name)] || string(v) == "null" || string(v) == `""` {
			return nil
		}
		body = append(body, ',', '"')
		body = append(body, name...)
		body = append(body, '"', ':')
		body = append(body, v...)
		return nil
	})
	return append(body, '}'), err
}
