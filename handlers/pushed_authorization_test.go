package handlers_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

// pushed is an issuer that takes pushed authorization requests, and no others.
type pushed struct {
	*idp
	mu   sync.Mutex
	sent []pushedRequest
	// answer replaces the answer to a pushed request, where it is set.
	answer func(w http.ResponseWriter)
}

type pushedRequest struct {
	header http.Header
	form   url.Values
}

func newPushed(t *testing.T, metadata func(m map[string]any)) *pushed {
	t.Helper()
	p := &pushed{idp: newIDP(t)}
	p.play(script{serve: p.serve, metadata: func(m map[string]any) {
		m["pushed_authorization_request_endpoint"] = p.URL + "/par"
		if metadata != nil {
			metadata(m)
		}
	}})
	return p
}

func (p *pushed) serve(w http.ResponseWriter, r *http.Request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.URL.Path {
	case "/par":
		r.ParseForm()
		p.sent = append(p.sent, pushedRequest{r.Header.Clone(), maps.Clone(r.PostForm)})
		if p.answer != nil {
			p.answer(w)
			return true
		}
		writeJSON(w, http.StatusCreated, map[string]any{"request_uri": fmt.Sprintf("urn:ietf:params:oauth:request_uri:%d", len(p.sent)-1), "expires_in": 60})
		return true
	case "/authorize":
		q := r.URL.Query()
		var n int
		if _, err := fmt.Sscanf(q.Get("request_uri"), "urn:ietf:params:oauth:request_uri:%d", &n); err != nil || n >= len(p.sent) || len(q) != 2 || q.Get("client_id") != clientID {
			p.t.Errorf("came to the authorization endpoint with %v", q)
			w.WriteHeader(http.StatusBadRequest)
			return true
		}
		r.URL.RawQuery = p.sent[n].form.Encode()
	}
	return false
}

// RFC 9126 §2.1, §4: the request goes to the issuer with the client's
// authentication, and the browser carries a reference alone.
func TestPushedAuthorization(t *testing.T) {
	demanded := func(m map[string]any) { m["require_pushed_authorization_requests"] = true }
	configured := func(c *handlers.Config) { c.PushedAuthorization = true }
	for name, row := range map[string]struct {
		metadata func(m map[string]any)
		config   func(c *handlers.Config)
		check    func(t *testing.T, p *pushed, got pushedRequest)
	}{
		"RFC 9126 §5 demanded": {demanded, nil, nil},
		"configured": {nil, configured, func(t *testing.T, _ *pushed, got pushedRequest) {
			id, secret, _ := (&http.Request{Header: got.header}).BasicAuth()
			if id != clientID || secret != url.QueryEscape(clientSecret) {
				t.Error("not authenticated")
			}
		}},
		"public client": {nil, func(c *handlers.Config) { c.ClientSecret, c.PushedAuthorization = "", true }, nil},
		"ATK-077 aud of an assertion": {demanded, func(c *handlers.Config) { c.ClientSecret, c.ClientKeys = "", []handlers.ClientKey{appKey("ES256")} },
			func(t *testing.T, p *pushed, got pushedRequest) {
				if aud := jwtPart(t, got.form.Get("client_assertion"), 1)["aud"]; aud != p.URL {
					t.Errorf("aud %v", aud)
				}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPushed(t, row.metadata)
			a := newApp(t, p.idp, options{config: row.config})
			b := a.browser()
			got := b.open(a.URL + "/me?tab=3")
			if b.loggedIn(a) != "alice" || !strings.HasSuffix(got.body, "query=tab=3") {
				t.Fatalf("%d %s %s", got.StatusCode, got.body, a.logs.String())
			}
			sent := p.sent[0]
			for _, name := range []string{"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method"} {
				if len(sent.form[name]) != 1 || sent.form.Get(name) == "" {
					t.Errorf("%s: %q", name, sent.form[name])
				}
			}
			// RFC 9126 §2.1
			if sent.form.Has("request_uri") || sent.form.Get("client_id") != clientID {
				t.Errorf("pushed %v", slices.Collect(maps.Keys(sent.form)))
			}
			if row.check != nil {
				row.check(t, p, sent)
			}
		})
	}
	p := newPushed(t, nil)
	p.answer = func(http.ResponseWriter) { t.Error("pushed without being asked to") }
	a := newApp(t, p.idp, options{})
	if res := a.browser().step(a.URL + "/auth/login"); !strings.Contains(res.Header.Get("Location"), "code_challenge=") {
		t.Errorf("Location %s", res.Header.Get("Location"))
	}
}

// RFC 9126 §2.2, §2.3: any answer but the good one is a page without a word of
// it, and no login is under way.
func TestRefusedPushedAuthorization(t *testing.T) {
	text := func(status int, mediaType, body string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", mediaType)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	const good = `{"request_uri":"urn:canary","expires_in":60}`
	for name, row := range map[string]struct {
		answer func(w http.ResponseWriter)
		status int
		reason string
	}{
		"invalid_request":             {text(400, "application/json", `{"error":"invalid_request","error_description":"canary"}`), 400, "request_refused"},
		"invalid_scope":               {text(400, "application/json", `{"error":"invalid_scope"}`), 400, "request_refused"},
		"invalid_client":              {text(401, "application/json", `{"error":"invalid_client"}`), 502, "issuer_unavailable"},
		"unauthorized_client":         {text(400, "application/json", `{"error":"unauthorized_client"}`), 502, "issuer_unavailable"},
		"temporarily_unavailable":     {text(400, "application/json", `{"error":"temporarily_unavailable"}`), 502, "issuer_unavailable"},
		"an error that is none":       {text(400, "application/json", `{"error":"<b>canary"}`), 502, "issuer_unavailable"},
		"too many requests":           {text(429, "application/json", `{"error":"invalid_request"}`), 502, "issuer_unavailable"},
		"server error":                {text(500, "text/plain", "canary"), 502, "issuer_unavailable"},
		"HTML":                        {text(201, "text/html", "<p>canary"), 502, "issuer_unavailable"},
		"JSON as HTML":                {text(201, "text/html", good), 502, "issuer_unavailable"},
		"status 200":                  {text(200, "application/json", good), 502, "issuer_unavailable"},
		"a redirect":                  {func(w http.ResponseWriter) { w.Header().Set("Location", "/canary"); w.WriteHeader(307) }, 502, "issuer_unavailable"},
		"oversized":                   {text(201, "application/json", `{"request_uri":"urn:canary","expires_in":60,"x":"`+strings.Repeat("x", 1<<20)+`"}`), 502, "issuer_unavailable"},
		"cut short":                   {text(201, "application/json", good[:20]), 502, "issuer_unavailable"},
		"request_uri twice":           {text(201, "application/json", `{"request_uri":"urn:canary","request_uri":"urn:b","expires_in":60}`), 502, "issuer_unavailable"},
		"no request_uri":              {text(201, "application/json", `{"expires_in":60}`), 502, "issuer_unavailable"},
		"request_uri of another type": {text(201, "application/json", `{"request_uri":["urn:canary"],"expires_in":60}`), 502, "issuer_unavailable"},
		"a relative request_uri":      {text(201, "application/json", `{"request_uri":"canary","expires_in":60}`), 502, "issuer_unavailable"},
		"a line break":                {text(201, "application/json", `{"request_uri":"urn:canary\r\nX: y","expires_in":60}`), 502, "issuer_unavailable"},
		"an endless request_uri":      {text(201, "application/json", `{"request_uri":"urn:`+strings.Repeat("c", 2048)+`","expires_in":60}`), 502, "issuer_unavailable"},
		"no lifetime":                 {text(201, "application/json", `{"request_uri":"urn:canary"}`), 502, "issuer_unavailable"},
		"expired already":             {text(201, "application/json", `{"request_uri":"urn:canary","expires_in":0}`), 502, "issuer_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPushed(t, nil)
			p.answer = row.answer
			a := newApp(t, p.idp, options{config: func(c *handlers.Config) { c.PushedAuthorization = true }})
			b := a.browser()
			res := b.step(a.URL + "/auth/login?return_to=/me")
			if res.StatusCode != row.status || strings.Contains(res.body, "canary") || !strings.Contains(res.body, "return_to=%2Fme") {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
			if len(b.cookies(a)) != 0 || len(p.sent) != 1 || p.count("/canary") != 0 {
				t.Errorf("cookies %v, %d calls", b.cookies(a), len(p.sent))
			}
			logs := a.logs.String()
			if !strings.Contains(logs, row.reason) || strings.Contains(logs, "canary") {
				t.Errorf("log %s", logs)
			}
			if events := a.take(); len(events) != 1 || events[0].Name != oidckit.EventLoginFailed {
				t.Errorf("events %v", events)
			}
		})
	}
}

// RFC 9126 §5: an issuer that has no endpoint for what is asked of it.
func TestPushedAuthorizationWithoutEndpoint(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{config: func(c *handlers.Config) { c.PushedAuthorization = true }})
	if res := a.browser().step(a.URL + "/auth/login"); res.StatusCode != http.StatusBadGateway || !strings.Contains(a.logs.String(), "no endpoint for pushed") {
		t.Errorf("%d %s", res.StatusCode, a.logs.String())
	}
}
