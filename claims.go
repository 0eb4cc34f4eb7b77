package oidckit

import (
	"errors"
	"slices"

	"github.com/oidckit/oidckit/internal/strictjson"
)

// Claims is a verified claims document: one JSON object, kept as it was read.
// Names are matched exactly; a document with a repeated name never becomes
// one.
type Claims []byte

var errStop = errors.New("stop")

// Decode stores the claims in the value pointed to by v, by the rules of
// encoding/json but with exact names.
func (c Claims) Decode(v any) error { return strictjson.Unmarshal(c, v) }

// Text returns a claim that is a string, or "" where it is absent or of
// another type.
func (c Claims) Text(name string) string {
	v, ok := c.value(name)
	if !ok {
		return ""
	}
	s, err := v.Text()
	if err != nil {
		return ""
	}
	return s
}

// Bool returns a claim that is true or false, or false where it is absent or
// of another type: "true" as a string does not count.
func (c Claims) Bool(name string) bool {
	v, ok := c.value(name)
	if !ok {
		return false
	}
	b, err := v.Bool()
	return err == nil && b
}

// Has reports whether the claim is present, with whatever value.
func (c Claims) Has(name string) bool {
	_, ok := c.value(name)
	return ok
}

// MarshalJSON returns the document itself.
func (c Claims) MarshalJSON() ([]byte, error) {
	if len(c) == 0 {
		return []byte("{}"), nil
	}
	return slices.Clone(c), nil
}

// UnmarshalJSON keeps a copy of the document, which must be one object without
// repeated names.
func (c *Claims) UnmarshalJSON(document []byte) error {
	if err := strictjson.Check(document); err != nil {
		return err
	}
	if strictjson.Value(document).Kind() != strictjson.KindObject {
		return errors.New("oidckit: claims are no JSON object")
	}
	*c = slices.Clone(document)
	return nil
}

func (c Claims) value(name string) (found strictjson.Value, ok bool) {
	if len(c) == 0 {
		return nil, false
	}
	err := strictjson.Object(c, func(n []byte, v strictjson.Value) error {
		if string(n) == name {
			found, ok = v, true
			return errStop
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return nil, false
	}
	return found, ok
}
