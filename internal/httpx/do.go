package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// ErrTooLarge says that a body went over the limit; what was read of it is
// discarded.
var ErrTooLarge = errors.New("httpx: answer is too large")

// Response is an answer read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// IsJSON reports whether the media type is JSON: application/json or one with
// the suffix +json (RFC 8259 §11, RFC 6839 §3.1).
func (r *Response) IsJSON() bool {
	mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (mt == "application/json" ||
		(strings.HasPrefix(mt, "application/") && strings.HasSuffix(mt, "+json")))
}

// Do sends a request once and reads up to limit bytes of the decoded body. A
// larger one is ErrTooLarge. An error names the method and the host, never the
// URL's path or query. A transport that panics is an error too: several callers
// may be waiting for one answer.
func Do(c *http.Client, req *http.Request, limit int64) (resp *Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, fmt.Errorf("httpx: %s %s: the transport panicked", req.Method, req.URL.Host)
		}
	}()
	res, err := c.Do(req)
	if err != nil {
		return nil, describe(req, err)
	}
	defer res.Body.Close()
	if res.ContentLength > limit {
		return nil, describe(req, ErrTooLarge)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, describe(req, err)
	}
	if int64(len(body)) > limit {
		return nil, describe(req, ErrTooLarge)
	}
	return &Response{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

// IsTimeout reports whether an error of Do means that an answer did not come
// in time, rather than that none could be had.
func IsTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &ne) && ne.Timeout())
}

// describe drops the URL that *url.Error would print.
func describe(req *http.Request, err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return fmt.Errorf("httpx: %s %s: %w", req.Method, req.URL.Host, err)
}
