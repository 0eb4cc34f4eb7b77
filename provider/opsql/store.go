package opsql

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
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

// Store keeps the records of several issuers in one database. It is safe for
// concurrent use and starts nothing.
type Store struct {
	db  *sqldb.DB
	log zerolog.Logger
}

//go:embed schema_1.sql
var schema1 string

//go:embed schema_2.sql
var schema2 string

// schema returns the tables and how they came to be.
func schema() sqldb.Schema {
	return sqldb.Schema{
		Component: "op",
		Steps:     []string{schema1, schema2},
		Oldest:    1,
		Ending: []string{
			tableCode, tableGrant, tableRefreshToken, tableSession, tableInteraction, tableConsent,
			tableKey, tableRevocation, tableReplay, tableAccessToken, tableDelivery,
		},
	}
}

const (
	tableCode         = "oidckit_op_code"
	tableGrant        = "oidckit_op_grant"
	tableRefreshToken = "oidckit_op_refresh_token"
	tableSession      = "oidckit_op_session"
	tableInteraction  = "oidckit_op_interaction"
	tableConsent      = "oidckit_op_consent"
	tableKey          = "oidckit_op_key"
	tableUser         = "oidckit_op_user"
	tableRevocation   = "oidckit_op_revocation"
	tableReplay       = "oidckit_op_replay"
	tableClient       = "oidckit_op_client"
	tableAccessToken  = "oidckit_op_access_token"
	tableDelivery     = "oidckit_op_delivery"
)

// New returns a store. It makes no call to the database.
func New(cfg Config) (*Store, error) {
	var errs []error
	if cfg.DB == nil {
		errs = append(errs, errors.New("opsql.Config.DB is nil"))
	}
	if !cfg.Dialect.Valid() {
		errs = append(errs, errors.New("opsql.Config.Dialect is neither SQLite nor PostgreSQL"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	db := sqldb.New(sqldb.Config{DB: cfg.DB, Dialect: cfg.Dialect, Schema: schema(), Logger: cfg.Logger})
	return &Store{db: db, log: cfg.Logger}, nil
}

// Open returns the stores of an issuer. Issuers share the database and nothing
// else.
func (s *Store) Open(issuer string) opstore.Set {
	r := &realm{db: s.db, issuer: sqldb.Key(issuer), log: s.log.With().Str("issuer", issuer).Logger()}
	return opstore.Set{
		Codes:        codes{r},
		Grants:       grants{r},
		Sessions:     sessions{r},
		Interactions: interactions{r},
		Consents:     consents{r},
		Keys:         keys{r},
		Users:        users{r},
		Revocations:  revocations{r},
		Replay:       sqldb.NewReplay(s.db, tableReplay, issuer),

		Registrations: registrations{r},
		AccessTokens:  accessTokens{r},
		Deliveries:    deliveries{r},
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

// realm is one issuer's part of the database.
type realm struct {
	db     *sqldb.DB
	issuer string
	log    zerolog.Logger
}

// unpack reads a document. One that cannot be read is as good as none: it is
// reported and not found, and what stands beside it is not held up.
func (r *realm) unpack(table, doc string, format int, record any) error {
	if err := sqldb.Unpack(doc, format, record); err != nil {
		r.log.Error().Str("table", table).Err(err).Msg("a stored record cannot be read and is taken as absent")
		return oidckit.ErrNotFound
	}
	return nil
}

// exists runs a query for one number, and reports whether there was a row.
func exists(ctx context.Context, r sqldb.Runner, query string, args ...any) (n int64, found bool, err error) {
	found, err = sqldb.One(ctx, r, query, []any{&n}, args...)
	return n, found, err
}

// wrap says where an error comes from that is not of the contract.
func wrap(verb string, err error) error {
	switch err {
	case nil, oidckit.ErrNotFound, oidckit.ErrConsumed, oidckit.ErrConflict, context.Canceled, context.DeadlineExceeded:
		return err
	default:
		return fmt.Errorf("opsql: %s: %w", verb, err)
	}
}
