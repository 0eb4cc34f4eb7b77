package oidckit_test

import (
	"encoding/json"
	"testing"

	"github.com/oidckit/oidckit"
)

const document = `{"sub":"alice","email_verified":true,"admin":"true","level":3,"name":"Zo\u00eb","nothing":null,"address":{"country":"DE"},"roles":["a"],"":"empty"}`

// ATK-037 and what Go's decoder gets wrong: names are exact, types are not
// converted, and a document with a repeated name tells nothing.
func TestClaims(t *testing.T) {
	c := oidckit.Claims(document)
	for name, want := range map[string]string{
		"sub": "alice", "name": "Zoë", "Sub": "", "SUB": "", "ſub": "", "level": "", "nothing": "", "absent": "", "roles": "", "address": "", "email_verified": "", "": "empty",
	} {
		if got := c.Text(name); got != want {
			t.Errorf("Text(%q) = %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]bool{"email_verified": true, "admin": false, "level": false, "nothing": false, "absent": false, "Email_Verified": false} {
		if got := c.Bool(name); got != want {
			t.Errorf("Bool(%q) = %v", name, got)
		}
	}
	for name, want := range map[string]bool{"sub": true, "nothing": true, "absent": false, "Sub": false, "country": false} {
		if got := c.Has(name); got != want {
			t.Errorf("Has(%q) = %v", name, got)
		}
	}
	var into struct {
		Subject string `json:"sub"`
		Level   int    `json:"level"`
		Wrong   string `json:"SUB"`
	}
	if err := c.Decode(&into); err != nil || into.Subject != "alice" || into.Level != 3 || into.Wrong != "" {
		t.Errorf("%+v %v", into, err)
	}
}

func TestClaimsOfWhatIsNoDocument(t *testing.T) {
	for name, c := range map[string]oidckit.Claims{
		"nil": nil, "empty": {}, "array": oidckit.Claims(`["sub"]`), "text": oidckit.Claims(`"sub"`), "cut short": oidckit.Claims(`{"x":1,"sub":"al`),
		"repeated before": oidckit.Claims(`{"a":1,"a":2,"sub":"alice"}`), "garbage": oidckit.Claims("\x00"),
	} {
		if c.Text("sub") != "" || c.Bool("sub") || c.Has("sub") {
			t.Errorf("%s tells something", name)
		}
	}
	var v map[string]any
	if err := oidckit.Claims(`{"sub":"a","sub":"b"}`).Decode(&v); err == nil {
		t.Error("a repeated name was decoded")
	}
}

// The document is written as it was read.
func TestClaimsJSON(t *testing.T) {
	for in, want := range map[string]string{document: document, "": "{}", `{"n":1.0,"big":12345678901234567890}`: `{"n":1.0,"big":12345678901234567890}`} {
		b, err := json.Marshal(map[string]any{"c": oidckit.Claims(in)})
		if err != nil {
			t.Fatal(err)
		}
		var back struct{ C json.RawMessage }
		if err := json.Unmarshal(b, &back); err != nil || !sameJSON(back.C, want) {
			t.Errorf("%s: %s %v", in, b, err)
		}
	}
}

func sameJSON(raw json.RawMessage, want string) bool {
	var a, b json.RawMessage
	return json.Unmarshal(raw, &a) == nil && json.Unmarshal([]byte(want), &b) == nil && string(a) == string(b)
}

// A claims document comes back from JSON as it went, and what is none does not.
func TestClaimsFromJSON(t *testing.T) {
	written, err := json.Marshal(struct{ C oidckit.Claims }{oidckit.Claims(document)})
	if err != nil {
		t.Fatal(err)
	}
	var read struct{ C oidckit.Claims }
	if err := json.Unmarshal(written, &read); err != nil || read.C.Text("name") != "Zoë" || !read.C.Has("nothing") {
		t.Errorf("%s %v", read.C, err)
	}
	for _, bad := range []string{`null`, `[]`, `"x"`, `1`, `{"a":1,"a":2}`} {
		var c oidckit.Claims
		if err := c.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
