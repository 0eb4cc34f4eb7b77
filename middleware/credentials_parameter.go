package middleware

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
)

// maxFormPeek is how much of a form is searched for a token, in bytes.
const maxFormPeek = 64 << 10

var (
	errParameterSyntax = oidckit.NewError(oidckit.InvalidRequest, "malformed access_token parameter")
	errFormTooLarge    = oidckit.NewError(oidckit.InvalidRequest, "the form is too large to carry a token").
				WithStatus(http.StatusRequestEntityTooLarge)
)

// parameterCredentials takes the token from where it is allowed beside the
// header. With an Authorization header of whatever scheme there are two ways
// to tell who sends the request, and none is chosen.
func (b *Bearer) parameterCredentials(r *http.Request, authorized bool) (credentials, *oidckit.Error) {
	query := params(r.URL.RawQuery, tokenParam)
	form, whole := formTokens(r)
	c := credentials{scheme: schemeBearer}
	var token string
	switch {
	case len(query) > 0 && b.AllowQueryToken:
		token, c.inQuery = query[0], true
	// RFC 6750 §2.2: only with a method whose body has a meaning
	case len(form) > 0 && b.AllowFormToken && (r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch):
		token = form[0]
	default:
		return credentials{}, nil
	}
	switch {
	// RFC 6750 §3.1
	case authorized || len(query)+len(form) > 1:
		return c, errSeveralWays
	case !c.inQuery && !whole:
		return c, errFormTooLarge
	}
	token, err := url.QueryUnescape(token)
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

func formHasToken(r *http.Request) bool {
	tokens, _ := formTokens(r)
	return len(tokens) > 0
}

// formTokens looks for tokens in the first bytes of a form, and puts these
// back for the handler; whole says that they are all of it. How long a client
// may take to send them is for the server's ReadTimeout to say.
func formTokens(r *http.Request) (tokens []string, whole bool) {
	if r.PostForm != nil {
		for _, v := range r.PostForm[tokenParam] {
			tokens = append(tokens, url.QueryEscape(v))
		}
		return tokens, true
	}
	if r.Body == nil || r.Body == http.NoBody || len(r.Header["Content-Type"]) == 0 {
		return nil, true
	}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "application/x-www-form-urlencoded" {
		return nil, true
	}
	head, err := io.ReadAll(io.LimitReader(r.Body, maxFormPeek+1))
	rest := io.Reader(r.Body)
	if err != nil {
		rest = failedReader{err}
	}
	r.Body = &restoredBody{Reader: io.MultiReader(bytes.NewReader(head), rest), Closer: r.Body}
	return params(string(head), tokenParam), err == nil && len(head) <= maxFormPeek
}

// restoredBody reads again what was peeked at and closes the original.
type restoredBody struct {
	io.Reader
	io.Closer
}

type failedReader struct{ err error }

func (f failedReader) Read([]byte) (int, error) { return 0, f.err }
