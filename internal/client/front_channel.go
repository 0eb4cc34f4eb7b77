package client

import (
	"context"
	"errors"
	"strings"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
)

// Redeem returns the tokens of a response: its own, or those that the server
// gives for its code. An ID token that came along with a code is checked before
// the code is sent, and an access token then has no further use: that of the
// token endpoint takes its place. The ID token that Redeem returns is for
// CheckIDToken to judge.
func (c *Client) Redeem(ctx context.Context, resp Response, codeVerifier string, want Expected) (*Tokens, error) {
	if err := c.checkParts(resp); err != nil {
		return nil, refuse(malformedResponse, err)
	}
	front := resp.front
	if !c.cfg.gives(wordCode) {
		return &front, nil
	}
	subject := ""
	if c.cfg.gives(wordIDToken) {
		id, err := c.CheckIDToken(ctx, want, &front)
		if err != nil {
			return nil, err
		}
		subject = id.Subject
	}
	tokens, err := c.Exchange(ctx, resp.Code, codeVerifier)
	if err != nil {
		return nil, err
	}
	tokens.subject, tokens.SessionState = subject, front.SessionState
	return tokens, nil
}

// checkParts demands what the response type names, and refuses what it does
// not: that came another way than it was to come (OpenID Connect Core 1.0
// §3.2.2.5, §3.3.2.5).
func (c *Client) checkParts(resp Response) error {
	for _, part := range []struct{ word, value, what string }{
		{wordCode, resp.Code, "code"}, {wordIDToken, resp.front.IDToken, "ID token"}, {wordToken, resp.front.AccessToken, "access token"},
	} {
		switch wanted := c.cfg.gives(part.word); {
		case wanted && part.value == "":
			return errors.New("the response has no " + part.what)
		case !wanted && part.value != "":
			return errors.New("the response has the " + part.what + " that nobody has asked for")
		}
	}
	switch {
	case !c.cfg.gives(wordToken):
	// RFC 6749 §7.1: a token of a type that is not understood must not be used
	case !strings.EqualFold(resp.tokenType, "Bearer"):
		return errors.New("the token type is not Bearer")
	case !bearerText(resp.front.AccessToken):
		return errors.New("the access token cannot be used")
	}
	return nil
}

// checkFrontChannel holds an ID token to what it came with.
func checkFrontChannel(t *IDToken, tokens *Tokens, alg string) error {
	// §3.3.3.6: iss, which is one and the same for all, and sub
	if tokens.subject != "" && t.Subject != tokens.subject {
		return errors.New("the ID token is about another subject than the one that came with the code")
	}
	if !tokens.front {
		return nil
	}
	// §3.2.2.9, §3.3.2.9: checkClaims compares it
	if tokens.AccessToken != "" && !t.hasATHash {
		return errors.New("the ID token lacks at_hash, and an access token came with it")
	}
	if tokens.code == "" {
		return nil
	}
	// §3.3.2.10
	want, err := jose.HalfHash(alg, tokens.code)
	if err != nil || !t.hasCHash || !secret.Equal(t.cHash, want) {
		return errors.New("the ID token's c_hash is not the code's")
	}
	return nil
}
