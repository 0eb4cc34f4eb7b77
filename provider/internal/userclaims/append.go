package userclaims

import (
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// maxLocales bounds how many languages are looked for.
const maxLocales = 8

// Locales reads claims_locales: language tags, best first. What is none is
// left out (OpenID Connect Core 1.0 §3.1.2.1: an error SHOULD NOT result).
func Locales(raw string) []string {
	var out []string
	for tag := range strings.FieldsSeq(raw) {
		if isTag(tag) && len(out) < maxLocales {
			out = append(out, tag)
		}
	}
	return out
}

// Wanted is what a client is to be told.
type Wanted struct {
	// Scope brings its claims.
	Scope oidckit.Scope
	// Names are claims asked for one by one; they exist and were granted.
	Names []string
	// Locales are language tags, best first.
	Locales []string
}

// Empty reports whether nothing is wanted that could be known.
func (c *Catalogue) Empty(w Wanted) bool {
	return len(w.Names) == 0 && !slices.ContainsFunc(w.Scope, func(s string) bool { return len(c.byScope[s]) > 0 })
}

// member is one claim of a document.
type member struct {
	name  string
	value strictjson.Value
}

// Append adds to body, a JSON object that is still open and not empty, what is
// wanted of a person's claims and known.
func (c *Catalogue) Append(body []byte, claims oidckit.Claims, w Wanted) ([]byte, error) {
	if len(claims) == 0 || c.Empty(w) {
		return body, nil
	}
	known := make([]member, 0, 32)
	err := strictjson.Object(claims, func(name []byte, v strictjson.Value) error {
		// OpenID Connect Core 1.0 §5.3.2: claims without a value are left out
		if string(v) != "null" && string(v) != `""` {
			known = append(known, member{string(name), v})
		}
		return nil
	})
	if err != nil {
		return body, err
	}
	for _, scope := range w.Scope {
		for _, name := range c.byScope[scope] {
			body = c.tell(body, known, name, w.Locales)
		}
	}
	for i, name := range w.Names {
		inScope := w.Scope.Has(c.scopeOf[base(name)])
		if inScope && name == base(name) || slices.Contains(w.Names[:i], name) {
			continue
		}
		body = c.tell(body, known, name, w.Locales)
	}
	return body, nil
}

// tell adds a claim under its name and its aliases.
func (c *Catalogue) tell(body []byte, known []member, name string, locales []string) []byte {
	body = add(body, known, name, name, locales)
	for _, alias := range c.aliases[name] {
		body = add(body, known, alias, name, locales)
	}
	return body
}

// add adds a claim as the member as, in the best language where its name has
// no tag.
func add(body []byte, known []member, as, name string, locales []string) []byte {
	v := find(known, name)
	if len(locales) > 0 && !strings.Contains(name, "#") {
		if local := localized(known, name, locales); local != nil {
			v = local
		}
	}
	if v == nil {
		return body
	}
	body = append(body, ',', '"')
	body = append(body, as...)
	body = append(body, '"', ':')
	return append(body, v...)
}

// find returns a claim, nil where it is not known. Language tags are the same
// in upper and lower case (BCP 47 §2.1.1).
func find(known []member, name string) strictjson.Value {
	claim, tag, _ := strings.Cut(name, "#")
	for _, m := range known {
		got, gotTag, _ := strings.Cut(m.name, "#")
		if got == claim && strings.EqualFold(gotTag, tag) {
			return m.value
		}
	}
	return nil
}

// localized looks a claim up in each language, from its tag to the shorter
// ones that it lies within (RFC 4647 §3.4). The answer has no tag: only one
// language is asked for at a time (OpenID Connect Core 1.0 §5.2).
func localized(known []member, name string, locales []string) strictjson.Value {
	for _, tag := range locales {
		for tag != "" {
			if v := find(known, name+"#"+tag); v != nil {
				return v
			}
			i := strings.LastIndexByte(tag, '-')
			if i < 0 {
				break
			}
			tag = tag[:i]
			// A single letter or digit introduces what followed it.
			if j := strings.LastIndexByte(tag, '-'); j >= 0 && j == len(tag)-2 {
				tag = tag[:j]
			}
		}
	}
	return nil
}
