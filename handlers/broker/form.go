package broker

import (
	"errors"
	"io"
	"mime"
	"net/http"
)

// formText returns a posted form as it was sent, bounded.
func formText(w http.ResponseWriter, r *http.Request) (string, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return "", errors.New("broker: what was posted is no form")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return "", errors.New("broker: the form is too large, or was cut off")
	}
	return string(body), nil
}
