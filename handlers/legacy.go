package handlers

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
)

// revokePatience is how long a logout waits for Legacy.RevokeByGet.
const revokePatience = 2 * time.Second

// Legacy is for issuers that were built before the standards, or against them:
// each field switches on one thing that such an issuer documents. What is not
// switched on stays as the standards have it, and all answers are checked as
// ever.
type Legacy struct {
	// RedirectURLParameter repeats redirect_uri as redirect_url in the token
	// request.
	RedirectURLParameter bool
	// ClientSecretBoth sends client identifier and secret in the body as well as
	// in the header (against RFC 6749 §2.3). It needs client_secret_basic.
	ClientSecretBoth bool
	// ScopeInTokenRequest repeats the scope in the request that redeems a code.
	ScopeInTokenRequest bool
	// RevokeByGet ends the access token at a logout by a GET to the revocation
	// endpoint that shows it (RFC 7009 §2.1 has a POST). A logout waits two seconds
	// for that at most, and does not fail with it.
	RevokeByGet bool
	// LogoutByGet sends a person to the end_session_endpoint with
	// post_logout_redirect_uri alone: no id_token_hint, client_id or state (OpenID
	// Connect RP-Initiated Logout 1.0 §2). Whoever comes back without a state gets
	// a page with a link home.
	LogoutByGet bool
	// ExpiresInMilliseconds reads expires_in as milliseconds (RFC 6749 §5.1 has
	// seconds).
	ExpiresInMilliseconds bool
	// InsecureNoPKCE leaves out code_challenge and code_verifier, for issuers that
	// refuse parameters they do not know. Then only the nonce keeps a stolen code
	// from being redeemed in another's login, and with OAuth2 nothing does
	// (RFC 9700 §2.1.1, §4.5).
	InsecureNoPKCE bool
}

// legacy returns what is switched on.
func (c Config) legacy() client.Legacy {
	if c.Legacy == nil {
		return client.Legacy{}
	}
	return client.Legacy(*c.Legacy)
}

func (c Config) checkLegacy() error {
	basic := []string{"", oidckit.AuthMethodClientSecretBasic}
	if c.legacy().ClientSecretBoth && (c.ClientSecret == "" || !slices.Contains(basic, c.TokenEndpointAuthMethod)) {
		return errors.New("has ClientSecretBoth, which needs a ClientSecret and client_secret_basic")
	}
	return nil
}

// revokeByGet is what Legacy.RevokeByGet asks for.
func (rp *RelyingParty) revokeByGet(ctx context.Context, tokens *client.Tokens) {
	if !rp.cfg.legacy().RevokeByGet {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, revokePatience)
	defer cancel()
	if err := rp.client.RevokeByGet(ctx, tokens.AccessToken); err != nil {
		rp.cfg.Logger.Warn().Err(err).Str("issuer", rp.cfg.Issuer).Msg("an access token was not revoked")
	}
}

// legacyLogoutURL is what Legacy.LogoutByGet asks for.
func (rp *RelyingParty) legacyLogoutURL(target *url.URL) string {
	q := target.Query()
	q.Set("post_logout_redirect_uri", rp.url("/logged-out"))
	target.RawQuery = q.Encode()
	return target.String()
}
