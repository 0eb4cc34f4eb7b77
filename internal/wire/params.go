package wire

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
)

const (
	// MaxBody bounds a form, in bytes.
	MaxBody = 64 << 10
	// MaxQuery bounds a query, in bytes.
	MaxQuery = 16 << 10
	// maxParams bounds how many parameters a request has.
	maxParams = 200
)

// Params are the parameters of an OAuth request, read once and strictly.
type Params map[string][]string

// Get returns a parameter, "" where it is absent.
func (p Params) Get(name string) string {
	if v := p[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// All returns every value of a parameter that may be repeated.
func (p Params) All(name string) []string { return p[name] }

// ParseParams reads a query or form. A parameter without a value counts as
// absent, a repeated one is refused unless its name is among repeatable
// (RFC 6749 §3.1; RFC 8707 §2 repeats resource).
func ParseParams(raw string, repeatable ...string) (Params, error) {
	if strings.Count(raw, "&") >= maxParams {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "too many parameters")
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "malformed parameters").WithCause(errors.New("query does not parse"))
	}
	for name, vs := range values {
		vs = slices.DeleteFunc(vs, func(v string) bool { return v == "" })
		if len(vs) == 0 {
			delete(values, name)
			continue
		}
		// RFC 6749 §3.1: parameters MUST NOT be included more than once
		if len(vs) > 1 && !slices.Contains(repeatable, name) {
			return nil, oidckit.NewError(oidckit.InvalidRequest, "a parameter is repeated")
		}
		values[name] = vs
	}
	return Params(values), nil
}

// Query reads the parameters of a request's query.
func Query(r *http.Request, repeatable ...string) (Params, error) {
	if len(r.URL.RawQuery) > MaxQuery {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "request is too large").WithStatus(http.StatusRequestURITooLong)
	}
	return ParseParams(r.URL.RawQuery, repeatable...)
}

// Form reads the parameters of a request's body, and only those: what stands
// in the query is never looked at (RFC 6749 §2.3.1).
func Form(w http.ResponseWriter, r *http.Request, repeatable ...string) (Params, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	// RFC 6749 §3.2, Appendix B
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "the body must be application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return nil, oidckit.NewError(oidckit.InvalidRequest, "request is too large").WithStatus(http.StatusRequestEntityTooLarge)
		}
		return nil, oidckit.NewError(oidckit.InvalidRequest, "the body could not be read").WithCause(err)
	}
	return ParseParams(string(body), repeatable...)
}
