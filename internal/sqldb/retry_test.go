package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"slices"
	"testing"
)

// results is a database that answers each query with the next list of rows. A
// row that is an error ends its list.
type results struct{ answers [][]any }

func (r *results) Connect(context.Context) (driver.Conn, error) { return r, nil }
func (r *results) Driver() driver.Driver                        { return nil }
func (r *results) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (r *results) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (r *results) Close() error                                 { return nil }

func (r *results) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	rows := resultRows(r.answers[0])
	r.answers = r.answers[1:]
	return &rows, nil
}

type resultRows []any

func (r *resultRows) Columns() []string { return []string{"value"} }
func (r *resultRows) Close() error      { return nil }

func (r *resultRows) Next(dest []driver.Value) error {
	if len(*r) == 0 {
		return io.EOF
	}
	row := (*r)[0]
	*r = (*r)[1:]
	if err, failed := row.(error); failed {
		return err
	}
	dest[0] = row
	return nil
}

// TestRetriedRowsNeverHappened reads rows of a statement that then fails: they
// must not count, or one that spends a record would spend it twice.
func TestRetriedRowsNeverHappened(t *testing.T) {
	lost := stateError("40001")
	for _, row := range []struct {
		name    string
		answers [][]any
		want    []int64
		ok      bool
	}{
		{"rows", [][]any{{int64(1)}}, []int64{1}, true},
		{"rows, then a refusal, then none", [][]any{{int64(1), lost}, {}}, nil, true},
		{"rows, then a refusal, then others", [][]any{{int64(1), lost}, {int64(2)}}, []int64{2}, true},
		{"a failure of another kind", [][]any{{int64(1), io.ErrUnexpectedEOF}}, []int64{1}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			open := func() *DB {
				db := New(Config{DB: sql.OpenDB(&results{answers: slices.Clone(row.answers)}), Dialect: PostgreSQL})
				db.migration.open.Store(true)
				return db
			}
			var got int64
			found, err := One(t.Context(), open(), "SELECT value FROM item", []any{&got})
			if (err == nil) != row.ok || found != (row.ok && len(row.want) == 1) || found && got != row.want[0] {
				t.Errorf("One: got %d, found %v, error %v, want %v", got, found, err, row.want)
			}
			all, err := All(t.Context(), open(), "SELECT value FROM item", func(r Row) (v int64, err error) {
				err = r.Scan(&v)
				return v, err
			})
			if (err == nil) != row.ok || row.ok && !slices.Equal(all, row.want) {
				t.Errorf("All: got %v, error %v, want %v", all, err, row.want)
			}
		})
	}
}
