package userinfo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/internal/tokens"
	"github.com/oidckit/oidckit/provider/internal/userclaims"
)

// Handler serves the endpoint. Its fields are set once; it is safe for
// concurrent use.
type Handler struct {
	Issuer string
	Tokens *tokens.Issuer
	// UserClaims are the claims there are; Claims returns those of a subject, or
	// oidckit.ErrNotFound where the user is gone or may not sign in any more.
	UserClaims *userclaims.Catalogue
	Claims     func(ctx context.Context, subject string) (oidckit.Claims, error)
	// WithoutOpenID answers for tokens of plain OAuth 2.0 requests too.
	WithoutOpenID bool
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
	// ATK-255: the subject of a client's own token is no person's
	if access.OfClient() {
		return oidckit.NewError(oidckit.InsufficientScope, "the access token is a client's own")
	}
	// OpenID Connect Core 1.0 §5.3: for tokens of an authentication request
	if !access.Scope.Has(oidckit.ScopeOpenID) && !h.WithoutOpenID {
		return oidckit.NewError(oidckit.InsufficientScope, "the access token was not granted openid")
	}
	client := access.Client
	clients.Reveal(r.Context(), client)
	claims, err := h.Claims(r.Context(), access.Subject)
	if errors.Is(err, oidckit.ErrNotFound) {
		return gone("the user is gone or disabled")
	}
	if err != nil {
		return err
	}
	alg, about := client.Metadata.UserinfoSignedResponseAlg, head{Subject: access.TokenSubject}
	if alg != "" {
		// OpenID Connect Core 1.0 §5.3.2: a signed answer SHOULD have iss and aud
		about.Issuer, about.Audience = h.Issuer, access.ClientID
	}
	body, err := h.document(about, access, claims)
	if err != nil {
		return err
	}
	if alg != "" {
		return h.writeSigned(w, r, alg, body)
	}
	wire.WriteJSONBytes(w, http.StatusOK, body)
	return nil
}

func gone(cause string) error {
	return oidckit.NewError(oidckit.InvalidToken, "the access token is invalid, expired or revoked").WithCause(errors.New(cause))
}

// head is what an answer begins with.
type head struct {
	Issuer   string `json:"iss,omitempty"`
	Audience string `json:"aud,omitempty"`
	Subject  string `json:"sub"`
}

func (h *Handler) document(about head, access *tokens.AccessClaims, claims oidckit.Claims) ([]byte, error) {
	body, err := json.Marshal(about)
	if err != nil {
		return nil, err
	}
	body, err = h.UserClaims.Append(body[:len(body)-1], claims, userclaims.Wanted{
		Scope: access.Scope, Names: access.UserinfoClaims, Locales: access.ClaimsLocales,
	})
	return append(body, '}'), err
}

// writeSigned answers as the client is registered for it (OpenID Connect Core
// 1.0 §5.3.2). It has no exp, so that nobody takes it for an ID token.
func (h *Handler) writeSigned(w http.ResponseWriter, r *http.Request, alg string, body []byte) error {
	signer, err := h.Tokens.Keys.Signer(r.Context(), alg)
	if err != nil {
		return err
	}
	signed, err := signer.Sign("JWT", body)
	if err != nil {
		return err
	}
	head := w.Header()
	head.Set("Content-Type", "application/jwt")
	wire.NoStore(head)
	w.WriteHeader(http.StatusOK)
	// The connection is what is left to fail, and it has no other answer.
	_, _ = io.WriteString(w, signed)
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
