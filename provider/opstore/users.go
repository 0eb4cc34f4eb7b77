package opstore

import (
	"context"
	"time"
)

// User is an account of the issuer's own.
type User struct {
	// Subject is the sub of tokens: stable, never reassigned. It is the key.
	Subject string
	// Username is what the person types; unique, in the provider's folded
	// form. An account that has none is not found by it.
	Username string
	// PasswordHash is a PHC string ($argon2id$…), empty where the account has
	// no password.
	PasswordHash string
	// Claims is a JSON object of claims about the user.
	Claims    []byte
	Disabled  bool
	CreatedAt time.Time
	// Version is 1 at creation and grows by one with every update.
	Version int64
}

// Users keeps accounts.
type Users interface {
	// CreateUser stores a new user and sets u.Version to 1. It returns
	// ErrConflict where subject or username is taken.
	CreateUser(ctx context.Context, u *User) error
	// User returns the user with this subject, or ErrNotFound.
	User(ctx context.Context, subject string) (*User, error)
	// UserByUsername returns the user with this name, or ErrNotFound.
	UserByUsername(ctx context.Context, username string) (*User, error)
	// UpdateUser replaces the user with u.Subject if its stored version is
	// u.Version, and adds one to both. It returns ErrConflict where another
	// update came first or the username is taken, ErrNotFound where there is
	// no such user.
	UpdateUser(ctx context.Context, u *User) error
}
