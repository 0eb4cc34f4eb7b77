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
	// StartIndex is that of the first record.
	StartIndex int
	// Count is how many are wanted at most.
	Count int
}

// Paging is how an API counts.
type Paging struct {
	// First is the index of a list's first record.
	First int
	// Count is how many records a page has where nothing is said, MaxCount how
	// many whatever is said.
	Count, MaxCount int
}

// ReadPage reads a page of a list that begins at 1 (RFC 7644 §3.4.2.4), of 100
// records where nothing is said and never more than 1000.
func ReadPage(r *http.Request) (Page, error) {
	return Paging{First: 1, Count: defaultCount, MaxCount: maxCount}.Read(r)
}

// Read reads startIndex and count from the query, which has nothing else.
func (pg Paging) Read(r *http.Request) (Page, error) {
	query, err := wire.Query(r)
	if err != nil {
		return Page{}, err
	}
	p := Page{StartIndex: pg.First, Count: pg.Count}
	var wrong Fields
	for name := range query {
		field, least := &p.StartIndex, pg.First
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
	p.Count = min(p.Count, pg.MaxCount)
	return p, nil
}

// Offset is how many records come before a page of ReadPage.
func (p Page) Offset() int { return p.StartIndex - 1 }
