package wire

import (
	"errors"
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

// Repeated reports whether a parameter stands more than once, other than the
// named ones.
func (p Params) Repeated(except ...string) bool {
	for name, values := range p {
		if len(values) > 1 && !slices.Contains(except, name) {
			return true
		}
	}
	return false
}

// once implements RFC 6749 §3.1: parameters MUST NOT be included more than
// once. RFC 8707 §2 repeats resource.
func (p Params) once(repeatable []string) (Params, error) {
	if p.Repeated(repeatable...) {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "a parameter is repeated")
	}
	return p, nil
}

// ParseParams reads a query or form. A parameter without a value counts as
// absent (RFC 6749 §3.1).
func ParseParams(raw string) (Params, error) {
	n := strings.Count(raw, "&") + 1
	if n > maxParams {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "too many parameters")
	}
	// The values lie in one piece of memory, of which each name has its own part.
	p, values := make(Params, n), make([]string, 0, n)
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, err := parsePair(pair)
		if err != nil {
			return nil, oidckit.NewError(oidckit.InvalidRequest, "malformed parameters").WithCause(errors.New("query does not parse"))
		}
		if value == "" {
			continue
		}
		if before, repeated := p[name]; repeated {
			p[name] = append(before, value)
			continue
		}
		values = append(values, value)
		p[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return p, nil
}

func parsePair(pair string) (name, value string, err error) {
	// A semicolon parts parameters for some programs and not for others.
	if strings.Contains(pair, ";") {
		return "", "", errors.New("semicolon")
	}
	name, value, _ = strings.Cut(pair, "=")
	if name, err = url.QueryUnescape(name); err != nil {
		return "", "", err
	}
	value, err = url.QueryUnescape(value)
	return name, value, err
}

// Query reads the parameters of a request's query, each once but for those
// that are repeatable.
func Query(r *http.Request, repeatable ...string) (Params, error) {
	p, err := AnyQuery(r)
	if err != nil {
		return nil, err
	}
	return p.once(repeatable)
}

// AnyQuery is Query for an endpoint that looks for repetitions itself.
func AnyQuery(r *http.Request) (Params, error) {
	if len(r.URL.RawQuery) > MaxQuery {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "request is too large").WithStatus(http.StatusRequestURITooLong)
	}
	return ParseParams(r.URL.RawQuery)
}

// Form reads the parameters of a request's body, and only those: what stands
// in the query is never looked at (RFC 6749 §2.3.1). Each may stand once but
// for those that are repeatable.
func Form(w http.ResponseWriter, r *http.Request, repeatable ...string) (Params, error) {
	p, err := AnyForm(w, r)
	if err != nil {
		return nil, err
	}
	return p.once(repeatable)
}

// AnyForm is Form for an endpoint that looks for repetitions itself.
func AnyForm(w http.ResponseWriter, r *http.Request) (Params, error) {
	body, err := FormBody(w, r)
	if err != nil {
		return nil, err
	}
	return ParseParams(body)
}

// FormBody returns the body of a request that has a form, undecoded.
func FormBody(w http.ResponseWriter, r *http.Request) (string, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	// RFC 6749 §3.2, Appendix B
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return "", oidckit.NewError(oidckit.InvalidRequest, "the body must be application/x-www-form-urlencoded")
	}
	body, err := readBody(w, r, MaxBody)
	return string(body), err
}
