package rpstore

import (
	"context"
	"time"
)

// BrowserSessions keeps what scs holds behind a browser's session cookie: an
// opaque value under a hashed token. It has no authority over who is logged
// in; Sessions has.
type BrowserSessions interface {
	// BrowserSession returns the value, or ErrNotFound.
	BrowserSession(ctx context.Context, token string) ([]byte, error)
	// PutBrowserSession stores the value in place of what was there.
	PutBrowserSession(ctx context.Context, token string, value []byte, expires time.Time) error
	// DeleteBrowserSession removes it; what is not there is no error.
	DeleteBrowserSession(ctx context.Context, token string) error
}
