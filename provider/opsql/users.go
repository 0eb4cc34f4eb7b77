package opsql

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
)

type users struct{ *realm }

const (
	createUser = `INSERT INTO oidckit_op_user (issuer, subject, username, version, doc) VALUES (?, ?, ?, 1, ?) ON CONFLICT DO NOTHING`
	findUser   = `SELECT version, doc FROM oidckit_op_user WHERE issuer = ? AND subject = ?`
	// The condition on the empty name is the one of the index.
	findUserByName = `SELECT version, doc FROM oidckit_op_user WHERE issuer = ? AND username = ? AND username <> ''`
	updateUser     = `UPDATE oidckit_op_user SET username = ?, version = version + 1, doc = ? WHERE issuer = ? AND subject = ? AND version = ?`
	userVersion    = `SELECT version FROM oidckit_op_user WHERE issuer = ? AND subject = ?`
)

func (s users) CreateUser(ctx context.Context, u *opstore.User) error {
	doc, err := sqldb.Pack(userFormat, newUserDoc(u))
	if err != nil {
		return wrap("create user", err)
	}
	n, err := s.db.Exec(ctx, createUser, s.issuer, sqldb.Key(u.Subject), sqldb.Key(u.Username), doc)
	if err != nil {
		return wrap("create user", err)
	}
	if n == 0 {
		return oidckit.ErrConflict
	}
	u.Version = 1
	return nil
}

func (s users) User(ctx context.Context, subject string) (*opstore.User, error) {
	return s.find(ctx, findUser, subject)
}

func (s users) UserByUsername(ctx context.Context, username string) (*opstore.User, error) {
	return s.find(ctx, findUserByName, username)
}

func (s users) UpdateUser(ctx context.Context, u *opstore.User) error {
	doc, err := sqldb.Pack(userFormat, newUserDoc(u))
	if err != nil {
		return wrap("update user", err)
	}
	n, err := s.db.Exec(ctx, updateUser, sqldb.Key(u.Username), doc, s.issuer, sqldb.Key(u.Subject), u.Version)
	if sqldb.IsUnique(err) {
		return oidckit.ErrConflict
	}
	if err != nil {
		return wrap("update user", err)
	}
	if n == 0 {
		_, found, err := exists(ctx, s.db, userVersion, s.issuer, sqldb.Key(u.Subject))
		if err != nil {
			return wrap("update user", err)
		}
		if found {
			return oidckit.ErrConflict
		}
		return oidckit.ErrNotFound
	}
	u.Version++
	return nil
}

func (s users) find(ctx context.Context, query, key string) (*opstore.User, error) {
	var version int64
	var doc string
	found, err := sqldb.One(ctx, s.db, query, []any{&version, &doc}, s.issuer, sqldb.Key(key))
	if err != nil {
		return nil, wrap("find user", err)
	}
	if !found {
		return nil, oidckit.ErrNotFound
	}
	var d userDoc
	if err := s.unpack(tableUser, doc, userFormat, &d); err != nil {
		return nil, err
	}
	return &opstore.User{
		Subject:      d.Subject,
		Username:     d.Username,
		PasswordHash: d.PasswordHash,
		Claims:       d.Claims,
		Disabled:     d.Disabled,
		CreatedAt:    d.CreatedAt,
		Version:      version,
	}, nil
}

const userFormat = 1

type userDoc struct {
	Subject      string    `json:"sub"`
	Username     string    `json:"username,omitempty"`
	PasswordHash string    `json:"password_hash,omitempty"`
	Claims       []byte    `json:"claims,omitempty"`
	Disabled     bool      `json:"disabled,omitempty"`
	CreatedAt    time.Time `json:"created_at"`
}

func newUserDoc(u *opstore.User) userDoc {
	return userDoc{
		Subject:      u.Subject,
		Username:     u.Username,
		PasswordHash: u.PasswordHash,
		Claims:       u.Claims,
		Disabled:     u.Disabled,
		CreatedAt:    u.CreatedAt.UTC(),
	}
}
