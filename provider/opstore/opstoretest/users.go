package opstoretest

import (
	"context"
	"fmt"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func userChecks() []check {
	return []check{
		{Name: "a user is returned by subject and by name, with every field and Version 1", Run: userFields},
		{Name: "a taken subject or username is a conflict", Run: userConflict},
		{Name: "an unknown user is not found, whatever is typed", Run: userUnknown},
		{Name: "users without a name are not unique by it, and not found by it", Run: userNameless},
		{Name: "usernames are told apart exactly", Run: userNames},
		{Name: "of creations at once with one name exactly one is made", Run: userCreateRace},
		{Name: "an update replaces every field, the name too", Run: userUpdate},
		{Name: "an update of an old version, or to a taken name, is a conflict", Run: userUpdateConflict},
		{Name: "of updates at once to one version exactly one is made", Run: userUpdateRace},
		{Name: "users are copied in and out", Run: userCopies},
		{Name: "an ended context stops the call and changes nothing", Run: userCancelled},
	}
}

func newUser() *opstore.User {
	u := storetest.Fill(&opstore.User{})
	u.Claims = []byte(`{"name": "Ann", "n": 1.50}`)
	return u
}

func registered(ctx context.Context, s opstore.Set) (*opstore.User, error) {
	u := newUser()
	if err := s.Users.CreateUser(ctx, u); err != nil {
		return nil, fmt.Errorf("CreateUser: %w", err)
	}
	if u.Version != 1 {
		return nil, fmt.Errorf("CreateUser left Version %d, want 1", u.Version)
	}
	return u, nil
}

// userIs looks a user up by its subject, which must be known, and by its name.
func userIs(ctx context.Context, s opstore.Set, want *opstore.User) error {
	got, err := s.Users.User(ctx, want.Subject)
	named, nameErr := s.Users.UserByUsername(ctx, want.Username)
	return storetest.First(err, storetest.Same("User", got, want), nameErr, storetest.Same("UserByUsername", named, want))
}

func noUser(ctx context.Context, s opstore.Set, subject, username string) error {
	_, err := s.Users.User(ctx, subject)
	_, nameErr := s.Users.UserByUsername(ctx, username)
	return storetest.First(
		storetest.Want(fmt.Sprintf("User(%.20q)", subject), err, oidckit.ErrNotFound),
		storetest.Want(fmt.Sprintf("UserByUsername(%.20q)", username), nameErr, oidckit.ErrNotFound),
	)
}

func userFields(ctx context.Context, s opstore.Set) error {
	u, err := registered(ctx, s)
	if err != nil {
		return err
	}
	return userIs(ctx, s, u)
}

func userConflict(ctx context.Context, s opstore.Set) error {
	u, err := registered(ctx, s)
	if err != nil {
		return err
	}
	sameSubject, sameName := newUser(), newUser()
	sameSubject.Subject, sameName.Username = u.Subject, u.Username
	return storetest.First(
		storetest.Want("CreateUser with a taken subject", s.Users.CreateUser(ctx, sameSubject), oidckit.ErrConflict),
		storetest.Want("CreateUser with a taken username", s.Users.CreateUser(ctx, sameName), oidckit.ErrConflict),
		userIs(ctx, s, u),
		noUser(ctx, s, sameName.Subject, sameSubject.Username),
	)
}

func userUnknown(ctx context.Context, s opstore.Set) error {
	if _, err := registered(ctx, s); err != nil {
		return err
	}
	long := make([]byte, 100_000)
	for i := range long {
		long[i] = 'a' + byte(i*i%23)
	}
	for _, typed := range []string{"", "ann", "\x00", "\xff\xfe", "%", "' OR 1=1 --", string(long)} {
		if err := noUser(ctx, s, typed, typed); err != nil {
			return err
		}
	}
	return storetest.Want("UpdateUser", s.Users.UpdateUser(ctx, newUser()), oidckit.ErrNotFound)
}

func userNameless(ctx context.Context, s opstore.Set) error {
	one, two := newUser(), newUser()
	one.Username, two.Username = "", ""
	if err := storetest.First(s.Users.CreateUser(ctx, one), storetest.Want("second CreateUser without a name", s.Users.CreateUser(ctx, two), nil)); err != nil {
		return err
	}
	got, err := s.Users.User(ctx, two.Subject)
	return storetest.First(
		err,
		storetest.Same("User", got, two),
		noUser(ctx, s, "", ""),
		storetest.Want("UpdateUser without a name", s.Users.UpdateUser(ctx, one), nil),
	)
}

func userNames(ctx context.Context, s opstore.Set) error {
	var users []*opstore.User
	for _, name := range []string{"ann", "Ann", "ann ", " ann", "a\u0308nn", "änn", "ss", "ß", "an_", "an%"} {
		u := newUser()
		u.Username = name
		if err := storetest.Want("CreateUser "+name, s.Users.CreateUser(ctx, u), nil); err != nil {
			return err
		}
		users = append(users, u)
	}
	for _, u := range users {
		if err := userIs(ctx, s, u); err != nil {
			return err
		}
	}
	return nil
}

func userCreateRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		name := newUser().Username
		users := make([]*opstore.User, storetest.Racers)
		errs := storetest.Race(func(i int) error {
			users[i] = newUser()
			users[i].Username = name
			return s.Users.CreateUser(ctx, users[i])
		})
		if err := storetest.OneWinner(errs, oidckit.ErrConflict); err != nil {
			return err
		}
		return userIs(ctx, s, users[slices.Index(errs, nil)])
	})
}

func userUpdate(ctx context.Context, s opstore.Set) error {
	u, err := registered(ctx, s)
	if err != nil {
		return err
	}
	update := newUser()
	update.Subject, update.Version, update.Disabled = u.Subject, 1, false
	if err := storetest.Want("UpdateUser", s.Users.UpdateUser(ctx, update), nil); err != nil {
		return err
	}
	if update.Version != 2 {
		return fmt.Errorf("UpdateUser left Version %d, want 2", update.Version)
	}
	reuse := newUser()
	reuse.Username = u.Username
	return storetest.First(
		userIs(ctx, s, update),
		noUser(ctx, s, "", u.Username),
		storetest.Want("CreateUser with a name that was given up", s.Users.CreateUser(ctx, reuse), nil),
		userIs(ctx, s, reuse),
	)
}

func userUpdateConflict(ctx context.Context, s opstore.Set) error {
	u, err := registered(ctx, s)
	if err != nil {
		return err
	}
	other, err := registered(ctx, s)
	if err != nil {
		return err
	}
	stale, clash := storetest.Clone(u), storetest.Clone(other)
	stale.PasswordHash, clash.Username = "stale", u.Username
	if err := storetest.First(
		s.Users.UpdateUser(ctx, u),
		storetest.Want("UpdateUser of an old version", s.Users.UpdateUser(ctx, stale), oidckit.ErrConflict),
		storetest.Want("UpdateUser to a taken name", s.Users.UpdateUser(ctx, clash), oidckit.ErrConflict),
	); err != nil {
		return err
	}
	if stale.Version != 1 || clash.Version != 1 {
		return fmt.Errorf("UpdateUser that failed left Versions %d and %d, want 1", stale.Version, clash.Version)
	}
	return storetest.First(userIs(ctx, s, u), userIs(ctx, s, other))
}

func userUpdateRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		u, err := registered(ctx, s)
		if err != nil {
			return err
		}
		updates := make([]*opstore.User, storetest.Racers)
		errs := storetest.Race(func(i int) error {
			updates[i] = storetest.Clone(u)
			updates[i].PasswordHash = fmt.Sprint(i)
			return s.Users.UpdateUser(ctx, updates[i])
		})
		if err := storetest.OneWinner(errs, oidckit.ErrConflict); err != nil {
			return err
		}
		return userIs(ctx, s, updates[slices.Index(errs, nil)])
	})
}

func userCopies(ctx context.Context, s opstore.Set) error {
	u, err := registered(ctx, s)
	if err != nil {
		return err
	}
	want := storetest.Clone(u)
	storetest.Clobber(u)
	for range 2 {
		if err := userIs(ctx, s, want); err != nil {
			return err
		}
		got, err := s.Users.User(ctx, want.Subject)
		named, nameErr := s.Users.UserByUsername(ctx, want.Username)
		if err := storetest.First(err, nameErr); err != nil {
			return err
		}
		storetest.Clobber(got)
		storetest.Clobber(named)
	}
	update := storetest.Clone(want)
	if err := s.Users.UpdateUser(ctx, update); err != nil {
		return err
	}
	storetest.Clobber(update)
	want.Version = 2
	return userIs(ctx, s, want)
}

func userCancelled(ctx context.Context, s opstore.Set) error {
	gone := storetest.Cancelled(ctx)
	u, err := registered(ctx, s)
	if err != nil {
		return err
	}
	other := newUser()
	_, look := s.Users.User(gone, u.Subject)
	_, named := s.Users.UserByUsername(gone, u.Username)
	return storetest.First(
		storetest.Want("CreateUser", s.Users.CreateUser(gone, other), context.Canceled),
		storetest.Want("User", look, context.Canceled),
		storetest.Want("UserByUsername", named, context.Canceled),
		storetest.Want("UpdateUser", s.Users.UpdateUser(gone, storetest.Clone(u)), context.Canceled),
		userIs(ctx, s, u),
		noUser(ctx, s, other.Subject, other.Username),
	)
}
