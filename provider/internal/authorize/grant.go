package authorize

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
	"github.com/oidckit/oidckit/provider/internal/tokens"
	"github.com/oidckit/oidckit/provider/opstore"
)

// grant makes what the request asks for and sends it to the client. It is named
// after the consent that it comes of, where there is one: withdrawing that must
// reach every token.
func (h *Handler) grant(w http.ResponseWriter, r *http.Request, req *Request, client *opstore.Client, sess *opstore.Session, consent *opstore.Consent) error {
	ctx := r.Context()
	req.within(sess)
	err := h.Sessions.Reached(ctx, sess, req.ClientID)
	if errors.Is(err, oidckit.ErrNotFound) {
		return h.toLogin(w, req, "session has ended")
	}
	if err != nil {
		return err
	}
	grantID := secret.ID()
	if consent != nil {
		grantID = opstore.GrantOfConsent(consent.ID, grantID)
	}
	auth := &opstore.Authorization{
		GrantID:        grantID,
		Subject:        sess.Subject,
		SessionID:      sess.ID,
		Scope:          req.Scope,
		Resource:       req.Resource,
		Nonce:          req.Nonce,
		AuthTime:       sess.AuthTime,
		ACR:            sess.ACR,
		AMR:            sess.AMR,
		UserinfoClaims: req.UserinfoClaims,
		IDTokenClaims:  req.IDTokenClaims,
		ClaimsLocales:  req.ClaimsLocales,
	}
	code := ""
	a := make(answer, 0, 8)
	if req.ResponseType.Has(responsetype.Code) {
		code = secret.Token()
		a = append(a, parameter{"code", code})
	}
	// Tokens come first: a code is stored when nothing else can fail.
	if req.ResponseType.FrontChannelTokens() {
		if a, err = h.addTokens(ctx, a, req, tokens.Grantee{Client: client, Authorization: auth}, code); err != nil {
			return err
		}
	}
	if code != "" {
		if err := h.createCode(ctx, code, req, auth); err != nil {
			return err
		}
	}
	return h.respond(w, r, req, a)
}

func (h *Handler) createCode(ctx context.Context, code string, req *Request, auth *opstore.Authorization) error {
	now := time.Now()
	return h.Codes.CreateCode(ctx, &opstore.Code{
		Hash:          oidckit.HashToken(code),
		ClientID:      req.ClientID,
		RedirectURI:   req.RedirectURI,
		CodeChallenge: req.CodeChallenge,
		Authorization: *auth,
		CreatedAt:     now,
		ExpiresAt:     now.Add(h.CodeLifetime),
		KeepUntil:     now.Add(h.CodeLifetime + h.CodeMemory),
	})
}

// addTokens adds what the implicit and hybrid flows bring right away (OpenID
// Connect Core 1.0 §3.2.2.5, §3.3.2.5).
func (h *Handler) addTokens(ctx context.Context, a answer, req *Request, g tokens.Grantee, code string) (answer, error) {
	beside := tokens.Beside{Code: code, Scope: req.Scope}
	if req.ResponseType.Has(responsetype.Token) {
		access, err := h.Tokens.AccessToken(ctx, g, h.Scopes.Target(req.Scope, req.Resource))
		if err != nil {
			return nil, err
		}
		beside.AccessToken, beside.Scope = access.Token, nil
		a = append(a, parameter{"access_token", access.Token}, parameter{"token_type", "Bearer"},
			parameter{"expires_in", strconv.FormatInt(int64(access.ExpiresIn/time.Second), 10)}, parameter{"scope", access.Scope.String()})
	}
	if req.ResponseType.Has(responsetype.IDToken) {
		// OpenID Connect Core 1.0 §5.4: the claims of the scope stand in an ID
		// token that nothing else comes with
		if code != "" {
			beside.Scope = nil
		}
		idToken, err := h.Tokens.IDTokenBeside(ctx, g, beside)
		if err != nil {
			return nil, err
		}
		a = append(a, parameter{"id_token", idToken})
	}
	h.Events.Send(ctx, oidckit.Event{
		Name: oidckit.EventTokenIssued, Issuer: h.Issuer, ClientID: req.ClientID,
		Subject: g.Authorization.Subject, SessionID: g.Authorization.SessionID, GrantType: oidckit.GrantTypeImplicit,
	})
	return a, nil
}
