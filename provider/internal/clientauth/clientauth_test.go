package clientauth

import (
	"net/url"
	"testing"
	"time"
)

func post(pairs ...string) url.Values {
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// RFC 6749 §2.3: one method in each request, and it is the registered one.
func TestOneMethodOnly(t *testing.T) {
	f := newFixture(t, nil)
	s := f.secret
	for _, row := range []struct {
		name    string
		form    url.Values
		headers []string
		want    string
	}{
		{"Basic", nil, []string{basic("basic", s)}, "basic"},
		{"post", post("client_id", "post", "client_secret", s), nil, "post"},
		{"none", post("client_id", "public"), nil, "public"},
		{"Basic for post", nil, []string{basic("post", s)}, "invalid_client"},
		{"post for Basic", post("client_id", "basic", "client_secret", s), nil, "invalid_client"},
		{"none for Basic", post("client_id", "basic"), nil, "invalid_client"},
		{"none for an assertion", post("client_id", "key"), nil, "invalid_client"},
		{"the secret of client_secret_jwt, sent", post("client_id", "shared", "client_secret", s), nil, "invalid_client"},
		{"a secret of a public client", post("client_id", "public", "client_secret", s), nil, "invalid_client"},
		{"wrong secret", post("client_id", "post", "client_secret", s+"x"), nil, "invalid_client"},
		{"unknown client", post("client_id", "nobody", "client_secret", s), nil, "invalid_client"},
		{"nothing", nil, nil, "invalid_client"},
		{"ATK-220 Basic and body secret", post("client_secret", s), []string{basic("basic", s)}, "invalid_request"},
		{"ATK-220 client_id differs", post("client_id", "post"), []string{basic("basic", s)}, "invalid_request"},
		{"two headers", nil, []string{basic("basic", s), basic("basic", s)}, "invalid_request"},
		{"another scheme", nil, []string{"Bearer " + s}, "invalid_client"},
	} {
		if got := f.try(t, row.form, row.headers...); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// The pair that some clients send: the same credentials in both places.
func TestEqualPair(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.AllowEqualPair = true })
	s := f.secret
	for _, row := range []struct {
		name string
		form url.Values
		head string
		want string
	}{
		{"registered for Basic", post("client_id", "basic", "client_secret", s), basic("basic", s), "basic"},
		{"registered for post", post("client_id", "post", "client_secret", s), basic("post", s), "post"},
		{"without client_id in the body", post("client_secret", s), basic("basic", s), "basic"},
		{"registered for assertions", post("client_secret", s), basic("shared", s), "invalid_client"},
		{"secrets differ", post("client_secret", s+"x"), basic("basic", s), "invalid_client"},
		{"header is wrong", post("client_secret", s), basic("basic", s+"x"), "invalid_client"},
		{"both are wrong", post("client_secret", "x"), basic("basic", "x"), "invalid_client"},
		{"client_id differs", post("client_id", "post", "client_secret", s), basic("basic", s), "invalid_request"},
		{"only Basic for post", nil, basic("post", s), "invalid_client"},
	} {
		if got := f.try(t, row.form, row.head); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// RFC 7591 §3.2.1: after client_secret_expires_at the secret proves nothing,
// whether it is sent or signs.
func TestExpiredSecret(t *testing.T) {
	f := newFixture(t, nil)
	requests := map[string]func() string{
		"basic":  func() string { return f.try(t, nil, basic("basic", f.secret)) },
		"post":   func() string { return f.try(t, post("client_id", "post", "client_secret", f.secret)) },
		"shared": func() string { return f.try(t, assertionForm(hs256(t, f.secret, claimSet("shared")))) },
		"key":    func() string { return f.try(t, assertionForm(f.signed(t, "", claimSet("key")))) },
	}
	for id, request := range requests {
		f.clients[id].SecretExpiresAt = time.Now().Add(time.Hour)
		if got := request(); got != id {
			t.Errorf("%s before: %s", id, got)
		}
		f.clients[id].SecretExpiresAt = time.Now().Add(-time.Second)
		want := "invalid_client"
		if id == "key" {
			want = id
		}
		if got := request(); got != want {
			t.Errorf("%s after: %s", id, got)
		}
	}
}
