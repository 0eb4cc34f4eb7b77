package jose

import (
	"bytes"
	"encoding/json"

	"github.com/oidckit/oidckit/internal/strictjson"
)

// withoutBrokenKeys returns a JWK set with null in the place of each key that
// by itself is no strict JSON: one that has a member twice, a lone surrogate,
// or is no UTF-8. It reports false where there is none, or where the document
// cannot even be divided into keys. What it returns has to be read strictly
// all the same: only where the keys begin and end is taken from the lenient
// reader, nothing that is said in or beside them.
func withoutBrokenKeys(data []byte) ([]byte, bool) {
	var out []byte
	copied := 0
	dec := json.NewDecoder(bytes.NewReader(data))
	err := eachMember(dec, func(name string) error {
		if name != "keys" {
			return dec.Decode(new(json.RawMessage))
		}
		return eachElement(dec, func(key json.RawMessage) {
			end := int(dec.InputOffset())
			if start := end - len(key); !strictInSet(key) {
				out = append(append(out, data[copied:start]...), "null"...)
				copied = end
			}
		})
	})
	if err != nil || copied == 0 {
		return nil, false
	}
	return append(out, data[copied:]...), true
}

func eachMember(dec *json.Decoder, fn func(name string) error) error {
	if err := expect(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		text, _ := name.(string)
		if err := fn(text); err != nil {
			return err
		}
	}
	return expect(dec, '}')
}

func eachElement(dec *json.Decoder, fn func(json.RawMessage)) error {
	if err := expect(dec, '['); err != nil {
		return err
	}
	for dec.More() {
		var element json.RawMessage
		if err := dec.Decode(&element); err != nil {
			return err
		}
		fn(element)
	}
	return expect(dec, ']')
}

func expect(dec *json.Decoder, want json.Delim) error {
	got, err := dec.Token()
	if err == nil && got != want {
		err = ErrKeySet
	}
	return err
}

// strictInSet reports whether a key may stand in a set, as deep as it does.
func strictInSet(key json.RawMessage) bool {
	return strictjson.Check(append(append([]byte("[["), key...), "]]"...)) == nil
}
