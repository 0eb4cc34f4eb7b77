package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// Hint is what an ID token says that a client sends back as a hint.
type Hint struct {
	Subject string
	// Audience is whom the token was issued to. ClientID is the one of them that
	// has asked for it, "" where the token does not say.
	Audience  []string
	ClientID  string
	SessionID string
}

// hintClaims are those of an ID token that a hint is judged by.
type hintClaims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  json.RawMessage `json:"aud"`
	Party     string          `json:"azp"`
	ExpiresAt int64           `json:"exp"`
	SessionID string          `json:"sid"`
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
	var c hintClaims
	if j.Header.Type != typeIDToken || strictjson.Unmarshal(j.Payload, &c) != nil || c.Issuer != i.URL || c.Subject == "" ||
		// A signed answer of userinfo says as much, but is no ID token.
		c.ExpiresAt == 0 {
		return nil, ErrBadHint
	}
	hint := &Hint{Subject: c.Subject, ClientID: c.Party, SessionID: c.SessionID}
	if hint.Audience, err = readAudience(strictjson.Value(c.Audience)); err != nil || c.Party != "" && !slices.Contains(hint.Audience, c.Party) {
		return nil, ErrBadHint
	}
	if c.Party == "" && len(hint.Audience) == 1 {
		hint.ClientID = hint.Audience[0]
	}
	return hint, nil
}

// readAudience reads one value or several (RFC 7519 §4.1.3).
func readAudience(v strictjson.Value) ([]string, error) {
	if v.Kind() == strictjson.KindArray {
		return v.Texts()
	}
	text, err := v.Text()
	return []string{text}, err
}
