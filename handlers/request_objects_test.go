package handlers_test

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// objectReader is an issuer that takes request objects and nothing beside
// them that counts. It verifies them with the keys that the app publishes.
type objectReader struct {
	*idp
	app *app
	// alg is what objects are registered to be signed with.
	alg string
	// asked are the authorization requests as they came, read the claims.
	asked   []url.Values
	read    []map[string]any
	fetched []http.Header
}

func newObjectReader(t *testing.T, alg string, metadata func(m map[string]any), config func(c *handlers.Config)) *objectReader {
	t.Helper()
	o := &objectReader{idp: newIDP(t), alg: alg}
	o.play(script{metadata: metadata, serve: func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/authorize" {
			q := r.URL.Query()
			o.asked = append(o.asked, q)
			r.URL.RawQuery = o.open(q).Encode()
		}
		return false
	}})
	o.app = newApp(t, o.idp, options{config: config})
	return o
}

// get fetches from the app, as an issuer does.
func (o *objectReader) get(address string) (string, http.Header) {
	res, err := o.app.Client().Get(address)
	if err != nil {
		o.t.Error(err)
		return "", nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		o.t.Errorf("%s: %d %v", address, res.StatusCode, err)
	}
	return string(body), res.Header
}

// open returns the parameters of the object.
func (o *objectReader) open(q url.Values) url.Values {
	object := q.Get("request")
	if address := q.Get("request_uri"); address != "" {
		var header http.Header
		object, header = o.get(address)
		o.fetched = append(o.fetched, header)
	}
	return o.verify(object)
}

func (o *objectReader) verify(object string) url.Values {
	header := jwtPart(o.t, object, 0)
	if header["alg"] != o.alg || header["typ"] != "oauth-authz-req+jwt" {
		o.t.Errorf("header %v", header)
	}
	if o.alg == "none" {
		if !strings.HasSuffix(object, ".") {
			o.t.Error("there is a signature under none")
		}
	} else {
		set, _ := o.get(o.app.URL + "/auth/jwks.json")
		keys, _, err := jose.ParseJWKS([]byte(set))
		if err != nil || len(keys) != 1 || keys[0].KeyID != header["kid"] {
			o.t.Fatalf("%v %v", keys, err)
		}
		jws, err := jose.Parse(object)
		if err != nil || jws.Verify(o.alg, keys[0].Key) != nil {
			o.t.Fatalf("the object is not signed: %v", err)
		}
	}
	claims := jwtPart(o.t, object, 1)
	o.read = append(o.read, claims)
	params := url.Values{}
	for name, value := range claims {
		if s, ok := value.(string); ok {
			params.Set(name, s)
		}
	}
	return params
}

func (o *objectReader) login() {
	o.t.Helper()
	b := o.app.browser()
	if got := b.open(o.app.URL + "/me"); b.loggedIn(o.app) != "alice" {
		o.t.Fatalf("%d %s %s", got.StatusCode, got.body, o.app.logs.String())
	}
}

// wantWhole checks the members that each object has (RFC 9101 §4, §10.8).
func (o *objectReader) wantWhole(claims map[string]any) {
	o.t.Helper()
	for name, want := range map[string]any{
		"iss": clientID, "aud": o.URL, "client_id": clientID, "response_type": "code", "redirect_uri": o.app.URL + "/auth/callback",
		"scope": "openid profile email", "code_challenge_method": "S256",
	} {
		if claims[name] != want {
			o.t.Errorf("%s: %v, want %v", name, claims[name], want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge", "jti"} {
		if s, _ := claims[name].(string); len(s) < 22 {
			o.t.Errorf("%s: %v", name, claims[name])
		}
	}
	for _, name := range []string{"sub", "request", "request_uri", "client_assertion"} {
		if claims[name] != nil {
			o.t.Errorf("%s stands in the object", name)
		}
	}
	iat, nbf, exp := claims["iat"].(float64), claims["nbf"].(float64), claims["exp"].(float64)
	if nbf > iat || exp-iat != 600 || time.Since(time.Unix(int64(iat), 0)).Abs() > time.Minute {
		o.t.Errorf("iat %v nbf %v exp %v", iat, nbf, exp)
	}
}

func names(q url.Values) string {
	return strings.Join(slices.Sorted(maps.Keys(q)), " ")
}

func signsRequests(alg string, objects handlers.RequestObjects) func(c *handlers.Config) {
	return func(c *handlers.Config) {
		c.RequestObjects = &objects
		if alg != "none" {
			c.ClientKeys = []handlers.ClientKey{appKey(alg)}
		}
	}
}

// RFC 9101 §4, §5, OpenID Connect Core 1.0 §6.1: a whole issuer takes what the
// app has signed, for the one login and for the next.
func TestRequestObjectsAtProvider(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		op, a := newAppAtProvider(t, registration{
			client: func(a *app, m *oidckit.ClientMetadata) {
				m.JWKSURI, m.RequestObjectSigningAlg = a.URL+"/auth/jwks.json", alg
			},
			issuer: func(a *app, c *provider.Config) {
				reachesApps(a, c)
				c.RequestObjects = &provider.RequestObjects{}
			},
			app: signsRequests(alg, handlers.RequestObjects{}),
		})
		wantLogin(t, a, op)
		wantLogin(t, a, op)
		for _, r := range op.Requests(oidctest.EndpointAuthorization) {
			if got := names(r.Query); got != "client_id request response_type scope" {
				t.Errorf("%s: beside the object: %s", alg, got)
			}
		}
	}
}

// OpenID Connect Core 1.0 §6.2: the address is all that there is to the
// request, and what is fetched from it is fresh.
func TestRequestObjectByReference(t *testing.T) {
	o := newObjectReader(t, "ES256", nil, signsRequests("ES256", handlers.RequestObjects{ByReference: true}))
	o.login()
	if got := names(o.asked[0]); got != "client_id request_uri response_type scope" || o.asked[0].Get("scope") != "openid profile email" {
		t.Errorf("beside the object: %s", got)
	}
	address := o.asked[0].Get("request_uri")
	if !strings.HasPrefix(address, o.app.URL+"/auth/request-object/") || len(address) > 512 {
		t.Errorf("%d characters: %s", len(address), address)
	}
	header := o.fetched[0]
	if header.Get("Content-Type") != "application/oauth-authz-req+jwt" || header.Get("Cache-Control") != "no-store" || header.Get("Set-Cookie") != "" {
		t.Errorf("headers %v", header)
	}
	o.wantWhole(o.read[0])
	// Another fetch is another object of the same login.
	again := o.open(o.asked[0])
	if again.Get("state") != o.read[0]["state"] || again.Get("jti") == o.read[0]["jti"] {
		t.Errorf("fetched again: %v", again)
	}
}

// What a guard asks for stands in the object, with its type.
func TestRequestObjectOfAStepUp(t *testing.T) {
	for _, objects := range []handlers.RequestObjects{{}, {ByReference: true}} {
		o := newObjectReader(t, "ES256", nil, signsRequests("ES256", objects))
		age := 90 * time.Second
		o.app.browser().open(o.app.rp.LoginURL(nil, oidckit.LoginRequest{ReturnTo: "/", MaxAge: &age, ACRValues: []string{"silver", "gold"}, Prompt: []string{"login"}, LoginHint: "alice@example.com"}))
		claims := o.read[0]
		o.wantWhole(claims)
		if claims["max_age"] != 90.0 || claims["acr_values"] != "silver gold" || claims["prompt"] != "login" || claims["login_hint"] != "alice@example.com" {
			t.Errorf("%+v: %v", objects, claims)
		}
	}
}

// OpenID Connect Core 1.0 §6.2: an address has 512 characters at most; what is
// longer goes by value, or as parameters where it is not signed anyway.
func TestRequestObjectTooLongForAnAddress(t *testing.T) {
	for alg, want := range map[string]string{
		"ES256": "client_id request response_type scope",
		"none":  "client_id code_challenge code_challenge_method login_hint nonce redirect_uri response_type scope state",
	} {
		p := newIDP(t)
		a := newApp(t, p, options{config: signsRequests(alg, handlers.RequestObjects{ByReference: true, AllowUnsigned: alg == "none"})})
		res := a.browser().step(a.rp.LoginURL(nil, oidckit.LoginRequest{ReturnTo: "/", LoginHint: strings.Repeat("long", 80)}))
		u, err := res.Location()
		if err != nil || names(u.Query()) != want {
			t.Errorf("%s: %v %v", alg, u, err)
		}
	}
}

// RFC 9101 §10.5: an issuer that demands signed requests gets them from who
// has a key.
func TestDemandedRequestObjects(t *testing.T) {
	demanded := func(m map[string]any) { m["require_signed_request_object"] = true }
	o := newObjectReader(t, "RS256", demanded, func(c *handlers.Config) { c.ClientKeys = []handlers.ClientKey{appKey("RS256")} })
	o.login()
	o.wantWhole(o.read[0])
	if !o.asked[0].Has("request") {
		t.Errorf("asked %s", names(o.asked[0]))
	}
	// Objects that are not signed are not what it demands.
	o.app.build(o.idp, options{config: signsRequests("none", handlers.RequestObjects{ByReference: true, AllowUnsigned: true})})
	if res := o.app.browser().step(o.app.URL + "/auth/login"); res.StatusCode != http.StatusBadGateway {
		t.Errorf("unsigned: %d", res.StatusCode)
	}
}

// RFC 9126 §3: a pushed request that is signed has everything in its object.
func TestPushedRequestObject(t *testing.T) {
	o := newObjectReader(t, "ES256", nil, nil)
	var pushed url.Values
	o.play(script{metadata: func(m map[string]any) { m["pushed_authorization_request_endpoint"] = o.URL + "/par" }, serve: func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/par":
			r.ParseForm()
			pushed = maps.Clone(r.PostForm)
			writeJSON(w, http.StatusCreated, map[string]any{"request_uri": "urn:example:1", "expires_in": 60})
			return true
		case "/authorize":
			if got := names(r.URL.Query()); got != "client_id request_uri" {
				t.Errorf("asked %s", got)
			}
			r.URL.RawQuery = o.verify(pushed.Get("request")).Encode()
		}
		return false
	}})
	for _, byReference := range []bool{false, true} {
		o.app.build(o.idp, options{config: func(c *handlers.Config) {
			signsRequests("ES256", handlers.RequestObjects{ByReference: byReference})(c)
			c.PushedAuthorization = true
		}})
		o.login()
		// RFC 9126 §2.1: request_uri MUST NOT be provided
		if got := names(pushed); got != "client_id request" {
			t.Errorf("pushed %s", got)
		}
	}
	o.wantWhole(o.read[0])
}

// What is not the name of a login under way of this registration is 404,
// whoever asks, and says nothing.
func TestForeignRequestObjects(t *testing.T) {
	p := newIDP(t)
	byReference := signsRequests("ES256", handlers.RequestObjects{ByReference: true})
	a := newApp(t, p, options{config: byReference})
	b := a.browser()
	address := func() string {
		u, err := b.step(a.URL + "/auth/login").Location()
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("request_uri")
	}
	good := address()
	if res := b.step(good); res.StatusCode != http.StatusOK {
		t.Fatalf("its own: %d", res.StatusCode)
	}
	if res := b.do(http.MethodPost, good, url.Values{}, nil); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", res.StatusCode)
	}
	flipped := "A"
	if good[len(good)-8] == 'A' {
		flipped = "Q"
	}
	for name, path := range map[string]string{
		"nothing": a.URL + "/auth/request-object/", "not sealed": a.URL + "/auth/request-object/x", "changed": good[:len(good)-8] + flipped + good[len(good)-7:],
		"cut short": good[:len(good)-4], "padded": good + "=", "the pattern": a.URL + "/auth/request-object/%7Bobject%7D",
	} {
		res := b.step(path)
		if strings.Contains(res.body, "eyJ") || res.StatusCode != http.StatusNotFound && name != "nothing" {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	// The ring is the same, the registration is not.
	a.build(p, options{config: func(c *handlers.Config) { byReference(c); c.ClientID = "another" }})
	if res := b.step(good); res.StatusCode != http.StatusNotFound {
		t.Errorf("at another registration: %d", res.StatusCode)
	}
	// Behind a proxy that strips the path of the base URL, and mounted under it.
	a.build(p, options{config: byReference, path: "/app"})
	u, err := b.step(a.URL + "/app/auth/login").Location()
	if err != nil {
		t.Fatal(err)
	}
	good = u.Query().Get("request_uri")
	if res := b.step(good); res.StatusCode != http.StatusOK || !strings.HasPrefix(good, a.URL+"/app/auth/request-object/") {
		t.Errorf("under a path: %d %s", res.StatusCode, good)
	}
}

func TestRequestObjectsConfig(t *testing.T) {
	plain := newSessions(t, func(c *handlers.SessionConfig) { c.BaseURL = "http://localhost:8081" })
	for name, row := range map[string]struct {
		change func(c *handlers.Config)
		ok     bool
	}{
		"RFC 9101 §4 without a key": {func(c *handlers.Config) { c.RequestObjects = &handlers.RequestObjects{} }, false},
		"with a key":                {signsRequests("ES256", handlers.RequestObjects{}), true},
		"unsigned by value":         {signsRequests("ES256", handlers.RequestObjects{AllowUnsigned: true}), false},
		"unsigned by reference":     {signsRequests("none", handlers.RequestObjects{ByReference: true, AllowUnsigned: true}), true},
		"OIDC Core §6.2 unsigned over http": {func(c *handlers.Config) {
			signsRequests("none", handlers.RequestObjects{ByReference: true, AllowUnsigned: true})(c)
			c.BaseURL, c.Sessions = "http://localhost:8081", plain
		}, false},
	} {
		c := handlers.Config{Issuer: "https://id.example", ClientID: "c", BaseURL: "https://app.example", Sessions: newSessions(t, nil)}
		row.change(&c)
		rp, err := handlers.NewRelyingParty(c)
		if (err == nil) != row.ok || err != nil && !strings.Contains(err.Error(), "Config.RequestObjects ") {
			t.Errorf("%s: %v", name, err)
		}
		if rp != nil {
			rp.Close()
		}
	}
}
