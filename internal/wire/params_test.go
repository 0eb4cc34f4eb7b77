package wire_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
)

func status(err error) int {
	e, ok := errors.AsType[*oidckit.Error](err)
	if !ok {
		return 0
	}
	return e.HTTPStatus()
}

// RFC 6749 §3.1, §3.2: how parameters are read.
func TestQuery(t *testing.T) {
	for _, row := range []struct {
		clause, raw string
		want        map[string][]string
		status      int
	}{
		{"nothing", "", map[string][]string{}, 0},
		{"values", "a=1&b=x+y%26", map[string][]string{"a": {"1"}, "b": {"x y&"}}, 0},
		{"§3.1 without a value", "a=&b&c=1", map[string][]string{"c": {"1"}}, 0},
		{"§3.1 empty and a value", "a=&a=1", map[string][]string{"a": {"1"}}, 0},
		{"§3.1 repeated", "a=1&a=2", nil, 400},
		{"§3.1 repeated, the same", "a=1&a=1", nil, 400},
		{"RFC 8707 §2 resource repeated", "resource=a&resource=b", map[string][]string{"resource": {"a", "b"}}, 0},
		{"names are exact", "a=1&A=2", map[string][]string{"a": {"1"}, "A": {"2"}}, 0},
		{"semicolon", "a=1;b=2", nil, 400},
		{"broken escape", "a=%zz", nil, 400},
		{"200 parameters", strings.Repeat("&", 199) + "a=1", map[string][]string{"a": {"1"}}, 0},
		{"201 parameters", strings.Repeat("&", 200) + "a=1", nil, 400},
		{"16 KB", "a=" + strings.Repeat("x", wire.MaxQuery-2), map[string][]string{"a": {strings.Repeat("x", wire.MaxQuery-2)}}, 0},
		{"more than 16 KB", "a=" + strings.Repeat("x", wire.MaxQuery-1), nil, 414},
	} {
		got, err := wire.Query(&http.Request{URL: &url.URL{RawQuery: row.raw}}, "resource")
		if status(err) != row.status || !maps.EqualFunc(map[string][]string(got), row.want, slices.Equal) {
			t.Errorf("%s: %v %v", row.clause, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "%zz") {
			t.Errorf("%s: the error repeats what came in", row.clause)
		}
	}
	p := wire.Params{"a": {"1", "2"}, "resource": {"x", "y"}}
	if !p.Repeated("resource") || p.Repeated("a", "resource") || p.Get("a") != "1" || p.Get("absent") != "" || len(p.All("resource")) != 2 {
		t.Error("Params")
	}
}

// What is read from a body is only what stands in the body.
func TestForm(t *testing.T) {
	form := func(contentType, target, body string) (wire.Params, error) {
		r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		return wire.Form(httptest.NewRecorder(), r)
	}
	const formType = "application/x-www-form-urlencoded"
	if p, err := form(formType+";charset=UTF-8", "/?a=query", "b=body"); err != nil || p.Get("a") != "" || p.Get("b") != "body" {
		t.Errorf("%v %v", p, err)
	}
	for clause, row := range map[string]struct {
		contentType, body string
		status            int
	}{
		"no type":         {"", "a=1", 400},
		"another type":    {"multipart/form-data; boundary=x", "a=1", 400},
		"a broken type":   {formType + "; charset", "a=1", 400},
		"type and suffix": {formType + "x", "a=1", 400},
		"a body too long": {formType, "a=" + strings.Repeat("x", wire.MaxBody), 413},
		"repeated":        {formType, "a=1&a=2", 400},
	} {
		if _, err := form(row.contentType, "/", row.body); status(err) != row.status {
			t.Errorf("%s: %v", clause, err)
		}
	}
	broken := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("a=1"), brokenReader{}))
	broken.Header.Set("Content-Type", formType)
	if _, err := wire.Form(httptest.NewRecorder(), broken); status(err) != 400 {
		t.Errorf("a connection that broke: %v", err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }
