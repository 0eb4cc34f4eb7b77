package jose

const badDigit = 0xff

var digits = func() (t [256]byte) {
	for i := range t {
		t[i] = badDigit
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	return t
}()

func decodedLen(n int) int { return n * 6 / 8 }

// decode writes the bytes that src stands for into dst and returns how many
// they are. It takes base64url without padding and nothing else
// (RFC 7515 §2): encoding/base64 skips CR and LF even when strict, which
// would give one token several spellings. Unused trailing bits must be zero.
func decode(dst []byte, src string) (int, bool) {
	n := 0
	for len(src) >= 4 {
		a, b, c, d := digits[src[0]], digits[src[1]], digits[src[2]], digits[src[3]]
		if a|b|c|d == badDigit {
			return 0, false
		}
		out := dst[n : n+3]
		out[0] = a<<2 | b>>4
		out[1] = b<<4 | c>>2
		out[2] = c<<6 | d
		n += 3
		src = src[4:]
	}
	switch len(src) {
	case 0:
		return n, true
	case 2:
		a, b := digits[src[0]], digits[src[1]]
		if a|b == badDigit || b&0x0f != 0 {
			return 0, false
		}
		dst[n] = a<<2 | b>>4
		return n + 1, true
	case 3:
		a, b, c := digits[src[0]], digits[src[1]], digits[src[2]]
		if a|b|c == badDigit || c&0x03 != 0 {
			return 0, false
		}
		dst[n] = a<<2 | b>>4
		dst[n+1] = b<<4 | c>>2
		return n + 2, true
	default:
		return 0, false
	}
}

func decodeString(src string) ([]byte, bool) {
	dst := make([]byte, decodedLen(len(src)))
	n, ok := decode(dst, src)
	return dst[:n], ok
}
