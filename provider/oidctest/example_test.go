package oidctest_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/oidckit/oidckit/middleware"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// exampleT stands for the *testing.T that an app's own test has.
type exampleT struct {
	testing.TB
	cleanups []func()
}

func (*exampleT) Helper()                  {}
func (*exampleT) Context() context.Context { return context.Background() }
func (*exampleT) Fatal(args ...any)        { log.Fatal(args...) }
func (t *exampleT) Cleanup(fn func())      { t.cleanups = append(t.cleanups, fn) }

func (t *exampleT) end() {
	for _, fn := range slices.Backward(t.cleanups) {
		fn()
	}
}

// newOrders is the API under test: it takes tokens for https://orders.example.
func newOrders(t testing.TB, op *oidctest.Server) http.Handler {
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: op.Issuer, Audience: "https://orders.example", HTTPClient: op.HTTPClient()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return middleware.RequireBearer(v)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "orders") }))
}

func forOrders(c *provider.Config) {
	c.Resources = []provider.Resource{{Resource: "https://orders.example"}}
	c.SigningAlgs = []string{"ES256"}
}

func status(api http.Handler, token string) int {
	r := httptest.NewRequest(http.MethodGet, "/orders", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	return w.Code
}

// An API must refuse every token but the good one.
func ExampleServer_AccessToken() {
	t := &exampleT{}
	defer t.end()
	op := oidctest.New(t, oidctest.Config{Configure: forOrders})
	api := newOrders(t, op)

	fmt.Println("good:", status(api, op.AccessToken(t, oidctest.Token{})))
	for name, token := range map[string]oidctest.Token{
		"for another API": {Claims: map[string]any{"aud": "https://stock.example"}},
		"expired":         {Claims: map[string]any{"exp": time.Now().Add(-time.Hour)}},
		"nobody's":        {Claims: map[string]any{"sub": nil}},
		"an ID token":     {Header: map[string]any{"typ": "JWT"}},
		"forged":          {Signed: oidctest.ByStranger},
		"alg none":        {Signed: oidctest.ByNobody},
	} {
		fmt.Printf("%s: %d\n", name, status(api, op.AccessToken(t, token)))
	}
	// Unordered output:
	// good: 200
	// for another API: 401
	// expired: 401
	// nobody's: 401
	// an ID token: 401
	// forged: 401
	// alg none: 401
}

// A key was stolen: the API must take the new key's tokens at once, and the old
// one's no more once its copy of the keys is renewed.
func ExampleServer_RotateKeys() {
	t := &exampleT{}
	defer t.end()
	op := oidctest.New(t, oidctest.Config{Configure: forOrders})
	api := newOrders(t, op)

	old := op.AccessToken(t, oidctest.Token{})
	op.RotateKeys(t)
	fresh := op.AccessToken(t, oidctest.Token{})
	fmt.Println(status(api, old), status(api, fresh))

	op.RevokeKeyOf(t, old)
	restarted := newOrders(t, op)
	fmt.Println(status(restarted, old), status(restarted, fresh))
	// Output:
	// 200 200
	// 401 200
}

// While the issuer is down, an API that just started can judge no token; it
// must say so, and not blame the token.
func ExampleServer_Down() {
	t := &exampleT{}
	defer t.end()
	op := oidctest.New(t, oidctest.Config{Configure: forOrders})
	token := op.AccessToken(t, oidctest.Token{})

	up := op.Down(t)
	fmt.Println(status(newOrders(t, op), token))
	up()
	fmt.Println(status(newOrders(t, op), token))
	// Output:
	// 503
	// 200
}

// One key that nobody can read must not take the others away.
func ExampleServer_Break() {
	t := &exampleT{}
	defer t.end()
	op := oidctest.New(t, oidctest.Config{Configure: forOrders})
	restore := op.Break(t, oidctest.EndpointJWKS, oidctest.EditJSON(func(answer map[string]any) {
		bad := map[string]any{"kty": "EC", "crv": "P-256", "kid": "bad", "x": "", "y": ""}
		answer["keys"] = append(answer["keys"].([]any), bad)
	}))
	fmt.Println(status(newOrders(t, op), op.AccessToken(t, oidctest.Token{})))

	restore()
	op.Break(t, oidctest.EndpointJWKS, oidctest.Endless(`{"keys":[`))
	fmt.Println(status(newOrders(t, op), op.AccessToken(t, oidctest.Token{})))
	// Output:
	// 200
	// 503
}

// However many requests wait for the keys, they are fetched once.
func ExampleServer_Hold() {
	t := &exampleT{}
	defer t.end()
	op := oidctest.New(t, oidctest.Config{Configure: forOrders})
	api := newOrders(t, op)
	token := op.AccessToken(t, oidctest.Token{})

	keys := op.Hold(t, oidctest.EndpointJWKS)
	answers := make(chan int)
	for range 3 {
		go func() { answers <- status(api, token) }()
	}
	<-keys.Arrived
	keys.Release()
	fmt.Println(<-answers, <-answers, <-answers)
	fmt.Println(op.Requests(oidctest.EndpointJWKS))
	// Output:
	// 200 200 200
	// [GET /jwks ()]
}

// What an app has sent can be looked at; printed, it shows no secrets.
func ExampleServer_Requests() {
	t := &exampleT{}
	defer t.end()
	op := newIssuer(t)
	if _, err := op.NewBrowser(t).Authorize(authorizationURL(op)); err != nil {
		t.Fatal(err)
	}

	first := op.Requests(oidctest.EndpointAuthorization)[0]
	fmt.Println(first)
	fmt.Println(first.Query.Get("code_challenge_method"))
	// Output:
	// GET /authorize (client_id, code_challenge, code_challenge_method, nonce, redirect_uri, response_type, scope, state)
	// S256
}
