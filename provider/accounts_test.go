package provider_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/internal/password"
	"github.com/oidckit/oidckit/provider/opstore"
)

func newAccounts(t *testing.T) (*provider.Accounts, opstore.Users, string) {
	t.Helper()
	store := opstore.NewMemory().Open("https://op.example").Users
	accounts := provider.NewAccounts(store)
	sub, err := accounts.Create(t.Context(), provider.Account{Username: "Alice", PasswordHash: aliceHash})
	if err != nil {
		t.Fatal(err)
	}
	return accounts, store, sub
}

func TestSetPassword(t *testing.T) {
	accounts, _, sub := newAccounts(t)
	check := func(typed string) error {
		_, err := accounts.CheckPassword(t.Context(), "alice", typed)
		return err
	}
	const next = "a better one"
	if err := accounts.SetPassword(t.Context(), sub, next); err != nil {
		t.Fatal(err)
	}
	if err := check(next); err != nil {
		t.Error(err)
	}
	if err := check("correct horse battery staple"); !errors.Is(err, oidckit.ErrUnauthenticated) {
		t.Errorf("the old password: %v", err)
	}
	if err := accounts.SetPassword(t.Context(), "nobody", next); !errors.Is(err, oidckit.ErrNotFound) {
		t.Error(err)
	}
	for _, bad := range []string{"", strings.Repeat("p", 1025)} {
		if err := accounts.SetPassword(t.Context(), sub, bad); err == nil || check(next) != nil {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
		if bad != "" && (provider.Account{Username: "bob", Password: bad}).Validate() == nil {
			t.Error("an account was made with a password that nobody can sign in with")
		}
	}
	longest := strings.Repeat("p", 1024)
	if err := accounts.SetPassword(t.Context(), sub, longest); err != nil || check(longest) != nil {
		t.Error(err)
	}
	// A hash that came from elsewhere: what the login page does not take, no
	// other way does.
	hash, err := password.New().Hash(t.Context(), longest+"p")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.Create(t.Context(), provider.Account{Username: "carol", PasswordHash: hash}); err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.CheckPassword(t.Context(), "carol", longest+"p"); !errors.Is(err, oidckit.ErrUnauthenticated) {
		t.Errorf("longer than the longest: %v", err)
	}
}

// ASVS 5.0 §11.4.2: a hash that was made at a lower cost is made anew when its
// password is next known; a wrong password and a hash of today change nothing.
func TestRehash(t *testing.T) {
	accounts, store, sub := newAccounts(t)
	stored := func() *opstore.User {
		u, err := store.User(t.Context(), sub)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	if _, err := accounts.CheckPassword(t.Context(), "alice", "wrong"); err == nil || stored().PasswordHash != aliceHash {
		t.Errorf("a wrong password: %v", err)
	}
	for range 2 {
		if _, err := accounts.CheckPassword(t.Context(), "alice", "correct horse battery staple"); err != nil {
			t.Fatal(err)
		}
	}
	if u := stored(); !strings.HasPrefix(u.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$") || u.Version != 2 {
		t.Errorf("version %d", u.Version)
	}
}

// Claims that follow somebody else's are replaced as a whole; the subject is the
// account's own.
func TestSetClaims(t *testing.T) {
	accounts, _, sub := newAccounts(t)
	if err := accounts.SetClaims(t.Context(), sub, map[string]any{"sub": "mallory", "name": "Zoe", "nothing": nil}); err != nil {
		t.Fatal(err)
	}
	if claims, err := accounts.Claims(t.Context(), sub); err != nil || string(claims) != `{"name":"Zoe"}` {
		t.Errorf("%s %v", claims, err)
	}
	if err := accounts.SetClaims(t.Context(), sub, map[string]any{"f": func() {}}); err == nil {
		t.Error("what is no JSON is taken")
	}
	if claims, err := accounts.Claims(t.Context(), sub); err != nil || string(claims) != `{"name":"Zoe"}` {
		t.Errorf("after a refusal: %s %v", claims, err)
	}
	if err := accounts.SetClaims(t.Context(), "nobody", nil); !errors.Is(err, oidckit.ErrNotFound) {
		t.Error(err)
	}
}
