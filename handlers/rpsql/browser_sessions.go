package rpsql

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/sqldb"
)

type browserSessions struct{ *realm }

const (
	putBrowserSession = `INSERT INTO oidckit_rp_browser_session (tenant, hash, ends_at, value) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, hash) DO UPDATE SET ends_at = excluded.ends_at, value = excluded.value`
	findBrowserSession   = `SELECT value FROM oidckit_rp_browser_session WHERE tenant = ? AND hash = ? AND ends_at > ?`
	deleteBrowserSession = `DELETE FROM oidckit_rp_browser_session WHERE tenant = ? AND hash = ?`
)

// Tokens are hashed here too: whether they come hashed is the caller's doing,
// and must not decide what stands in a column.

func (s browserSessions) BrowserSession(ctx context.Context, token string) ([]byte, error) {
	var text string
	found, err := sqldb.One(ctx, s.db, findBrowserSession, []any{&text}, s.tenant, oidckit.HashToken(token).String(), sqldb.Now())
	if err != nil {
		return nil, wrap("find browser session", err)
	}
	if !found {
		return nil, oidckit.ErrNotFound
	}
	value, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, s.unreadable(tableBrowserSession, err)
	}
	return value, nil
}

func (s browserSessions) PutBrowserSession(ctx context.Context, token string, value []byte, expires time.Time) error {
	_, err := s.db.Exec(ctx, putBrowserSession, s.tenant, oidckit.HashToken(token).String(), expires.UnixMicro(), base64.StdEncoding.EncodeToString(value))
	if err != nil {
		return wrap("put browser session", err)
	}
	s.db.Wrote(ctx, tableBrowserSession)
	return nil
}

func (s browserSessions) DeleteBrowserSession(ctx context.Context, token string) error {
	_, err := s.db.Exec(ctx, deleteBrowserSession, s.tenant, oidckit.HashToken(token).String())
	return wrap("delete browser session", err)
}
