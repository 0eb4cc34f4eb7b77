package scopes_test

import (
	"slices"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/scopes"
	"github.com/oidckit/oidckit/provider/opstore"
)

const (
	issuer = "https://op.example"
	orders = "https://orders.example"
	stock  = "urn:example:stock"
	open   = "https://open.example"
)

func catalogue(t *testing.T) *scopes.Catalogue {
	t.Helper()
	c, err := scopes.New(issuer, map[string]string{"beta": "Try new things"}, []scopes.Resource{
		{Identifier: orders, Scopes: []string{"orders:read", "shared"}, SigningAlg: "PS256"},
		{Identifier: stock, Scopes: []string{"stock:read", "shared"}},
		{Identifier: open},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// RFC 8707 §2.2, RFC 9068 §3: audience and scope of a token fit each other.
func TestTarget(t *testing.T) {
	c := catalogue(t)
	for _, row := range []struct {
		scope, requested, audience, granted []string
		alg                                 string
	}{
		{nil, nil, []string{issuer}, nil, ""},
		{[]string{"openid"}, nil, []string{issuer}, []string{"openid"}, ""},
		{[]string{"beta"}, nil, []string{issuer}, []string{"beta"}, ""},
		{[]string{"orders:read"}, nil, []string{orders}, []string{"orders:read"}, "PS256"},
		{[]string{"openid", "orders:read"}, nil, []string{orders, issuer}, []string{"openid", "orders:read"}, "PS256"},
		{[]string{"orders:read", "stock:read"}, nil, []string{orders, stock}, []string{"orders:read", "stock:read"}, "PS256"},
		{[]string{"orders:read", "stock:read"}, []string{stock}, []string{stock}, []string{"stock:read"}, ""},
		{[]string{"shared"}, []string{stock}, []string{stock}, []string{"shared"}, ""},
		{[]string{"shared"}, nil, []string{orders, stock}, []string{"shared"}, "PS256"},
		{[]string{"openid", "orders:read"}, []string{open}, []string{open, issuer}, []string{"openid"}, ""},
		{[]string{"beta"}, []string{open}, []string{open}, []string{"beta"}, ""},
	} {
		got := c.Target(row.scope, row.requested)
		if !slices.Equal(got.Audience, row.audience) || !slices.Equal(got.Scope, row.granted) || got.SigningAlg != row.alg {
			t.Errorf("%v for %v: %+v", row.scope, row.requested, got)
		}
	}
}

// RFC 8707 §2.2: no token for a resource that the grant does not reach.
func TestWithin(t *testing.T) {
	c := catalogue(t)
	user := func(scope oidckit.Scope, granted ...string) *opstore.Authorization {
		return &opstore.Authorization{Subject: "alice", Scope: scope, Resource: granted}
	}
	for _, row := range []struct {
		name  string
		auth  *opstore.Authorization
		asked []string
		ok    bool
	}{
		{"named in the grant", user(nil, orders), []string{orders}, true},
		{"one of two", user(nil, orders, stock), []string{stock}, true},
		{"another than named", user(oidckit.Scope{"stock:read"}, orders), []string{stock}, false},
		{"reached by a scope", user(oidckit.Scope{"stock:read"}), []string{stock}, true},
		{"reached by no scope", user(oidckit.Scope{"openid", "stock:read"}), []string{orders}, false},
		{"one reached, one not", user(oidckit.Scope{"stock:read"}), []string{stock, orders}, false},
		{"without scopes, not named", user(oidckit.Scope{"openid"}), []string{open}, false},
		{"without scopes, named", user(nil, open), []string{open}, true},
		{"unknown", user(oidckit.Scope{"openid"}), []string{"https://unknown.example"}, false},
		{"the client itself, without scopes", &opstore.Authorization{}, []string{open}, true},
		{"the client itself, reached by no scope", &opstore.Authorization{Scope: oidckit.Scope{"stock:read"}}, []string{orders}, false},
	} {
		if got := c.Within(row.asked, row.auth); got != row.ok {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}

// ASVS 10.4.11: a client has the scopes it is registered for; one that is
// registered for none has the standard ones, and never an API's.
func TestAllowed(t *testing.T) {
	c := catalogue(t)
	for registered, row := range map[string]struct{ asked, want []string }{
		"":                     {[]string{"openid", "profile", "orders:read", "beta", "nonsense"}, []string{"openid", "profile"}},
		"openid orders:read":   {[]string{"orders:read", "openid", "profile"}, []string{"orders:read", "openid"}},
		"openid nonsense beta": {[]string{"nonsense", "beta"}, []string{"beta"}},
	} {
		client := &opstore.Client{Metadata: oidckit.ClientMetadata{Scope: registered}}
		if got := c.Allowed(client, row.asked); !slices.Equal(got, row.want) {
			t.Errorf("%q: %v", registered, got)
		}
	}
	names := c.Names()
	if !slices.Equal(names[6:], []string{"beta", "orders:read", "shared", "stock:read"}) {
		t.Errorf("%v", names)
	}
	if c.Describe("beta") != "Try new things" || c.Describe("openid") == "" || c.Describe("stock:read") != "stock:read" {
		t.Error("Describe")
	}
}
