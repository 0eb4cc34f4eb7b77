package adminapi

import (
	"net/http"
	"strconv"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
)

const (
	defaultCount = 100
	maxCount     = 1000
	// maxIndex keeps arithmetic with indexes far from its bounds.
	maxIndex = 1 << 30
)

// Page is which part of a list is asked for.
type Page struct {
	// StartIndex is that of the first record; the list begins at 1.
	StartIndex int
	// Count is how many are wanted at most: 100 where nothing is said, never
	// more than 1000.
	Count int
}

// ReadPage reads startIndex and count from the query (RFC 7644 §3.4.2.4), which
// has nothing else.
func ReadPage(r *http.Request) (Page, error) {
	query, err := wire.Query(r)
	if err != nil {
		return Page{}, err
	}
	p := Page{StartIndex: 1, Count: defaultCount}
	var wrong Fields
	for name := range query {
		field, least := &p.StartIndex, 1
		switch name {
		case "startIndex":
		case "count":
			field, least = &p.Count, 0
		default:
			wrong = append(wrong, Field{"query", "has a parameter that is not known"})
			continue
		}
		n, err := strconv.Atoi(query.Get(name))
		if err != nil || n < least || n > maxIndex {
			wrong = append(wrong, Field{name, "must be a number of at least " + strconv.Itoa(least)})
			continue
		}
		*field = n
	}
	if len(wrong) > 0 {
		return Page{}, Invalid(oidckit.InvalidRequest, wrong)
	}
	p.Count = min(p.Count, maxCount)
	return p, nil
}

// Offset is how many records come before the page.
func (p Page) Offset() int { return p.StartIndex - 1 }
