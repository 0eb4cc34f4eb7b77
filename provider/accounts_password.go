package provider

import (
	"context"
	"errors"

	"github.com/oidckit/oidckit/provider/opstore"
)

var errPasswordLength = errors.New("password must have 1 to 1024 bytes")

// SetPassword gives an account another password. Who asks for it, and how they
// prove themselves, is the app's to decide. Sessions and grants go on: after a
// password that others may know, Provider.EndSessions and RevokeGrants end
// them. It returns oidckit.ErrNotFound where there is no such account.
func (a *Accounts) SetPassword(ctx context.Context, subject, password string) error {
	if password == "" || len(password) > maxPassword {
		return errPasswordLength
	}
	hash, err := a.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	return a.change(ctx, subject, func(u *opstore.User) bool {
		u.PasswordHash = hash
		return true
	})
}

// rehash makes the hash of a password anew that was just found right. Where
// that fails, or the account was changed meanwhile, the old hash is as good as
// before and the next sign-in tries again.
func (a *Accounts) rehash(ctx context.Context, u *opstore.User, password string) {
	hash, err := a.hasher.Hash(ctx, password)
	if err != nil {
		return
	}
	u.PasswordHash = hash
	_ = a.store.UpdateUser(ctx, u)
}
