package clientauth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
)

// read finds the one method that a request uses.
func (a *Authenticator) read(r *http.Request, form wire.Params) (credentials, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return credentials{}, oidckit.NewError(oidckit.InvalidRequest, "more than one Authorization header")
	}
	// RFC 7521 §4.2: with an assertion there is no other credential
	if form.Get("client_assertion") != "" || form.Get("client_assertion_type") != "" {
		if len(headers) == 1 || form.Get("client_secret") != "" {
			return credentials{}, moreThanOne()
		}
		return readAssertion(form)
	}
	if len(headers) == 1 {
		return a.readBasic(headers[0], form)
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	switch {
	case id == "" || len(id) > maxCredential || len(secret) > maxCredential:
		return credentials{}, refused(errors.New("no client credentials"))
	case secret == "":
		return credentials{method: oidckit.AuthMethodNone, clientID: id}, nil
	}
	return credentials{method: oidckit.AuthMethodClientSecretPost, clientID: id, secrets: []string{secret}}, nil
}

// moreThanOne implements RFC 6749 §2.3: one method in each request.
func moreThanOne() error {
	return oidckit.NewError(oidckit.InvalidRequest, "more than one way of client authentication")
}

func (a *Authenticator) readBasic(header string, form wire.Params) (credentials, error) {
	scheme, value, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Basic") || len(value) > 2*maxCredential {
		return credentials{}, refused(errors.New("Authorization header is not Basic"))
	}
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return credentials{}, refused(errors.New("Basic credentials are not base64"))
	}
	rawID, rawSecret, ok := strings.Cut(string(raw), ":")
	if !ok || rawID == "" || rawSecret == "" {
		return credentials{}, refused(errors.New("Basic credentials are incomplete"))
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
	if inBody := form.Get("client_secret"); inBody != "" {
		if !a.cfg.AllowEqualPair {
			return credentials{}, moreThanOne()
		}
		if !cred.repeats(inBody) {
			return credentials{}, refused(errors.New("the header and the body have different secrets"))
		}
		// Both ways must show the same secret, so it is the body's that counts.
		cred.secrets, cred.pair = []string{inBody}, true
	}
	if bodyID := form.Get("client_id"); bodyID != "" && bodyID != id && bodyID != rawID {
		return credentials{}, oidckit.NewError(oidckit.InvalidRequest, "client_id differs between header and body")
	}
	return cred, nil
}

// repeats reports whether the body has one of the readings of the header's
// secret.
func (c *credentials) repeats(inBody string) bool {
	same := false
	for _, s := range c.secrets {
		same = secret.Equal(s, inBody) || same
	}
	return same
}
