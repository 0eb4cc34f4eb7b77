package broker

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
)

const (
	maxMappings = 100
	maxTemplate = 1024
	// maxMappedText bounds what a template makes.
	maxMappedText = 4096
)

// reservedAttributes are claims that say what a token is, or what the kit has
// found out itself: no claim of a provider becomes one of them.
var reservedAttributes = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "azp", "nonce", "at_hash", "c_hash", "s_hash", "auth_time", "sid", "cnf", "act", "may_act",
	"events", "client_id", "scope", "typ", "token_use", "email_verified", "phone_number_verified", "_claim_names", "_claim_sources",
}

// Mapping is a list of attribute mappings, ready for use. An incoming attribute
// is one of
//
//	email                        a claim
//	address.country              a member of a claim
//	groups                       a list, as it is
//	emails[0].value              an element of a list
//	emails[].value               of every element
//	'staff'                      a constant
//	{given_name} {family_name}   a text with values in it; {{ and }} are braces
//
// A claim whose own name is the whole path comes before one that the path leads
// to. What leads nowhere, or to null, maps nothing; in a text it is empty. There
// are no functions, conditions or expressions: the work is bounded by the text.
// A Mapping is immutable and safe for concurrent use.
type Mapping struct{ rules []rule }

type rule struct {
	outgoing string
	incoming template
}

// template is a constant or path, or several of them that make a text.
type template struct {
	parts []part
	text  bool
}

type part struct {
	literal string
	path    path
	isPath  bool
}

// NewMapping reads a list of mappings. Its error is FieldErrors, with all that is
// wrong.
func NewMapping(list []AttributeMapping) (*Mapping, error) {
	m := &Mapping{}
	var wrong FieldErrors
	if len(list) > maxMappings {
		return nil, FieldErrors{{Field: "attributeMapping", Message: "has more than 100 elements"}}
	}
	for i, a := range list {
		outgoing := outgoingName(a.OutgoingAttribute)
		incoming, err := parseIncoming(a.IncomingAttribute)
		if err != nil {
			wrong = append(wrong, FieldError{Field: fmt.Sprintf("attributeMapping[%d].incomingAttribute", i), Message: err.Error()})
		}
		if err := checkOutgoing(outgoing); err != nil {
			wrong = append(wrong, FieldError{Field: fmt.Sprintf("attributeMapping[%d].outgoingAttribute", i), Message: err.Error()})
		} else if slices.ContainsFunc(m.rules, func(r rule) bool { return r.outgoing == outgoing }) {
			wrong = append(wrong, FieldError{Field: fmt.Sprintf("attributeMapping[%d].outgoingAttribute", i), Message: "is mapped twice"})
		}
		m.rules = append(m.rules, rule{outgoing, incoming})
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return m, nil
}

// outgoingName folds the names that the API's pages use to the standard
// claims.
func outgoingName(name string) string {
	switch name {
	case "EMAIL":
		return "email"
	case "USERNAME":
		return "preferred_username"
	}
	return name
}

var (
	errOutgoing = errors.New("must be a name of 1 to 128 printable ASCII characters without spaces")
	errReserved = errors.New("is a claim that no mapping sets")
)

func checkOutgoing(name string) error {
	if !plainText(name, 128) || strings.Contains(name, " ") {
		return errOutgoing
	}
	if slices.Contains(reservedAttributes, strings.ToLower(name)) {
		return errReserved
	}
	return nil
}

var errTemplate = errors.New("is no path, 'constant' or {template}: its braces or quotes do not match, or it is too long")

func parseIncoming(text string) (template, error) {
	if len(text) > maxTemplate {
		return template{}, errTemplate
	}
	if rest, quoted := strings.CutPrefix(text, "'"); quoted {
		literal, ok := strings.CutSuffix(rest, "'")
		if !ok || literal == "" || strings.Contains(literal, "'") {
			return template{}, errTemplate
		}
		return template{parts: []part{{literal: literal}}, text: true}, nil
	}
	if strings.ContainsAny(text, "{}") {
		return parseTemplate(text)
	}
	p, err := parsePath(text)
	return template{parts: []part{{path: p, isPath: true}}}, err
}

func parseTemplate(text string) (template, error) {
	t := template{text: true}
	literal := func(s string) {
		if n := len(t.parts); n > 0 && !t.parts[n-1].isPath {
			t.parts[n-1].literal += s
			return
		}
		t.parts = append(t.parts, part{literal: s})
	}
	for text != "" {
		i := strings.IndexAny(text, "{}")
		if i < 0 {
			literal(text)
			break
		}
		if i > 0 {
			literal(text[:i])
		}
		brace := text[i : i+1]
		text = text[i+1:]
		if rest, doubled := strings.CutPrefix(text, brace); doubled {
			literal(brace)
			text = rest
			continue
		}
		inner, rest, ok := strings.Cut(text, "}")
		if brace == "}" || !ok {
			return t, errTemplate
		}
		p, err := parsePath(inner)
		if err != nil {
			return t, err
		}
		t.parts = append(t.parts, part{path: p, isPath: true})
		text = rest
	}
	return t, nil
}

// Apply returns the attributes that a claims document maps to. An error means
// that the claims cannot be read.
func (m *Mapping) Apply(claims oidckit.Claims) (map[string]any, error) {
	var doc map[string]any
	if err := claims.Decode(&doc); err != nil {
		return nil, fmt.Errorf("broker: the claims cannot be read: %w", err)
	}
	out := make(map[string]any, len(m.rules))
	for _, r := range m.rules {
		if v, ok := r.incoming.value(doc); ok {
			out[r.outgoing] = v
		}
	}
	return out, nil
}

func (t template) value(doc map[string]any) (any, bool) {
	if !t.text {
		return t.parts[0].path.find(doc)
	}
	var b strings.Builder
	found := false
	for _, p := range t.parts {
		text := p.literal
		if p.isPath {
			v, _ := p.path.find(doc)
			text, _ = textOf(v)
		}
		// A constant alone is always there; a text needs one of its values.
		found = found || text != "" && (p.isPath || len(t.parts) == 1)
		if b.WriteString(text); b.Len() > maxMappedText {
			return nil, false
		}
	}
	return strings.TrimSpace(b.String()), found
}

// Names returns the names of the attributes that the mapping may set.
func (m *Mapping) Names() []string {
	names := make([]string, len(m.rules))
	for i, r := range m.rules {
		names[i] = r.outgoing
	}
	return names
}
