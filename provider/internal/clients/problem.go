package clients

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
)

// Problem is what is wrong with one member of a client's metadata.
type Problem struct {
	// Field is the member's name.
	Field string
	// Value is what stands there, where one of several is meant. It is for the
	// operator: it may hold anything.
	Value string
	// Text completes a sentence that begins with the field's name. It repeats
	// nothing that came in.
	Text string
}

// Error names the field and, where there is one, the value.
func (p *Problem) Error() string {
	if p.Value == "" {
		return p.Field + " " + p.Text
	}
	return fmt.Sprintf("%s: %q %s", p.Field, p.Value, p.Text)
}

// problems collects what Check finds.
type problems []*Problem

func (ps *problems) add(field, format string, args ...any) {
	*ps = append(*ps, &Problem{Field: field, Text: fmt.Sprintf(format, args...)})
}

func (ps *problems) addValue(field, value, text string) {
	*ps = append(*ps, &Problem{Field: field, Value: value, Text: text})
}

// join returns the problems as one error, each preceded by where it is.
func join(where string, ps []*Problem) error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = fmt.Errorf("%s: %w", where, p)
	}
	return errors.Join(errs...)
}

// Refusal is the answer to a client that registers metadata with problems (RFC
// 7591 §3.2.2). It names every field.
func Refusal(ps []*Problem) *oidckit.Error {
	code := oidckit.InvalidClientMetadata
	if slices.ContainsFunc(ps, func(p *Problem) bool { return p.Field == fieldRedirectURIs }) {
		code = oidckit.InvalidRedirectURI
	}
	texts := make([]string, 0, len(ps))
	for _, p := range ps {
		if text := p.Field + " " + p.Text; !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return oidckit.NewError(code, strings.Join(texts, "; "))
}
