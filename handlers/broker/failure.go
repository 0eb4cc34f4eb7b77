package broker

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/wire"
)

// failure is why a person gets a page instead of a login. The message is for
// them and fixed; reason and cause are for the log.
type failure struct {
	status  int
	reason  string
	message string
	// id is the downstream's login, for the link that offers the other providers.
	id string
	// provider is the record's UUID, where one was chosen.
	provider string
	cause    error
}

// Error implements error.
func (f *failure) Error() string { return "broker: " + f.reason }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// refuse is a login that must not succeed.
func refuse(reason string, cause error) *failure {
	return &failure{status: http.StatusBadRequest, reason: reason, cause: cause,
		message: "Signing in did not work. Nothing was changed; please start again."}
}

// upstreamDown is an identity provider that did not answer, or not as it
// should.
func upstreamDown(cause error) *failure {
	f := &failure{status: http.StatusBadGateway, reason: "identity_provider_unavailable", cause: cause,
		message: "The sign-in service did not answer as it should. Please try again in a moment, or choose another one."}
	if httpx.IsTimeout(cause) {
		f.status, f.reason = http.StatusGatewayTimeout, "identity_provider_timeout"
	}
	return f
}

func storeDown(cause error) *failure {
	return &failure{status: http.StatusServiceUnavailable, reason: "store_unavailable", cause: cause,
		message: "The service is not available right now. Please try again in a moment."}
}

// asFailure classifies what a route has returned.
func asFailure(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if refusal, ok := errors.AsType[*client.Refusal](err); ok {
		return refuse(refusal.Reason, refusal.Cause)
	}
	if errors.Is(err, client.ErrUnavailable) {
		return upstreamDown(err)
	}
	if e, ok := errors.AsType[*oidckit.Error](err); ok {
		return &failure{status: e.HTTPStatus(), reason: string(e.Code), message: e.Description, cause: e}
	}
	return storeDown(err)
}

// of says which login, and which provider, a failure belongs to.
func of(err error, id, provider string) error {
	if err == nil {
		return nil
	}
	f := *asFailure(err)
	f.id, f.provider = id, provider
	return &f
}

// fail writes the page, one log line and one event.
func (b *Broker) fail(w http.ResponseWriter, r *http.Request, route string, err error) {
	f := asFailure(err)
	line := b.cfg.Logger.Warn()
	if f.status >= http.StatusInternalServerError {
		line = b.cfg.Logger.Error()
	}
	if f.cause != nil && !errors.Is(f.cause, context.Canceled) {
		line = line.AnErr("cause", f.cause)
	}
	line.Str("route", route).Str("reason", f.reason).Int("status", f.status).Str("identity_provider", f.provider).Msg("refused")
	b.report(r.Context(), route, f)

	noStore(w.Header())
	if f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", wire.RetryAfter)
	}
	p := page.Error{Message: f.message}
	if f.id != "" {
		p.RetryURL, p.RetryLabel = b.LoginURL()+"?"+url.Values{"request": {f.id}}.Encode(), "Choose how to sign in"
	}
	b.show(w, r, f.status, p)
}

func (b *Broker) show(w http.ResponseWriter, r *http.Request, status int, p page.Page) {
	if err := b.pages.Write(w, r, nil, status, p); err != nil {
		b.cfg.Logger.Debug().Err(err).Msg("a page was not written")
	}
}

func (b *Broker) report(ctx context.Context, route string, f *failure) {
	name := oidckit.EventLoginFailed
	switch {
	case f.reason == "store_unavailable":
		name = oidckit.EventStoreUnavailable
	case route == "login", f.status == http.StatusMethodNotAllowed:
		return
	}
	b.cfg.Events.Send(ctx, oidckit.Event{Name: name, Issuer: b.cfg.BaseURL, Err: f})
}
