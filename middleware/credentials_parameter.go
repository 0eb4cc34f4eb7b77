package middleware

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
)

var errParameterSyntax = oidckit.NewError(oidckit.InvalidRequest, "malformed access_token parameter")

// parameterCredentials takes the token from where it is allowed beside the
// header. With an Authorization header of whatever scheme there are two ways
// to tell who sends the request, and none is chosen.
func (b *Bearer) parameterCredentials(w http.ResponseWriter, r *http.Request, authorized bool) (credentials, *oidckit.Error) {
	c := credentials{scheme: schemeBearer}
	values := params(r.URL.RawQuery, tokenParam)
	if c.inQuery = b.AllowQueryToken && len(values) > 0; c.inQuery {
		c.formUnread = true
	} else if b.AllowFormToken {
		form, bad := formTokens(w, r)
		if bad != nil {
			return c, bad
		}
		if len(form) == 0 {
			return credentials{}, nil
		}
		values = append(form, values...)
	} else {
		return credentials{}, nil
	}
	// RFC 6750 §3.1
	if authorized || len(values) > 1 {
		return c, errSeveralWays
	}
	token, err := url.QueryUnescape(values[0])
	if err != nil || !isB64Token(token) {
		return c, errParameterSyntax
	}
	c.token = token
	return c, nil
}

// hasParam reports whether a query or form names a parameter, in whatever
// spelling a handler would decode.
func hasParam(raw, name string) bool {
	if !strings.Contains(raw, name) && strings.IndexByte(raw, '%') < 0 {
		return false
	}
	return len(params(raw, name)) > 0
}

// params returns the values of a parameter as they are written.
func params(raw, name string) (values []string) {
	for pair := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key != name && strings.IndexByte(key, '%') >= 0 {
			if decoded, err := url.QueryUnescape(key); err == nil {
				key = decoded
			}
		}
		if key == name {
			values = append(values, value)
		}
	}
	return values
}
