package tokens

import (
	"context"
	"errors"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// Hint is what an ID token says that a client sends back as a hint.
type Hint struct {
	Subject   string
	ClientID  string
	SessionID string
}

// ErrBadHint says that an id_token_hint is not an ID token of this issuer.
var ErrBadHint = errors.New("tokens: id_token_hint is not an ID token of this issuer")

// ReadHint verifies an id_token_hint: an ID token of this issuer, however old
// (OpenID Connect RP-Initiated Logout 1.0 §4).
func (i *Issuer) ReadHint(ctx context.Context, token string) (*Hint, error) {
	j, err := i.verify(ctx, token)
	if errors.Is(err, oidckit.InvalidToken) {
		return nil, ErrBadHint
	}
	if err != nil {
		return nil, err
	}
	var c idClaims
	if j.Header.Type != typeIDToken || strictjson.Unmarshal(j.Payload, &c) != nil || c.Issuer != i.URL || c.Subject == "" ||
		// A signed answer of userinfo says as much, but is no ID token.
		c.ExpiresAt == 0 {
		return nil, ErrBadHint
	}
	return &Hint{Subject: c.Subject, ClientID: c.Audience, SessionID: c.SessionID}, nil
}
