package page_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/wire"
)

func TestErrorWriter(t *testing.T) {
	rows := []struct {
		name   string
		err    error
		status int
		want   string
	}{
		{"refusal", oidckit.NewError(oidckit.InvalidRequest, "the link was used before"), 400, "The link was used before."},
		{"field name", oidckit.NewError(oidckit.InvalidRequest, "redirect_uri is not registered"), 400, `<span lang="en" dir="ltr">redirect_uri is not registered.</span>`},
		{"field name, for people", oidckit.NewError(oidckit.InvalidRequest, "redirect_uri is not registered"), 400, "<p>The app that sent you here has made a mistake"},
		{"when", oidckit.NewError(oidckit.InvalidRequest, "redirect_uri is not registered"), 400, "Time of this message"},
		{"when of ours", errors.New("dial tcp"), 503, "Time of this message"},
		{"fault of ours", errors.New("dial tcp 10.0.0.1: s3cret"), 503, "Temporarily unable to answer."},
	}
	for _, row := range rows {
		h := wire.Endpoint(func(http.ResponseWriter, *http.Request) error { return row.err },
			wire.Options{Methods: []string{"GET"}, WriteError: page.ErrorWriter(nil)})
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
		body := rec.Body.String()
		if rec.Code != row.status || !strings.Contains(body, row.want) || strings.Contains(body, "s3cret") {
			t.Errorf("%s: %d\n%s", row.name, rec.Code, body)
		}
		if got := rec.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: %s", row.name, got)
		}
		if got := rec.Header().Get("Retry-After") != ""; got != (row.status == 503) {
			t.Errorf("%s: Retry-After present = %v", row.name, got)
		}
	}
}
