package responsetype_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/provider/internal/responsetype"
)

// OAuth 2.0 Multiple Response Types §2.1, §3, §5; OpenID Connect Dynamic Client
// Registration 1.0 §2.
func TestTypes(t *testing.T) {
	for _, row := range []struct {
		raw, canonical, mode, grants string
	}{
		{"code", "code", "query", "authorization_code"},
		{"id_token", "id_token", "fragment", "implicit"},
		{"token", "token", "fragment", "implicit"},
		{"id_token token", "id_token token", "fragment", "implicit"},
		{"token id_token", "id_token token", "fragment", "implicit"},
		{"code id_token", "code id_token", "fragment", "authorization_code implicit"},
		{"id_token code", "code id_token", "fragment", "authorization_code implicit"},
		{"token code", "code token", "fragment", "authorization_code implicit"},
		{"token id_token code", "code id_token token", "fragment", "authorization_code implicit"},
	} {
		got, ok := responsetype.Parse(row.raw)
		if !ok || got.String() != row.canonical || got.DefaultMode() != row.mode || strings.Join(got.GrantTypes(), " ") != row.grants {
			t.Errorf("%s: %v %v %s %v", row.raw, ok, got, got.DefaultMode(), got.GrantTypes())
		}
		for _, mode := range responsetype.Modes() {
			if got.Allows(mode) != (mode != "query" || row.raw == "code") {
				t.Errorf("%s: %s is %v", row.raw, mode, got.Allows(mode))
			}
		}
		if got.Allows("") || got.Allows("jwt") || !got.Among([]string{"x", row.canonical}) || got.Among([]string{"none", row.canonical + " x"}) {
			t.Errorf("%s: Allows or Among", row.raw)
		}
	}
	for _, raw := range []string{"", " ", "code ", " code", "code  token", "code code", "CODE", "none", "code,token", "id token token", "code\ttoken"} {
		if got, ok := responsetype.Parse(raw); ok {
			t.Errorf("%q is %v", raw, got)
		}
	}
	if !slices.Equal(responsetype.Modes(), []string{"query", "fragment", "form_post"}) {
		t.Error(responsetype.Modes())
	}
}
