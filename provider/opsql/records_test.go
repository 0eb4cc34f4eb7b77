package opsql_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opsql"
	"github.com/oidckit/oidckit/provider/opstore"
)

// TestUnreadableRecords shows FLT-39: a record that is corrupt, truncated or of
// an unknown format is not found and reported; the rest goes on.
func TestUnreadableRecords(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		for name, doc := range map[string]string{
			"unknown format": `2 {"kid":"k"}`,
			"no format":      `{"kid":"k"}`,
			"truncated":      `1 {"kid":"k`,
			"empty":          ``,
			"wrong types":    `1 {"metadata":7,"kid":7,"client_id":7,"sub":7,"sid":7,"expires_at":7}`,
			"not JSON":       `1 null and void`,
		} {
			t.Run(name, func(t *testing.T) { unreadable(t, d, doc) })
		}
	})
}

func unreadable(t *testing.T, d database, doc string) {
	db := d.connect(t)
	var log bytes.Buffer
	store, err := opsql.New(opsql.Config{DB: db, Dialect: d.dialect, Logger: zerolog.New(&log)})
	if err != nil {
		t.Fatal(err)
	}
	issuer := storetest.Realm()
	set, r := store.Open(issuer), newRecords()
	if err := r.create(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"code", "grant", "session", "interaction", "consent", "key", "user", "client", "access_token"} {
		spoil(t, db, d, table, doc, issuer)
	}
	other := newRecords()
	other.key.Generation++
	if err := other.create(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	for verb, call := range r.calls(t.Context(), set) {
		log.Reset()
		if err := call(); !errors.Is(err, oidckit.ErrNotFound) {
			t.Errorf("%s of an unreadable record: got error %v, want %v", verb, err, oidckit.ErrNotFound)
		}
		if strings.Count(log.String(), "cannot be read") != 1 {
			t.Errorf("%s of an unreadable record: logged %q, want one line", verb, log.String())
		}
	}
	for verb, call := range other.calls(t.Context(), set) {
		if err := call(); err != nil {
			t.Errorf("%s of a readable record beside an unreadable one: %v", verb, err)
		}
	}
	keys, err := set.Keys.Keys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Errorf("Keys beside an unreadable one: got %d keys, %v, want 1", len(keys), err)
	}
	ended, err := set.Sessions.EndSessions(t.Context(), opstore.SessionSelector{Subject: r.session.Subject})
	if err != nil || len(ended) != 0 {
		t.Errorf("EndSessions of an unreadable session: got %d, %v, want none", len(ended), err)
	}
}

func spoil(t *testing.T, db *sql.DB, d database, table, doc, issuer string) {
	t.Helper()
	set, where := "?", "?"
	if d.dialect == opsql.PostgreSQL {
		set, where = "$1", "$2"
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE oidckit_op_"+table+" SET doc = "+set+" WHERE issuer = "+where, doc, issuer); err != nil {
		t.Fatal(err)
	}
}

// records is one record of each kind.
type records struct {
	code        *opstore.Code
	grant       *opstore.Grant
	token       *opstore.RefreshToken
	session     *opstore.Session
	interaction *opstore.Interaction
	consent     *opstore.Consent
	key         *opstore.SigningKey
	user        *opstore.User
	client      *opstore.Registration
	access      *opstore.AccessToken
}

func newRecords() *records {
	soon := time.Now().Add(time.Hour)
	r := &records{
		code:        storetest.Fill(&opstore.Code{}),
		grant:       storetest.Fill(&opstore.Grant{}),
		token:       storetest.Fill(&opstore.RefreshToken{}),
		session:     storetest.Fill(&opstore.Session{}),
		interaction: storetest.Fill(&opstore.Interaction{}),
		consent:     storetest.Fill(&opstore.Consent{}),
		key:         storetest.Fill(&opstore.SigningKey{}),
		user:        storetest.Fill(&opstore.User{}),
		client:      storetest.Fill(&opstore.Registration{}),
		access:      storetest.Fill(&opstore.AccessToken{}),
	}
	r.client.Client.Metadata.JWKS = nil
	r.code.ExpiresAt, r.code.KeepUntil, r.grant.ExpiresAt, r.token.ExpiresAt = soon, soon, soon, soon
	r.session.ExpiresAt, r.interaction.ExpiresAt, r.consent.ExpiresAt, r.key.ExpiresAt = soon, soon, soon, soon
	r.access.ExpiresAt = soon
	r.key.Algorithm, r.key.Generation = "ES256", 1
	return r
}

func (r *records) create(ctx context.Context, set opstore.Set) error {
	return errors.Join(
		set.Codes.CreateCode(ctx, r.code),
		set.Grants.CreateGrant(ctx, r.grant, r.token),
		set.Sessions.CreateSession(ctx, r.session),
		set.Interactions.CreateInteraction(ctx, r.interaction),
		set.Consents.PutConsent(ctx, r.consent),
		set.Keys.CreateKey(ctx, r.key),
		set.Users.CreateUser(ctx, r.user),
		set.Registrations.CreateRegistration(ctx, r.client),
		set.AccessTokens.CreateAccessToken(ctx, r.access),
	)
}

// calls are the ways to get one record.
func (r *records) calls(ctx context.Context, set opstore.Set) map[string]func() error {
	return map[string]func() error{
		"Code": func() error { _, err := set.Codes.Code(ctx, r.code.Hash); return err },
		"RefreshToken": func() error {
			_, _, err := set.Grants.RefreshToken(ctx, r.token.Hash)
			return err
		},
		"RotateRefreshToken": func() error {
			next := &opstore.RefreshToken{Hash: oidckit.HashToken("next" + r.grant.ID), ExpiresAt: r.token.ExpiresAt}
			return set.Grants.RotateRefreshToken(ctx, r.token.Hash, next, nil, time.Now())
		},
		"Session":        func() error { _, err := set.Sessions.Session(ctx, r.session.Handle); return err },
		"Interaction":    func() error { _, err := set.Interactions.Interaction(ctx, r.interaction.Hash); return err },
		"Consent":        func() error { _, err := set.Consents.Consent(ctx, r.consent.Subject, r.consent.ClientID); return err },
		"Client":         func() error { _, err := set.Registrations.Client(ctx, r.client.Client.Metadata.ClientID); return err },
		"AccessToken":    func() error { _, err := set.AccessTokens.AccessToken(ctx, r.access.Hash); return err },
		"User":           func() error { _, err := set.Users.User(ctx, r.user.Subject); return err },
		"UserByUsername": func() error { _, err := set.Users.UserByUsername(ctx, r.user.Username); return err },
	}
}

// TestNewReportsEveryProblem checks the configuration.
func TestNewReportsEveryProblem(t *testing.T) {
	_, err := opsql.New(opsql.Config{})
	if err == nil || !strings.Contains(err.Error(), "Config.DB") || !strings.Contains(err.Error(), "Config.Dialect") {
		t.Errorf("New of the zero Config: got error %v, want both fields named", err)
	}
}

// TestNothingGrows shows that rows that have ended go as others come, and all
// of them on demand (FLT-40).
func TestNothingGrows(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		db := d.connect(t)
		store := newStore(t, db, d.dialect)
		set := store.Open(storetest.Realm())
		const written = 1500
		for range written {
			c := storetest.Fill(&opstore.Code{})
			c.ExpiresAt = time.Now().Add(-time.Minute)
			if err := set.Codes.CreateCode(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		live := newRecords()
		if err := live.create(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		left := countCodes(t, db)
		if left > written/3 {
			t.Errorf("%d of %d codes that have ended are still there", left, written)
		}
		removed, err := store.Sweep(t.Context())
		if err != nil || removed != int64(left-1) {
			t.Errorf("Sweep: removed %d, %v, want %d", removed, err, left-1)
		}
		if left := countCodes(t, db); left != 1 {
			t.Errorf("%d codes are left after Sweep, want the live one", left)
		}
		for verb, call := range live.calls(t.Context(), set) {
			if err := call(); err != nil {
				t.Errorf("%s of a live record after Sweep: %v", verb, err)
			}
		}
	})
}

func countCodes(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM oidckit_op_code").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
