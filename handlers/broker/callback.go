package broker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/cookies"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// serveCallback ends a login at a provider. Each record has an address of its
// own: an answer that comes by another one's is no answer (RFC 9700 §4.4.2.2).
func (b *Broker) serveCallback(w http.ResponseWriter, r *http.Request, uuid string) error {
	// Disabled means disabled, whatever is under way.
	p, err := b.cfg.Registry.Enabled(r.Context(), uuid)
	if errors.Is(err, oidckit.ErrNotFound) {
		return of(&failure{status: http.StatusForbidden, reason: "identity_provider_disabled", message: notOffered}, "", uuid)
	}
	if err != nil {
		return of(storeDown(err), "", uuid)
	}
	up, err := b.upstreams.of(p)
	if err != nil {
		return of(upstreamDown(err), "", uuid)
	}
	if posted := r.Method == http.MethodPost; posted != formPost(p) {
		return of(refuse("response_mode", nil), "", uuid)
	}
	encoded, err := responseOf(w, r)
	if err != nil {
		return of(refuse("malformed_response", err), "", uuid)
	}
	resp, malformed := up.ParseResponse(encoded)
	// RFC 6749 §10.12, RFC 9700 §4.7
	tx, err := b.openLogin(r, resp.State)
	if err != nil {
		return of(&failure{status: http.StatusBadRequest, reason: "unknown_state", cause: err,
			message: "This sign-in was not started in this browser, or was finished before. Please go back to the app and start again."}, "", uuid)
	}
	b.loginsOf(p).Forget(w, tx.state)
	switch {
	case malformed != nil:
		err = malformed
	case tx.Provider != uuid:
		err = refuse("foreign_callback", nil)
	default:
		err = b.finish(w, r, tx, p, up, resp)
	}
	return of(err, tx.ID, uuid)
}

// responseOf is the parameters of an authorization response, as they were sent:
// in the query, or as a form (OAuth 2.0 Form Post Response Mode).
func responseOf(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.Method == http.MethodGet {
		return r.URL.RawQuery, nil
	}
	return formText(w, r)
}

var errTransaction = errors.New("broker: no login under way has this state")

func (b *Broker) openLogin(r *http.Request, state string) (*transaction, error) {
	p, err := b.logins.Open(r, state)
	if err != nil {
		return nil, err
	}
	tx := &transaction{state: p.State, created: p.Created}
	if json.Unmarshal(p.Content, tx) != nil {
		return nil, errTransaction
	}
	return tx, nil
}

func (b *Broker) finish(w http.ResponseWriter, r *http.Request, tx *transaction, p *IdentityProvider, up *upstream, resp client.Response) error {
	ctx := r.Context()
	if cookies.Expired(tx.created, time.Now()) {
		return &failure{status: http.StatusBadRequest, reason: "login_expired", message: "Signing in took too long. Please start again."}
	}
	if !b.usable(p, tx.ClientID) {
		return &failure{status: http.StatusForbidden, reason: "identity_provider_disabled", message: notOffered}
	}
	if err := up.CheckIssuer(ctx, resp); err != nil {
		return err
	}
	if resp.Error != "" {
		return b.refused(w, r, tx, resp.Error)
	}
	tokens, err := up.Redeem(ctx, resp, tx.Verifier, tx.expected())
	if err != nil {
		return err
	}
	who, err := b.whose(ctx, p, up, tx, tokens)
	if err != nil {
		return err
	}
	if err := b.spend(ctx, tx); err != nil {
		return err
	}
	return b.complete(w, r, tx, p, who)
}

// spend lets a login end once, on every replica.
func (b *Broker) spend(ctx context.Context, tx *transaction) error {
	err := b.cfg.Store.Replay.UseOnce(ctx, "broker login:"+tx.state, tx.created.Add(cookies.Lifetime+client.Leeway))
	if errors.Is(err, oidckit.ErrConsumed) {
		return &failure{status: http.StatusBadRequest, reason: "replayed_response", message: "This sign-in was finished before. Please go back to the app."}
	}
	if err != nil {
		return storeDown(err)
	}
	return nil
}

// refused is an error answer of the provider, which has passed the state check.
// What a client has asked for without a page goes back to it; a person gets the
// other providers to choose from.
func (b *Broker) refused(w http.ResponseWriter, r *http.Request, tx *transaction, code string) error {
	if tx.Silent {
		answer := oidckit.LoginRequired
		switch oidckit.ErrorCode(code) {
		case oidckit.InteractionRequired, oidckit.ConsentRequired, oidckit.AccountSelectionRequired:
			answer = oidckit.InteractionRequired
		}
		return b.cfg.Downstream.FailLogin(w, r, tx.ID, oidckit.NewError(answer, "the identity provider needs to ask the person"))
	}
	f := refuse("identity_provider_refused", nil)
	if client.IsErrorCode(code) {
		f.cause = oidckit.ErrorCode(code)
	}
	switch oidckit.ErrorCode(code) {
	case oidckit.AccessDenied:
		f.status, f.message = http.StatusForbidden, "Signing in was cancelled or not allowed."
	case oidckit.TemporarilyUnavailable, oidckit.ServerError:
		f.status, f.message = http.StatusBadGateway, "The sign-in service had a problem. Please try again in a moment, or choose another one."
	}
	return f
}

// whose finds out who has logged in: by the ID token of an OpenID provider, by
// userinfo of one that is plain OAuth 2.0.
func (b *Broker) whose(ctx context.Context, p *IdentityProvider, up *upstream, tx *transaction, tokens *client.Tokens) (*person, error) {
	if p.IntrospectionEndpoint != "" && tokens.AccessToken != "" {
		if err := up.CheckActive(ctx, tokens); err != nil {
			return nil, err
		}
	}
	if p.Issuer == "" {
		// No plain OAuth 2.0 provider can say when somebody has signed in.
		if tx.Fresh {
			return nil, &failure{status: http.StatusForbidden, reason: "no_auth_time",
				message: "The app wants you to sign in anew, which this sign-in service cannot confirm. Please choose another one."}
		}
		document, err := up.Userinfo(ctx, tokens)
		if err != nil {
			return nil, err
		}
		return b.described(p, document)
	}
	id, err := up.CheckIDToken(ctx, tx.expected(), tokens)
	if err != nil {
		return nil, err
	}
	claims, err := up.Claims(ctx, tokens, id)
	if err != nil {
		return nil, err
	}
	who, err := newPerson(p, id.Issuer, id.Subject, claims)
	if err == nil {
		who.authTime = id.AuthTime()
	}
	return who, err
}

// described is whom the userinfo of a plain OAuth 2.0 provider is about.
func (b *Broker) described(p *IdentityProvider, document []byte) (*person, error) {
	if err := strictjson.Check(document); err != nil {
		return nil, refuse("userinfo", err)
	}
	subject, err := subjectAt(p.SubjectAttribute, document)
	if err != nil {
		return nil, refuse("userinfo", err)
	}
	return newPerson(p, "urn:uuid:"+p.UUID, subject, document)
}

// expected is what the ID token has to answer. acr values are not among it: a
// provider has its own.
func (tx *transaction) expected() client.Expected {
	want := client.Expected{Nonce: tx.Nonce, Started: tx.created}
	if tx.MaxAge != nil {
		age := time.Duration(*tx.MaxAge) * time.Second
		want.MaxAge = &age
	}
	return want
}
