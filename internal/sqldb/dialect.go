package sqldb

import (
	"strconv"
	"strings"
)

// Dialect is a kind of database. The zero value is none.
type Dialect int

const (
	// SQLite is SQLite 3.35 or later.
	SQLite Dialect = iota + 1
	// PostgreSQL is PostgreSQL 12 or later.
	PostgreSQL
)

// String returns the database's name.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case PostgreSQL:
		return "PostgreSQL"
	default:
		return "no dialect"
	}
}

// Valid reports whether d names a dialect.
func (d Dialect) Valid() bool { return d == SQLite || d == PostgreSQL }

// LockShared is what a SELECT inside a transaction ends with to keep the rows
// of one of its tables from being changed. SQLite needs nothing: a writing
// transaction is alone there.
func (d Dialect) LockShared(table string) string {
	if d == PostgreSQL {
		return " FOR SHARE OF " + table
	}
	return ""
}

// placeholders writes the arguments of a query as the database wants them. A
// query has no ? but those of its arguments.
func (d Dialect) placeholders(query string) string {
	if d != PostgreSQL {
		return query
	}
	var b strings.Builder
	b.Grow(len(query) + 16)
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
		query = after
	}
}
