// Package sqldb is what the SQL stores have in common: dialects, a migrator,
// transactions that are tried again, and the removal of rows that have ended.
// It imports no driver.
//
//	db := sqldb.New(sqldb.Config{DB: handle, Dialect: sqldb.SQLite, Schema: schema})
//	n, err := db.Exec(ctx, `DELETE FROM oidckit_op_code WHERE issuer = ? AND hash = ?`, issuer, hash)
//
// Queries are written with ? for their arguments, in the SQL that SQLite (3.35
// and later) and PostgreSQL (12 and later) share.
//
// Opening makes no call. The first call of a DB migrates its schema; while the
// database is down each call fails, and the first one that reaches it goes on
// where the others failed. How long a call may take is for its context to say;
// without a deadline it is five seconds.
//
// Not here: connection settings, which belong to whoever opened the *sql.DB,
// and records, which belong to the stores.
package sqldb
