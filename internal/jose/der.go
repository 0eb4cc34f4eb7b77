package jose

import "crypto/elliptic"

func coordinateLen(c elliptic.Curve) int { return (c.Params().BitSize + 7) / 8 }

// concatDER turns an ECDSA signature as crypto.Signer makes it, a DER
// SEQUENCE of two INTEGERs, into r and s at full length one after the other
// (RFC 7518 §3.4). dst is as long as the result.
func concatDER(dst, der []byte) bool {
	body, rest, ok := derElement(der, 0x30)
	if !ok || len(rest) != 0 {
		return false
	}
	half := len(dst) / 2
	r, body, ok := derElement(body, 0x02)
	if !ok || !fillInteger(dst[:half], r) {
		return false
	}
	s, body, ok := derElement(body, 0x02)
	return ok && len(body) == 0 && fillInteger(dst[half:], s)
}

// derElement splits off one element with a length below 256.
func derElement(b []byte, tag byte) (content, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, nil, false
	}
	n, b := int(b[1]), b[2:]
	if n == 0x81 && len(b) > 0 {
		n, b = int(b[0]), b[1:]
	} else if n >= 0x80 {
		return nil, nil, false
	}
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// fillInteger right-aligns a non-negative INTEGER in dst.
func fillInteger(dst, n []byte) bool {
	if len(n) == 0 || n[0]&0x80 != 0 {
		return false
	}
	for len(n) > 0 && n[0] == 0 {
		n = n[1:]
	}
	if len(n) > len(dst) {
		return false
	}
	clear(dst)
	copy(dst[len(dst)-len(n):], n)
	return true
}
