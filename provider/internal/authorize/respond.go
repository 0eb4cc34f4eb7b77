package authorize

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/opstore"
)

// interactionLifetime is how long a person may take to consent.
const interactionLifetime = 30 * time.Minute

// grant mints the code and sends it to the client.
func (h *Handler) grant(w http.ResponseWriter, r *http.Request, req *Request, sess *opstore.Session) error {
	ctx, now := r.Context(), time.Now()
	err := h.Sessions.Reached(ctx, sess, req.ClientID)
	if errors.Is(err, oidckit.ErrNotFound) {
		return h.toLogin(w, req, "session has ended")
	}
	if err != nil {
		return err
	}
	grantID, err := h.newGrantID(ctx, sess.Subject, req.ClientID)
	if err != nil {
		return err
	}
	code := secret.Token()
	err = h.Codes.CreateCode(ctx, &opstore.Code{
		Hash:          oidckit.HashToken(code),
		ClientID:      req.ClientID,
		RedirectURI:   req.RedirectURI,
		CodeChallenge: req.CodeChallenge,
		Authorization: opstore.Authorization{
			GrantID:   grantID,
			Subject:   sess.Subject,
			SessionID: sess.ID,
			Scope:     req.Scope,
			Resource:  req.Resource,
			Nonce:     req.Nonce,
			AuthTime:  sess.AuthTime,
			ACR:       sess.ACR,
			AMR:       sess.AMR,
		},
		ExpiresAt: now.Add(h.CodeLifetime),
		KeepUntil: now.Add(h.CodeLifetime + h.CodeMemory),
	})
	if err != nil {
		return err
	}
	h.respond(w, req, url.Values{"code": {code}})
	return nil
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
// and the code sent.
func (h *Handler) Grant(w http.ResponseWriter, r *http.Request, req *Request, sess *opstore.Session) error {
	if err := h.remember(r.Context(), req, sess); err != nil {
		return err
	}
	h.Events.Send(r.Context(), oidckit.Event{
		Name: oidckit.EventConsentGranted, Issuer: h.Issuer, ClientID: req.ClientID, Subject: sess.Subject, SessionID: sess.ID,
	})
	return h.fail(w, h.grant(w, r, req, sess))
}

// remember adds what was allowed now to what was allowed before.
func (h *Handler) remember(ctx context.Context, req *Request, sess *opstore.Session) error {
	now := time.Now()
	next := &opstore.Consent{
		ID: secret.ID(), Subject: sess.Subject, ClientID: req.ClientID, Scope: slices.Clone(req.Scope), Resource: slices.Clone(req.Resource),
		GrantedAt: now, ExpiresAt: now.Add(h.ConsentLifetime),
	}
	before, err := h.Consents.Consent(ctx, sess.Subject, req.ClientID)
	switch {
	case err == nil:
		next.ID = before.ID
		next.Scope = append(next.Scope, before.Scope.Without(next.Scope...)...)
		for _, id := range before.Resource {
			if !slices.Contains(next.Resource, id) {
				next.Resource = append(next.Resource, id)
			}
		}
	case !errors.Is(err, oidckit.ErrNotFound):
		return err
	}
	return h.Consents.PutConsent(ctx, next)
}

// Fail ends a request with an error that its client is told.
func (h *Handler) Fail(w http.ResponseWriter, req *Request, e *oidckit.Error) error {
	return h.fail(w, &errorFor{e, req})
}

func errorParams(e *oidckit.Error) url.Values {
	q := url.Values{"error": {string(e.Code)}}
	if e.Description != "" {
		q.Set("error_description", e.Description)
	}
	return q
}

// respond sends the answer to the client's redirect URI.
func (h *Handler) respond(w http.ResponseWriter, req *Request, q url.Values) {
	if len(req.State) > 0 {
		q.Set("state", string(req.State))
	}
	// RFC 9207 §2: in success and error responses
	q.Set("iss", h.Issuer)
	redirect(w, withQuery(req.RedirectURI, q))
}

// redirect answers with 303, so that no post is repeated elsewhere (RFC 9700
// §4.12).
func redirect(w http.ResponseWriter, target string) {
	head := w.Header()
	wire.NoStore(head)
	head.Set("Referrer-Policy", "no-referrer")
	// http.Redirect would rewrite the target; it was registered byte for byte.
	head.Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}
