package opredis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// sessions is one issuer's part of the server.
type sessions struct {
	store *Store
	realm string
}

// record is what a session is kept as.
type record struct {
	// Format changes when the meaning of a field does.
	Format           int
	ID               string
	Handle           []byte
	Subject          string
	AuthTime         time.Time
	ACR              string
	AMR              []string
	IdentityProvider string
	Clients          []string
	CreatedAt        time.Time
	ExpiresAt        time.Time
}

const recordFormat = 1

func (s *sessions) CreateSession(ctx context.Context, session *opstore.Session) error {
	if err := s.write(ctx, "create session", createScript, session); err != nil {
		return err
	}
	session.Version = 1
	return nil
}

func (s *sessions) UpdateSession(ctx context.Context, session *opstore.Session) error {
	if err := s.write(ctx, "update session", updateScript, session); err != nil {
		return err
	}
	session.Version++
	return nil
}

func (s *sessions) write(ctx context.Context, verb string, script *redis.Script, v *opstore.Session) error {
	doc, err := json.Marshal(record{
		Format: recordFormat, ID: v.ID, Handle: v.Handle[:], Subject: v.Subject, AuthTime: v.AuthTime.UTC(), ACR: v.ACR, AMR: v.AMR,
		IdentityProvider: v.IdentityProvider, Clients: v.Clients, CreatedAt: v.CreatedAt.UTC(), ExpiresAt: v.ExpiresAt.UTC(),
	})
	if err != nil {
		return fmt.Errorf("opredis: %s: %w", verb, err)
	}
	// A millisecond more: the record itself says when it ends.
	ends := v.ExpiresAt.UnixMilli() + 1
	if !v.ExpiresAt.After(time.Now()) {
		// What has ended must not live on by a server's clock that is behind.
		ends = 1
	}
	return outcome(s.store.run(ctx, verb, script, []string{s.realm},
		v.ID, v.Handle.String(), v.Subject, v.IdentityProvider, ends, doc, v.Version))
}

func (s *sessions) Session(ctx context.Context, handle oidckit.TokenHash) (*opstore.Session, error) {
	row, err := s.store.run(ctx, "find session", findScript, []string{s.realm}, handle.String()).StringSlice()
	if errors.Is(err, redis.Nil) {
		return nil, oidckit.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	list, err := read(row)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, oidckit.ErrNotFound
	}
	return &list[0], nil
}

func (s *sessions) ListSessions(ctx context.Context, sel opstore.SessionSelector, after string, limit int) ([]opstore.Session, error) {
	if sel.Zero() {
		return nil, ctx.Err()
	}
	return s.many(ctx, "list sessions", listScript, sel, after, max(limit, 0))
}

func (s *sessions) EndSessions(ctx context.Context, sel opstore.SessionSelector) ([]opstore.Session, error) {
	if sel.Zero() {
		return nil, ctx.Err()
	}
	return s.many(ctx, "end sessions", endScript, sel)
}

func (s *sessions) many(ctx context.Context, verb string, script *redis.Script, sel opstore.SessionSelector, more ...any) ([]opstore.Session, error) {
	args := append([]any{sel.ID, sel.Subject, sel.IdentityProvider, sel.Version}, more...)
	rows, err := s.store.run(ctx, verb, script, []string{s.realm}, args...).StringSlice()
	if err != nil {
		return nil, err
	}
	return read(rows)
}

// read reads versions and records in turn. One that cannot be read, or has
// expired by our clock, is left out.
func read(rows []string) ([]opstore.Session, error) {
	if len(rows)%2 != 0 {
		return nil, errReply
	}
	var list []opstore.Session
	now := time.Now()
	for i := 0; i < len(rows); i += 2 {
		var r record
		version, err := strconv.ParseInt(rows[i], 10, 64)
		if err != nil || json.Unmarshal([]byte(rows[i+1]), &r) != nil || r.Format != recordFormat || !r.ExpiresAt.After(now) {
			continue
		}
		v := opstore.Session{
			ID: r.ID, Subject: r.Subject, AuthTime: r.AuthTime, ACR: r.ACR, AMR: r.AMR, IdentityProvider: r.IdentityProvider,
			Clients: r.Clients, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, Version: version,
		}
		copy(v.Handle[:], r.Handle)
		list = append(list, v)
	}
	return list, nil
}
