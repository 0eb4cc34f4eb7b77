package provider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// vendor is an issuer with a preset, and a client that was written to the
// vendor's pages: it knows no library.
type vendor struct {
	*oidctest.Server
	t *testing.T
}

const (
	vendorSecret   = "the secret of a client of the pages"
	vendorCallback = "https://app.example/oidcresponse"
	afterLogout    = "http://example.com/logout?slo=true"
)

// newVendor starts an issuer whose clients are registered for what the pages
// say, by how each sends its secret.
func newVendor(t *testing.T, path string, preset provider.Preset) *vendor {
	t.Helper()
	client := func(id, method string) oidckit.ClientMetadata {
		return oidckit.ClientMetadata{
			ClientID: id, ClientSecret: vendorSecret, TokenEndpointAuthMethod: method, RedirectURIs: []string{vendorCallback},
			GrantTypes:             []string{"authorization_code", "refresh_token", "client_credentials", "password", "implicit"},
			ResponseTypes:          []string{"code", "id_token token"},
			PostLogoutRedirectURIs: []string{afterLogout},
		}
	}
	return &vendor{t: t, Server: oidctest.New(t, oidctest.Config{
		Path:    path,
		Clients: []oidckit.ClientMetadata{client("web", "client_secret_basic"), client("posts", "client_secret_post")},
		Configure: func(c *provider.Config) {
			c.Legacy = &provider.Legacy{Preset: preset, Implicit: true, Password: &provider.PasswordGrant{}}
		},
	})}
}

// authorize walks an authorization request in a browser, and returns what came back.
func (v *vendor) authorize(b *oidctest.Browser, address string) url.Values {
	v.t.Helper()
	back, err := b.Authorize(address)
	if err != nil {
		v.t.Fatal(err)
	}
	if got := back.Scheme + "://" + back.Host + back.Path; got != vendorCallback {
		v.t.Fatalf("came back at %s", got)
	}
	if back.Fragment != "" {
		values, err := url.ParseQuery(back.EscapedFragment())
		if err != nil {
			v.t.Fatal(err)
		}
		return values
	}
	return back.Query()
}

// origin is where the older pages' addresses begin.
func (v *vendor) origin() string {
	u, err := url.Parse(v.Issuer)
	if err != nil {
		v.t.Fatal(err)
	}
	return u.Scheme + "://" + u.Host
}

// send makes a request as a page prints it, and returns status and document.
func (v *vendor) send(method, address, body string, header ...string) (int, map[string]any, http.Header) {
	v.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, address, in)
	if err != nil {
		v.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := v.HTTPClient().Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	doc := map[string]any{}
	if err := json.Unmarshal(text, &doc); err != nil {
		v.t.Fatalf("%s %s: %d %s", method, address, res.StatusCode, text)
	}
	return res.StatusCode, doc, res.Header
}

// pairs joins names and values.
func pairs(list ...string) string {
	q := url.Values{}
	for i := 0; i < len(list); i += 2 {
		q.Set(list[i], list[i+1])
	}
	return q.Encode()
}

func text(doc map[string]any, name string) string {
	s, _ := doc[name].(string)
	return s
}
