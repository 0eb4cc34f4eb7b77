package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/strictjson"
)

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func wide(n int, extra string) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range n {
		b.WriteString(`"m` + strings.Repeat("x", i) + `":1,`)
	}
	return b.String() + extra + "}"
}

// documents holds what Check takes and refuses, and whether encoding/json is
// more lenient (security.md, Go behaviours).
var documents = []struct {
	name    string
	json    string
	ok      bool
	lenient bool
}{
	{"object", `{"iss":"a","aud":["b","c"],"exp":1}`, true, true},
	{"white space", " \t\r\n{ \"a\" : [ 1 , 2 ] } \n", true, true},
	{"every scalar", `[null,true,false,0,-0,1.5,1e9,-2E-3,"","a"]`, true, true},
	{"escapes", `"\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00"`, true, true},
	{"U+FFFD written out", "\"\uFFFD\"", true, true},
	{"same name in different objects", `{"a":{"b":1},"b":{"a":1},"c":[{"b":1},{"b":2}]}`, true, true},
	{"names that differ in case", `{"iss":"a","ISS":"b"}`, true, true},
	{"depth 32", nested(32), true, true},
	{"many members", wide(200, `"z":1`), true, true},

	{"ATK-037 sub twice", `{"sub":"a","sub":"b"}`, false, true},
	{"ATK-037 aud twice", `{"aud":"a","x":1,"aud":["b"]}`, false, true},
	{"ATK-037 exp twice, equal", `{"exp":1,"exp":1}`, false, true},
	{"ATK-037 iss twice, one escaped", `{"iss":"a","is\u0073":"b"}`, false, true},
	{"ATK-037 alg twice", `{"alg":"none","typ":"JWT","alg":"ES256"}`, false, true},
	{"ATK-037 twice below", `{"cnf":{"jkt":"a","jkt":"b"}}`, false, true},
	{"ATK-037 twice in an array's object", `[[{"a":1,"a":1}]]`, false, true},
	{"ATK-037 twice after many", wide(60, `"mxx":2`), false, true},
	{"ATK-037 twice at the linear bound", wide(24, `"m":2`), false, true},
	{"many members in many", wide(40, `"a":`+wide(60, `"z":1`)+`,"b":`+wide(60, `"z":1`)), true, true},
	{"ATK-037 twice around a large object", wide(10, `"a":`+wide(60, `"z":1`)+`,"mx":2`), false, true},
	{"ATK-037 twice in a large object in a large one", wide(40, `"a":`+wide(60, `"mx":1`)), false, true},
	{"ATK-037 twice in a small object in a large one", wide(60, `"a":{"b":1,"b":2}`), false, true},
	{"ATK-037 the empty name twice", `{"":1,"":2}`, false, true},

	{"ATK-039 trailing value", `{"a":1}{}`, false, false},
	{"ATK-039 trailing bytes", `{"a":1}x`, false, false},
	{"ATK-039 trailing NUL", "{}\x00", false, false},
	{"ATK-039 leading BOM", "\xEF\xBB\xBF{}", false, false},
	{"ATK-039 UTF-16 with BOM", "\xFE\xFF\x00{\x00}", false, false},
	{"ATK-039 UTF-16", "{\x00}\x00", false, false},
	{"ATK-039 invalid UTF-8", "{\"sub\":\"a\xff\"}", false, true},
	{"ATK-039 overlong UTF-8", "{\"sub\":\"\xc0\xaf\"}", false, true},
	{"ATK-039 invalid UTF-8 in a name", "{\"su\xffb\":\"a\"}", false, true},
	{"ATK-039 lone high surrogate", `{"sub":"\ud800"}`, false, true},
	{"ATK-039 lone low surrogate", `{"sub":"\udc00a"}`, false, true},
	{"ATK-039 swapped surrogates", `"\ude00\ud83d"`, false, true},
	{"ATK-039 high surrogate twice", `"\ud83d\ud83d"`, false, true},
	{"ATK-039 surrogate in UTF-8", "\"\xed\xa0\x80\"", false, true},
	{"ATK-040 empty", "", false, false},
	{"ATK-040 white space only", "  ", false, false},

	{"depth 33", nested(33), false, true},
	{"depth 33 by objects", strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), false, true},
	{"leading zero", "01", false, false},
	{"plus sign", "+1", false, false},
	{"bare fraction", ".5", false, false},
	{"open fraction", "1.", false, false},
	{"open exponent", "1e", false, false},
	{"minus alone", "-", false, false},
	{"hexadecimal", "0x10", false, false},
	{"NaN", "NaN", false, false},
	{"comment", "{/**/}", false, false},
	{"trailing comma in object", `{"a":1,}`, false, false},
	{"trailing comma in array", `[1,]`, false, false},
	{"missing colon", `{"a" 1}`, false, false},
	{"missing comma", `[1 2]`, false, false},
	{"name is no string", `{a:1}`, false, false},
	{"control character", "\"a\nb\"", false, false},
	{"unknown escape", `"\x41"`, false, false},
	{"short escape", `"\u12"`, false, false},
	{"open string", `"a`, false, false},
	{"escaped quote at the end", `"a\"`, false, false},
	{"open object", `{"a":1`, false, false},
	{"half a literal", `tru`, false, false},
	{"literal with a tail", `nullx`, false, false},
	{"no-break space", "\u00a0{}", false, false},
}

func TestCheck(t *testing.T) {
	for _, row := range documents {
		t.Run(row.name, func(t *testing.T) {
			err := strictjson.Check([]byte(row.json))
			if (err == nil) != row.ok {
				t.Fatalf("Check(%q) = %v", row.json, err)
			}
			if err != nil && !errors.Is(err, strictjson.ErrInvalid) {
				t.Errorf("%v is not ErrInvalid", err)
			}
			if json.Valid([]byte(row.json)) != row.lenient {
				t.Errorf("encoding/json agrees = %v, the row says otherwise", row.lenient)
			}
		})
	}
}

// Object, Unmarshal and Value.Object are held to the same rules.
func TestEveryEntryIsStrict(t *testing.T) {
	for _, row := range documents {
		if row.ok {
			continue
		}
		wrapped := `{"a":` + row.json + `}`
		var v any
		if err := strictjson.Unmarshal([]byte(row.json), &v); err == nil {
			t.Errorf("%s: Unmarshal took it", row.name)
		}
		if row.json == "" || strings.HasPrefix(row.name, "ATK-039 trailing") {
			continue
		}
		if err := strictjson.Object([]byte(wrapped), func([]byte, strictjson.Value) error { return nil }); err == nil {
			t.Errorf("%s: Object took it", row.name)
		}
	}
}

func TestObject(t *testing.T) {
	t.Run("ATK-040 not an object", func(t *testing.T) {
		for _, doc := range []string{"null", "[]", `"x"`, "1", "", "true", " [{}]"} {
			err := strictjson.Object([]byte(doc), func([]byte, strictjson.Value) error {
				t.Errorf("%q: member reported", doc)
				return nil
			})
			if !errors.Is(err, strictjson.ErrInvalid) {
				t.Errorf("Object(%q) = %v", doc, err)
			}
		}
	})
	t.Run("members in order, names unescaped, values raw", func(t *testing.T) {
		var got []string
		doc := ` {"is\u0073" : "a\n" , "n":-1.50, "o":{ "x" : 1 } ,"":null}`
		err := strictjson.Object([]byte(doc), func(name []byte, v strictjson.Value) error {
			got = append(got, string(name)+"="+string(v))
			return nil
		})
		want := `iss="a\n"|n=-1.50|o={ "x" : 1 }|=null`
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("the error of fn comes back as it is", func(t *testing.T) {
		boom := errors.New("boom")
		calls := 0
		err := strictjson.Object([]byte(`{"a":1,"b":2}`), func([]byte, strictjson.Value) error { calls++; return boom })
		if err != boom || calls != 1 {
			t.Errorf("err = %v after %d calls", err, calls)
		}
	})
	t.Run("what fn appends to a value does not reach the document", func(t *testing.T) {
		doc := []byte(`{"a":1,"b":2}`)
		err := strictjson.Object(doc, func(name []byte, v strictjson.Value) error {
			_, _ = append(name, 'X'), append(v, 'X')
			return nil
		})
		if err != nil || string(doc) != `{"a":1,"b":2}` {
			t.Errorf("%s, %v", doc, err)
		}
	})
	t.Run("a duplicate is named, cut and quoted", func(t *testing.T) {
		long := strings.Repeat("n", 100)
		err := strictjson.Check([]byte(`{"a\n` + long + `":1,"a\n` + long + `":1}`))
		if err == nil || !strings.Contains(err.Error(), `"a\nnnn`) || len(err.Error()) > 120 {
			t.Errorf("%v", err)
		}
	})
}

const claimsDocument = `{"iss":"https://issuer.example","sub":"248289761001","aud":["https://api.example"],"exp":1893456000,` +
	`"iat":1893452400,"nbf":1893452400,"jti":"dbe39bf3a3ba4238a513f51d6e1691c4","client_id":"s6BhdRkqt3",` +
	`"scope":"openid profile orders:read","auth_time":1893452000,"acr":"urn:mace:incommon:iap:silver","amr":["pwd","otp"],` +
	`"realm_access":{"roles":["reader","writer"]},"email":"alice@example.com","email_verified":true}`

func TestObjectAllocatesNothing(t *testing.T) {
	doc := []byte(claimsDocument)
	var exp int64
	read := func(name []byte, v strictjson.Value) (err error) {
		if string(name) == "exp" {
			exp, err = v.NumericDate()
		}
		return err
	}
	n := testing.AllocsPerRun(200, func() {
		if err := strictjson.Object(doc, read); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 || exp != 1893456000 {
		t.Errorf("%v allocations, exp %d", n, exp)
	}
}

func BenchmarkObject(b *testing.B) {
	doc := []byte(claimsDocument)
	b.ReportAllocs()
	for b.Loop() {
		if err := strictjson.Object(doc, func([]byte, strictjson.Value) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
