package wire

import (
	"errors"
	"io"
	"mime"
	"net/http"

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

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return body, nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "request is too large").WithStatus(http.StatusRequestEntityTooLarge)
	}
	return nil, oidckit.NewError(oidckit.InvalidRequest, "the body could not be read").WithCause(err)
}
