package rpsql

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/sqldb"
)

type sessions struct{ *realm }

const (
	createSession = `INSERT INTO oidckit_rp_session (tenant, handle, issuer, client_id, subject, session_id, version, ends_at, doc)
		VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?)
		ON CONFLICT (tenant, handle) DO UPDATE SET issuer = excluded.issuer, client_id = excluded.client_id, subject = excluded.subject,
			session_id = excluded.session_id, version = 1, ends_at = excluded.ends_at, doc = excluded.doc
		WHERE oidckit_rp_session.ends_at <= ?`
	findSession   = `SELECT version, doc FROM oidckit_rp_session WHERE tenant = ? AND handle = ? AND ends_at > ?`
	updateSession = `UPDATE oidckit_rp_session SET issuer = ?, client_id = ?, subject = ?, session_id = ?, version = version + 1, ends_at = ?, doc = ?
		WHERE tenant = ? AND handle = ? AND version = ? AND ends_at > ?`
	liveSession = `SELECT version FROM oidckit_rp_session WHERE tenant = ? AND handle = ? AND ends_at > ?`
	endSessions = `DELETE FROM oidckit_rp_session WHERE tenant = ? AND ends_at > ?`
)

func (s sessions) CreateSession(ctx context.Context, session *rpstore.Session) error {
	doc, err := sqldb.Pack(sessionFormat, newSessionDoc(session))
	if err != nil {
		return wrap("create session", err)
	}
	n, err := s.db.Exec(ctx, createSession, s.tenant, session.Handle.String(), sqldb.Key(session.Issuer), sqldb.Key(session.ClientID),
		sqldb.Key(session.Subject), sqldb.Key(session.SessionID), session.ExpiresAt.UnixMicro(), doc, sqldb.Now())
	if err != nil {
		return wrap("create session", err)
	}
	if n == 0 {
		return oidckit.ErrConflict
	}
	session.Version = 1
	s.db.Wrote(ctx, tableSession)
	return nil
}

func (s sessions) Session(ctx context.Context, handle oidckit.TokenHash) (*rpstore.Session, error) {
	var version int64
	var doc string
	found, err := sqldb.One(ctx, s.db, findSession, []any{&version, &doc}, s.tenant, handle.String(), sqldb.Now())
	if err != nil {
		return nil, wrap("find session", err)
	}
	if !found {
		return nil, oidckit.ErrNotFound
	}
	var d sessionDoc
	if err := sqldb.Unpack(doc, sessionFormat, &d); err != nil {
		return nil, s.unreadable(tableSession, err)
	}
	return d.record(handle, version), nil
}

func (s sessions) UpdateSession(ctx context.Context, session *rpstore.Session) error {
	doc, err := sqldb.Pack(sessionFormat, newSessionDoc(session))
	if err != nil {
		return wrap("update session", err)
	}
	handle := session.Handle.String()
	n, err := s.db.Exec(ctx, updateSession, sqldb.Key(session.Issuer), sqldb.Key(session.ClientID), sqldb.Key(session.Subject),
		sqldb.Key(session.SessionID), session.ExpiresAt.UnixMicro(), doc, s.tenant, handle, session.Version, sqldb.Now())
	if err != nil {
		return wrap("update session", err)
	}
	if n == 0 {
		var version int64
		live, err := sqldb.One(ctx, s.db, liveSession, []any{&version}, s.tenant, handle, sqldb.Now())
		if err != nil {
			return wrap("update session", err)
		}
		if live {
			return oidckit.ErrConflict
		}
		return oidckit.ErrNotFound
	}
	session.Version++
	return nil
}

func (s sessions) EndSessions(ctx context.Context, sel rpstore.SessionSelector) (int, error) {
	if sel == (rpstore.SessionSelector{}) {
		return 0, ctx.Err()
	}
	query, args := endSessions, []any{s.tenant, sqldb.Now()}
	if !sel.Handle.IsZero() {
		query += " AND handle = ?"
		args = append(args, sel.Handle.String())
	}
	for _, c := range []struct{ column, value string }{
		{"issuer", sel.Issuer},
		{"client_id", sel.ClientID},
		{"subject", sel.Subject},
		{"session_id", sel.SessionID},
	} {
		if c.value != "" {
			query += " AND " + c.column + " = ?"
			args = append(args, sqldb.Key(c.value))
		}
	}
	n, err := s.db.Exec(ctx, query, args...)
	return int(n), wrap("end sessions", err)
}

const sessionFormat = 1

// sessionDoc is a row's document. Its members on refreshes came later: who does
// not know them drops them with an update, and then nobody refreshes.
type sessionDoc struct {
	Issuer       string    `json:"iss"`
	ClientID     string    `json:"client_id"`
	Subject      string    `json:"sub"`
	SessionID    string    `json:"sid,omitempty"`
	Identity     []byte    `json:"identity"`
	SealedTokens []byte    `json:"sealed_tokens,omitempty"`
	CreatedAt    time.Time `json:"created_at"`
	SeenAt       time.Time `json:"seen_at"`
	ExpiresAt    time.Time `json:"expires_at"`

	TokensExpireAt time.Time            `json:"tokens_expire_at,omitzero"`
	RefreshState   rpstore.RefreshState `json:"refresh_state,omitempty"`
	RefreshAt      time.Time            `json:"refresh_at,omitzero"`
}

func newSessionDoc(s *rpstore.Session) sessionDoc {
	return sessionDoc{
		Issuer:       s.Issuer,
		ClientID:     s.ClientID,
		Subject:      s.Subject,
		SessionID:    s.SessionID,
		Identity:     s.Identity,
		SealedTokens: s.SealedTokens,
		CreatedAt:    s.CreatedAt.UTC(),
		SeenAt:       s.SeenAt.UTC(),
		ExpiresAt:    s.ExpiresAt.UTC(),

		TokensExpireAt: s.TokensExpireAt.UTC(),
		RefreshState:   s.RefreshState,
		RefreshAt:      s.RefreshAt.UTC(),
	}
}

func (d sessionDoc) record(handle oidckit.TokenHash, version int64) *rpstore.Session {
	return &rpstore.Session{
		Handle:       handle,
		Issuer:       d.Issuer,
		ClientID:     d.ClientID,
		Subject:      d.Subject,
		SessionID:    d.SessionID,
		Identity:     d.Identity,
		SealedTokens: d.SealedTokens,
		CreatedAt:    d.CreatedAt,
		SeenAt:       d.SeenAt,
		ExpiresAt:    d.ExpiresAt,
		Version:      version,

		TokensExpireAt: d.TokensExpireAt,
		RefreshState:   d.RefreshState,
		RefreshAt:      d.RefreshAt,
	}
}
