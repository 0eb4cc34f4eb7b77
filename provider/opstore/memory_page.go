package opstore

import (
	"cmp"
	"slices"
)

// pageOf returns up to limit of the rows, in the order of their keys, from the
// one after this key on.
func pageOf[R any](rows []R, key func(R) string, after string, limit int) []R {
	if after != "" {
		rows = slices.DeleteFunc(rows, func(row R) bool { return key(row) <= after })
	}
	slices.SortFunc(rows, func(a, b R) int { return cmp.Compare(key(a), key(b)) })
	return rows[:min(len(rows), max(limit, 0))]
}
