package middleware

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/oidckit/oidckit"
)

const (
	// maxTokenForm is how large a form may be where forms can carry a token, in
	// bytes.
	maxTokenForm = 64 << 10
	// maxFormWait is how long a client may take to send it, where the server
	// says nothing of that.
	maxFormWait = 10 * time.Second
)

var (
	errFormUnreadable = oidckit.NewError(oidckit.InvalidRequest, "the form could not be read")
	errFormTooLarge   = oidckit.NewError(oidckit.InvalidRequest, "the form is too large to be searched for a token").
				WithStatus(http.StatusRequestEntityTooLarge)
	errFormTooSlow = oidckit.NewError(oidckit.InvalidRequest, "the form did not arrive in time").
			WithStatus(http.StatusRequestTimeout)
)

// checkForm refuses a second token, in the form of a request whose first one
// was found good.
func (b *Bearer) checkForm(w http.ResponseWriter, r *http.Request) *oidckit.Error {
	if !b.AllowFormToken {
		return peekForm(r)
	}
	tokens, bad := formTokens(w, r)
	// RFC 6750 §2: Clients MUST NOT use more than one method
	if bad == nil && len(tokens) > 0 {
		return errSeveralWays
	}
	return bad
}

// formTokens returns the tokens of a request's form as they are written, and
// puts the form back for the handler. A form of which only a part could be
// searched is refused: what a handler would find in the rest would be a second
// token, or one that nobody has judged.
func formTokens(w http.ResponseWriter, r *http.Request) (tokens []string, bad *oidckit.Error) {
	if !carriesForm(r) {
		return nil, nil
	}
	if r.PostForm != nil {
		for _, v := range r.PostForm[tokenParam] {
			tokens = append(tokens, url.QueryEscape(v))
		}
		return tokens, nil
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > maxTokenForm {
		return nil, errFormTooLarge
	}
	form, err := readForm(w, r)
	_, cut := errors.AsType[*http.MaxBytesError](err)
	switch {
	case cut || len(form) > maxTokenForm:
		return nil, errFormTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errFormTooSlow.WithCause(err)
	case err != nil:
		return nil, errFormUnreadable.WithCause(err)
	}
	r.Body = &restoredBody{Reader: bytes.NewReader(form), Closer: r.Body}
	return params(string(form), tokenParam), nil
}

// carriesForm implements RFC 6750 §2.2: a method whose body has a meaning, and
// one type of body. A part of multipart/form-data is no way to send a token.
func carriesForm(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return false
	}
	// ParseMediaType returns the type beside an error about its parameters,
	// which is what net/http goes by.
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return mediaType == "application/x-www-form-urlencoded"
}

// readForm reads no more than needed to see that a form is too large, and
// waits no longer than the server's ReadTimeout, or maxFormWait without one.
func readForm(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	bounded := server != nil && server.ReadTimeout > 0
	c := http.NewResponseController(w)
	// A writer that knows no deadlines has no connection behind it, or
	// middleware before the guard that hides it and what bounds it.
	bounded = bounded || c.SetReadDeadline(time.Now().Add(maxFormWait)) != nil
	form, err := io.ReadAll(io.LimitReader(r.Body, maxTokenForm+1))
	// After a failure the deadline stays, or the server would wait for the rest
	// of the body before it could close the connection.
	if err == nil && len(form) <= maxTokenForm && !bounded {
		_ = c.SetReadDeadline(time.Time{})
	}
	return form, err
}

// restoredBody reads again what was searched and closes the original.
type restoredBody struct {
	io.Reader
	io.Closer
}
