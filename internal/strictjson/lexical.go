package strictjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number reads the number grammar of RFC 8259 §6.
func (s *scanner) number() error {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return s.fail("malformed number")
	}
	if s.take('.') && !s.digits() {
		return s.fail("malformed number")
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return s.fail("malformed number")
		}
	}
	if s.pos < len(s.data) && isDigit(s.data[s.pos]) {
		return s.fail("number with a leading zero")
	}
	return nil
}

// digits reads one digit or more.
func (s *scanner) digits() bool {
	from := s.pos
	for s.pos < len(s.data) && isDigit(s.data[s.pos]) {
		s.pos++
	}
	return s.pos > from
}

// str reads a string, quotes included, and reports whether it has escapes.
func (s *scanner) str() (escaped bool, err error) {
	data := s.data
	for i := s.pos + 1; i < len(data); {
		switch c := data[i]; {
		case c == '"':
			s.pos = i + 1
			return escaped, nil
		case c == '\\':
			n := escapeLen(data[i:])
			if n == 0 {
				s.pos = i
				return false, s.fail("malformed escape or lone surrogate")
			}
			escaped = true
			i += n
		case c < ' ':
			s.pos = i
			return false, s.fail("control character in a string")
		default:
			i++
		}
	}
	s.pos = len(data)
	return false, s.fail("unexpected end")
}

// escapeLen returns the length of the escape sequence b starts with, both
// halves of a surrogate pair counted as one, or 0 where it is malformed.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r, ok := hex4(b)
		if !ok {
			return 0
		}
		if !utf16.IsSurrogate(r) {
			return 6
		}
		// RFC 7493 §2.1: a surrogate that is not half of a pair encodes nothing
		low, ok := hex4(b[6:])
		if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
			return 0
		}
		return 12
	}
	return 0
}

// hex4 reads \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape returns the text of a checked string without its quotes. It never
// grows: the shortest escape of a character is no shorter than its UTF-8.
func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			out = append(out, b[i])
			i++
			continue
		}
		n := escapeLen(b[i:])
		switch n {
		case 0:
			return out
		case 2:
			out = append(out, escapeByte(b[i+1]))
		case 6:
			r, _ := hex4(b[i:])
			out = utf8.AppendRune(out, r)
		default:
			high, _ := hex4(b[i:])
			low, _ := hex4(b[i+6:])
			out = utf8.AppendRune(out, utf16.DecodeRune(high, low))
		}
		i += n
	}
	return out
}

func escapeByte(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}
