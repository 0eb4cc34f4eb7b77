package strictjson_test

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"github.com/oidckit/oidckit/internal/strictjson"
)

// repeats reports whether any object of a valid document has a member twice,
// by the tokens of encoding/json.
func repeats(doc []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	type level struct {
		names map[string]bool
		key   bool
	}
	var open []*level
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			return false
		}
		if err != nil {
			return true
		}
		var top *level
		if len(open) > 0 {
			top = open[len(open)-1]
		}
		switch tok {
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
			continue
		}
		if top != nil && top.names != nil {
			if top.key {
				if name := tok.(string); top.names[name] {
					return true
				} else {
					top.names[name] = true
				}
				top.key = false
				continue
			}
			top.key = true
		}
		switch tok {
		case json.Delim('{'):
			open = append(open, &level{names: map[string]bool{}, key: true})
		case json.Delim('['):
			open = append(open, &level{})
		}
	}
}

func seed(f *testing.F) {
	for _, row := range documents {
		f.Add([]byte(row.json))
	}
	f.Add([]byte(claimsDocument))
}

// What Object takes, encoding/json takes too, with the same members and
// values, and no object in it has a member twice.
func FuzzObject(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		got := map[string]json.RawMessage{}
		err := strictjson.Object(doc, func(name []byte, v strictjson.Value) error {
			got[string(name)] = json.RawMessage(v)
			if err := strictjson.Check(v); err != nil {
				t.Errorf("value %q: %v", v, err)
			}
			return nil
		})
		if (err == nil) != (strictjson.Check(doc) == nil && bytes.HasPrefix(bytes.TrimLeft(doc, " \t\r\n"), []byte("{"))) {
			t.Fatalf("Object(%q) = %v, Check = %v", doc, err, strictjson.Check(doc))
		}
		if err != nil {
			return
		}
		if repeats(doc) {
			t.Fatalf("%q has a member twice", doc)
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(doc, &want); err != nil {
			t.Fatalf("encoding/json refuses %q: %v", doc, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d members, want %d", doc, len(got), len(want))
		}
		for name, w := range want {
			if !bytes.Equal(bytes.TrimSpace(w), got[name]) {
				t.Fatalf("%q: member %q is %q, want %q", doc, name, got[name], w)
			}
			var s string
			if json.Unmarshal(w, &s) == nil && len(w) > 0 && w[0] == '"' {
				if text, err := strictjson.Value(got[name]).Text(); err != nil || text != s {
					t.Fatalf("%q: text %q, want %q (%v)", doc, text, s, err)
				}
			}
		}
	})
}

// What Unmarshal takes, encoding/json takes too and reads the same, for a
// value without struct fields; into a struct it takes no more.
func FuzzUnmarshal(f *testing.F) {
	seed(f)
	f.Add([]byte(`{"id":"i","count":1,"tags":["a"],"when":"2026-01-02T03:04:05Z","pair":[1,2]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var got, want any
		if err := strictjson.Unmarshal(doc, &got); err == nil {
			dec := json.NewDecoder(bytes.NewReader(doc))
			dec.UseNumber()
			if err := dec.Decode(&want); err != nil {
				t.Fatalf("encoding/json refuses %q: %v", doc, err)
			}
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want)
			if !bytes.Equal(g, w) {
				t.Fatalf("%q read as %s, want %s", doc, g, w)
			}
		}
		var ours, theirs document
		if err := strictjson.Unmarshal(doc, &ours); err == nil {
			if err := json.Unmarshal(doc, &theirs); err != nil && !bytes.Contains(bytes.ToLower(doc), []byte("\\u")) && !foldsOnly(err) {
				t.Fatalf("encoding/json refuses %q: %v", doc, err)
			}
		}
	})
}

// foldsOnly reports whether encoding/json failed on the type of a member,
// which it may have bound by a name that differs in case.
func foldsOnly(err error) bool {
	_, ok := err.(*json.UnmarshalTypeError)
	return ok
}
