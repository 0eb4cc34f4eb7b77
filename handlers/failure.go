package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/wire"
)

// failure is why a person gets a page instead of what they came for. The
// message is for them and fixed; reason and cause are for the log.
type failure struct {
	status  int
	reason  string
	message string
	// returnTo is where the login was to lead, for the link that starts again.
	returnTo string
	// signedIn says that the session is still there: the link leads to returnTo.
	signedIn bool
	cause    error
}

// Error implements error.
func (f *failure) Error() string { return "handlers: " + f.reason }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// refuse is a login that must not succeed.
func refuse(reason string, cause error) *failure {
	return &failure{status: http.StatusBadRequest, reason: reason, cause: cause,
		message: "Signing in did not work. Nothing was changed; please start again."}
}

// upstream is an issuer that did not answer, or not as it should.
func upstream(cause error) *failure {
	f := &failure{status: http.StatusBadGateway, reason: "issuer_unavailable", cause: cause,
		message: "The sign-in service did not answer as it should. Please try again in a moment."}
	if httpx.IsTimeout(cause) {
		f.status, f.reason = http.StatusGatewayTimeout, "issuer_timeout"
		f.message = "The sign-in service did not answer in time. Please try again in a moment."
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
		return upstream(err)
	}
	return storeDown(err)
}

// fail writes the page, one log line and one event.
func (rp *RelyingParty) fail(w http.ResponseWriter, r *http.Request, route string, err error) {
	f := asFailure(err)
	line := rp.cfg.Logger.Warn()
	if f.status >= http.StatusInternalServerError {
		line = rp.cfg.Logger.Error()
	}
	if f.cause != nil && !errors.Is(f.cause, context.Canceled) {
		line = line.AnErr("cause", f.cause)
	}
	line.Str("route", route).Str("reason", f.reason).Int("status", f.status).Str("issuer", rp.cfg.Issuer).Msg("refused")
	rp.report(r.Context(), route, f)

	noStore(w.Header())
	if f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", wire.RetryAfter)
	}
	rp.showError(w, r, route, f)
}

// errorPage offers a way on that fits the route.
func (rp *RelyingParty) errorPage(route string, f *failure) page.Error {
	p := page.Error{Message: f.message, RetryURL: rp.loginURL(f.returnTo, "", false), RetryLabel: "Start again"}
	if f.signedIn {
		p.RetryURL, p.RetryLabel = f.returnTo, "Continue"
	}
	switch route {
	case "logout":
		p.RetryURL, p.RetryLabel = rp.url("/logout"), "Back to signing out"
	case "logged-out":
		p.RetryURL, p.RetryLabel = rp.home, "Continue"
	}
	return p
}

func (rp *RelyingParty) show(w http.ResponseWriter, status int, p page.Page) {
	if err := page.Write(w, status, p); err != nil {
		rp.cfg.Logger.Debug().Err(err).Msg("a page was not written")
	}
}

func (rp *RelyingParty) report(ctx context.Context, route string, f *failure) {
	name := oidckit.EventLoginFailed
	switch {
	case f.status == http.StatusMethodNotAllowed:
		// Nothing was asked for.
		return
	case f.reason == "store_unavailable":
		name = oidckit.EventStoreUnavailable
	case route == "logout", route == "logged-out":
		name = oidckit.EventLogoutRefused
	}
	rp.event(ctx, oidckit.Event{Name: name, Err: f})
}

func (rp *RelyingParty) event(ctx context.Context, e oidckit.Event) {
	e.Issuer, e.ClientID = rp.cfg.Issuer, rp.cfg.ClientID
	rp.cfg.Events.Send(ctx, e)
}

// peerMessages are the sentences for what an issuer may answer
// (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6). The issuer's own text
// is never shown: anybody can put one into a link.
var peerMessages = map[oidckit.ErrorCode]string{
	oidckit.AccessDenied:             "Signing in was cancelled or not allowed.",
	oidckit.LoginRequired:            "You are not signed in at the sign-in service any more. Please sign in again.",
	oidckit.InteractionRequired:      "The sign-in service needs to ask you something first. Please sign in again.",
	oidckit.ConsentRequired:          "The sign-in service needs your consent first. Please sign in again.",
	oidckit.AccountSelectionRequired: "Please choose an account at the sign-in service.",
	oidckit.TemporarilyUnavailable:   "The sign-in service is not available right now. Please try again in a moment.",
	oidckit.ServerError:              "The sign-in service had a problem. Please try again in a moment.",
}

// peerRefused is an error answer from the issuer, which has passed the state
// check.
func peerRefused(code string) *failure {
	message, known := peerMessages[oidckit.ErrorCode(code)]
	if !known {
		f := refuse("issuer_refused", nil)
		if client.IsErrorCode(code) {
			f.cause = oidckit.ErrorCode(code)
		}
		return f
	}
	f := &failure{status: http.StatusBadRequest, reason: "issuer_refused", message: message, cause: oidckit.ErrorCode(code)}
	if code == string(oidckit.AccessDenied) {
		f.status = http.StatusForbidden
	}
	return f
}
