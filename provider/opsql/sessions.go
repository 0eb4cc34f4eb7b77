package opsql

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
)

type sessions struct{ *realm }

const (
	createSession = `INSERT INTO oidckit_op_session (issuer, id, handle, subject, identity_provider, version, ends_at, doc)
		VALUES (?, ?, ?, ?, ?, 1, ?, ?) ON CONFLICT DO NOTHING`
	freeSession   = `DELETE FROM oidckit_op_session WHERE issuer = ? AND (id = ? OR handle = ?) AND ends_at <= ?`
	findSession   = `SELECT version, doc FROM oidckit_op_session WHERE issuer = ? AND handle = ? AND ends_at > ?`
	updateSession = `UPDATE oidckit_op_session SET handle = ?, subject = ?, identity_provider = ?, version = version + 1, ends_at = ?, doc = ?
		WHERE issuer = ? AND id = ? AND version = ? AND ends_at > ?`
	liveSession = `SELECT version FROM oidckit_op_session WHERE issuer = ? AND id = ? AND ends_at > ?`
	endSessions = `DELETE FROM oidckit_op_session WHERE issuer = ? AND ends_at > ?`
)

func (s sessions) CreateSession(ctx context.Context, session *opstore.Session) error {
	doc, err := sqldb.Pack(sessionFormat, newSessionDoc(session))
	if err != nil {
		return wrap("create session", err)
	}
	id, handle := sqldb.Key(session.ID), session.Handle.String()
	insert := func() (int64, error) {
		return s.db.Exec(ctx, createSession, s.issuer, id, handle, sqldb.Key(session.Subject), sqldb.Key(session.IdentityProvider),
			session.ExpiresAt.UnixMicro(), doc)
	}
	n, err := insert()
	if err == nil && n == 0 {
		// Where an expired session is in the way, one more try without it.
		if _, err = s.db.Exec(ctx, freeSession, s.issuer, id, handle, sqldb.Now()); err == nil {
			n, err = insert()
		}
	}
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

func (s sessions) Session(ctx context.Context, handle oidckit.TokenHash) (*opstore.Session, error) {
	var version int64
	var doc string
	found, err := sqldb.One(ctx, s.db, findSession, []any{&version, &doc}, s.issuer, handle.String(), sqldb.Now())
	if err != nil {
		return nil, wrap("find session", err)
	}
	if !found {
		return nil, oidckit.ErrNotFound
	}
	session, err := s.read(version, doc)
	if err != nil {
		return nil, err
	}
	if session.Handle != handle {
		return nil, oidckit.ErrNotFound
	}
	return session, nil
}

func (s sessions) UpdateSession(ctx context.Context, session *opstore.Session) error {
	doc, err := sqldb.Pack(sessionFormat, newSessionDoc(session))
	if err != nil {
		return wrap("update session", err)
	}
	id, handle := sqldb.Key(session.ID), session.Handle.String()
	update := func() (int64, error) {
		return s.db.Exec(ctx, updateSession, handle, sqldb.Key(session.Subject), sqldb.Key(session.IdentityProvider),
			session.ExpiresAt.UnixMicro(), doc, s.issuer, id, session.Version, sqldb.Now())
	}
	n, err := update()
	if sqldb.IsUnique(err) {
		freed, freeErr := s.db.Exec(ctx, freeSession, s.issuer, "", handle, sqldb.Now())
		if freeErr != nil {
			return wrap("update session", freeErr)
		}
		if freed == 0 {
			return oidckit.ErrConflict
		}
		n, err = update()
	}
	if err != nil {
		return wrap("update session", err)
	}
	if n == 0 {
		_, live, err := exists(ctx, s.db, liveSession, s.issuer, id, sqldb.Now())
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

func (s sessions) EndSessions(ctx context.Context, sel opstore.SessionSelector) ([]opstore.Session, error) {
	if sel.Zero() {
		return nil, ctx.Err()
	}
	match, args := sessionConditions(sel)
	args = append([]any{s.issuer, sqldb.Now()}, args...)
	rows, err := sqldb.All(ctx, s.db, endSessions+match+" RETURNING version, doc", scanSession, args...)
	if err != nil {
		return nil, wrap("end sessions", err)
	}
	return s.readAll(rows), nil
}

func sessionConditions(sel opstore.SessionSelector) (text string, args []any) {
	for _, c := range []struct{ column, value string }{
		{"id", sel.ID},
		{"subject", sel.Subject},
		{"identity_provider", sel.IdentityProvider},
	} {
		if c.value != "" {
			text += " AND " + c.column + " = ?"
			args = append(args, sqldb.Key(c.value))
		}
	}
	if sel.Version != 0 {
		text += " AND version = ?"
		args = append(args, sel.Version)
	}
	return text, args
}

type sessionRow struct {
	version int64
	doc     string
}

func scanSession(row sqldb.Row) (s sessionRow, err error) {
	err = row.Scan(&s.version, &s.doc)
	return s, err
}

func (s sessions) readAll(rows []sessionRow) []opstore.Session {
	var all []opstore.Session
	for _, row := range rows {
		// One that cannot be read has ended all the same.
		if session, err := s.read(row.version, row.doc); err == nil {
			all = append(all, *session)
		}
	}
	return all
}

func (s sessions) read(version int64, doc string) (*opstore.Session, error) {
	var d sessionDoc
	if err := s.unpack(tableSession, doc, sessionFormat, &d); err != nil {
		return nil, err
	}
	session := &opstore.Session{
		ID:               d.ID,
		Subject:          d.Subject,
		AuthTime:         d.AuthTime,
		ACR:              d.ACR,
		AMR:              d.AMR,
		IdentityProvider: d.IdentityProvider,
		Clients:          d.Clients,
		CreatedAt:        d.CreatedAt,
		ExpiresAt:        d.ExpiresAt,
		Version:          version,
	}
	copy(session.Handle[:], d.Handle)
	return session, nil
}

const sessionFormat = 1

type sessionDoc struct {
	ID               string    `json:"id"`
	Handle           []byte    `json:"handle"`
	Subject          string    `json:"sub"`
	AuthTime         time.Time `json:"auth_time"`
	ACR              string    `json:"acr,omitempty"`
	AMR              []string  `json:"amr,omitempty"`
	IdentityProvider string    `json:"idp,omitempty"`
	Clients          []string  `json:"clients,omitempty"`
	CreatedAt        time.Time `json:"created_at"`
	ExpiresAt        time.Time `json:"expires_at"`
}

func newSessionDoc(s *opstore.Session) sessionDoc {
	return sessionDoc{
		ID:               s.ID,
		Handle:           s.Handle[:],
		Subject:          s.Subject,
		AuthTime:         s.AuthTime.UTC(),
		ACR:              s.ACR,
		AMR:              s.AMR,
		IdentityProvider: s.IdentityProvider,
		Clients:          s.Clients,
		CreatedAt:        s.CreatedAt.UTC(),
		ExpiresAt:        s.ExpiresAt.UTC(),
	}
}
