package strictjson

import (
	"bytes"
	"fmt"
	"slices"
)

// linearNames is the number of members up to which names are compared with
// each other as they come; a larger object is sorted once at its end.
const linearNames = 24

// nameStack holds the names of the objects that are open, innermost last. The
// first ones lie in an array rather than behind a slice: the scanner then
// stays on its caller's stack, and usual documents allocate nothing.
type nameStack struct {
	n    int
	room [2 * linearNames][]byte
	more [][]byte
}

func (s *nameStack) at(i int) []byte {
	if i < len(s.room) {
		return s.room[i]
	}
	return s.more[i-len(s.room)]
}

// push adds a name to the object that begins at base. It returns false for a
// name the object has, as long as the object is small.
func (s *nameStack) push(base int, name []byte) bool {
	if s.n-base < linearNames {
		for i := base; i < s.n; i++ {
			if bytes.Equal(s.at(i), name) {
				return false
			}
		}
	}
	if s.n < len(s.room) {
		s.room[s.n] = name
	} else {
		s.more = append(s.more, name)
	}
	s.n++
	return true
}

// pop ends the object that begins at base, and returns a name that a large
// object has twice.
func (s *nameStack) pop(base int) (name []byte, twice bool) {
	if s.n-base > linearNames {
		name, twice = s.repeated(base)
	}
	s.n = base
	s.more = s.more[:max(0, base-len(s.room))]
	return name, twice
}

func (s *nameStack) repeated(base int) ([]byte, bool) {
	names := make([][]byte, 0, s.n-base)
	for i := base; i < s.n; i++ {
		names = append(names, s.at(i))
	}
	slices.SortFunc(names, bytes.Compare)
	for i := 1; i < len(names); i++ {
		if bytes.Equal(names[i-1], names[i]) {
			return names[i], true
		}
	}
	return nil, false
}

func duplicate(at int, name []byte) error {
	const longest = 40
	if len(name) > longest {
		name = name[:longest]
	}
	return &SyntaxError{Offset: at, Reason: fmt.Sprintf("member %q stands twice", name)}
}
