package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
	"github.com/oidckit/oidckit/internal/secret"
)

// CheckRefreshedIDToken implements OpenID Connect Core 1.0 §12.2: an ID token
// that comes with a refresh is about the same person, and the same login, as
// the one before, which was checked when it came. asked is when the refresh was
// sent. An error is a *Refusal, or says that the keys are not available
// (ErrUnavailable); then all but the signature was right.
func (c *Client) CheckRefreshedIDToken(ctx context.Context, before string, asked time.Time, tokens *Tokens) error {
	old, err := parsePayload(before)
	if err != nil {
		return refuse("id_token", err)
	}
	jws, err := jose.Parse(tokens.IDToken)
	if err != nil {
		return refuse("id_token", err)
	}
	if err := c.checkHeader(jws.Header); err != nil {
		return refuse("id_token", err)
	}
	t, err := parseIDToken(jws.Payload)
	if err != nil {
		return refuse("id_token", err)
	}
	if err := c.checkContinues(old, t); err != nil {
		return refuse("id_token", err)
	}
	if err := checkTimes(t, Expected{Started: asked}, time.Now()); err != nil {
		return refuse("id_token", err)
	}
	if err := checkAccessTokenHash(t, tokens, jws.Header.Algorithm); err != nil {
		return refuse("id_token", err)
	}
	if err := c.checkSignature(ctx, jws, c.cfg.IDTokenSignedResponseAlg); errors.Is(err, jwks.ErrUnavailable) {
		return unavailable(err)
	} else if err != nil {
		return refuse("id_token", err)
	}
	return nil
}

func parsePayload(token string) (*IDToken, error) {
	jws, err := jose.Parse(token)
	if err != nil {
		return nil, err
	}
	return parseIDToken(jws.Payload)
}

// checkContinues holds a refreshed ID token against the one before.
func (c *Client) checkContinues(old, t *IDToken) error {
	switch {
	// OpenID Connect Core 1.0 §12.2, for all that follow
	case t.Issuer != old.Issuer || t.Issuer != c.cfg.Issuer:
		return errors.New("the refreshed ID token is another issuer's")
	case t.Subject != old.Subject:
		return errors.New("the refreshed ID token is about another subject")
	case !slices.Equal(t.Audience, old.Audience):
		return errors.New("the refreshed ID token is for another audience")
	case t.hasAZP != old.hasAZP || t.azp != old.azp:
		return errors.New("the refreshed ID token was issued to another party")
	case t.hasAuthTime && old.hasAuthTime && t.authTime != old.authTime:
		return errors.New("the refreshed ID token has another auth_time")
	// It should have none, and may have the one of the login.
	case t.nonce != "" && !secret.Equal(t.nonce, old.nonce):
		return errors.New("the refreshed ID token has another nonce")
	}
	return nil
}
