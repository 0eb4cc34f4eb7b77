package strictjson

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may be nested.
const MaxDepth = 32

// ErrInvalid is what every refused document matches with errors.Is.
var ErrInvalid = errors.New("strictjson: invalid document")

// SyntaxError says where and why a document was refused. Its text never
// repeats a value of the document.
type SyntaxError struct {
	// Offset counts bytes from the start of the document.
	Offset int
	// Reason is a fixed text, or names a member that stands twice.
	Reason string
}

// Error returns reason and offset.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("strictjson: %s at byte %d", e.Reason, e.Offset)
}

// Is makes a SyntaxError match ErrInvalid.
func (e *SyntaxError) Is(target error) bool { return target == ErrInvalid }

// Check reports whether data is exactly one strict JSON value.
func Check(data []byte) error {
	s := scanner{data: data}
	if err := s.start(); err != nil {
		return err
	}
	if err := s.value(1); err != nil {
		return err
	}
	return s.end()
}

// Object reads data, one JSON object, and calls fn for each of its members in
// order. The rules of Check hold for the whole document. The name is
// unescaped; name and value are only to be read, and share data's memory.
//
// fn's error ends the reading and is returned as it is. Because the document
// is read once, fn has seen members by the time a later one is refused: what
// fn stored counts only when Object returns nil.
func Object(data []byte, fn func(name []byte, v Value) error) error {
	s := scanner{data: data}
	if err := s.start(); err != nil {
		return err
	}
	if s.pos >= len(data) || data[s.pos] != '{' {
		return s.fail("document is not an object")
	}
	if err := s.object(1, fn); err != nil {
		return err
	}
	return s.end()
}

// scanner walks one document.
type scanner struct {
	data  []byte
	pos   int
	names nameStack
}

func (s *scanner) fail(reason string) error {
	return &SyntaxError{Offset: s.pos, Reason: reason}
}

func (s *scanner) start() error {
	// RFC 8259 §8.1
	if !utf8.Valid(s.data) {
		return s.fail("not valid UTF-8")
	}
	s.space()
	if s.pos == len(s.data) {
		return s.fail("empty document")
	}
	return nil
}

func (s *scanner) end() error {
	s.space()
	if s.pos != len(s.data) {
		return s.fail("data after the value")
	}
	return nil
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// value reads one value that starts at pos. Containers count as depth.
func (s *scanner) value(depth int) error {
	if s.pos >= len(s.data) {
		return s.fail("unexpected end")
	}
	switch c := s.data[s.pos]; {
	case c == '"':
		_, err := s.str()
		return err
	case c == '{':
		return s.object(depth, nil)
	case c == '[':
		return s.array(depth, nil)
	case c == '-' || isDigit(c):
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	}
	return s.fail("unexpected character")
}

func (s *scanner) object(depth int, fn func(name []byte, v Value) error) error {
	if depth > MaxDepth {
		return s.fail("nested too deeply")
	}
	s.pos++
	base := s.names.n
	s.space()
	if s.take('}') {
		return nil
	}
	for {
		name, err := s.name(base)
		if err != nil {
			return err
		}
		from := s.pos
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if fn != nil {
			if err := fn(name, Value(s.data[from:s.pos:s.pos])); err != nil {
				return err
			}
		}
		s.space()
		if s.take(',') {
			s.space()
			continue
		}
		if !s.take('}') {
			return s.fail("expected comma or end of object")
		}
		if name, twice := s.names.pop(base); twice {
			return duplicate(s.pos, name)
		}
		return nil
	}
}

// name reads a member's name and the colon, and refuses a name that the open
// object already has.
func (s *scanner) name(base int) ([]byte, error) {
	at := s.pos
	if s.pos >= len(s.data) || s.data[s.pos] != '"' {
		return nil, s.fail("expected a member name")
	}
	escaped, err := s.str()
	if err != nil {
		return nil, err
	}
	name := s.data[at+1 : s.pos-1 : s.pos-1]
	if escaped {
		name = unescape(name)
	}
	// RFC 7515 §4, RFC 7519 §4
	if !s.names.push(base, name) {
		return nil, duplicate(at, name)
	}
	s.space()
	if !s.take(':') {
		return nil, s.fail("expected a colon")
	}
	s.space()
	return name, nil
}

func (s *scanner) array(depth int, fn func(Value) error) error {
	if depth > MaxDepth {
		return s.fail("nested too deeply")
	}
	s.pos++
	s.space()
	if s.take(']') {
		return nil
	}
	for {
		from := s.pos
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if fn != nil {
			if err := fn(Value(s.data[from:s.pos:s.pos])); err != nil {
				return err
			}
		}
		s.space()
		if s.take(',') {
			s.space()
			continue
		}
		if !s.take(']') {
			return s.fail("expected comma or end of array")
		}
		return nil
	}
}

func (s *scanner) take(c byte) bool {
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) literal(word string) error {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return s.fail("unexpected character")
	}
	s.pos += len(word)
	return nil
}
