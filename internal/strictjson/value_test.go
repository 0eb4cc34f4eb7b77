package strictjson_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/oidckit/oidckit/internal/strictjson"
)

func TestNumericDate(t *testing.T) {
	for _, row := range []struct {
		raw string
		sec int64
		ok  bool
	}{
		{"0", 0, true},
		{"-0", 0, true},
		{"1893456000", 1893456000, true},
		{"1893456000.999", 1893456000, true}, // RFC 7519 §2 allows a fraction
		{"1.893456e9", 1893456000, true},
		{"253402300799", 253402300799, true},
		{"253402300799.5", 253402300799, true},
		{"253402300800", 0, false},
		{"2.5341e11", 0, false},
		{"-1", 0, false},
		{"-0.5", 0, false},
		{"9223372036854775807", 0, false},
		{"9223372036854775808", 0, false},
		{"1e300", 0, false}, // int64(1e300) is negative on amd64
		{"1e400", 0, false},
		{"-1e400", 0, false},
		{`"1893456000"`, 0, false},
		{"null", 0, false},
		{"true", 0, false},
		{"[1]", 0, false},
		{"", 0, false},
	} {
		sec, err := strictjson.Value(row.raw).NumericDate()
		if (err == nil) != row.ok || sec != row.sec {
			t.Errorf("NumericDate(%s) = %d, %v", row.raw, sec, err)
		}
	}
}

func TestValueTypes(t *testing.T) {
	for _, row := range []struct {
		raw  string
		kind strictjson.Kind
	}{
		{`"a"`, strictjson.KindString}, {"-1", strictjson.KindNumber}, {"7", strictjson.KindNumber},
		{"{}", strictjson.KindObject}, {"[]", strictjson.KindArray}, {"true", strictjson.KindBool},
		{"false", strictjson.KindBool}, {"null", strictjson.KindNull}, {"", strictjson.KindInvalid}, {"x", strictjson.KindInvalid},
	} {
		v := strictjson.Value(row.raw)
		if v.Kind() != row.kind {
			t.Errorf("Kind(%q) = %v", row.raw, v.Kind())
		}
		_, textErr := v.Text()
		_, boolErr := v.Bool()
		_, intErr := v.Int()
		arrayErr := v.Array(func(strictjson.Value) error { return nil })
		objectErr := v.Object(func([]byte, strictjson.Value) error { return nil })
		for kind, err := range map[strictjson.Kind]error{
			strictjson.KindString: textErr, strictjson.KindBool: boolErr, strictjson.KindNumber: intErr,
			strictjson.KindArray: arrayErr, strictjson.KindObject: objectErr,
		} {
			if (err == nil) != (kind == row.kind) {
				t.Errorf("%q read as %v: %v", row.raw, kind, err)
			}
			if err != nil && !errors.Is(err, strictjson.ErrType) {
				t.Errorf("%q read as %v: %v is not ErrType", row.raw, kind, err)
			}
		}
	}
}

func TestValueText(t *testing.T) {
	for raw, want := range map[string]string{
		`""`: "", `"a b"`: "a b", `"\u00e9\n\"\\\/"`: "é\n\"\\/", `"\ud83d\ude00\u0000"`: "😀\x00", "\"\u65e5\"": "日",
		`"\b\f\r\t"`: "\b\f\r\t",
	} {
		got, err := strictjson.Value(raw).Text()
		if err != nil || got != want || !strictjson.Value(raw).Is(want) || strictjson.Value(raw).Is(want+"x") {
			t.Errorf("Text(%s) = %q, %v", raw, got, err)
		}
	}
	joined, err := strictjson.Value(`"b\u0063"`).AppendText([]byte("a"))
	if err != nil || string(joined) != "abc" {
		t.Errorf("AppendText = %q, %v", joined, err)
	}
	if strictjson.Value("null").Is("") {
		t.Error("null is taken for the empty string")
	}
}

func TestValueIntAndTexts(t *testing.T) {
	for _, raw := range []string{"1.0", "1e3", "9223372036854775808", `"1"`, "null"} {
		if n, err := strictjson.Value(raw).Int(); err == nil {
			t.Errorf("Int(%s) = %d", raw, n)
		}
	}
	if n, err := strictjson.Value("-9223372036854775808").Int(); err != nil || n != -1<<63 {
		t.Errorf("Int = %d, %v", n, err)
	}
	got, err := strictjson.Value(`[ "a" , "b,\u0063" ]`).Texts()
	if err != nil || !slices.Equal(got, []string{"a", "b,c"}) {
		t.Errorf("Texts = %q, %v", got, err)
	}
	for _, raw := range []string{`"a"`, `["a",1]`, `[null]`, `[["a"]]`, "{}"} {
		if got, err := strictjson.Value(raw).Texts(); err == nil || got != nil {
			t.Errorf("Texts(%s) = %q, %v", raw, got, err)
		}
	}
}

// A Value that no document produced gives errors, not panics.
func TestForeignValues(t *testing.T) {
	for _, raw := range []string{`"`, `"\`, `"\"`, `"\u"`, `"\ud83d"`, "[", "[1", "{", `{"a"`, "-", "t", "n"} {
		v := strictjson.Value(raw)
		_, _ = v.Text()
		_, _ = v.Bool()
		_, _ = v.Int()
		_, _ = v.NumericDate()
		if _, err := v.Texts(); err == nil {
			t.Errorf("Texts(%q) took it", raw)
		}
		_ = v.Object(func([]byte, strictjson.Value) error { return nil })
	}
}

func ExampleObject() {
	payload := []byte(`{"iss":"https://issuer.example","exp":1893456000,"ext":{"a":[1,2]}}`)
	var issuer string
	var expiry int64
	err := strictjson.Object(payload, func(name []byte, v strictjson.Value) (err error) {
		switch string(name) {
		case "iss":
			issuer, err = v.Text()
		case "exp":
			expiry, err = v.NumericDate()
		}
		return err
	})
	fmt.Println(issuer, expiry, err)
	fmt.Println(strictjson.Check([]byte(`{"sub":"alice","sub":"mallory"}`)))
	// Output:
	// https://issuer.example 1893456000 <nil>
	// strictjson: member "sub" stands twice at byte 15
}
