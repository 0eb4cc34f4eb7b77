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
	// Scopes are the issuer's, which are never split.
	Scopes []string
}

// The dialects of the documents.
var (
	MiniOrange = Dialect{RedirectURL: true, AnyPlace: true}
	Signicat   = Dialect{AnyPlace: true, Query: true, ResponseTypes: map[string]string{"id token token": "id_token token"}}
)

var standardScopes = []string{
	oidckit.ScopeOpenID, oidckit.ScopeProfile, oidckit.ScopeEmail, oidckit.ScopeAddress, oidckit.ScopePhone, oidckit.ScopeOfflineAccess,
}

// scope reads a list whose tokens may be split at slashes ("email/profile"),
// with the standard's scopes spelt in any case ("Profile"). It reports whether
// that was so: what is in standard form, and every scope of the issuer that has
// a slash itself, stays as it is.
func (d Dialect) scope(raw string) (string, bool) {
	var out []string
	translated := false
	for token := range strings.SplitSeq(raw, " ") {
		names := d.names(token)
		translated = translated || len(names) != 1 || names[0] != token
		for _, name := range names {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	if !translated {
		return raw, false
	}
	return strings.Join(out, " "), true
}

// names returns what one token of a list asks for.
func (d Dialect) names(token string) []string {
	// A scope that is an address is one token.
	if slices.Contains(d.Scopes, token) || strings.Contains(token, "://") {
		return []string{token}
	}
	names := strings.FieldsFunc(token, func(r rune) bool { return r == '/' })
	standard := false
	for i, name := range names {
		if lower := strings.ToLower(name); slices.Contains(standardScopes, lower) {
			names[i], standard = lower, true
		}
	}
	if !standard {
		return []string{token}
	}
	return names
}

// translateScope rewrites the parameter, where it stands once: an endpoint
// refuses what is repeated. It reports whether there was anything to rewrite.
func (d Dialect) translateScope(p wire.Params) bool {
	raw := p["scope"]
	if len(raw) != 1 {
		return false
	}
	text, translated := d.scope(raw[0])
	if translated {
		p["scope"] = []string{text}
	}
	return translated
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
