package middleware_test

import (
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit/middleware"
)

// ASVS 5.0 §16.5.1: a guard that was not set up as it must be refuses everything
// and says nothing of the cause in its answer; the developer finds it where the
// server writes, or in the guard's Logger where it has one.
func TestSetupIsTold(t *testing.T) {
	type guard = func(http.Handler) http.Handler
	behind := func(inner guard) func(zerolog.Logger) guard {
		return func(zerolog.Logger) guard {
			return func(next http.Handler) http.Handler { return middleware.RequireAuth(aliceIn)(inner(next)) }
		}
	}
	for name, row := range map[string]struct {
		guard  func(zerolog.Logger) guard
		status int
		want   string
		// logs says that the guard has a Logger.
		logs bool
	}{
		"a bad pattern": {func(l zerolog.Logger) guard {
			return middleware.Session{Authenticator: aliceIn, Public: []string{"static"}, Logger: l}.Require
		}, 500, "Session.Public", true},
		"no authenticator":   {func(l zerolog.Logger) guard { return middleware.Session{Logger: l}.Require }, 503, "SessionAuthenticator", true},
		"RequireAuth of nil": {func(zerolog.Logger) guard { return middleware.RequireAuth(nil) }, 503, "SessionAuthenticator", false},
		"session or bearer": {func(l zerolog.Logger) guard {
			return middleware.RequireSessionOrBearer(nil, middleware.Bearer{Verifier: onlyGood, Logger: l})
		}, 503, "SessionAuthenticator", true},
		"no verifier":          {func(l zerolog.Logger) guard { return middleware.Bearer{Logger: l}.Require }, 503, "Verifier", true},
		"RequireBearer of nil": {func(zerolog.Logger) guard { return middleware.RequireBearer(nil) }, 503, "Verifier", false},
		"no guard before":      {func(zerolog.Logger) guard { return middleware.RequireACR("gold") }, 500, "without a guard before it", false},
		"scope":                {behind(middleware.RequireScope("")), 500, "RequireScope", false},
		"claim":                {behind(middleware.RequireClaim[string]("", nil)), 500, "RequireClaim", false},
		"role":                 {behind(middleware.RequireRole("roles", "")), 500, "roles", false},
		"age":                  {behind(middleware.RequireAuthAge(time.Millisecond)), 500, "authentication", false},
	} {
		for _, own := range []bool{false, true} {
			server, logger := &lines{}, &lines{}
			l := zerolog.Nop()
			if own {
				l = zerolog.New(logger)
			}
			ran := false
			s := httptest.NewUnstartedServer(row.guard(l)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true })))
			s.Config.ErrorLog = log.New(server, "", 0)
			s.Start()
			res, err := s.Client().Get(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			text := body(t, res)
			res.Body.Close()
			s.Close()
			if res.StatusCode != row.status || ran || strings.Contains(text, row.want) {
				t.Errorf("%s: %d, handler has run %v: %s", name, res.StatusCode, ran, text)
			}
			told, silent := server.take(), logger.take()
			if own && row.logs {
				told, silent = silent, told
			}
			if !strings.Contains(told, row.want) || strings.Count(told, "\n") != 1 || silent != "" {
				t.Errorf("%s, with a logger %v: told %q, and elsewhere %q", name, own, told, silent)
			}
		}
	}
}
