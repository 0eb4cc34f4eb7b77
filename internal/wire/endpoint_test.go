package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/rs/zerolog"
)

// What an endpoint returns is what its caller is told, and what is logged; a
// fault of ours is a 503 that blames nobody (RFC 6749 §5.2).
func TestEndpointErrors(t *testing.T) {
	for _, row := range []struct {
		name   string
		err    error
		status int
		code   string
		level  string
	}{
		{"refusal", oidckit.NewError(oidckit.InvalidGrant, "no").WithCause(errors.New("a private cause")), 400, "invalid_grant", "warn"},
		{"wrapped refusal", fmt.Errorf("a private cause: %w", oidckit.NewError(oidckit.InvalidScope, "no")), 400, "invalid_scope", "warn"},
		{"own status", oidckit.NewError(oidckit.InvalidRequest, "no").WithStatus(413), 413, "invalid_request", "warn"},
		{"fault", errors.New("a private cause"), 503, "server_error", "error"},
		{"store error that slipped through", oidckit.ErrNotFound, 503, "server_error", "error"},
	} {
		var log bytes.Buffer
		h := wire.Endpoint(func(http.ResponseWriter, *http.Request) error { return row.err }, wire.Options{
			Logger: zerolog.New(&log), Name: "test", Methods: []string{http.MethodGet},
		})
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
		var doc struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil || rec.Code != row.status || doc.Error != row.code {
			t.Errorf("%s: %d %s", row.name, rec.Code, rec.Body)
		}
		if strings.Contains(rec.Body.String(), "private") {
			t.Errorf("%s: the cause was told", row.name)
		}
		if (rec.Header().Get("Retry-After") != "") != (row.status == 503) || rec.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", row.name, rec.Header())
		}
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), `"level":"`+row.level+`"`) {
			t.Errorf("%s: log %s", row.name, &log)
		}
	}
}

// RFC 9110 §15.5.6; FLT-55: a panic is a 500 without its value, and the next
// request works.
func TestEndpointMethodsAndPanics(t *testing.T) {
	var log bytes.Buffer
	h := wire.Endpoint(func(w http.ResponseWriter, r *http.Request) error {
		switch r.URL.Path {
		case "/panic":
			panic("a private value")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
		wire.WriteJSON(w, http.StatusOK, map[string]string{})
		return nil
	}, wire.Options{Logger: zerolog.New(&log), Methods: []string{http.MethodGet, http.MethodPost}})
	ask := func(method, path string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
		return rec
	}
	for _, method := range []string{http.MethodHead, http.MethodPut, http.MethodOptions, "get"} {
		if rec := ask(method, "/"); rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != "GET, POST" {
			t.Errorf("%s: %d %v", method, rec.Code, rec.Header())
		}
	}
	rec := ask(http.MethodGet, "/panic")
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String()+log.String(), "private value") {
		t.Errorf("%d %s %s", rec.Code, rec.Body, &log)
	}
	if !strings.Contains(log.String(), "panicked") {
		t.Error("not logged")
	}
	if rec := ask(http.MethodGet, "/"); rec.Code != http.StatusOK || rec.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("an abort was swallowed")
		}
	}()
	ask(http.MethodGet, "/abort")
}

// FLT-55: the logger may be what panics: the answer is a 500, and net/http's
// log has the line.
func TestEndpointSurvivesItsLogger(t *testing.T) {
	broken := zerolog.New(io.Discard).Hook(zerolog.HookFunc(func(*zerolog.Event, zerolog.Level, string) { panic("a private value") }))
	var told bytes.Buffer
	server := &http.Server{ErrorLog: log.New(&told, "", 0)}
	h := wire.Endpoint(func(http.ResponseWriter, *http.Request) error {
		return oidckit.NewError(oidckit.InvalidRequest, "refused")
	}, wire.Options{Logger: broken, Name: "token", Methods: []string{http.MethodGet}})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, server)))
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String()+told.String(), "private value") {
		t.Errorf("%d %s %s", rec.Code, rec.Body, &told)
	}
	if line := told.String(); !strings.Contains(line, "token: a function of the app's panicked (string)") || !strings.Contains(line, "TestEndpointSurvivesItsLogger") {
		t.Errorf("the log has %q", line)
	}
}
