package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/browsertest"
	"github.com/oidckit/oidckit/provider/oidctest"
)

const verifier = "a code verifier of forty-three characters or more"

// running is the program with a client for it.
type running struct {
	*browsertest.Program
	t      *testing.T
	issuer string
	client *http.Client
}

// freeIssuer returns an address nobody listens on, and an issuer there.
func freeIssuer(t *testing.T, path string) (addr, issuer string) {
	t.Helper()
	addr = freeAddr(t)
	return addr, "http://localhost:" + addr[strings.LastIndex(addr, ":")+1:] + path
}

func launch(t *testing.T, dir, addr, issuer string, args ...string) *running {
	t.Helper()
	args = append([]string{"-addr", addr, "-issuer", issuer}, args...)
	p := browsertest.Start(t, dir, browsertest.Build(t, "."), args...)
	p.Line("issuer")
	return &running{p, t, issuer, http.DefaultClient}
}

// call sends a request, as form or JSON where there is a body, and reads the
// answer, which must be JSON if there is any.
func (r *running) call(method, address string, body any, edit func(*http.Request)) (int, map[string]any) {
	r.t.Helper()
	var in io.Reader
	mediaType := ""
	switch b := body.(type) {
	case url.Values:
		in, mediaType = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	case map[string]any:
		text, err := json.Marshal(b)
		if err != nil {
			r.t.Fatal(err)
		}
		in, mediaType = strings.NewReader(string(text)), "application/json"
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, address, in)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	if edit != nil {
		edit(req)
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil && err != io.EOF {
		r.t.Fatalf("%s %s: %d: %v", method, address, res.StatusCode, err)
	}
	return res.StatusCode, answer
}

func (r *running) discovery() map[string]any {
	r.t.Helper()
	status, doc := r.call(http.MethodGet, r.issuer+"/.well-known/openid-configuration", nil, nil)
	if status != http.StatusOK || doc["issuer"] != r.issuer {
		r.t.Fatalf("discovery: %d %v", status, doc)
	}
	return doc
}

func bearer(token any) func(*http.Request) {
	return func(req *http.Request) {
		text, _ := token.(string)
		req.Header.Set("Authorization", "Bearer "+text)
	}
}

func basic(id, secret string) func(*http.Request) {
	return func(req *http.Request) { req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
}

// person is a browser of one of the config's users.
func (r *running) person(username, password string) *oidctest.Browser {
	b := oidctest.NewBrowser(r.t, r.issuer, r.client)
	b.Username, b.Password = username, password
	return b
}

// challenge asks for a code, with PKCE.
func challenge(client, redirect string, edits url.Values) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {redirect}, "scope": {"openid"}, "state": {"s"}, "nonce": {"n"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for name, value := range edits {
		q[name] = value
	}
	return q
}

// authorize returns what the client gets.
func (r *running) authorize(b *oidctest.Browser, q url.Values) url.Values {
	r.t.Helper()
	endpoint, _ := r.discovery()["authorization_endpoint"].(string)
	callback, err := b.Authorize(endpoint + "?" + q.Encode())
	if err != nil {
		r.t.Fatal(err)
	}
	if callback.Fragment != "" {
		fragment, err := url.ParseQuery(callback.Fragment)
		if err != nil {
			r.t.Fatal(err)
		}
		return fragment
	}
	return callback.Query()
}

// redeem exchanges a code.
func (r *running) redeem(code, redirect string, extra url.Values, edit func(*http.Request)) map[string]any {
	r.t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier}}
	for name, value := range extra {
		form[name] = value
	}
	endpoint, _ := r.discovery()["token_endpoint"].(string)
	status, answer := r.call(http.MethodPost, endpoint, form, edit)
	if status != http.StatusOK {
		r.t.Fatalf("token: %d %v", status, answer)
	}
	return answer
}

// claimsOf reads a JWT without checking it.
func claimsOf(t *testing.T, token any) (header, claims map[string]any) {
	t.Helper()
	text, _ := token.(string)
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %v", token)
	}
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// trusting returns a client that finds every host at an address, and takes its
// certificate unseen.
func trusting(t *testing.T, addr string) *http.Client {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
