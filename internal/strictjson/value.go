package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Kind is the JSON type of a Value.
type Kind uint8

// The kinds. KindInvalid is what a Value has that is not JSON.
const (
	KindInvalid Kind = iota
	KindString
	KindNumber
	KindObject
	KindArray
	KindBool
	KindNull
)

var kindNames = [...]string{"no JSON value", "a string", "a number", "an object", "an array", "a boolean", "null"}

// String returns the kind in words, for error texts: "a string", "null".
func (k Kind) String() string { return kindNames[k] }

// MaxNumericDate is the last second of the year 9999. Beyond it, arithmetic on
// time.Time is not safe.
const MaxNumericDate = 253402300799

// ErrType is what reading a Value as another type than its own matches with
// errors.Is.
var ErrType = errors.New("strictjson: unexpected type")

// TypeError says what a Value was expected to be. Its text never repeats the
// value.
type TypeError struct{ Want, Reason string }

// Error returns what was expected and why it was not met.
func (e *TypeError) Error() string {
	return fmt.Sprintf("strictjson: expected %s, got %s", e.Want, e.Reason)
}

// Is makes a TypeError match ErrType.
func (e *TypeError) Is(target error) bool { return target == ErrType }

// Value is one raw value of a document that was checked. It shares the
// document's memory. The zero Value is of KindInvalid and every read of it is
// an error.
type Value []byte

// Kind returns the JSON type.
func (v Value) Kind() Kind {
	if len(v) == 0 {
		return KindInvalid
	}
	switch c := v[0]; {
	case c == '"':
		return KindString
	case c == '{':
		return KindObject
	case c == '[':
		return KindArray
	case c == 't' || c == 'f':
		return KindBool
	case c == 'n':
		return KindNull
	case c == '-' || isDigit(c):
		return KindNumber
	}
	return KindInvalid
}

func (v Value) want(k Kind) error {
	if got := v.Kind(); got != k {
		return &TypeError{Want: k.String(), Reason: got.String()}
	}
	return nil
}

// Text returns a string's value.
func (v Value) Text() (string, error) {
	b, err := v.text()
	return string(b), err
}

// text returns a string's value without copying it where it has no escape.
func (v Value) text() ([]byte, error) {
	if err := v.want(KindString); err != nil {
		return nil, err
	}
	if len(v) < 2 {
		return nil, &TypeError{Want: KindString.String(), Reason: KindInvalid.String()}
	}
	b := v[1 : len(v)-1]
	if bytes.IndexByte(b, '\\') < 0 {
		return b, nil
	}
	return unescape(b), nil
}

// AppendText appends a string's value to b: the form of Text for a caller that
// keeps several texts in one piece of memory.
func (v Value) AppendText(b []byte) ([]byte, error) {
	text, err := v.text()
	return append(b, text...), err
}

// Is reports whether the value is the string s. It allocates nothing for a
// value without escapes.
func (v Value) Is(s string) bool {
	b, err := v.text()
	return err == nil && string(b) == s
}

// Bool returns true or false. Strings and numbers are not booleans.
func (v Value) Bool() (bool, error) {
	if err := v.want(KindBool); err != nil {
		return false, err
	}
	return v[0] == 't', nil
}

// Int returns an integer written without fraction and exponent.
func (v Value) Int() (int64, error) {
	if err := v.want(KindNumber); err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return 0, &TypeError{Want: "an integer of 64 bits", Reason: "another number"}
	}
	return n, nil
}

// NumericDate returns seconds since the epoch (RFC 7519 §2). A fraction is cut
// off; what is negative or beyond MaxNumericDate is refused, whatever its
// notation.
func (v Value) NumericDate() (int64, error) {
	if err := v.want(KindNumber); err != nil {
		return 0, err
	}
	if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
		if n < 0 || n > MaxNumericDate {
			return 0, errDate
		}
		return n, nil
	}
	// float64 is exact to a fraction of a millisecond over the whole range.
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || f < 0 || f >= MaxNumericDate+1 {
		return 0, errDate
	}
	return int64(f), nil
}

var errDate = &TypeError{Want: "seconds since 1970 within the year 9999", Reason: "another number"}

// Texts returns an array of strings.
func (v Value) Texts() ([]string, error) {
	texts := make([]string, 0, 1+bytes.Count(v, []byte{','}))
	err := v.Array(func(e Value) error {
		t, err := e.Text()
		texts = append(texts, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return texts, nil
}

// Array calls fn for each element in order. fn's error ends the reading and is
// returned as it is.
func (v Value) Array(fn func(Value) error) error {
	if err := v.want(KindArray); err != nil {
		return err
	}
	s := scanner{data: v}
	return s.array(1, fn)
}

// Object calls fn for each member in order, by the rules of the function of
// this name.
func (v Value) Object(fn func(name []byte, v Value) error) error {
	if err := v.want(KindObject); err != nil {
		return err
	}
	return Object(v, fn)
}
