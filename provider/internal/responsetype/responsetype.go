package responsetype

import (
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
)

// Type is a set of what an answer brings.
type Type uint8

// What an answer of the authorization endpoint can bring.
const (
	Code Type = 1 << iota
	IDToken
	Token
)

var names = [...]struct {
	value Type
	name  string
}{{Code, "code"}, {IDToken, "id_token"}, {Token, "token"}}

// Parse reads a response_type. The order of its values does not matter (OAuth
// 2.0 Multiple Response Types §3); each stands once.
func Parse(raw string) (Type, bool) {
	if raw == "code" {
		return Code, true
	}
	var t Type
	for value := range strings.SplitSeq(raw, " ") {
		i := slices.IndexFunc(names[:], func(n struct {
			value Type
			name  string
		}) bool {
			return n.name == value
		})
		if i < 0 || t.Has(names[i].value) {
			return 0, false
		}
		t |= names[i].value
	}
	return t, true
}

// String returns the type as the specifications write it.
func (t Type) String() string {
	if t == Code {
		return "code"
	}
	var values []string
	for _, n := range names {
		if t.Has(n.value) {
			values = append(values, n.name)
		}
	}
	return strings.Join(values, " ")
}

// Has reports whether the answer brings all of what.
func (t Type) Has(what Type) bool { return t&what == what }

// FrontChannelTokens reports whether the answer carries a token, which must
// not stand in a query.
func (t Type) FrontChannelTokens() bool { return t&(IDToken|Token) != 0 }

// GrantTypes returns what a client registers for the type (OpenID Connect
// Dynamic Client Registration 1.0 §2).
func (t Type) GrantTypes() []string {
	var grants []string
	if t.Has(Code) {
		grants = append(grants, oidckit.GrantTypeAuthorizationCode)
	}
	if t.FrontChannelTokens() {
		grants = append(grants, oidckit.GrantTypeImplicit)
	}
	return grants
}

// Among reports whether t is one of a list, in whatever order each is written.
func (t Type) Among(list []string) bool {
	for _, raw := range list {
		if listed, ok := Parse(raw); ok && listed == t {
			return true
		}
	}
	return false
}

// Response modes.
const (
	ModeQuery    = "query"
	ModeFragment = "fragment"
	ModeFormPost = "form_post"
)

// Modes lists the response modes: response_modes_supported.
func Modes() []string { return []string{ModeQuery, ModeFragment, ModeFormPost} }

// DefaultMode is where an answer goes that was not asked to go elsewhere
// (OAuth 2.0 Multiple Response Types §2.1, §5).
func (t Type) DefaultMode() string {
	if t.FrontChannelTokens() {
		return ModeFragment
	}
	return ModeQuery
}

// Allows reports whether an answer of the type may go out in a mode.
func (t Type) Allows(mode string) bool {
	// OAuth 2.0 Multiple Response Types §3.0: the query is not for tokens
	return mode == ModeFragment || mode == ModeFormPost || mode == ModeQuery && !t.FrontChannelTokens()
}
