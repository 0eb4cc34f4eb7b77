package requestobject

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/strictjson"
	"github.com/oidckit/oidckit/internal/wire"
)

// parameters are those of a request object.
type parameters wire.Params

var (
	errType     = errors.New("requestobject: typ is of another kind of JWT")
	errValue    = errors.New("requestobject: a parameter is of a type that none has")
	errUnsigned = errors.New("requestobject: an unsigned object is malformed")
)

// parse reads a signed object, or an unsigned one, for which there is no JWS.
func parse(raw string) (*jose.JWS, []byte, error) {
	if strings.HasSuffix(raw, ".") {
		payload, err := parseUnsigned(raw)
		return nil, payload, err
	}
	j, err := jose.Parse(raw)
	if err != nil {
		return nil, nil, err
	}
	// RFC 8725 §3.11, RFC 9101 §10.8: what was made for another purpose is none
	if err := checkType(j.Header.Type); err != nil {
		return nil, nil, err
	}
	return j, j.Payload, nil
}

func checkType(typ string) error {
	if typ == "" || strings.EqualFold(typ, "JWT") || strings.EqualFold(typ, "oauth-authz-req+jwt") {
		return nil
	}
	return errType
}

// parseUnsigned reads an unsecured JWT (RFC 7519 §6): alg none, and nothing
// after the second dot.
func parseUnsigned(raw string) ([]byte, error) {
	head, rest, _ := strings.Cut(raw, ".")
	body := strings.TrimSuffix(rest, ".")
	if len(raw) > jose.MaxToken || head == "" || body == "" || strings.Contains(body, ".") {
		return nil, errUnsigned
	}
	header, err := decode(head)
	if err != nil {
		return nil, err
	}
	alg, typ := "", ""
	err = strictjson.Object(header, func(name []byte, v strictjson.Value) (err error) {
		switch string(name) {
		case "alg":
			alg, err = v.Text()
		case "typ":
			typ, err = v.Text()
		case "crit", "b64", "zip", "enc":
			err = errUnsigned
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if alg != None {
		return nil, errUnsigned
	}
	if err := checkType(typ); err != nil {
		return nil, err
	}
	return decode(body)
}

// decode is strict base64url. The decoder skips line breaks even when strict.
func decode(part string) ([]byte, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(data)) != len(part) {
		return nil, errUnsigned
	}
	return data, nil
}

// member takes a member of the object for a parameter (RFC 9101 §4): text as
// it is, numbers and truth values as they are written, objects (claims) as
// JSON. Only resource has several values.
func (p parameters) member(name []byte, v strictjson.Value) error {
	var values []string
	var err error
	switch v.Kind() {
	case strictjson.KindString:
		values = make([]string, 1)
		values[0], err = v.Text()
	case strictjson.KindArray:
		if string(name) != "resource" {
			return errValue
		}
		values, err = v.Texts()
	case strictjson.KindNull:
		return errValue
	default:
		values = []string{string(v)}
	}
	if err != nil {
		return err
	}
	// RFC 6749 §3.1: without a value it is as good as absent
	if len(values) == 1 && values[0] == "" || len(values) == 0 {
		return nil
	}
	p[string(name)] = values
	return nil
}
