package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
)

// OAuth2 is a provider of plain OAuth 2.0 (RFC 6749), which says who has logged
// in by an API of its own in place of an ID token. One that comes all the same
// is not looked at; no scope is demanded of Scopes, and no nonce is sent. State,
// PKCE and iss, where it comes, are as ever.
//
// Nobody vouches for when and how a person has signed in there: a guard that
// asks for a fresh or a stronger login gets a refusal, with status 403.
type OAuth2 struct {
	// SubjectClaim is the member that names the person and never changes its
	// meaning: "id", for some. It is a string or a number, which is taken as it is
	// written. Default "sub".
	SubjectClaim string
	// Identify returns what is known of a person, as a JSON object with
	// SubjectClaim in it, where the userinfo endpoint does not say it all, or is
	// none. An error is a provider that did not answer (502); an *oidckit.Error has
	// its own status and refuses the person. The request does not wait for it
	// longer than ctx lasts. Optional.
	Identify func(ctx context.Context, req IdentifyRequest) (oidckit.Claims, error)
}

// IdentifyRequest is about one person who is logging in.
type IdentifyRequest struct {
	// HTTPClient sends the access token with every request, so that it is for
	// addresses of the provider's API alone. It follows no redirect and refuses
	// http where the issuer is https. Answers end after 512 KiB.
	HTTPClient *http.Client
	// Userinfo is what the userinfo endpoint has said, nil without one.
	Userinfo oidckit.Claims
	// Scope is what was granted, nil where the provider has not said.
	Scope oidckit.Scope
}

// checkOAuth2 names settings that nobody reads: their author relies on them.
func (c Config) checkOAuth2() error {
	switch {
	case c.OAuth2 == nil:
		return nil
	case c.KeySet != nil, c.Certificates != nil, c.UserinfoSignedResponseAlg != "":
		return errors.New("has no use for KeySet, Certificates and UserinfoSignedResponseAlg: nothing signed is looked at")
	case c.Metadata != nil && c.Metadata.UserinfoEndpoint == "" && c.OAuth2.Identify == nil:
		return errors.New("has neither Identify nor a userinfo_endpoint in Metadata")
	}
	return nil
}

func (c Config) plainOAuth() *client.PlainOAuth {
	if c.OAuth2 == nil {
		return nil
	}
	return &client.PlainOAuth{SubjectClaim: c.OAuth2.SubjectClaim}
}

// checkVouched refuses a login that would come back without what it is for, and
// begin anew.
func (rp *RelyingParty) checkVouched(req oidckit.LoginRequest) error {
	if rp.cfg.OAuth2 == nil {
		return nil
	}
	if acr, err := rp.client.DemandedACR(req); err == nil && req.MaxAge == nil && len(acr) == 0 {
		return nil
	}
	return &failure{status: http.StatusForbidden, reason: "authentication_not_vouched",
		message: "This page needs a fresh or a stronger sign-in, and the sign-in service of this app cannot confirm one."}
}

// identify returns who has logged in, by the ID token or by what the provider's
// API says.
func (rp *RelyingParty) identify(ctx context.Context, tx *transaction, tokens *client.Tokens) (*client.IDToken, oidckit.Claims, error) {
	if rp.cfg.OAuth2 != nil {
		return rp.identifyPlain(ctx, tokens)
	}
	id, err := rp.client.CheckIDToken(ctx, tx.expected(), tokens)
	if err != nil {
		return nil, nil, err
	}
	claims, err := rp.client.Claims(ctx, tokens, id)
	return id, claims, err
}

func (rp *RelyingParty) identifyPlain(ctx context.Context, tokens *client.Tokens) (*client.IDToken, oidckit.Claims, error) {
	document, err := rp.client.Userinfo(ctx, tokens)
	if err != nil {
		return nil, nil, err
	}
	switch hook := rp.cfg.OAuth2.Identify; {
	case hook != nil:
		req := IdentifyRequest{HTTPClient: rp.client.BearerClient(tokens), Userinfo: document, Scope: slices.Clone(tokens.Scope)}
		document, err = askApp(ctx, "OAuth2.Identify", func() ([]byte, error) { return hook(ctx, req) })
		if err != nil {
			return nil, nil, identifyFailed(err)
		}
	case document == nil:
		return nil, nil, upstream(errors.New("handlers: the provider has no userinfo endpoint, and there is no OAuth2.Identify"))
	}
	return rp.client.Identify(document)
}

func identifyFailed(err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if _, ok := errors.AsType[*oidckit.Error](err); ok {
		return identityRefused(err)
	}
	return upstream(err)
}
