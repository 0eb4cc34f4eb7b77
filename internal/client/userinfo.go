package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/strictjson"
)

const (
	maxUserinfo = 512 << 10
	// MaxClaims bounds what is kept about a person, in bytes.
	MaxClaims = 128 << 10
)

// protocolClaims are about the token, not the person: from userinfo none of them
// is taken, signed or not.
var protocolClaims = []string{
	"iss", "aud", "exp", "nbf", "iat", "jti", "azp", "nonce", "acr", "amr", "auth_time",
	"at_hash", "c_hash", "s_hash", "sid", "events", "cnf", "act", "client_id", "scope", "active",
}

// IsProtocolClaim reports whether a claim is about a token and not about the
// person.
func IsProtocolClaim(name string) bool { return slices.Contains(protocolClaims, name) }

// Claims returns the ID token's claims and, where the issuer has the
// endpoint, those of userinfo that the ID token has not
// (OpenID Connect Core 1.0 §5.3).
func (c *Client) Claims(ctx context.Context, tokens *Tokens, id *IDToken) (oidckit.Claims, error) {
	userinfo, err := c.Userinfo(ctx, tokens)
	if err != nil {
		return nil, err
	}
	return joinClaims(id, userinfo)
}

// Userinfo returns what the userinfo endpoint says of a person, nil where there
// is none, or no access token that it takes.
func (c *Client) Userinfo(ctx context.Context, tokens *Tokens) ([]byte, error) {
	if tokens.AccessToken == "" {
		return nil, nil
	}
	m, err := c.Metadata(ctx)
	if err != nil || m.UserinfoEndpoint == "" {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.UserinfoEndpoint, nil)
	if err != nil {
		return nil, unavailable(err)
	}
	// OpenID Connect Core 1.0 §5.3.1
	req.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
	req.Header.Set("Accept", "application/json")
	if c.cfg.UserinfoSignedResponseAlg != "" {
		req.Header.Set("Accept", "application/jwt")
	}
	resp, err := httpx.Do(c.http, req, maxUserinfo)
	if err != nil {
		return nil, unavailable(err)
	}
	// RFC 8707 §2.2: a token for an API need not be one for the issuer's own
	if resp.Status == http.StatusUnauthorized && c.cfg.Resource != "" {
		c.cfg.Logger.Info().Msg("userinfo does not take tokens for the resource: the ID token's claims are all there are")
		return nil, nil
	}
	if resp.Status != http.StatusOK {
		return nil, unavailable(fmt.Errorf("userinfo was answered with status %d", resp.Status))
	}
	if c.cfg.UserinfoSignedResponseAlg != "" {
		return c.readSignedUserinfo(ctx, resp)
	}
	// OpenID Connect Core 1.0 §5.3.2: what nobody has registered for is not taken
	if !resp.IsJSON() {
		return nil, refuse("userinfo", errors.New("userinfo is not JSON"))
	}
	return resp.Body, nil
}

// joinClaims lets the ID token win. A nil userinfo adds nothing.
func joinClaims(id *IDToken, userinfo []byte) (oidckit.Claims, error) {
	var names []string
	set := newClaimSet()
	err := strictjson.Object(id.Claims, func(name []byte, v strictjson.Value) error {
		names = append(names, string(name))
		set.add(name, v)
		return nil
	})
	if err != nil {
		return nil, refuse("id_token", err)
	}
	if userinfo != nil {
		subject := ""
		err = strictjson.Object(userinfo, func(name []byte, v strictjson.Value) (err error) {
			if string(name) == "sub" {
				subject, err = v.Text()
				return err
			}
			if !slices.Contains(names, string(name)) && !IsProtocolClaim(string(name)) {
				set.add(name, v)
			}
			return nil
		})
		// OpenID Connect Core 1.0 §5.3.2: sub MUST be verified to match exactly
		if err == nil && subject != id.Subject {
			err = errors.New("userinfo is about another subject")
		}
		if err != nil {
			return nil, refuse("userinfo", err)
		}
	}
	return set.done()
}

// claimSet is a JSON object in the making.
type claimSet []byte

func newClaimSet() claimSet { return claimSet{'{'} }

// add appends a member whose name the set has not yet.
func (s *claimSet) add(name []byte, v strictjson.Value) {
	if len(*s) > 1 {
		*s = append(*s, ',')
	}
	// The name goes back as it was decoded, escaped anew.
	*s = append(append(append(*s, quote(string(name))...), ':'), v...)
}

func (s claimSet) done() (oidckit.Claims, error) {
	if len(s) > MaxClaims {
		return nil, refuse("claims_too_large", fmt.Errorf("the claims have %d bytes, %d are kept", len(s), MaxClaims))
	}
	return oidckit.Claims(append(s, '}')), nil
}

// quote writes a JSON string. It is valid UTF-8, so that this cannot fail.
func quote(s string) []byte {
	quoted, _ := json.Marshal(s)
	return quoted
}
