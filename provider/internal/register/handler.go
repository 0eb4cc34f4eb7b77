package register

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clients"
)

// Handler serves the endpoint. Its fields are set once; it is safe for
// concurrent use.
type Handler struct {
	*clients.Registrar
	// URL is the address of the endpoint.
	URL string
	// AccessTokens are the hashes of the initial access tokens; CheckToken says
	// of others whether they are some.
	AccessTokens []oidckit.TokenHash
	CheckToken   func(ctx context.Context, token string) (bool, error)
	// AllowAnonymous registers clients without an initial access token.
	AllowAnonymous bool
	// Decide may change or refuse what a client registers. Optional.
	Decide func(ctx context.Context, m *oidckit.ClientMetadata) error
	// GrantTypes and Scopes are those a client may register by itself.
	GrantTypes []string
	Scopes     []string
	// MaxClients bounds how many clients there are.
	MaxClients int
	// SecretLifetime ends secrets; 0 is never.
	SecretLifetime time.Duration
	// Guard judges addresses that a client gives.
	Guard *safeurl.Guard
}

// Methods are those of the endpoint.
var Methods = []string{http.MethodPost, http.MethodGet, http.MethodPut, http.MethodDelete}

// Serve answers a registration, and requests to a client's own address.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	query, err := wire.Query(r)
	if err != nil {
		return err
	}
	clientID := query.Get("client_id")
	if r.Method == http.MethodPost {
		if clientID != "" {
			return oidckit.NewError(oidckit.InvalidRequest, "a client's own address takes GET, PUT and DELETE").WithStatus(http.StatusMethodNotAllowed)
		}
		return h.register(w, r)
	}
	return h.manage(w, r, clientID)
}

// bearer returns the one token of the Authorization header, "" where there is
// none (RFC 6750 §2.1).
func bearer(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	switch {
	case len(headers) == 0:
		return "", nil
	case len(headers) > 1:
		return "", oidckit.NewError(oidckit.InvalidRequest, "more than one Authorization header")
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " \t,") {
		return "", unauthorized("the Authorization header is no Bearer token")
	}
	return token, nil
}

func unauthorized(cause string) error {
	return oidckit.NewError(oidckit.InvalidToken, "the access token is missing, wrong or expired").WithCause(errors.New(cause))
}

// mayRegister checks the initial access token (RFC 7591 §3).
func (h *Handler) mayRegister(r *http.Request) error {
	token, err := bearer(r)
	if err != nil {
		return err
	}
	if token == "" {
		if h.AllowAnonymous {
			return nil
		}
		return unauthorized("no initial access token")
	}
	if matches(oidckit.HashToken(token), h.AccessTokens) {
		return nil
	}
	if h.CheckToken != nil {
		ok, err := h.CheckToken(r.Context(), token)
		if ok || err != nil {
			return err
		}
	}
	return unauthorized("unknown initial access token")
}

// matches compares with every hash: the time taken does not tell which one was
// nearest. The zero hash is nobody's.
func matches(got oidckit.TokenHash, hashes []oidckit.TokenHash) bool {
	found := 0
	for _, want := range hashes {
		if want != (oidckit.TokenHash{}) {
			found |= subtle.ConstantTimeCompare(got[:], want[:])
		}
	}
	return found == 1
}

// WriteError writes a failure: RFC 7591 §3.2.2, and RFC 6750 §3 for the token.
func WriteError(w http.ResponseWriter, r *http.Request, e *oidckit.Error) {
	if e.HTTPStatus() == http.StatusUnauthorized {
		challenge := `Bearer realm="register"`
		if r.Header.Get("Authorization") != "" {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	wire.WriteError(w, r, e)
}
