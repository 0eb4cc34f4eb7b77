// Package rpsql keeps what a relying party keeps in a SQL database: rpstore
// over database/sql, on SQLite or PostgreSQL. It imports no driver; the app
// opens the database and closes it, and may share it with its own tables and
// with package opsql.
//
//	db, err := sql.Open("sqlite", "file:app.db?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
//	…
//	store, err := rpsql.New(rpsql.Config{DB: db, Dialect: rpsql.SQLite})
//	…
//	sessions, err := handlers.NewSessions(handlers.SessionConfig{Store: store.Open("app"), …})
//
// The first call creates or upgrades the tables, all named oidckit_rp_…, under
// a lock, so that replicas may start at once. Until it has succeeded every call
// fails and the next one tries again: a database that is down when the program
// starts is found when it comes back. A schema that is newer than the program
// works as long as it says so, for rolling upgrades and their way back.
//
// On PostgreSQL every replica uses the primary: from one that lags an ended
// session would come back. On SQLite busy_timeout makes writers wait for each
// other, WAL lets readers go on, and synchronous=FULL keeps an ended session
// ended after a power cut; do not use :memory: with more than one connection.
//
// Rows that have ended are not found, and are removed in small batches by the
// writes that come after them. Nothing has to run beside; Store.Sweep is for
// those who want it done at a time of their own. Times come from the clocks of
// the replicas, which must agree within seconds.
package rpsql
