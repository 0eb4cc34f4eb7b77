package sqldb

import (
	"errors"
	"strings"
)

// Result codes of SQLite, without the extension in their upper bytes.
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteConstraint = 19
)

// IsUnique reports whether err says that a unique key is taken.
func IsUnique(err error) bool {
	// PostgreSQL, appendix A: unique_violation
	if state, ok := sqlState(err); ok {
		return state == "23505"
	}
	if code, ok := resultCode(err); ok {
		const primaryKey, unique, rowID = 6 << 8, 8 << 8, 10 << 8
		return code&0xff == sqliteConstraint && (code>>8<<8 == primaryKey || code>>8<<8 == unique || code>>8<<8 == rowID)
	}
	return err != nil && strings.Contains(err.Error(), "UNIQUE constraint failed")
}

// isTransient reports whether the database has refused a transaction, which
// left nothing behind, for what others were doing at the time.
func isTransient(err error) bool {
	// PostgreSQL, appendix A: serialization_failure, deadlock_detected
	if state, ok := sqlState(err); ok {
		return state == "40001" || state == "40P01"
	}
	if code, ok := resultCode(err); ok {
		return code&0xff == sqliteBusy || code&0xff == sqliteLocked
	}
	return err != nil && (strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked"))
}

// sqlState reads the error of a PostgreSQL driver (pgx and pq have the
// method).
func sqlState(err error) (string, bool) {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState(), true
	}
	return "", false
}

// resultCode reads the error of modernc.org/sqlite. Of SQLite drivers that
// have no such method the text is read, which is SQLite's own.
func resultCode(err error) (int, bool) {
	var e interface{ Code() int }
	if errors.As(err, &e) {
		return e.Code(), true
	}
	return 0, false
}
