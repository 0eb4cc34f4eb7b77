package middleware

import (
	"context"
	"errors"

	"github.com/oidckit/oidckit"
	"github.com/rs/zerolog"
)

var (
	errBadToken     = oidckit.NewError(oidckit.InvalidToken, "the access token is not valid")
	errExpiredToken = oidckit.NewError(oidckit.InvalidToken, "the access token has expired")
	errUnchecked    = oidckit.NewError(oidckit.TemporarilyUnavailable, "the access token cannot be checked right now")
)

func (v *JWTVerifier) reports() (zerolog.Logger, oidckit.EventSink) {
	if v == nil {
		return zerolog.Logger{}, nil
	}
	return v.cfg.Logger, v.cfg.Events
}

// refuse makes of err what the client may know, and reports it. The issuer is
// empty where the token names none that is accepted.
func (v *JWTVerifier) refuse(ctx context.Context, issuer string, err error) error {
	if issuer == "" && len(v.issuers.all) == 1 {
		issuer = v.issuers.all[0].name
	}
	return refuse(ctx, v, issuer, err)
}

// refuse makes of a verifier's error what the client may know, and reports it
// where the verifier does.
func refuse(ctx context.Context, v reporter, issuer string, err error) error {
	logger, events := v.reports()
	event := oidckit.Event{Name: oidckit.EventTokenRefused, Issuer: issuer}
	e, line := errBadToken, logger.Warn()
	refusal, bad := errors.AsType[*TokenError](err)
	gone := !bad && errors.Is(err, context.Canceled)
	switch {
	case bad && refusal.cause == errExpired:
		e = errExpiredToken
	case bad:
	case gone:
		e, event.Name, line = errUnchecked, oidckit.EventTokenUnchecked, logger.Debug()
	default:
		e, event.Name, line = errUnchecked, oidckit.EventTokenUnchecked, logger.Error()
	}
	e = e.WithCause(&reportedError{error: err, logged: line.Enabled() || gone, sent: events != nil})
	if bad {
		line = line.Str("claim", refusal.Claim).Str("reason", refusal.Reason)
		if refusal.Setting != "" {
			line = line.Str("setting", refusal.setting())
		}
	} else {
		line = line.Err(err)
	}
	if issuer != "" {
		line = line.Str("issuer", issuer)
	}
	line.Msg(e.Description)
	event.Err = e
	events.Send(ctx, event)
	return e
}
