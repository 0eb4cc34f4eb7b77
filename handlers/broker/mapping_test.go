package broker_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
)

const sampleClaims = `{
	"sub":"1","mail":"ada@example.com","given_name":"Ada","age":36,"active":true,"nothing":null,"empty":"",
	"address":{"country":"GB","lines":["a","b"]},"address.country":"whole",
	"https://example.com/roles":["admin","dev"],
	"emails":[{"value":"a@example.com","primary":true},{"value":"b@example.com"},{"other":1},null],
	"teams":[{"members":[{"n":"x"},{"n":"y"}]},{"members":[{"n":"z"}]}],
	"big":12345678901234567890
}`

func TestMapping(t *testing.T) {
	for incoming, want := range map[string]string{
		"mail":                        `"ada@example.com"`,
		"age":                         `36`,
		"active":                      `true`,
		"big":                         `12345678901234567890`,
		"empty":                       `""`,
		"address":                     `{"country":"GB","lines":["a","b"]}`,
		"address.country":             `"whole"`,
		"address.lines":               `["a","b"]`,
		"address.lines[1]":            `"b"`,
		"https://example.com/roles":   `["admin","dev"]`,
		"emails[0].value":             `"a@example.com"`,
		"emails[].value":              `["a@example.com","b@example.com"]`,
		"teams[].members[].n":         `["x","y","z"]`,
		"teams[].members":             `[[{"n":"x"},{"n":"y"}],[{"n":"z"}]]`,
		"'staff'":                     `"staff"`,
		"'two words'":                 `"two words"`,
		"{given_name} {family_name}":  `"Ada"`,
		"{given_name} ({age})":        `"Ada (36)"`,
		"{{{given_name}}}":            `"{Ada}"`,
		"{address.lines[0]}-{active}": `"a-true"`,
		// What leads nowhere maps nothing.
		"nothing": "", "missing": "", "mail.x": "", "mail[0]": "", "emails.value": "", "emails[9].value": "", "address[]": "", "missing[]": "",
		"{missing}{nothing}": "", "x {missing}": "", "{address}": "", "emails[].missing": "",
	} {
		m, err := broker.NewMapping([]broker.AttributeMapping{{IncomingAttribute: incoming, OutgoingAttribute: "OUT"}})
		if err != nil {
			t.Errorf("%s: %v", incoming, err)
			continue
		}
		out, err := m.Apply(oidckit.Claims(sampleClaims))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if v, ok := out["OUT"]; ok {
			doc, _ := json.Marshal(v)
			got = string(doc)
		}
		if got != want {
			t.Errorf("%s maps to %s, want %s", incoming, got, want)
		}
	}
}

func TestMappingNames(t *testing.T) {
	m, err := broker.NewMapping([]broker.AttributeMapping{{"mail", "EMAIL"}, {"mail", "USERNAME"}, {"age", "AGE"}, {"'x'", "Email"}, {"active", "amr"}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Apply(oidckit.Claims(sampleClaims))
	if err != nil || len(out) != 5 || out["email"] != "ada@example.com" || out["preferred_username"] != "ada@example.com" || out["AGE"] != json.Number("36") || out["Email"] != "x" {
		t.Errorf("%v, %v", out, err)
	}
	if _, err := m.Apply(oidckit.Claims(`{"mail":"a","mail":"b"}`)); err == nil {
		t.Error("claims with a repeated name are mapped")
	}
}

func TestMappingRefuses(t *testing.T) {
	for _, incoming := range []string{
		"", ".", "a.", ".a", "a..b", "a[", "a]", "a[x]", "a[-1]", "a[1000]", "[0]", "a[0]b", "a[0", "'", "''", "'a", "'a'b'", "{", "}", "{a", "a}", "{}", "{a{b}}", "{'a'}", "{{a}",
		"a{b", strings.Repeat("a", 300), strings.Repeat("a.", 20) + "a", "'" + strings.Repeat("a", 2000) + "'", "a\x00",
	} {
		if _, err := broker.NewMapping([]broker.AttributeMapping{{incoming, "OUT"}}); err == nil {
			t.Errorf("%.40q is taken", incoming)
		}
	}
	for _, outgoing := range []string{"", "a b", "ü", "a\n", strings.Repeat("a", 129), "sub", "ISS", "aud", "exp", "nonce", "email_verified", "cnf", "sid"} {
		if _, err := broker.NewMapping([]broker.AttributeMapping{{"a", outgoing}}); err == nil {
			t.Errorf("%.40q is taken", outgoing)
		}
	}
	_, err := broker.NewMapping([]broker.AttributeMapping{{"mail", "EMAIL"}, {"", "email"}})
	if got := strings.Join(fields(err), " "); got != "attributeMapping[1].incomingAttribute attributeMapping[1].outgoingAttribute" {
		t.Errorf("fields %q", got)
	}
	if _, err := broker.NewMapping(make([]broker.AttributeMapping, 101)); len(fields(err)) != 1 {
		t.Errorf("101 mappings: %v", err)
	}
}

// Whatever is mapped from whatever: what comes out stood in the claims or in the
// mapping, under the one name, and is bounded.
func FuzzMapping(f *testing.F) {
	for _, incoming := range []string{"mail", "address.country", "emails[].value", "'x'", "{given_name} {family_name}", "{{}}"} {
		f.Add(incoming, sampleClaims)
	}
	f.Fuzz(func(t *testing.T, incoming, claims string) {
		m, err := broker.NewMapping([]broker.AttributeMapping{{incoming, "OUT"}})
		if err != nil {
			return
		}
		out, err := m.Apply(oidckit.Claims(claims))
		if err != nil {
			return
		}
		for name, v := range out {
			doc, err := json.Marshal(v)
			if name != "OUT" || v == nil || err != nil {
				t.Fatalf("%q of %q: %q is %v, %v", incoming, claims, name, v, err)
			}
			if len(doc) > 6*(len(claims)+4096)+16 {
				t.Fatalf("%q of %d bytes makes %d", incoming, len(claims), len(doc))
			}
		}
	})
}
