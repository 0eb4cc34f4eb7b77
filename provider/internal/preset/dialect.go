package preset

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
)

// Dialect says in what the requests of a vendor's clients differ.
type Dialect struct {
	// RedirectURL reads redirect_url where redirect_uri is absent.
	RedirectURL bool
	// AnyPlace takes a client's secret from the header or the body, wherever the
	// client is registered to put it.
	AnyPlace bool
	// Query reads parameters of the token endpoint from the query too, and takes
	// the client from the code or refresh token where client_id is absent.
	Query bool
	// ResponseTypes are other spellings of response types.
	ResponseTypes map[string]string
}

// The dialects of the documents.
var (
	MiniOrange = Dialect{RedirectURL: true, AnyPlace: true}
	Signicat   = Dialect{AnyPlace: true, Query: true, ResponseTypes: map[string]string{"id token token": "id_token token"}}
)

var standardScopes = []string{
	oidckit.ScopeOpenID, oidckit.ScopeProfile, oidckit.ScopeEmail, oidckit.ScopeAddress, oidckit.ScopePhone, oidckit.ScopeOfflineAccess,
}

// scope reads a list that may also be split at slashes ("email/profile"), in
// which the standard's scopes are spelt in any case ("Profile").
func scope(raw string) string {
	var out []string
	for _, name := range strings.FieldsFunc(raw, func(r rune) bool { return r == ' ' || r == '/' }) {
		if lower := strings.ToLower(name); slices.Contains(standardScopes, lower) {
			name = lower
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

// translateScope rewrites the parameter, where it stands once: an endpoint
// refuses what is repeated.
func translateScope(p wire.Params) {
	// A scope that is an address is one token.
	if raw := p["scope"]; len(raw) == 1 && !strings.Contains(raw[0], "://") {
		p["scope"] = []string{scope(raw[0])}
	}
}

// withForm returns a copy of the request that has p as its form, and no query.
func withForm(r *http.Request, p wire.Params) *http.Request {
	body := url.Values(p).Encode()
	out := r.Clone(r.Context())
	out.URL.RawQuery = ""
	out.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	out.ContentLength = int64(len(body))
	out.Body = io.NopCloser(strings.NewReader(body))
	return out
}

// withQuery returns a copy of the request that has p as its query.
func withQuery(r *http.Request, p wire.Params) *http.Request {
	out := r.Clone(r.Context())
	out.URL.RawQuery = url.Values(p).Encode()
	return out
}
