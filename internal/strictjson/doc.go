// Package strictjson reads JSON the way a security document must be read: one
// value, valid UTF-8, no lone surrogates, no byte order mark, nothing after
// the end, no member named twice at any depth, nesting of at most 32, and
// member names compared exactly after unescaping. encoding/json is lenient on
// every one of these points.
//
//	err := strictjson.Object(payload, func(name []byte, v strictjson.Value) (err error) {
//		switch string(name) {
//		case "iss":
//			claims.Issuer, err = v.Text()
//		case "exp":
//			claims.Expiry, err = v.NumericDate()
//		}
//		return err
//	})
//
// Object makes one pass, copies nothing and uses no reflection. Unmarshal is
// the convenient form for documents that are not on a hot path.
//
// The package bounds depth and time (linear in the input, but for a logarithm
// in the number of members); it does not bound size, which is its caller's to
// do before reading. It writes no JSON.
//
// Specs: RFC 8259, RFC 7493 (I-JSON), RFC 7515 §4, RFC 7519 §2 and §4.
package strictjson
