package clientauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clientjwt"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/internal/clientsecret"
	"github.com/oidckit/oidckit/provider/opstore"
)

// maxCredential bounds a client_id or client_secret, in bytes.
const maxCredential = 4096

// Config is what an Authenticator is made of.
type Config struct {
	Clients opstore.Clients
	// Verifier checks assertions, Replay has each used once.
	Verifier *clientjwt.Verifier
	Replay   oidckit.ReplayStore
	// Audience are the values that aud of an assertion may have: the issuer,
	// and the addresses of the endpoints where clients authenticate (RFC 7523
	// §3, OpenID Connect Core 1.0 §9).
	Audience []string
	// AllowEqualPair takes a request that has the same client_id and
	// client_secret in the Authorization header and in the body, from clients
	// registered for either. RFC 6749 §2.3 forbids it.
	AllowEqualPair bool
}

// Authenticator checks who calls. It is safe for concurrent use.
type Authenticator struct{ cfg Config }

// New returns an Authenticator.
func New(cfg Config) *Authenticator { return &Authenticator{cfg} }

// Methods lists what Authenticate understands:
// token_endpoint_auth_methods_supported.
func Methods() []string {
	return append(ConfidentialMethods(), oidckit.AuthMethodNone)
}

// ConfidentialMethods is Methods without none: what a client proves itself by.
func ConfidentialMethods() []string {
	return []string{
		oidckit.AuthMethodClientSecretBasic, oidckit.AuthMethodClientSecretPost,
		oidckit.AuthMethodClientSecretJWT, oidckit.AuthMethodPrivateKeyJWT,
	}
}

// Algorithms lists what an assertion may be signed with:
// token_endpoint_auth_signing_alg_values_supported.
func Algorithms() []string { return clientjwt.Algorithms() }

type credentials struct {
	method   string
	clientID string
	// secrets are the readings of the presented secret: as RFC 6749 §2.3.1
	// encodes it and, for the many clients that do not encode, as it stands.
	secrets []string
	// assertion is set for the methods that sign one.
	assertion *assertion
	// pair says that the body repeats what the header has.
	pair bool
}

// refused is the one answer to every failure, so that none tells whether the
// client exists.
func refused(cause error) error {
	return oidckit.NewError(oidckit.InvalidClient, "client authentication failed").WithCause(cause)
}

// Authenticate returns the client that made the request. Failures are
// invalid_client, or invalid_request where more than one method is used.
func (a *Authenticator) Authenticate(r *http.Request, form wire.Params) (*opstore.Client, error) {
	cred, err := a.read(r, form)
	if err != nil {
		return nil, err
	}
	client, err := a.cfg.Clients.Client(r.Context(), cred.clientID)
	if errors.Is(err, oidckit.ErrNotFound) {
		client, err = &opstore.Client{}, nil
	}
	if err != nil {
		return nil, err
	}
	// The secret is compared for an unknown client too: the time taken must
	// not tell whether it exists.
	match := matchSecret(client.SecretHashes, cred.secrets)
	if client.Metadata.ClientID == "" {
		return nil, refused(errors.New("unknown client"))
	}
	// RFC 7591 §2: the requested authentication method is the registered one
	if !cred.fits(client.Metadata.TokenEndpointAuthMethod) {
		return nil, refused(fmt.Errorf("client %.64q authenticated by %s but is registered for %s", cred.clientID, cred.method, client.Metadata.TokenEndpointAuthMethod))
	}
	if err := a.prove(r.Context(), client, &cred, match); err != nil {
		return nil, err
	}
	clients.Reveal(r.Context(), client)
	return client, nil
}

// AuthenticateConfidential is Authenticate for an endpoint that a client has to
// prove itself at: one that has nothing to do it with is refused.
func (a *Authenticator) AuthenticateConfidential(r *http.Request, form wire.Params) (*opstore.Client, error) {
	client, err := a.Authenticate(r, form)
	if err == nil && client.Public() {
		return nil, refused(fmt.Errorf("client %.64q is public", client.Metadata.ClientID))
	}
	return client, err
}

func (c *credentials) fits(registered string) bool {
	return c.method == registered || c.pair && registered == oidckit.AuthMethodClientSecretPost
}

// prove checks what the client has shown, for a method that is its own.
func (a *Authenticator) prove(ctx context.Context, client *opstore.Client, cred *credentials, match bool) error {
	if cred.method == oidckit.AuthMethodNone {
		return nil
	}
	// RFC 7591 §3.2.1: client_secret_expires_at
	if cred.method != oidckit.AuthMethodPrivateKeyJWT && clientsecret.Expired(client, time.Now()) {
		return refused(fmt.Errorf("the secret of client %.64q has expired", cred.clientID))
	}
	if cred.assertion != nil {
		return a.checkAssertion(ctx, client, cred.assertion)
	}
	if !match {
		return refused(fmt.Errorf("wrong secret of client %.64q", cred.clientID))
	}
	return nil
}

func matchSecret(hashes []oidckit.TokenHash, secrets []string) bool {
	if len(hashes) == 0 {
		hashes = []oidckit.TokenHash{{}}
	}
	match := 0
	for _, s := range secrets {
		got := oidckit.HashToken(s)
		for _, want := range hashes {
			match |= subtle.ConstantTimeCompare(got[:], want[:])
		}
	}
	return match == 1
}

// WriteError writes a failure of an endpoint that clients authenticate at:
// with a challenge where the client was not authenticated.
func WriteError(w http.ResponseWriter, r *http.Request, e *oidckit.Error) {
	// RFC 6749 §5.2, RFC 9110 §15.5.2: a 401 carries a challenge
	if e.HTTPStatus() == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
	}
	wire.WriteError(w, r, e)
}
