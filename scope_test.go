package oidckit_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
)

// RFC 6749 §3.3: scope-token *( SP scope-token ).
func TestParseScope(t *testing.T) {
	for _, row := range []struct {
		in   string
		want []string
		ok   bool
	}{
		{"", nil, true},
		{"openid", []string{"openid"}, true},
		{"openid profile email", []string{"openid", "profile", "email"}, true},
		{"a a b a", []string{"a", "b"}, true},
		{"https://api.example/orders.read !#$%&'()*+,-./:;<=>?@[]^_`{|}~", []string{"https://api.example/orders.read", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"}, true},
		{" ", nil, false},
		{" openid", nil, false},
		{"openid ", nil, false},
		{"openid  profile", nil, false},
		{"openid\tprofile", nil, false},
		{"openid\nprofile", nil, false},
		{`open"id`, nil, false},
		{`open\id`, nil, false},
		{"openid\x00", nil, false},
		{"openid\x7f", nil, false},
		{"öpenid", nil, false},
		{"openid\u00a0profile", nil, false},
		{strings.TrimSpace(strings.Repeat("a ", 512)), []string{"a"}, true},
		{strings.TrimSpace(strings.Repeat("a ", 513)), nil, false},
	} {
		got, err := oidckit.ParseScope(row.in)
		if (err == nil) != row.ok || !slices.Equal(got, row.want) {
			t.Errorf("%q: %q, %v", row.in, got, err)
		}
	}
}

func TestScopeSets(t *testing.T) {
	s := oidckit.Scope{"openid", "profile", "email"}
	if !s.Has("profile") || s.Has("Profile") || s.Has("prof") || s.Has("") {
		t.Error("Has")
	}
	if !s.HasAll(nil) || !s.HasAll(oidckit.Scope{"email", "openid"}) || s.HasAll(oidckit.Scope{"openid", "address"}) {
		t.Error("HasAll")
	}
	if got := s.Without("openid", "nothing"); !slices.Equal(got, oidckit.Scope{"profile", "email"}) || len(s) != 3 {
		t.Errorf("Without: %v of %v", got, s)
	}
	var nothing oidckit.Scope
	if nothing.Has("") || nothing.String() != "" || len(nothing.Without("x")) != 0 {
		t.Error("the empty scope")
	}
}

// On the wire a scope is one string.
func TestScopeJSON(t *testing.T) {
	doc := struct{ Scope oidckit.Scope }{oidckit.Scope{"openid", "email"}}
	b, err := json.Marshal(doc)
	if err != nil || string(b) != `{"Scope":"openid email"}` {
		t.Fatalf("%s %v", b, err)
	}
	doc.Scope = nil
	if err := json.Unmarshal(b, &doc); err != nil || !slices.Equal(doc.Scope, oidckit.Scope{"openid", "email"}) {
		t.Fatal(doc, err)
	}
	for _, bad := range []string{`{"Scope":"a  b"}`, `{"Scope":["a"]}`, `{"Scope":1}`} {
		if err := json.Unmarshal([]byte(bad), &doc); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// What is read can be written and read again to the same; nothing in it could
// break a header or a JSON string.
func FuzzParseScope(f *testing.F) {
	for _, seed := range []string{"", "openid", "openid profile", "a a", " a", "a\"b", "ö", "a\tb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := oidckit.ParseScope(in)
		if err != nil {
			return
		}
		again, err := oidckit.ParseScope(s.String())
		if err != nil || !slices.Equal(s, again) {
			t.Fatalf("%q: %q, %q, %v", in, s, again, err)
		}
		if len(slices.Compact(slices.Sorted(slices.Values(s)))) != len(s) {
			t.Fatalf("%q: repeated in %q", in, s)
		}
		if strings.ContainsFunc(s.String(), func(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
			t.Fatalf("%q: %q", in, s)
		}
		for _, token := range strings.Fields(in) {
			if !s.Has(token) {
				t.Fatalf("%q lacks %q", s, token)
			}
		}
	})
}
