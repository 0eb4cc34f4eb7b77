package clientauth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clientjwt"
	"github.com/oidckit/oidckit/provider/opstore"
)

const (
	// assertionType is RFC 7523 §2.2.
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// assertionLifetime is how far away exp may be: an assertion is made for one
	// request, and its jti is remembered for as long.
	assertionLifetime = 5 * time.Minute
	// maxAssertion bounds an assertion, in bytes.
	maxAssertion = 8 << 10
)

type assertion struct {
	jws    *jose.JWS
	claims clientjwt.Claims
}

// readAssertion reads an assertion and believes nothing of it (RFC 7523 §2.2).
func readAssertion(form wire.Params) (credentials, error) {
	raw := form.Get("client_assertion")
	switch {
	case form.Get("client_assertion_type") != assertionType:
		return credentials{}, refused(errors.New("client_assertion_type is not supported"))
	case raw == "" || len(raw) > maxAssertion:
		return credentials{}, refused(errors.New("client_assertion is missing or too long"))
	}
	j, err := jose.Parse(raw)
	if err != nil {
		return credentials{}, refused(fmt.Errorf("client_assertion: %w", err))
	}
	// RFC 8725 §3.11: what was made for another purpose is no assertion
	if t := j.Header.Type; t != "" && !strings.EqualFold(t, "JWT") && !strings.EqualFold(t, "client-authentication+jwt") {
		return credentials{}, refused(errors.New("client_assertion: typ is of another kind of JWT"))
	}
	as := &assertion{jws: j}
	if err := as.claims.Read(j.Payload, nil); err != nil {
		return credentials{}, refused(fmt.Errorf("client_assertion: %w", err))
	}
	id := as.claims.Issuer
	// RFC 7523 §3: iss and sub are the client_id; RFC 7521 §4.2: and so is the
	// one in the body, where there is one
	if inBody := form.Get("client_id"); id == "" || as.claims.Subject != id || inBody != "" && inBody != id {
		return credentials{}, refused(errors.New("client_assertion: iss, sub and client_id differ"))
	}
	cred := credentials{method: oidckit.AuthMethodPrivateKeyJWT, clientID: id, assertion: as}
	if clientjwt.Symmetric(j.Header.Algorithm) {
		cred.method = oidckit.AuthMethodClientSecretJWT
	}
	return cred, nil
}

// checkAssertion implements RFC 7523 §3 and OpenID Connect Core 1.0 §9.
func (a *Authenticator) checkAssertion(ctx context.Context, client *opstore.Client, as *assertion) error {
	id, c := client.Metadata.ClientID, &as.claims
	if err := c.CheckAudience(a.cfg.Audience); err != nil {
		return a.badAssertion(id, err)
	}
	if err := c.CheckTimes(time.Now(), clientjwt.Times{Lifetime: assertionLifetime}); err != nil {
		return a.badAssertion(id, err)
	}
	// OpenID Connect Core 1.0 §9: jti is REQUIRED
	if c.ID == "" {
		return a.badAssertion(id, errors.New("jti is missing"))
	}
	if err := a.cfg.Verifier.Verify(ctx, client, as.jws, client.Metadata.TokenEndpointAuthSigningAlg); err != nil {
		return a.badAssertion(id, err)
	}
	// RFC 7523 §3: single use, told by the one store that all replicas share.
	// The key is of the claims: the same token can be encoded in several ways.
	err := a.cfg.Replay.UseOnce(ctx, replayKey(id, c.ID), c.End())
	if errors.Is(err, oidckit.ErrConsumed) {
		return a.badAssertion(id, errors.New("jti was used before"))
	}
	return err
}

// replayKey is of fixed length, and no two pairs have the same one.
func replayKey(clientID, jti string) string {
	return "client_assertion:" + oidckit.HashToken(fmt.Sprintf("%d:%s%s", len(clientID), clientID, jti)).String()
}

func (a *Authenticator) badAssertion(clientID string, cause error) error {
	return refused(fmt.Errorf("assertion of client %.64q: %w", clientID, cause))
}
