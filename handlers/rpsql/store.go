package rpsql

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/sqldb"
)

// Dialect is a kind of database.
type Dialect = sqldb.Dialect

const (
	// SQLite is SQLite 3.35 or later.
	SQLite = sqldb.SQLite
	// PostgreSQL is PostgreSQL 12 or later.
	PostgreSQL = sqldb.PostgreSQL
)

// Config is what a Store is made of.
type Config struct {
	// DB is the database. The caller opens and closes it. Required.
	DB *sql.DB
	// Dialect says what kind of database it is. Required.
	Dialect Dialect
	// Logger is told of records that cannot be read. The zero value is silent.
	Logger zerolog.Logger
}

// Store keeps the records of several tenants in one database. It is safe for
// concurrent use and starts nothing.
type Store struct {
	db  *sqldb.DB
	log zerolog.Logger
}

var (
	//go:embed schema_1.sql
	schema1 string
	//go:embed schema_2.sql
	schema2 string
	//go:embed schema_3.sql
	schema3 string
)

// schema returns the tables and how they came to be.
func schema() sqldb.Schema {
	return sqldb.Schema{
		Component: "rp",
		Steps:     []string{schema1, schema2, schema3},
		Oldest:    1,
		Ending:    []string{tableSession, tableBrowserSession, tableReplay},
	}
}

const (
	tableSession          = "oidckit_rp_session"
	tableBrowserSession   = "oidckit_rp_browser_session"
	tableReplay           = "oidckit_rp_replay"
	tableAccountLink      = "oidckit_rp_account_link"
	tableIdentityProvider = "oidckit_rp_identity_provider"
)

// New returns a store. It makes no call to the database.
func New(cfg Config) (*Store, error) {
	var errs []error
	if cfg.DB == nil {
		errs = append(errs, errors.New("rpsql.Config.DB is nil"))
	}
	if !cfg.Dialect.Valid() {
		errs = append(errs, errors.New("rpsql.Config.Dialect is neither SQLite nor PostgreSQL"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	db := sqldb.New(sqldb.Config{DB: cfg.DB, Dialect: cfg.Dialect, Schema: schema(), Logger: cfg.Logger})
	return &Store{db: db, log: cfg.Logger}, nil
}

// Open returns the stores of a tenant. Tenants share the database and nothing
// else.
func (s *Store) Open(tenant string) rpstore.Set {
	r := &realm{db: s.db, tenant: sqldb.Key(tenant), log: s.log.With().Str("tenant", tenant).Logger()}
	return rpstore.Set{
		Sessions:          sessions{r},
		BrowserSessions:   browserSessions{r},
		Replay:            sqldb.NewReplay(s.db, tableReplay, tenant),
		AccountLinks:      accountLinks{r},
		IdentityProviders: identityProviders{r},
	}
}

// Migrate brings the tables to the program's version, as the first call of any
// store does. It is for those who want to fail early.
func (s *Store) Migrate(ctx context.Context) error { return wrap("migrate", s.db.Migrate(ctx)) }

// Sweep removes all rows that have ended, in batches, and returns how many.
// The stores do the same little by little as they write.
func (s *Store) Sweep(ctx context.Context) (int64, error) {
	n, err := s.db.Sweep(ctx)
	return n, wrap("sweep", err)
}

// realm is one tenant's part of the database.
type realm struct {
	db     *sqldb.DB
	tenant string
	log    zerolog.Logger
}

// unreadable reports a record that cannot be read, which is as good as none.
func (r *realm) unreadable(table string, err error) error {
	r.log.Error().Str("table", table).Err(err).Msg("a stored record cannot be read and is taken as absent")
	return oidckit.ErrNotFound
}

// wrap says where an error comes from that is not of the contract.
func wrap(verb string, err error) error {
	switch err {
	case nil, oidckit.ErrNotFound, oidckit.ErrConsumed, oidckit.ErrConflict, context.Canceled, context.DeadlineExceeded:
		return err
	default:
		return fmt.Errorf("rpsql: %s: %w", verb, err)
	}
}
