package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
)

// events logs what happens, a line for each event: warnings for what went
// wrong or looks like an attack. An event holds no token, so neither does the
// line.
func events(logger zerolog.Logger) oidckit.EventSink {
	return func(_ context.Context, e oidckit.Event) {
		line := logger.Info()
		if e.Err != nil || e.Name == oidckit.EventCodeReplayed || e.Name == oidckit.EventRefreshTokenReplayed {
			line = logger.Warn()
		}
		for _, field := range []struct{ name, value string }{
			{"client_id", e.ClientID}, {"sub", e.Subject}, {"sid", e.SessionID}, {"grant_type", e.GrantType}, {"error", errorCode(e.Err)},
		} {
			if field.value != "" {
				line.Str(field.name, field.value)
			}
		}
		line.Str("event", string(e.Name)).Msg("event")
	}
}

// errorCode is the code of the specifications, where the cause has one.
func errorCode(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*oidckit.Error](err); ok {
		return string(e.Code)
	}
	return err.Error()
}

// serverLog takes what package http has to say, such as a failed handshake.
type serverLog struct{ zerolog.Logger }

// Write implements io.Writer.
func (l serverLog) Write(text []byte) (int, error) {
	l.Warn().Str("detail", strings.TrimSpace(string(text))).Msg("http server")
	return len(text), nil
}

// redisLog takes what the Redis client has to say, such as that nobody answers.
type redisLog struct{ zerolog.Logger }

// Printf is what the client calls.
func (l redisLog) Printf(_ context.Context, format string, args ...any) {
	l.Warn().Str("detail", fmt.Sprintf(format, args...)).Msg("redis")
}

// newServer bounds what a request may take.
func newServer(h http.Handler, logger zerolog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(serverLog{logger}, "", 0),
	}
}
