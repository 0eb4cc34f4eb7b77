package rpstore

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
)

// Session is a person logged in to the app. It is the authority: a cookie
// whose session is not here is worth nothing.
type Session struct {
	// Handle is the hash of what the browser's session carries, and the key.
	Handle oidckit.TokenHash
	// Issuer, ClientID, Subject and SessionID (the issuer's sid) are what a
	// logout names.
	Issuer    string
	ClientID  string
	Subject   string
	SessionID string
	// Identity is the verified identity, in the handlers' form.
	Identity []byte
	// SealedTokens holds the tokens, sealed.
	SealedTokens []byte
	// TokensExpireAt is when the access token among them ends, zero where the
	// issuer has not said.
	TokensExpireAt time.Time
	// RefreshState is how far the session follows its grant, and RefreshAt when
	// the next step is due; zero means that none ever is.
	RefreshState RefreshState
	RefreshAt    time.Time
	CreatedAt    time.Time
	// SeenAt is touched now and then while the session is in use.
	SeenAt    time.Time
	ExpiresAt time.Time
	// Version is 1 at creation and grows by one with every update.
	Version int64
}

// RefreshState says what became of the last refresh of a session's tokens.
type RefreshState string

const (
	// RefreshIdle: the tokens are as the issuer gave them. They may be refreshed
	// at RefreshAt.
	RefreshIdle RefreshState = ""
	// RefreshRunning: somebody is refreshing them, alone, until RefreshAt.
	RefreshRunning RefreshState = "running"
	// RefreshFailed: the issuer could not be asked. It may be asked again at
	// RefreshAt.
	RefreshFailed RefreshState = "failed"
	// RefreshLost: the refresh token must not be sent again. The person may be
	// sent to the issuer at RefreshAt.
	RefreshLost RefreshState = "lost"
)

// SessionSelector names sessions: those that match every field that is set.
// The zero value matches none.
type SessionSelector struct {
	Handle    oidckit.TokenHash
	Issuer    string
	ClientID  string
	Subject   string
	SessionID string
}

// Sessions keeps the sessions of people.
type Sessions interface {
	// CreateSession stores a new session and sets s.Version to 1. It returns
	// ErrConflict where the handle is taken.
	CreateSession(ctx context.Context, s *Session) error
	// Session returns the live session with this handle, or ErrNotFound.
	Session(ctx context.Context, handle oidckit.TokenHash) (*Session, error)
	// UpdateSession replaces the session with s.Handle if its stored version
	// is s.Version, and adds one to both. It returns ErrConflict where another
	// update came first, and ErrNotFound where the session has ended: an ended
	// session never comes back.
	UpdateSession(ctx context.Context, s *Session) error
	// EndSessions ends the matching sessions and returns how many there were;
	// of calls that race for one session exactly one counts it.
	EndSessions(ctx context.Context, sel SessionSelector) (int, error)
}
