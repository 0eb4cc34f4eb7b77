package wire

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/oidckit/oidckit"
)

// JSON returns the body of a request that must be application/json, of up to
// limit bytes. It is not parsed.
func JSON(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "the body must be application/json").WithStatus(http.StatusUnsupportedMediaType)
	}
	return readBody(w, r, limit)
}

// maxBodyWait is how long a client may take to send a body, where the server
// says nothing of that.
const maxBodyWait = 10 * time.Second

// readBody reads up to limit bytes, and waits no longer than the server's
// ReadTimeout, or maxBodyWait without one: whoever sends a byte a second would
// hold a connection for as long as they like.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	bounded := server != nil && server.ReadTimeout > 0
	c := http.NewResponseController(w)
	// A writer that knows no deadlines has no connection behind it, or
	// middleware before us that hides it and what bounds it.
	bounded = bounded || c.SetReadDeadline(time.Now().Add(maxBodyWait)) != nil
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		// After a failure the deadline stays, or the server would wait for the rest
		// of the body before it could close the connection.
		if !bounded {
			_ = c.SetReadDeadline(time.Time{})
		}
		return body, nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "request is too large").WithStatus(http.StatusRequestEntityTooLarge)
	}
	bad := oidckit.NewError(oidckit.InvalidRequest, "the body could not be read")
	if errors.Is(err, os.ErrDeadlineExceeded) {
		bad = oidckit.NewError(oidckit.InvalidRequest, "the body did not arrive in time").WithStatus(http.StatusRequestTimeout)
	}
	return nil, bad.WithCause(err)
}
