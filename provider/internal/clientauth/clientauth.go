package clientauth

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/opstore"
)

// maxCredential bounds a client_id or client_secret, in bytes.
const maxCredential = 4096

// Authenticator checks who calls. It is safe for concurrent use.
type Authenticator struct{ clients opstore.Clients }

// New returns an Authenticator over the registry.
func New(clients opstore.Clients) *Authenticator { return &Authenticator{clients: clients} }

// Methods lists what Authenticate understands:
// token_endpoint_auth_methods_supported.
func Methods() []string {
	return []string{oidckit.AuthMethodClientSecretBasic, oidckit.AuthMethodClientSecretPost, oidckit.AuthMethodNone}
}

type credentials struct {
	method   string
	clientID string
	// secrets are the readings of the presented secret: as RFC 6749 §2.3.1
	// encodes it and, for the many clients that do not encode, as it stands.
	secrets []string
}

// refused is the one answer to every failure, so that none tells whether the
// client exists.
func refused(cause string) error {
	return oidckit.NewError(oidckit.InvalidClient, "client authentication failed").WithCause(errors.New(cause))
}

// Authenticate returns the client that made the request. Failures are
// invalid_client, or invalid_request where more than one method is used.
func (a *Authenticator) Authenticate(r *http.Request, form wire.Params) (*opstore.Client, error) {
	cred, err := read(r, form)
	if err != nil {
		return nil, err
	}
	client, err := a.clients.Client(r.Context(), cred.clientID)
	if errors.Is(err, oidckit.ErrNotFound) {
		client, err = &opstore.Client{}, nil
	}
	if err != nil {
		return nil, err
	}
	// The secret is compared for an unknown client too: the time taken must
	// not tell whether it exists.
	match := matchSecret(client.SecretHashes, cred.secrets)
	switch {
	case client.Metadata.ClientID == "":
		return nil, refused("unknown client")
	// RFC 7591 §2: the requested authentication method is the registered one
	case client.Metadata.TokenEndpointAuthMethod != cred.method:
		return nil, refused(fmt.Sprintf("client %.64q authenticated by %s but is registered for %s", cred.clientID, cred.method, client.Metadata.TokenEndpointAuthMethod))
	case !client.Public() && !match:
		return nil, refused(fmt.Sprintf("wrong secret of client %.64q", cred.clientID))
	}
	return client, nil
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

func read(r *http.Request, form wire.Params) (credentials, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return credentials{}, oidckit.NewError(oidckit.InvalidRequest, "more than one Authorization header")
	}
	// RFC 7521 §4.2: not supported, so it must not be taken for a public client
	if form.Get("client_assertion") != "" || form.Get("client_assertion_type") != "" {
		if len(headers) == 1 || form.Get("client_secret") != "" {
			return credentials{}, moreThanOne()
		}
		return credentials{}, refused("client_assertion is not supported")
	}
	if len(headers) == 1 {
		return readBasic(headers[0], form)
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	switch {
	case id == "" || len(id) > maxCredential || len(secret) > maxCredential:
		return credentials{}, refused("no client credentials")
	case secret == "":
		return credentials{method: oidckit.AuthMethodNone, clientID: id}, nil
	}
	return credentials{method: oidckit.AuthMethodClientSecretPost, clientID: id, secrets: []string{secret}}, nil
}

// moreThanOne implements RFC 6749 §2.3: one method in each request.
func moreThanOne() error {
	return oidckit.NewError(oidckit.InvalidRequest, "more than one way of client authentication")
}

func readBasic(header string, form wire.Params) (credentials, error) {
	scheme, value, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Basic") || len(value) > 2*maxCredential {
		return credentials{}, refused("Authorization header is not Basic")
	}
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return credentials{}, refused("Basic credentials are not base64")
	}
	rawID, rawSecret, ok := strings.Cut(string(raw), ":")
	if !ok || rawID == "" || rawSecret == "" {
		return credentials{}, refused("Basic credentials are incomplete")
	}
	if form.Get("client_secret") != "" {
		return credentials{}, moreThanOne()
	}
	// RFC 6749 §2.3.1: both are form-encoded before they are joined
	id, err := url.QueryUnescape(rawID)
	if err != nil {
		id = rawID
	}
	cred := credentials{method: oidckit.AuthMethodClientSecretBasic, clientID: id, secrets: []string{rawSecret}}
	if decoded, err := url.QueryUnescape(rawSecret); err == nil && decoded != rawSecret {
		cred.secrets = append(cred.secrets, decoded)
	}
	if bodyID := form.Get("client_id"); bodyID != "" && bodyID != id && bodyID != rawID {
		return credentials{}, oidckit.NewError(oidckit.InvalidRequest, "client_id differs between header and body")
	}
	return cred, nil
}

// WriteError writes a failure of an endpoint that clients authenticate at:
// with a challenge where the client used the Authorization header.
func WriteError(w http.ResponseWriter, r *http.Request, e *oidckit.Error) {
	// RFC 6749 §5.2, RFC 9110 §15.5.2: a 401 carries a challenge
	if e.HTTPStatus() == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
	}
	wire.WriteError(w, r, e)
}
