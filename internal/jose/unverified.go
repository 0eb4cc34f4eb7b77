package jose

import (
	"slices"
	"strings"
)

// AppendUnverified appends what stands in the second part of a token, decoded,
// and reports whether that is strict base64url. The rest of the token is not
// looked at. It is for choosing who verifies a token, and for nothing else.
func AppendUnverified(buf []byte, compact string) (payload []byte, ok bool) {
	_, rest, _ := strings.Cut(compact, ".")
	part, _, _ := strings.Cut(rest, ".")
	if part == "" || len(compact) > MaxToken {
		return buf, false
	}
	n := len(buf)
	buf = slices.Grow(buf, decodedLen(len(part)))[:n+decodedLen(len(part))]
	if _, ok := decode(buf[n:], part); !ok {
		return buf[:n], false
	}
	return buf, true
}
