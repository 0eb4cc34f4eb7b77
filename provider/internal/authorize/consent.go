package authorize

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/opstore"
)

// interactionLifetime is how long a person may take to consent.
const interactionLifetime = 30 * time.Minute

// ClaimsBeyond returns the names of claims that the request asks for beyond
// those of its scope: what a consent page has to tell.
func (h *Handler) ClaimsBeyond(req *Request) []string {
	if len(req.UserinfoClaims)+len(req.IDTokenClaims) == 0 {
		return nil
	}
	return h.UserClaims.Beyond(slices.Concat(req.UserinfoClaims, req.IDTokenClaims), req.Scope)
}

// needsConsent reports whether the person must be asked; where not, it returns
// what they have allowed before, nil where a trusted client needs nothing.
func (h *Handler) needsConsent(ctx context.Context, req *Request, client *opstore.Client, sess *opstore.Session) (bool, *opstore.Consent, error) {
	// OpenID Connect Core 1.0 §3.1.2.1: consent SHOULD be asked for
	if req.prompts(oidckit.PromptConsent) {
		return true, nil, nil
	}
	trusted := slices.Contains(h.TrustedClients, req.ClientID)
	// RFC 8252 §8.6: anybody can pose as a native app without credentials
	if !trusted && client.Public() && (client.Metadata.ApplicationType == "native" || reachesApp(req.RedirectURI)) {
		return true, nil, nil
	}
	consent, err := h.Consents.Consent(ctx, sess.Subject, req.ClientID)
	if errors.Is(err, oidckit.ErrNotFound) || err == nil && !client.Follows(consent.GrantedAt) {
		return !trusted, nil, nil
	}
	if err != nil || trusted {
		return false, consent, err
	}
	covered := consent.Scope.HasAll(req.Scope) && within(req.Resource, consent.Resource) &&
		within(h.UserClaims.Beyond(h.ClaimsBeyond(req), consent.Scope), consent.Claims)
	return !covered, consent, nil
}

// reachesApp reports whether an answer goes to whatever app listens on the
// person's device: by a scheme of its own, or on a loopback address, where any
// port matches (RFC 8252 §7.1, §7.3). localhost, whose port is registered, is
// for web apps under development (§8.3).
func reachesApp(redirectURI string) bool {
	u, err := url.Parse(redirectURI)
	return err != nil || u.Scheme != "https" && (u.Scheme != "http" || !strings.EqualFold(u.Hostname(), "localhost"))
}

// within reports whether all of list is in whole.
func within(list, whole []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(whole, s) })
}

// toConsent parks the request in a row that only this session can decide.
func (h *Handler) toConsent(w http.ResponseWriter, r *http.Request, req *Request, sess *opstore.Session) error {
	plain, err := json.Marshal(req)
	if err != nil {
		return err
	}
	if len(plain) > maxSealed {
		return refuse(req, oidckit.InvalidRequest, "the request is too large")
	}
	handle := secret.Token()
	err = h.Interactions.CreateInteraction(r.Context(), &opstore.Interaction{
		Hash: oidckit.HashToken(handle), SessionID: sess.ID, Request: plain, ExpiresAt: time.Now().Add(interactionLifetime),
	})
	if err != nil {
		return err
	}
	redirect(w, withQuery(h.ConsentURL, url.Values{"interaction": {handle}}))
	return nil
}

// Waiting reads a request that toConsent parked.
func Waiting(i *opstore.Interaction) (*Request, error) { return decodeRequest(i.Request) }

// Grant ends a request whose person has consented: the consent is remembered
// and the answer sent.
func (h *Handler) Grant(w http.ResponseWriter, r *http.Request, req *Request, sess *opstore.Session) error {
	client, err := h.Clients.Client(r.Context(), req.ClientID)
	if errors.Is(err, oidckit.ErrNotFound) {
		return ErrRequestExpired
	}
	if err != nil {
		return err
	}
	req.within(sess)
	if err := h.judgeAgain(req, client); err != nil {
		return h.fail(w, r, err)
	}
	if err := h.checkSession(req, client, sess); err != nil {
		return h.fail(w, r, err)
	}
	consent, err := h.remember(r.Context(), req, client, sess)
	if err != nil {
		return err
	}
	h.Events.Send(r.Context(), oidckit.Event{
		Name: oidckit.EventConsentGranted, Issuer: h.Issuer, ClientID: req.ClientID, Subject: sess.Subject, SessionID: sess.ID,
	})
	return h.fail(w, r, h.grant(w, r, req, client, sess, consent))
}

// remember adds what was allowed now to what was allowed before.
func (h *Handler) remember(ctx context.Context, req *Request, client *opstore.Client, sess *opstore.Session) (*opstore.Consent, error) {
	now := time.Now()
	next := &opstore.Consent{
		ID: secret.ID(), Subject: sess.Subject, ClientID: req.ClientID, Scope: slices.Clone(req.Scope), Resource: slices.Clone(req.Resource),
		Claims: h.ClaimsBeyond(req), GrantedAt: now, ExpiresAt: now.Add(h.ConsentLifetime),
	}
	before, err := h.Consents.Consent(ctx, sess.Subject, req.ClientID)
	switch {
	case err == nil && client.Follows(before.GrantedAt):
		next.ID = before.ID
		next.Scope = append(next.Scope, before.Scope.Without(next.Scope...)...)
		next.Resource = union(next.Resource, before.Resource)
		next.Claims = union(next.Claims, before.Claims)
	case err != nil && !errors.Is(err, oidckit.ErrNotFound):
		return nil, err
	}
	return next, h.Consents.PutConsent(ctx, next)
}

// union adds to list what it lacks of more.
func union(list, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}
