// Package opsql keeps what an issuer keeps in a SQL database: opstore over
// database/sql, on SQLite or PostgreSQL. It imports no driver; the app opens
// the database and closes it.
//
//	db, err := sql.Open("pgx", dsn)
//	…
//	store, err := opsql.New(opsql.Config{DB: db, Dialect: opsql.PostgreSQL})
//	…
//	p, err := provider.New(provider.Config{Stores: store.Open(issuer), …})
//
// # Schema
//
// The first call creates or upgrades the tables, all named oidckit_op_…, under
// a lock, so that replicas may start at once. Until it has succeeded every call
// fails and the next one tries again: a database that is down when the program
// starts is found when it comes back. A schema that is newer than the program
// works as long as it says so, for rolling upgrades and their way back.
//
// # PostgreSQL
//
// Give the pool a bound (SetMaxOpenConns) below the server's, and every
// replica of the issuer the primary, never a standby. Codes, refresh tokens,
// assertions and logins are spent by one conditional write, which only the
// primary can order: what a standby shows may be older, so that a token would
// look unspent after its use, or unknown before it, a spent code would not
// revoke what came of it, and a session that has ended would go on. With
// several servers the address names all of them, and target_session_attrs is
// read-write. After a failover with asynchronous replication the last writes
// may be lost, and what they had spent can be spent again; synchronous_commit
// with a synchronous standby keeps them.
//
// # SQLite
//
// With modernc.org/sqlite open it as
//
//	file:PATH?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)
//
// Writers of one Store wait for each other for as long as their contexts let
// them; busy_timeout is for writers of other processes, and some releases of
// the driver wait that long whatever the context says. WAL lets readers go on
// while one writes. synchronous=FULL costs a disk flush for each
// write and is what keeps a spent code spent after a power cut; NORMAL survives
// the death of the process only. The file holds sealed keys and hashes of
// tokens, but also names of people: its mode should be 0600. Do not use
// :memory: with more than one connection, each would have a database of its
// own; opstore.Memory is for that.
//
// # What has ended
//
// Rows that have ended are not found, and are removed in small batches by the
// writes that come after them. Nothing has to run beside; Store.Sweep is for
// those who want it done at a time of their own.
//
// A call whose context has no deadline ends after five seconds.
//
// Times come from the clocks of the replicas, which must agree within seconds.
package opsql
