package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Lengths of a code_verifier (RFC 7636 §4.1).
const (
	minVerifier = 43
	maxVerifier = 128
)

// authorizationCode is RFC 6749 §4.1.3 with RFC 7636 §4.6.
func (h *Handler) authorizationCode(ctx context.Context, client *opstore.Client, p wire.Params) (*issue, error) {
	presented := p.Get("code")
	if presented == "" {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "code is missing")
	}
	hash := oidckit.HashToken(presented)
	code, err := h.Codes.Code(ctx, hash)
	if err != nil {
		return nil, h.codeRefused(ctx, client, code, err)
	}
	if err := checkCode(code, client, p); err != nil {
		return nil, err
	}
	auth := &code.Authorization
	if err := h.limit(client, auth); err != nil {
		return nil, err
	}
	// RFC 6749 §4.1.3 knows no scope here
	target, err := h.target(auth, "", p.All("resource"))
	if err != nil {
		return nil, err
	}
	if err := h.checkUser(ctx, auth); err != nil {
		return nil, err
	}
	if err := h.checkWithdrawn(ctx, auth); err != nil {
		return nil, err
	}
	// The store is the judge of who came first.
	if code, err = h.Codes.ConsumeCode(ctx, hash); err != nil {
		return nil, h.codeRefused(ctx, client, code, err)
	}
	auth = &code.Authorization
	if err := h.limit(client, auth); err != nil {
		return nil, err
	}
	refresh, err := h.firstRefreshToken(ctx, client, auth)
	if err != nil {
		return nil, err
	}
	return &issue{authorization: auth, target: target, refreshToken: refresh, begun: refresh != "", nonce: true}, nil
}

// codeRefused answers a code that the store did not give out. A second use by
// its own client revokes what the first one brought.
func (h *Handler) codeRefused(ctx context.Context, client *opstore.Client, code *opstore.Code, err error) error {
	switch {
	case errors.Is(err, oidckit.ErrConsumed) && code != nil && code.ClientID == client.Metadata.ClientID:
		return h.replayed(ctx, oidckit.EventCodeReplayed, client, &code.Authorization, errors.New("code was used before"))
	case errors.Is(err, oidckit.ErrConsumed), errors.Is(err, oidckit.ErrNotFound):
		return invalidGrant(errors.New("unknown, expired or foreign code"))
	}
	return err
}

func checkCode(code *opstore.Code, client *opstore.Client, p wire.Params) error {
	switch {
	// RFC 6749 §4.1.3: issued to the authenticated client
	case code.ClientID != client.Metadata.ClientID:
		return invalidGrant(errors.New("code of another client"))
	case !client.Follows(code.CreatedAt):
		return invalidGrant(errors.New("code of a client that had the client_id before"))
	// RFC 6749 §4.1.3: identical redirect_uri
	case p.Get("redirect_uri") != code.RedirectURI:
		return invalidGrant(errors.New("redirect_uri differs from the authorization request"))
	}
	return checkVerifier(code.CodeChallenge, p.Get("code_verifier"))
}

// checkVerifier implements RFC 7636 §4.6 for S256.
func checkVerifier(challenge, verifier string) error {
	if challenge == "" {
		// RFC 9700 §4.8.2: a verifier without a challenge is a downgrade
		if verifier != "" {
			return invalidGrant(errors.New("code_verifier without code_challenge"))
		}
		return nil
	}
	if len(verifier) < minVerifier || len(verifier) > maxVerifier {
		return invalidGrant(errors.New("code_verifier is missing or has a wrong length"))
	}
	sum := sha256.Sum256([]byte(verifier))
	if !secret.Equal(base64.RawURLEncoding.EncodeToString(sum[:]), challenge) {
		return invalidGrant(errors.New("code_verifier does not match"))
	}
	return nil
}
