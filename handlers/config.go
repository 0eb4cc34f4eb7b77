package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/cookies"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/safeurl"
)

const (
	defaultPrefix = "/auth"
	defaultIDAlg  = "RS256"
)

// Config is one registration of the app at one issuer.
type Config struct {
	// Issuer is the exact issuer identifier: https, or http on loopback.
	// Required (OpenID Connect Discovery 1.0 §3).
	Issuer string
	// Metadata is what is known of the issuer by hand: its issuer is Issuer, the
	// authorization and token endpoints and JWKSURI are required. Its metadata is
	// then never fetched; nil means discovery. It must not be modified afterwards.
	Metadata *oidckit.ProviderMetadata
	// KeySet is the issuer's JWK set (RFC 7517 §5), where it is known by hand: it
	// is used in place of what is at JWKSURI and never changes.
	KeySet []byte
	// Certificates are one or more X.509 certificates in PEM, in place of KeySet.
	// Their public keys verify signatures, whatever the kid of a token. Their
	// dates are not looked at and no chain is followed: who puts them here
	// vouches for them, and has to replace them when the issuer does.
	Certificates []byte
	// OAuth2 is for a provider that knows no OpenID Connect; Issuer is then what
	// the app calls it. Nil means an OpenID provider.
	OAuth2 *OAuth2
	// Legacy switches on what an issuer wants against the standards. Default: none
	// of it.
	Legacy *Legacy
	// ClientID is the app's client identifier. Required.
	ClientID string
	// ClientSecret makes the app a confidential client. Empty for a public one.
	ClientSecret string
	// BaseURL is the address people reach the app under, with the path that a
	// proxy in front strips, if any. Every URL is made of it, never of a
	// request's Host. Required; https, or http on loopback.
	BaseURL string
	// Prefix is where login, callback and logout live under BaseURL. Default
	// "/auth"; "/" puts them at the top.
	Prefix string
	// Scopes is what a login asks for. Default ["openid"], which is always
	// among them (OpenID Connect Core 1.0 §3.1.2.1). With OAuth2 none is needed.
	// Some issuers pass over offline_access, and give no refresh token, where
	// LoginRequest.Prompt lacks consent (§11).
	Scopes oidckit.Scope
	// Sessions keeps the sessions. Required. Two relying parties may share it.
	Sessions *Sessions
	// Secrets seals logins under way and tokens. Default: that of Sessions.
	Secrets oidckit.Secrets
	// ResponseType is what the answer to a login brings: "code", which is the
	// default and right for nearly every issuer, "code id_token", "code token",
	// "code id_token token", "id_token" or "id_token token". The last two redeem
	// no code: there is no client authentication, PKCE or refresh token.
	ResponseType string
	// ResponseMode is how the answer comes: "query", "form_post" (OAuth 2.0 Form
	// Post Response Mode), or signed (JARM) as "jwt", "query.jwt" or
	// "form_post.jwt". Default: query for code, else form_post. A form needs a
	// login cookie with SameSite=None, and a redirect more: with it the browser
	// brings the session that it has, which ends as at any login.
	ResponseMode string
	// AuthorizationSignedResponseAlg is the one algorithm of signed answers, as
	// registered. Default RS256 (JARM §3).
	AuthorizationSignedResponseAlg string
	// Claims is what every login asks for by the claims parameter: a JSON object
	// of at most 2 KiB (OpenID Connect Core 1.0 §5.5). Optional.
	Claims json.RawMessage
	// AuthorizationParams are further parameters of every login, such as an
	// issuer's own. Those that the protocol sets are refused. Optional.
	AuthorizationParams map[string]string
	// TokenEndpointAuthMethod is how the app shows the issuer that it is itself:
	// one of the AuthMethod constants. Default: with a secret
	// client_secret_basic, unless the issuer's metadata names client_secret_post
	// only, with ClientKeys alone private_key_jwt, else none. For the two methods
	// by certificate (RFC 8705 §2) it stands in the transport of HTTPClient; the
	// issuer's mtls_endpoint_aliases are used.
	TokenEndpointAuthMethod string
	// TokenEndpointAuthSigningAlg is HS256, HS384 or HS512, for
	// client_secret_jwt. Default HS256. That of private_key_jwt is the key's.
	TokenEndpointAuthSigningAlg string
	// AllowTokenEndpointAudience makes assertions out to the token endpoint, for
	// issuers that do not take their own name. A hostile issuer that names the
	// token endpoint of an honest one then gets what the honest one believes.
	AllowTokenEndpointAudience bool
	// ClientKeys sign for the app: private_key_jwt and request objects. The first
	// one signs; all are published at Prefix + "/jwks.json", which is the app's
	// jwks_uri. To rotate, add a key at the end, move it to the front once every
	// replica and the issuer know it, and drop the old one later. Optional.
	ClientKeys []ClientKey
	// PushedAuthorization tells the issuer what a login asks for before the
	// browser goes there with nothing but a reference (RFC 9126): nobody can read
	// or change it on the way. Issuers whose metadata demands it get it anyway.
	// Each address of a login that anybody opens is then a call to the issuer:
	// limit the rate of strangers in front of the app.
	PushedAuthorization bool
	// RequestObjects sends what a login asks for as a JWT. Issuers whose metadata
	// demands signed ones get them by value where there are ClientKeys. Optional.
	RequestObjects *RequestObjects
	// IDTokenSignedResponseAlg is the one algorithm an ID token may be signed
	// with, as registered. Default RS256 (OpenID Connect Dynamic Client
	// Registration 1.0 §2).
	IDTokenSignedResponseAlg string
	// UserinfoSignedResponseAlg is the one algorithm that userinfo is signed
	// with, where that was registered; it may have 16 KiB then. Default: userinfo
	// is JSON, and a signed one is refused (OpenID Connect Core 1.0 §5.3.2).
	UserinfoSignedResponseAlg string
	// Resource is the API that access tokens are asked for (RFC 8707 §2). Where
	// userinfo answers such a token with 401, what the ID token says of a person
	// is all that is known; Claims can ask for more to be in it. Optional.
	Resource string
	// PostLogoutReturnTo is the local path shown after a logout. Default: the
	// base URL's own path.
	PostLogoutReturnTo string
	// MapIdentity may add to what the session will say about a person, or
	// refuse them with an error: 403, or the status of an *oidckit.Error. It
	// gets a copy of its own; issuer, subject, client, session and times stay as
	// they were verified, whatever it returns. Optional.
	MapIdentity func(ctx context.Context, id oidckit.Identity) (oidckit.Identity, error)
	// ErrorPage writes the app's own page for whatever goes wrong in a route;
	// e.Status is sent unless it sends another. Headers that keep the page out of
	// caches are set. Where it writes nothing or panics, the built-in page stands
	// in. The request's query may hold a code: it must not be shown. Optional.
	ErrorPage func(w http.ResponseWriter, r *http.Request, e ErrorPage)
	// LocalLogout signs a person out of this app alone: they are not sent on to
	// the issuer, and a next login there may ask for nothing.
	LocalLogout bool
	// FrontchannelLogout has a route that the issuer's logout page loads in a frame
	// (OpenID Connect Front-Channel Logout 1.0). The back channel, which is always
	// there, is surer: browsers may not load frames of other sites.
	FrontchannelLogout bool
	// SessionManagement has a page, check-session, that an app loads in a frame and
	// that hears when the session at the issuer is another than at the login
	// (OpenID Connect Session Management 1.0). Browsers that keep cookies from
	// frames of other sites make it say so of everybody.
	SessionManagement bool
	// AllowLogoutTokenWithoutExp takes logout tokens that do not say when they end,
	// for two minutes from iat on (OpenID Connect Back-Channel Logout 1.0 §2.4).
	AllowLogoutTokenWithoutExp bool
	// AllowStaleSession keeps a session going whose tokens have ended while the
	// issuer cannot be asked for new ones. An issuer that is down then locks nobody
	// out, and a grant that it has ended is noticed later.
	AllowStaleSession bool
	// HTTPClient reaches the issuer. Its redirects are refused, and it gets a
	// timeout where it has none. Default: a client without proxy.
	HTTPClient *http.Client
	// Logger hears of refusals and faults. The zero value is silent.
	Logger zerolog.Logger
	// Events receives logins, logouts, whatever a route refuses (EventLoginFailed,
	// EventLogoutRefused), and what becomes of sessions and their tokens. Optional.
	Events oidckit.EventSink
}

func (c Config) withDefaults() Config {
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if len(c.Scopes) == 0 && c.OAuth2 == nil {
		c.Scopes = oidckit.Scope{oidckit.ScopeOpenID}
	}
	if c.ResponseMode == "" {
		c.ResponseMode = client.DefaultResponseMode(c.ResponseType)
	}
	if c.AuthorizationSignedResponseAlg == "" {
		c.AuthorizationSignedResponseAlg = defaultIDAlg
	}
	if c.IDTokenSignedResponseAlg == "" {
		c.IDTokenSignedResponseAlg = defaultIDAlg
	}
	if c.TokenEndpointAuthMethod == oidckit.AuthMethodClientSecretJWT && c.TokenEndpointAuthSigningAlg == "" {
		c.TokenEndpointAuthSigningAlg = defaultAssertionAlg
	}
	if c.Secrets.IsZero() && c.Sessions != nil {
		c.Secrets = c.Sessions.secrets
	}
	return c
}

// validate names every problem, each with its field.
func (c Config) validate() (cookies.Site, error) {
	var errs []error
	bad := func(field string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("Config.%s %w", field, err))
		}
	}
	_, err := safeurl.Issuer(c.Issuer)
	bad("Issuer", err)
	bad("ClientID", checkText(c.ClientID, true))
	bad("ClientSecret", checkText(c.ClientSecret, false))
	if c.BaseURL == "" {
		bad("BaseURL", errors.New("is empty"))
	}
	s, err := cookies.NewSite(c.BaseURL)
	bad("BaseURL", err)
	bad("Prefix", checkPrefix(c.Prefix))
	bad("Scopes", checkScopes(c.Scopes, c.OAuth2 == nil))
	bad("OAuth2", c.checkOAuth2())
	bad("Legacy", c.checkLegacy())
	bad("Sessions", c.checkSessions(s, err == nil))
	c.checkAuthentication(bad)
	bad("RequestObjects", c.checkRequestObjects(s))
	c.checkResponse(bad)
	c.checkRequestParams(bad)
	bad("IDTokenSignedResponseAlg", checkAlgorithm(c.IDTokenSignedResponseAlg))
	if c.UserinfoSignedResponseAlg != "" {
		bad("UserinfoSignedResponseAlg", checkAlgorithm(c.UserinfoSignedResponseAlg))
	}
	bad("Resource", checkResource(c.Resource))
	if _, ok := safeurl.ReturnTo(c.PostLogoutReturnTo); !ok && c.PostLogoutReturnTo != "" {
		bad("PostLogoutReturnTo", errors.New("must be a local path"))
	}
	errs = append(errs, c.checkByHand()...)
	return s, errors.Join(errs...)
}

func (c Config) checkSessions(s cookies.Site, known bool) error {
	if c.Sessions == nil {
		return errors.New("is nil")
	}
	if known && s.Secure != c.Sessions.site.Secure {
		if s.Secure {
			return errors.New("were made for an http base URL, and BaseURL is https")
		}
		return errors.New("have a Secure cookie, which http does not carry: set SessionConfig.BaseURL to the same address as BaseURL")
	}
	return c.Sessions.check()
}

func checkScopes(s oidckit.Scope, openID bool) error {
	if len(s) == 0 && !openID {
		return nil
	}
	parsed, err := oidckit.ParseScope(s.String())
	if err != nil {
		return errors.New("is not a list of scope tokens")
	}
	// OpenID Connect Core 1.0 §3.1.2.1
	if openID && !parsed.Has(oidckit.ScopeOpenID) {
		return errors.New("must contain openid")
	}
	return nil
}

func checkAlgorithm(alg string) error {
	if !slices.Contains(jose.Algorithms(), alg) {
		return fmt.Errorf("must be one of %s", strings.Join(jose.Algorithms(), ", "))
	}
	return nil
}

// checkText implements VSCHAR (RFC 6749 Appendix A.1, A.2).
func checkText(s string, required bool) error {
	if s == "" && required {
		return errors.New("is empty")
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return errors.New("holds characters other than visible ASCII")
		}
	}
	return nil
}

func checkPrefix(p string) error {
	if p == "/" {
		return nil
	}
	if target, ok := safeurl.ReturnTo(p); !ok || strings.ContainsAny(target, "?%{}") || strings.HasSuffix(p, "/") || strings.Contains(p, "//") {
		return errors.New("must be a path that begins with a slash and does not end in one")
	}
	return nil
}

func checkResource(raw string) error {
	if raw == "" {
		return nil
	}
	// RFC 8707 §2: an absolute URI without a fragment
	u, err := url.Parse(raw)
	if err != nil || !u.IsAbs() || strings.Contains(raw, "#") {
		return errors.New("must be an absolute URI without a fragment")
	}
	return nil
}
