package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/strictjson"
	"github.com/oidckit/oidckit/provider/internal/password"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Users is what the issuer asks about the people it issues tokens for. It is
// safe for concurrent use.
type Users interface {
	// Claims returns the claims about a user. It returns oidckit.ErrNotFound
	// where there is no such user any more, or the user may not sign in: then
	// sessions, refresh tokens and userinfo of that user stop working.
	Claims(ctx context.Context, subject string) (oidckit.Claims, error)
	// CheckPassword returns who the user is, or oidckit.ErrUnauthenticated
	// where name and password do not belong together. It is called by the
	// built-in login page only.
	CheckPassword(ctx context.Context, username, password string) (oidckit.Authentication, error)
}

// Accounts are the issuer's own users, in opstore.Users, with argon2id
// passwords. It is the Users of a provider whose Config names no other.
type Accounts struct {
	store     opstore.Users
	hasher    *password.Hasher
	allowWeak bool
}

// AccountsConfig says how accounts are kept.
type AccountsConfig struct {
	// Store keeps them. Required.
	Store opstore.Users
	// AllowWeakHashes leaves password hashes as they are that cost less than
	// new ones. Otherwise each is made anew when its password is next typed. It
	// is for tests, which sign in often.
	AllowWeakHashes bool
}

// NewAccounts returns the accounts in a store.
func NewAccounts(store opstore.Users) *Accounts { return NewAccountsWith(AccountsConfig{Store: store}) }

// NewAccountsWith is NewAccounts with all that can be said about them.
func NewAccountsWith(cfg AccountsConfig) *Accounts {
	return &Accounts{store: cfg.Store, hasher: password.New(), allowWeak: cfg.AllowWeakHashes}
}

const (
	// maxUsername bounds a name, in bytes.
	maxUsername = 256
	// maxPassword bounds a password, in bytes: what the login page takes.
	maxPassword = 1024
)

// Account is a new user.
type Account struct {
	// Username is what the person types; case does not matter.
	Username string
	// Password is hashed with argon2id. PasswordHash takes a PHC string
	// ($argon2id$…) in its place. With neither, the account has no password.
	Password     string
	PasswordHash string
	// Claims are told about the user as scopes allow: values of the claims of
	// OpenID Connect Core 1.0 §5.1. "sub" sets the subject; without it a new
	// one is made.
	Claims map[string]any
}

// printedAccount is Account without its methods.
type printedAccount Account

// Format prints the account without its password and hash.
func (acc Account) Format(f fmt.State, verb rune) {
	if acc.Password != "" {
		acc.Password = "redacted"
	}
	if acc.PasswordHash != "" {
		acc.PasswordHash = "redacted"
	}
	fmt.Fprintf(f, fmt.FormatString(f, verb), printedAccount(acc))
}

// Create stores a new user and returns its subject. It returns
// oidckit.ErrConflict where the name or the subject is taken.
func (a *Accounts) Create(ctx context.Context, acc Account) (string, error) {
	user, err := a.user(acc)
	if err != nil {
		return "", err
	}
	if acc.Password != "" {
		if user.PasswordHash, err = a.hasher.Hash(ctx, acc.Password); err != nil {
			return "", err
		}
	}
	if err := a.store.CreateUser(ctx, user); err != nil {
		return "", err
	}
	return user.Subject, nil
}

// Validate says what is wrong with an account, before it is stored.
func (acc Account) Validate() error {
	_, err := (*Accounts)(nil).user(acc)
	return err
}

func (*Accounts) user(acc Account) (*opstore.User, error) {
	var errs []error
	u := &opstore.User{Username: foldUsername(acc.Username), PasswordHash: acc.PasswordHash, CreatedAt: time.Now()}
	if !validUsername(u.Username) {
		errs = append(errs, errors.New("username must have 1 to 256 bytes of text"))
	}
	if len(acc.Password) > maxPassword {
		errs = append(errs, errPasswordLength)
	}
	if acc.Password != "" && acc.PasswordHash != "" {
		errs = append(errs, errors.New("password and password_hash are both set"))
	}
	if acc.PasswordHash != "" && password.Valid(acc.PasswordHash) != nil {
		errs = append(errs, errors.New("password_hash is not an argon2id hash in PHC form"))
	}
	u.Subject = secret.ID()
	if sub, set := acc.Claims["sub"]; set {
		text, ok := sub.(string)
		if !ok || text == "" || len(text) > 255 {
			errs = append(errs, errors.New("claims.sub must be a string of 1 to 255 characters"))
		}
		u.Subject = text
	}
	var err error
	if u.Claims, err = claimsDocument(acc.Claims); err != nil {
		errs = append(errs, err)
	}
	return u, errors.Join(errs...)
}

// claimsDocument writes what is kept of claims: sub is the account's own.
func claimsDocument(given map[string]any) ([]byte, error) {
	claims := map[string]any{}
	for name, value := range given {
		if name != "sub" && value != nil {
			claims[name] = value
		}
	}
	document, err := json.Marshal(claims)
	if err == nil {
		err = strictjson.Check(document)
	}
	if err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	return document, nil
}

// SetClaims puts claims in the place of all that an account has, but for its
// subject: for accounts whose claims follow those of somebody else, such as an
// identity provider. It returns oidckit.ErrNotFound where there is no such
// account.
func (a *Accounts) SetClaims(ctx context.Context, subject string, claims map[string]any) error {
	document, err := claimsDocument(claims)
	if err != nil {
		return err
	}
	return a.change(ctx, subject, func(u *opstore.User) bool {
		if string(u.Claims) == string(document) {
			return false
		}
		u.Claims = document
		return true
	})
}

// foldUsername makes names that differ in case or surrounding space the same.
func foldUsername(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// validUsername reports whether an account can have this name. What is not
// text, some databases would not take for a question either.
func validUsername(name string) bool {
	return name != "" && len(name) <= maxUsername && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// Claims implements Users.
func (a *Accounts) Claims(ctx context.Context, subject string) (oidckit.Claims, error) {
	u, err := a.store.User(ctx, subject)
	if err != nil {
		return nil, err
	}
	if u.Disabled {
		return nil, oidckit.ErrNotFound
	}
	return oidckit.Claims(u.Claims), nil
}

// CheckPassword implements Users. The answer takes as long for a name that
// does not exist.
func (a *Accounts) CheckPassword(ctx context.Context, username, pass string) (oidckit.Authentication, error) {
	if len(pass) > maxPassword {
		return oidckit.Authentication{}, oidckit.ErrUnauthenticated
	}
	var u *opstore.User
	name, err := foldUsername(username), oidckit.ErrNotFound
	if validUsername(name) {
		u, err = a.store.UserByUsername(ctx, name)
	}
	if errors.Is(err, oidckit.ErrNotFound) {
		u, err = &opstore.User{}, nil
	}
	if err != nil {
		return oidckit.Authentication{}, err
	}
	ok, err := a.hasher.Check(ctx, u.PasswordHash, pass)
	if err != nil {
		return oidckit.Authentication{}, err
	}
	if !ok || u.Disabled {
		return oidckit.Authentication{}, oidckit.ErrUnauthenticated
	}
	if !a.allowWeak && password.Outdated(u.PasswordHash) {
		a.rehash(ctx, u, pass)
	}
	// RFC 8176 §2
	return oidckit.Authentication{Subject: u.Subject, Time: time.Now(), AMR: []string{"pwd"}}, nil
}
