package main

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/browsertest"
	"github.com/oidckit/oidckit/provider/oidctest"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// visit is the program, and a person's browser at it.
type visit struct {
	t      *testing.T
	p      *browsertest.Program
	issuer string
	*http.Client
}

func start(t *testing.T, dir string, args ...string) *visit {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visit{t: t, issuer: "http://localhost:" + port, Client: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	args = append([]string{"-addr", addr, "-issuer", v.issuer}, args...)
	v.p = browsertest.Start(t, dir, browsertest.Build(t, "."), args...)
	if v.p.Line("issuer") != v.issuer {
		t.Errorf("printed %s", v.p.Stdout())
	}
	return v
}

type answer struct {
	*http.Response
	body string
}

func (v *visit) do(method, address string, form url.Values, headers ...string) answer {
	v.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(v.t.Context(), method, address, body)
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", v.issuer)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := v.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{res, string(text)}
}

// follow goes through redirects until a page or another origin.
func (v *visit) follow(a answer) (answer, string) {
	v.t.Helper()
	for range 10 {
		location, err := a.Location()
		if err != nil {
			return a, ""
		}
		if !strings.HasPrefix(location.String(), v.issuer+"/") {
			return a, location.String()
		}
		a = v.do(http.MethodGet, location.String(), nil)
	}
	v.t.Fatal("too many redirects")
	return a, ""
}

// signIn goes from the demo's client through the chooser and an upstream, and
// returns where the client is sent to.
func (v *visit) signIn(email, user, password string) string {
	v.t.Helper()
	a, _ := v.follow(v.do(http.MethodGet, v.issuer+"/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {"webapp"}, "redirect_uri": {"http://localhost:8081/auth/callback"}, "scope": {"openid profile email"},
		"state": {"s"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode(), nil))
	for _, want := range []string{"<bdi>Staff</bdi>", "<bdi>Partners</bdi>", `name="email"`, "Demo web app"} {
		if !strings.Contains(a.body, want) {
			v.t.Fatalf("the chooser lacks %q: %d %s", want, a.StatusCode, a.body)
		}
	}
	request := a.Request.URL.Query().Get("request")
	_, upstream := v.follow(v.do(http.MethodPost, v.issuer+"/broker/login", url.Values{"request": {request}, "email": {email}}))
	at, err := url.Parse(upstream)
	if err != nil || upstream == "" {
		v.t.Fatalf("no upstream: %q %v\n%s", upstream, err, v.p.Stderr())
	}
	person := oidctest.NewBrowser(v.t, at.Scheme+"://"+at.Host, http.DefaultClient)
	person.Username, person.Password = user, password
	callback, err := person.Authorize(upstream)
	if err != nil {
		v.t.Fatal(err)
	}
	a, app := v.follow(v.do(http.MethodGet, callback.String(), nil))
	if app == "" && strings.Contains(a.body, `name="decision"`) {
		action, fields, ok := oidctest.Form(a.body)
		if !ok {
			v.t.Fatalf("no consent form: %s", a.body)
		}
		fields.Set("decision", "allow")
		_, app = v.follow(v.do(http.MethodPost, v.issuer+action, fields))
	}
	return app
}

// One command shows it all: a client of the issuer signs in with an upstream,
// which the admin API knows, and after a restart too.
func TestWalk(t *testing.T) {
	for name, args := range map[string][]string{
		"SQLite": nil, "PostgreSQL": {"-db", "OIDCKIT_TEST_POSTGRES"}, "Redis": {"-redis", "OIDCKIT_TEST_REDIS"}, "memory": {"-db", "memory"},
	} {
		t.Run(name, func(t *testing.T) {
			if len(args) > 0 && strings.HasPrefix(args[1], "OIDCKIT") {
				if args[1] = os.Getenv(args[1]); args[1] == "" {
					t.Skip("no such service to test with")
				}
			}
			dir := t.TempDir()
			for range 2 {
				v := start(t, dir, args...)
				if app := v.signIn("anybody@staff.example", "alice", v.p.Line("password")); !strings.HasPrefix(app, "http://localhost:8081/auth/callback?code=") && !strings.Contains(app, "&code=") {
					t.Fatalf("the client is answered with %q\n%s", app, v.p.Stderr())
				}
				api := v.p.Line("admin")
				if a := v.do(http.MethodGet, api, nil); a.StatusCode != http.StatusUnauthorized {
					t.Errorf("without a token: %d", a.StatusCode)
				}
				a := v.do(http.MethodGet, api, nil, "Authorization", "Bearer "+v.p.Line("admin-token"))
				var list struct {
					IDPList struct {
						Total     int `json:"totalResults"`
						Resources []struct {
							Name   string `json:"displayName"`
							Secret string `json:"clientSecret"`
						} `json:"resources"`
					} `json:"idpList"`
				}
				if err := json.Unmarshal([]byte(a.body), &list); err != nil || a.StatusCode != http.StatusOK || list.IDPList.Total != 2 || list.IDPList.Resources[0].Secret != "********" {
					t.Errorf("%d %s %v", a.StatusCode, a.body, err)
				}
				if a := v.do(http.MethodGet, v.issuer+"/healthz", nil); a.StatusCode != http.StatusOK {
					t.Errorf("health: %d", a.StatusCode)
				}
				v.p.Stop()
			}
		})
	}
}

// The older headers open the API where they were switched on, once each, and
// not where they were not.
func TestOlderHeaders(t *testing.T) {
	headers := func() []string {
		stamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
		sum := sha512.Sum512([]byte("customer" + stamp + "an-api-key"))
		return []string{"Customer-Key", "customer", "Timestamp", stamp, "Authorization", hex.EncodeToString(sum[:])}
	}
	on := start(t, t.TempDir(), "-db", "memory", "-customer-key", "customer", "-api-key", "an-api-key")
	used := headers()
	if a := on.do(http.MethodGet, on.p.Line("admin"), nil, used...); a.StatusCode != http.StatusOK {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := on.do(http.MethodGet, on.p.Line("admin"), nil, used...); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a second time: %d", a.StatusCode)
	}
	off := start(t, t.TempDir(), "-db", "memory")
	if a := off.do(http.MethodGet, off.p.Line("admin"), nil, headers()...); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("switched off: %d", a.StatusCode)
	}
}

// With a config there is no demo: providers come over the API, and none on this
// machine unless that is allowed.
func TestOwnConfig(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/broker.json"
	if err := os.WriteFile(file, []byte(`{"clients":[{"client_id":"app","token_endpoint_auth_method":"none","redirect_uris":["http://localhost:8081/cb"]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	const record = `{"identifier":"own","displayName":"Own","authorizeEndpoint":"http://127.0.0.1:9/a","tokenEndpoint":"http://127.0.0.1:9/t","userInfoEndpoint":"http://127.0.0.1:9/u","clientId":"c","clientSecret":"s","grantType":"AUTHORIZATION","scope":["email"]}`
	for allow, want := range map[string]int{"": http.StatusBadRequest, "-allow-loopback-upstreams": http.StatusCreated} {
		args := []string{"-config", file, "-db", "memory", "-admin-token", "a token of twenty characters"}
		if allow != "" {
			args = append(args, allow)
		}
		v := start(t, dir, args...)
		req, _ := http.NewRequest(http.MethodPost, v.p.Line("admin"), strings.NewReader(record))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer a token of twenty characters")
		res, err := v.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want || strings.Contains(v.p.Stdout(), "upstream:") {
			t.Errorf("%q: %d, want %d", allow, res.StatusCode, want)
		}
	}
}

// Everything that is wrong is named in one line, and nothing is left behind.
func TestProblemsAreNamedTogether(t *testing.T) {
	for name, row := range map[string]struct{ args, want []string }{
		"flags": {
			[]string{"-addr", "nowhere", "-db", "oracle:pass-word", "-secret", "short", "-admin-token", "short", "-customer-key", "x", "-preset", "y", "-colour", "blue"},
			[]string{"-addr", "-db", "-secret", "-admin-token", "-customer-key", "-preset", "-colour"},
		},
		"issuer": {[]string{"-addr", "127.0.0.1:0", "-issuer", "http://id.example"}, []string{"Issuer"}},
		"config": {[]string{"-addr", "127.0.0.1:0", "-config", "missing.json"}, []string{"-config"}},
	} {
		dir := t.TempDir()
		status, stdout, stderr := browsertest.Refused(t, dir, browsertest.Build(t, "."), row.args...)
		if status != 2 || stdout != "" || strings.Count(strings.TrimSpace(stderr), "\n") != 0 || strings.Contains(stderr, "pass-word") {
			t.Errorf("%s: status %d, stdout %q, stderr %q", name, status, stdout, stderr)
		}
		for _, want := range row.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: %q is not named in %q", name, want, stderr)
			}
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}
