package jose

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// ATK-071, ATK-037, ATK-039: a key that is no strict JSON in itself costs
// itself, wherever it stands, and whatever it would be to a lenient reader.
func TestParseJWKSSkipsBrokenKeys(t *testing.T) {
	raw, err := json.Marshal(keyObject(t, testKey(t, "ES256", "").Public(), object{"kid": "good"}))
	if err != nil {
		t.Fatal(err)
	}
	good := string(raw)
	evil := strings.TrimSuffix(strings.Replace(good, `"good"`, `"evil"`, 1), "}")
	for name, key := range map[string]string{
		"a member twice":                evil + `,"kty":"EC"}`,
		"a member twice, escaped":       evil + `,"kt\u0079":"EC"}`,
		"kid twice":                     evil + `,"kid":"good"}`,
		"a member twice, nobody's":      evil + `,"x":1,"x":2}`,
		"twice in a member":             evil + `,"ext":{"a":1,"a":2}}`,
		"a lone surrogate":              evil + `,"ext":"\ud800"}`,
		"a lone surrogate in the kid":   strings.Replace(good, `"good"`, `"\udc00"`, 1),
		"a lone surrogate in a name":    evil + `,"\ud800":1}`,
		"not UTF-8":                     evil + ",\"ext\":\"\xff\"}",
		"not UTF-8, in a name":          evil + ",\"\xff\":\"\"}",
		"deeper than a document may be": evil + `,"ext":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}`,
		"no object":                     `"\ud800"`,
		"keys again":                    `{"keys":[` + good + `],"keys":[]}`,
	} {
		for order, doc := range map[string]string{
			"first": `{"keys":[` + key + `,` + good + `]}`,
			"last":  ` {"x":[1,{"keys":[]}], "keys" : [` + good + " ,\n" + key + ` ],"y":"é"} `,
			"both":  `{"k\u0065ys":[` + key + `, ` + good + `,` + key + `]}`,
		} {
			want := 1
			if order == "both" {
				want = 2
			}
			keys, skipped, err := ParseJWKS([]byte(doc))
			if err != nil || skipped != want || len(keys) != 1 || keys[0].KeyID != "good" {
				t.Errorf("%s, %s: %+v, %d skipped, %v", name, order, keys, skipped, err)
			}
		}
	}
}

// What is broken beside the keys, or leaves no telling where they end, is no
// set, with a broken key in it as without.
func TestBrokenKeysMendNoDocument(t *testing.T) {
	const broken = `{"kty":"EC","kty":"EC"}`
	for name, doc := range map[string]string{
		"keys twice":              `{"keys":[` + broken + `],"keys":[` + broken + `]}`,
		"keys twice, escaped":     `{"keys":[` + broken + `],"k\u0065ys":[]}`,
		"another member twice":    `{"x":1,"keys":[` + broken + `],"x":2}`,
		"twice in another member": `{"x":{"a":1,"a":1},"keys":[` + broken + `]}`,
		"a surrogate beside":      `{"keys":[` + broken + `],"x":"\ud800"}`,
		"not UTF-8 beside":        `{"keys":[` + broken + "],\"x\":\"\xff\"}",
		"something behind":        `{"keys":[` + broken + `]} {}`,
		"a byte order mark":       "\ufeff" + `{"keys":[` + broken + `]}`,
		"cut in a key":            `{"keys":[` + broken + `,{"kty"`,
		"cut behind a key":        `{"keys":[` + broken,
		"no end":                  `{"keys":[` + broken + `]`,
		"a comma too many":        `{"keys":[` + broken + `,]}`,
		"a key that does not end": `{"keys":[{"kty":"EC","kty":"EC"]}`,
		"not an array":            `{"keys":` + broken + `}`,
		"in a list":               `[{"keys":[` + broken + `]}]`,
		"an escape that is none":  `{"keys":[` + broken + `,"\x"]}`,
		"too many":                `{"keys":[` + strings.Repeat(broken+",", maxKeys) + broken + `]}`,
	} {
		if keys, skipped, err := ParseJWKS([]byte(doc)); !errors.Is(err, ErrKeySet) || len(keys) != 0 || skipped != 0 {
			t.Errorf("%s: %+v, %d skipped, %v", name, keys, skipped, err)
		}
	}
}

// Some issuers write null for what a key has not got.
func TestNullMembersAreAbsent(t *testing.T) {
	key := testKey(t, "ES256", "").Public()
	for _, name := range []string{"alg", "use", "key_ops", "kid", "issuer", "n", "e", "d", "p", "q", "dp", "dq", "qi", "oth", "k", "x5c"} {
		keys, skipped, err := ParseJWKS(setOf(t, keyObject(t, key, object{name: nil})))
		if err != nil || skipped != 0 || len(keys) != 1 || !SameKey(keys[0].Key, key) {
			t.Errorf("%s: %+v, %d skipped, %v", name, keys, skipped, err)
		}
	}
	for _, name := range []string{"kty", "crv", "x", "y"} {
		if keys, skipped, err := ParseJWKS(setOf(t, keyObject(t, key, object{name: nil}))); err != nil || skipped != 1 || len(keys) != 0 {
			t.Errorf("%s: %+v, %d skipped, %v", name, keys, skipped, err)
		}
	}
}
