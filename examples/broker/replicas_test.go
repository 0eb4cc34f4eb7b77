package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/browsertest"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

const adminToken = "a token of twenty characters"

// startReplicas starts two processes on one PostgreSQL, with one key ring, behind
// an address that asks them in turn.
func startReplicas(t *testing.T) (*visit, *atomic.Int64) {
	t.Helper()
	postgres := os.Getenv("OIDCKIT_TEST_POSTGRES")
	if postgres == "" {
		t.Skip("OIDCKIT_TEST_POSTGRES is not set: two replicas not tested")
	}
	var replicas []*httputil.ReverseProxy
	// turn is the replica that is asked next, and only that one where it is
	// negative: -1 is the first, -2 the second.
	turn := new(atomic.Int64)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := turn.Load()
		if n >= 0 {
			n = turn.Add(1)
		} else {
			n = -n - 1
		}
		replicas[n%int64(len(replicas))].ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	dir, issuer, ring := t.TempDir(), strings.Replace(front.URL, "127.0.0.1", "localhost", 1), oidckit.GenerateSecret()
	config := `{"clients":[{"client_id":"webapp","client_name":"Demo web app","token_endpoint_auth_method":"none","redirect_uris":["http://localhost:8081/auth/callback"]}]}`
	if err := os.WriteFile(dir+"/broker.json", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visit{t: t, issuer: issuer, Client: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		l.Close()
		v.p = browsertest.Start(t, dir, browsertest.Build(t, "."), "-addr", addr, "-issuer", issuer, "-config", dir+"/broker.json",
			"-db", postgres, "-secret", ring, "-admin-token", adminToken, "-allow-loopback-upstreams")
		v.p.Listens(addr)
		target := &url.URL{Scheme: "http", Host: addr}
		replicas = append(replicas, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		}})
	}
	return v, turn
}

// admin calls the API with a record.
func (v *visit) admin(method, path string, record map[string]any, headers ...string) (int, http.Header, map[string]any) {
	v.t.Helper()
	body, err := json.Marshal(record)
	if err != nil {
		v.t.Fatal(err)
	}
	req, _ := http.NewRequest(method, v.issuer+"/services/api/idps/v1/oauth"+path, strings.NewReader(string(body)))
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := v.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	_ = json.NewDecoder(res.Body).Decode(&answer)
	return res.StatusCode, res.Header, answer
}

// A record that one replica has stored leads logins at the other at once; a
// login goes from one to the other; two operators do not undo each other; and
// what is disabled at one is disabled at both.
func TestTwoReplicas(t *testing.T) {
	v, turn := startReplicas(t)
	const secret = "a secret of more than thirty-two characters"
	turn.Store(-1)
	record := map[string]any{
		"identifier": "own", "displayName": "Own", "issuer": "http://127.0.0.1:1", "clientId": "broker", "clientSecret": secret,
		"grantType": "AUTHORIZATION", "scope": []string{"OPENID", "PROFILE", "EMAIL"}, "showIdpToUsers": true, "clientCredentialsHeaderEnabled": true,
	}
	status, _, said := v.admin(http.MethodPost, "", record)
	idp, _ := said["idp"].(map[string]any)
	uuid, _ := idp["uuid"].(string)
	callback, _ := idp["oauthCallBackUrl"].(string)
	if status != http.StatusCreated || uuid == "" {
		t.Fatalf("%d %v", status, said)
	}
	op := oidctest.New(t, oidctest.Config{
		Clients:   []oidckit.ClientMetadata{{ClientID: "broker", ClientSecret: secret, RedirectURIs: []string{callback}}},
		Configure: func(c *provider.Config) { c.TrustedClients = []string{"broker"} },
	})
	record["issuer"] = op.Issuer
	// Two operators, one at each replica, who have read the same version.
	_, h, _ := v.admin(http.MethodGet, "/"+uuid, nil)
	if status, _, said := v.admin(http.MethodPut, "/"+uuid, record, "If-Match", h.Get("ETag")); status != http.StatusOK {
		t.Fatalf("%d %v", status, said)
	}
	turn.Store(-2)
	record["displayName"] = "Renamed"
	if status, _, _ := v.admin(http.MethodPut, "/"+uuid, record, "If-Match", h.Get("ETag")); status != http.StatusPreconditionFailed {
		t.Errorf("the second operator: %d", status)
	}
	record["displayName"] = "Own"
	login := func() (answer, string) {
		return v.follow(v.do(http.MethodGet, v.issuer+"/authorize?"+url.Values{
			"response_type": {"code"}, "client_id": {"webapp"}, "redirect_uri": {"http://localhost:8081/auth/callback"}, "scope": {"openid profile email"},
			"prompt": {"login"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
		}.Encode(), nil))
	}
	turn.Store(0)
	for range 3 {
		_, upstream := login()
		if !strings.HasPrefix(upstream, op.Issuer+"/authorize") {
			t.Fatalf("to %q", upstream)
		}
		back, err := op.NewBrowser(t).Authorize(upstream)
		if err != nil {
			t.Fatal(err)
		}
		a, app := v.follow(v.do(http.MethodGet, back.String(), nil))
		if app == "" && !strings.Contains(a.body, `name="decision"`) {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
	}
	_, upstream := login()
	back, err := op.NewBrowser(t).Authorize(upstream)
	if err != nil {
		t.Fatal(err)
	}
	turn.Store(-1)
	_, h, _ = v.admin(http.MethodGet, "/"+uuid, nil)
	record["disabled"], record["clientSecret"] = true, "********"
	if status, _, said := v.admin(http.MethodPut, "/"+uuid, record, "If-Match", h.Get("ETag")); status != http.StatusOK {
		t.Fatalf("%d %v", status, said)
	}
	turn.Store(-2)
	if a := v.do(http.MethodGet, back.String(), nil); a.StatusCode != http.StatusForbidden {
		t.Errorf("a login that was under way: %d", a.StatusCode)
	}
	if a, upstream := login(); upstream != "" || strings.Contains(a.body, "<bdi>Own</bdi>") {
		t.Errorf("a new login: %q %d", upstream, a.StatusCode)
	}
}
