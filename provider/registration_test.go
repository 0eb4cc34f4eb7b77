package provider_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// newRegistry is an issuer at which clients register themselves.
func newRegistry(t *testing.T, change func(*provider.Config)) *fixture {
	t.Helper()
	return newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		c.Registration = &provider.Registration{AllowAnonymous: true}
		if change != nil {
			change(c)
		}
	}})
}

// registered is what a registration answers.
type registered struct {
	status int
	header http.Header
	doc    map[string]any
	Error  string
}

func (r registered) text(name string) string {
	s, _ := r.doc[name].(string)
	return s
}

// manage sends a request to the registration endpoint, or to a client's own
// address; without a path that is absolute, the former.
func (f *fixture) manage(method, address, bearer, body string) registered {
	f.t.Helper()
	if address == "" {
		address = f.base + "/register"
	}
	req, err := http.NewRequestWithContext(f.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	a := f.send(f.client, req)
	r := registered{status: a.status, header: a.header, doc: map[string]any{}}
	if a.body != "" {
		if err := json.Unmarshal([]byte(a.body), &r.doc); err != nil {
			f.t.Fatalf("status %d: %s", a.status, a.body)
		}
	}
	r.Error = r.text("error")
	return r
}

// register registers metadata, which must work.
func (f *fixture) register(metadata map[string]any) registered {
	f.t.Helper()
	r := f.manage(http.MethodPost, "", "", jsonText(f.t, metadata))
	if r.status != http.StatusCreated {
		f.t.Fatalf("registration: %d %v", r.status, r.doc)
	}
	return r
}

func jsonText(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func appMetadata(changes ...any) map[string]any {
	m := map[string]any{"redirect_uris": []string{redirectURI}, "grant_types": []string{"authorization_code", "refresh_token"}}
	for i := 0; i+1 < len(changes); i += 2 {
		m[changes[i].(string)] = changes[i+1]
		if changes[i+1] == nil {
			delete(m, changes[i].(string))
		}
	}
	return m
}

// login signs a person in for a registered client and redeems the code.
func (f *fixture) login(c registered) tokenResponse {
	f.t.Helper()
	id := c.text("client_id")
	code := f.code("client_id", id, "scope", "openid profile email offline_access")
	return f.redeemAs(c, codeForm(code))
}

func (f *fixture) redeemAs(c registered, form url.Values) tokenResponse {
	f.t.Helper()
	req := f.newRequest(http.MethodPost, "/token", form)
	req.SetBasicAuth(c.text("client_id"), c.text("client_secret"))
	return f.do(req)
}

// RFC 7591 §3.2.1, RFC 7592: a client registers, works, reads itself, changes
// and is gone, with everything it was granted, at once.
func TestRegistrationLife(t *testing.T) {
	f := newRegistry(t, nil)
	c := f.register(appMetadata("client_name", "Shop", "unheard_of", 1, "logo_uri", nil, "tos_uri", json.RawMessage("null")))
	id, token, address := c.text("client_id"), c.text("registration_access_token"), c.text("registration_client_uri")
	if len(id) < 22 || len(c.text("client_secret")) < 43 || len(token) < 43 || !strings.HasPrefix(address, f.base+"/register?") ||
		c.doc["client_secret_expires_at"] != 0.0 || c.doc["client_id_issued_at"].(float64) < 1e9 || c.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v %v", c.doc, c.header)
	}
	for name, want := range map[string]string{
		"client_name": "Shop", "token_endpoint_auth_method": "client_secret_basic", "id_token_signed_response_alg": "RS256",
		"subject_type": "public", "application_type": "web",
	} {
		if c.text(name) != want {
			t.Errorf("%s = %v", name, c.doc[name])
		}
	}
	if _, has := c.doc["unheard_of"]; has {
		t.Error("an unknown member was registered")
	}
	res := f.login(c)
	if res.status != http.StatusOK || res.Refresh == "" || claims(t, res.ID)["aud"] != id || !f.alive(res.Access) {
		t.Fatalf("%+v", res)
	}
	read := f.manage(http.MethodGet, address, token, "")
	if read.status != http.StatusOK || read.text("client_secret") != "" || read.text("registration_access_token") != token ||
		read.text("client_name") != "Shop" || read.text("registration_client_uri") != address {
		t.Errorf("%d %v", read.status, read.doc)
	}
	changed := f.manage(http.MethodPut, address, token, jsonText(t, appMetadata("client_id", id, "client_secret", c.text("client_secret"), "client_uri", "https://app.example")))
	if changed.status != http.StatusOK || changed.text("client_name") != "" || changed.text("client_uri") != "https://app.example" || changed.text("client_secret") != "" {
		t.Errorf("%d %v", changed.status, changed.doc)
	}
	if again := f.redeemAs(c, refreshForm(res.Refresh)); again.status != http.StatusOK {
		t.Errorf("after a change: %+v", again)
	} else {
		res = again
	}
	code := f.code("client_id", id)
	if gone := f.manage(http.MethodDelete, address, token, ""); gone.status != http.StatusNoContent || len(gone.doc) != 0 {
		t.Errorf("%d %v", gone.status, gone.doc)
	}
	f.isGone(c, res, code)
	for _, want := range []oidckit.EventName{oidckit.EventClientRegistered, oidckit.EventClientUpdated, oidckit.EventClientDeleted} {
		if e, ok := f.watch.last(want); !ok || e.ClientID != id {
			t.Errorf("%s: %+v", want, e)
		}
	}
}

// isGone checks that nothing of a deleted client works any more.
func (f *fixture) isGone(c registered, res tokenResponse, code string) {
	f.t.Helper()
	id, token, address := c.text("client_id"), c.text("registration_access_token"), c.text("registration_client_uri")
	for name, form := range map[string]url.Values{"code": codeForm(code), "refresh token": refreshForm(res.Refresh)} {
		if r := f.redeemAs(c, form); r.status != http.StatusUnauthorized || r.Error != "invalid_client" {
			f.t.Errorf("%s of a deleted client: %+v", name, r)
		}
	}
	if f.alive(res.Access) {
		f.t.Error("an access token of a deleted client opens userinfo")
	}
	if a := f.browse(http.MethodGet, "/authorize?"+request("client_id", id).Encode(), nil); a.status != http.StatusBadRequest || a.location != "" {
		f.t.Errorf("authorization of a deleted client: %d %s", a.status, a.location)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		// RFC 7592 §2.1: 401, and not that it is gone
		if r := f.manage(method, address, token, ""); r.status != http.StatusUnauthorized || r.Error != "invalid_token" {
			f.t.Errorf("%s of a deleted client: %d %v", method, r.status, r.doc)
		}
	}
	if _, _, err := f.op.Stores.Grants.RefreshToken(f.t.Context(), oidckit.HashToken(res.Refresh)); !errors.Is(err, oidckit.ErrNotFound) {
		f.t.Errorf("the grant is still stored: %v", err)
	}
}

// A client_id that is given again brings back nothing of the client before.
func TestReusedClientID(t *testing.T) {
	f := newRegistry(t, nil)
	c := f.register(appMetadata())
	res := f.login(c)
	id := c.text("client_id")
	old, err := f.op.Stores.Registrations.Registration(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	// Its grants stay, as they would after a crash in the middle.
	giveAgain := func(at time.Time) {
		old.Client.CreatedAt = at
		err := f.op.Stores.Registrations.DeleteRegistration(t.Context(), id, 0)
		if err = errors.Join(err, f.op.Stores.Registrations.CreateRegistration(t.Context(), old)); err != nil {
			t.Fatal(err)
		}
	}
	giveAgain(time.Now().Add(time.Hour))
	if r := f.redeemAs(c, refreshForm(res.Refresh)); r.Error != "invalid_grant" {
		t.Errorf("refresh token: %+v", r)
	}
	if f.alive(res.Access) {
		t.Error("access token")
	}
	consent, err := f.op.Stores.Consents.Consent(t.Context(), oidctest.Subject, id)
	if err != nil {
		t.Fatal(err)
	}
	consent.GrantedAt = time.Now().Add(-time.Hour)
	if err := f.op.Stores.Consents.PutConsent(t.Context(), consent); err != nil {
		t.Fatal(err)
	}
	giveAgain(time.Now())
	f.browser.Seen = nil
	f.authorize("client_id", id, "scope", "openid profile email offline_access")
	if !slices.Contains(f.browser.Seen, "/consent") {
		t.Errorf("the old client's consent counts: %v", f.browser.Seen)
	}
}

// RFC 7591 §3.2.2, ATK-264: what is refused, by its code, with nothing stored
// and nobody called.
func TestRegistrationRefusals(t *testing.T) {
	f := newRegistry(t, nil)
	unsigned := encode(`{"alg":"none"}`) + "." + encode(`{}`) + "."
	for name, row := range map[string]struct {
		metadata any
		status   int
		code     string
	}{
		"oidcc-redirect-uri-regfrag":   {appMetadata("redirect_uris", []string{redirectURI + "#x"}), 400, "invalid_redirect_uri"},
		"no redirect URI":              {appMetadata("redirect_uris", nil), 400, "invalid_redirect_uri"},
		"redirect by script":           {appMetadata("redirect_uris", []string{"javascript:x"}), 400, "invalid_redirect_uri"},
		"unknown grant":                {appMetadata("grant_types", []string{"password"}), 400, "invalid_client_metadata"},
		"client_credentials":           {appMetadata("grant_types", []string{"authorization_code", "client_credentials"}), 400, "invalid_client_metadata"},
		"inconsistent":                 {appMetadata("grant_types", []string{"refresh_token"}, "response_types", []string{"code"}), 400, "invalid_client_metadata"},
		"ID tokens for its eyes only":  {appMetadata("id_token_encrypted_response_alg", "RSA-OAEP-256"), 400, "invalid_client_metadata"},
		"userinfo for its eyes only":   {appMetadata("userinfo_encrypted_response_alg", "ECDH-ES"), 400, "invalid_client_metadata"},
		"wrong type":                   {appMetadata("contacts", "me"), 400, "invalid_client_metadata"},
		"jwks_uri inside":              {appMetadata("jwks_uri", "https://169.254.169.254/jwks"), 400, "invalid_client_metadata"},
		"sector inside":                {appMetadata("sector_identifier_uri", "https://127.0.0.1/s"), 400, "invalid_client_metadata"},
		"logo inside":                  {appMetadata("logo_uri", "https://localhost/logo.png"), 400, "invalid_client_metadata"},
		"request_uris inside":          {appMetadata("request_uris", []string{"https://10.0.0.1/r"}), 400, "invalid_client_metadata"},
		"initiate_login_uri inside":    {appMetadata("initiate_login_uri", "https://[::1]/x"), 400, "invalid_client_metadata"},
		"backchannel inside":           {appMetadata("backchannel_logout_uri", "https://192.168.0.1/x"), 400, "invalid_client_metadata"},
		"jwks and jwks_uri":            {appMetadata("jwks_uri", "https://a.example/jwks", "jwks", map[string]any{"keys": []any{}}), 400, "invalid_client_metadata"},
		"a client_id of its own":       {appMetadata("client_id", "web"), 400, "invalid_client_metadata"},
		"a secret of its own":          {appMetadata("client_secret", "secret-secret-secret"), 400, "invalid_client_metadata"},
		"a token of its own":           {appMetadata("registration_access_token", "secret-secret-secret"), 400, "invalid_client_metadata"},
		"software_statement alg none":  {appMetadata("software_statement", unsigned), 400, "invalid_software_statement"},
		"software_statement":           {appMetadata("software_statement", encode(`{"alg":"ES256"}`)+"."+encode(`{}`)+"."+encode(strings.Repeat("x", 64))), 400, "unapproved_software_statement"},
		"ATK-214 a name that is HTML":  {appMetadata("client_name", "<b>Bank</b>"), 400, "invalid_client_metadata"},
		"ATK-214 a logo by script":     {appMetadata("logo_uri", "javascript:alert(1)"), 400, "invalid_client_metadata"},
		"pairwise, which is off":       {appMetadata("subject_type", "pairwise"), 400, "invalid_client_metadata"},
		"an array":                     {[]int{1}, 400, "invalid_client_metadata"},
		"ATK-214 policy_uri of 1 MB":   {appMetadata("policy_uri", "https://a.example/"+strings.Repeat("x", 1<<20)), 413, "invalid_request"},
		"a null where something stood": {map[string]any{"redirect_uris": nil}, 400, "invalid_redirect_uri"},
	} {
		r := f.manage(http.MethodPost, "", "", jsonText(t, row.metadata))
		if r.status != row.status || r.Error != row.code || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", name, r.status, r.doc)
		}
	}
	for name, body := range map[string]string{"twice": `{"redirect_uris":["https://a.example"],"redirect_uris":["https://b.example"]}`, "broken": `{`, "two": `{}{}`} {
		if r := f.manage(http.MethodPost, "", "", body); r.status != 400 || r.Error != "invalid_client_metadata" {
			t.Errorf("%s: %d %v", name, r.status, r.doc)
		}
	}
	form := f.newRequest(http.MethodPost, "/register", url.Values{"redirect_uris": {redirectURI}})
	if a := f.send(f.client, form); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %d", a.status)
	}
	for _, method := range []string{http.MethodPatch, http.MethodOptions, http.MethodHead} {
		if a := f.send(f.client, f.newRequest(method, "/register", nil)); a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, a.status)
		}
	}
	if _, total, err := f.op.Stores.Registrations.ListRegistrations(t.Context(), 0, 1); total != 0 || err != nil {
		t.Errorf("%d clients are stored, %v", total, err)
	}
	if a := newFixture(t, oidctest.Config{}).browse(http.MethodPost, "/register", url.Values{}); a.status != http.StatusNotFound {
		t.Errorf("where registration is off: %d", a.status)
	}
}

// RFC 7591 §3: initial access tokens, by list and by function.
func TestInitialAccessTokens(t *testing.T) {
	down := errors.New("directory is down")
	f := newRegistry(t, func(c *provider.Config) {
		c.Registration = &provider.Registration{
			InitialAccessTokens: []oidckit.TokenHash{oidckit.HashToken("first-initial-token"), oidckit.HashToken("second-initial-token")},
			CheckInitialAccessToken: func(_ context.Context, token string) (bool, error) {
				if token == "unlucky-initial-token" {
					return false, down
				}
				return token == "issued-initial-token", nil
			},
		}
	})
	body := jsonText(t, appMetadata())
	for token, status := range map[string]int{
		"": 401, "wrong-initial-token": 401, "first-initial-token": 201, "second-initial-token": 201, "issued-initial-token": 201, "unlucky-initial-token": 503,
	} {
		r := f.manage(http.MethodPost, "", token, body)
		challenge := r.header.Get("WWW-Authenticate")
		if r.status != status || (status == 401) != strings.HasPrefix(challenge, "Bearer ") || status == 401 && (token != "") != strings.Contains(challenge, "invalid_token") {
			t.Errorf("%q: %d %v %q", token, r.status, r.doc, challenge)
		}
	}
	open := newRegistry(t, nil)
	if r := open.manage(http.MethodPost, "", "wrong-initial-token", body); r.status != http.StatusUnauthorized {
		t.Errorf("a wrong token where none is needed: %d", r.status)
	}
}

// RFC 7592 §2: who may manage, and what an update must say.
func TestRegistrationManagement(t *testing.T) {
	f := newRegistry(t, nil)
	c, other := f.register(appMetadata()), f.register(appMetadata())
	id, token, address := c.text("client_id"), c.text("registration_access_token"), c.text("registration_client_uri")
	for name, row := range map[string]struct{ address, bearer string }{
		"no token":             {address, ""},
		"another's token":      {address, other.text("registration_access_token")},
		"an unknown client":    {f.base + "/register?client_id=nobody", token},
		"a configured client":  {f.base + "/register?client_id=web", token},
		"no client":            {f.base + "/register", token},
		"an access token":      {address, f.tokens().Access},
		"the client's secret":  {address, c.text("client_secret")},
		"a token with a comma": {address, token + ",x"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			if r := f.manage(method, row.address, row.bearer, jsonText(t, appMetadata("client_id", id))); r.status != http.StatusUnauthorized || r.Error != "invalid_token" {
				t.Errorf("%s %s: %d %v", method, name, r.status, r.doc)
			}
		}
	}
	for name, row := range map[string]struct {
		metadata map[string]any
		code     string
	}{
		"without client_id":               {appMetadata(), "invalid_client_metadata"},
		"another client_id":               {appMetadata("client_id", other.text("client_id")), "invalid_client_metadata"},
		"a secret of its own":             {appMetadata("client_id", id, "client_secret", "my-own-secret-my-own-secret"), "invalid_client_metadata"},
		"with registration_access_token":  {appMetadata("client_id", id, "registration_access_token", token), "invalid_client_metadata"},
		"with registration_client_uri":    {appMetadata("client_id", id, "registration_client_uri", address), "invalid_client_metadata"},
		"with client_id_issued_at":        {appMetadata("client_id", id, "client_id_issued_at", 1), "invalid_client_metadata"},
		"with client_secret_expires_at":   {appMetadata("client_id", id, "client_secret_expires_at", 0), "invalid_client_metadata"},
		"with a bad redirect URI":         {appMetadata("client_id", id, "redirect_uris", []string{"http://a.example"}), "invalid_redirect_uri"},
		"with a grant that is not its to": {appMetadata("client_id", id, "grant_types", []string{"authorization_code", "client_credentials"}), "invalid_client_metadata"},
	} {
		if r := f.manage(http.MethodPut, address, token, jsonText(t, row.metadata)); r.status != http.StatusBadRequest || r.Error != row.code {
			t.Errorf("%s: %d %v", name, r.status, r.doc)
		}
	}
	if r := f.manage(http.MethodPost, address, token, jsonText(t, appMetadata())); r.status != http.StatusMethodNotAllowed {
		t.Errorf("POST to a client's address: %d", r.status)
	}
	if r := f.manage(http.MethodGet, address, token, ""); r.status != http.StatusOK {
		t.Errorf("the client is not what it was: %d %v", r.status, r.doc)
	}
	t.Run("a client that turns public loses its secret, and back gets another", func(t *testing.T) {
		f := f.sub(t)
		r := f.manage(http.MethodPut, address, token, jsonText(t, appMetadata("client_id", id, "token_endpoint_auth_method", "none")))
		if _, has := r.doc["client_secret_expires_at"]; r.status != http.StatusOK || has {
			t.Errorf("%d %v", r.status, r.doc)
		}
		r = f.manage(http.MethodPut, address, token, jsonText(t, appMetadata("client_id", id)))
		if r.status != http.StatusOK || r.text("client_secret") == "" || r.text("client_secret") == c.text("client_secret") {
			t.Errorf("%d %v", r.status, r.doc)
		}
		if res := f.login(r); res.status != http.StatusOK {
			t.Errorf("the new secret: %+v", res)
		}
		if res := f.redeemAs(c, refreshForm("x")); res.Error != "invalid_client" {
			t.Errorf("the old secret: %+v", res)
		}
	})
}

// What the app decides: scopes, grants, refusals, and that its faults are its
// own.
func TestRegistrationPolicy(t *testing.T) {
	f := newRegistry(t, func(c *provider.Config) {
		c.Registration.Scopes = []string{"orders:read"}
		c.Registration.Policy = func(_ context.Context, m *oidckit.ClientMetadata) error {
			switch m.ClientName {
			case "robot":
				m.GrantTypes = append(m.GrantTypes, "client_credentials")
				m.Scope += " stock:read"
			case "evil":
				return oidckit.NewError(oidckit.InvalidClientMetadata, "not here").WithStatus(http.StatusForbidden)
			case "unlucky":
				return errors.New("a private cause")
			case "mistaken":
				m.RedirectURIs = []string{"http://a.example"}
			}
			return nil
		}
	})
	robot := f.register(appMetadata("client_name", "robot", "scope", "openid orders:read orders:write unheard_of"))
	if robot.text("scope") != "openid orders:read stock:read" || !strings.Contains(fmt.Sprint(robot.doc["grant_types"]), "client_credentials") {
		t.Errorf("%v", robot.doc)
	}
	if r := f.redeemAs(robot, url.Values{"grant_type": {"client_credentials"}, "scope": {"stock:read"}}); r.status != http.StatusOK {
		t.Errorf("%+v", r)
	}
	// What it was given it may keep.
	kept := f.manage(http.MethodPut, robot.text("registration_client_uri"), robot.text("registration_access_token"),
		jsonText(t, appMetadata("client_id", robot.text("client_id"), "scope", robot.text("scope"), "grant_types", robot.doc["grant_types"])))
	if kept.status != http.StatusOK || kept.text("scope") != robot.text("scope") {
		t.Errorf("%d %v", kept.status, kept.doc)
	}
	for name, want := range map[string]int{"evil": 403, "unlucky": 503, "mistaken": 400} {
		if r := f.manage(http.MethodPost, "", "", jsonText(t, appMetadata("client_name", name))); r.status != want || strings.Contains(fmt.Sprint(r.doc), "private") {
			t.Errorf("%s: %d %v", name, r.status, r.doc)
		}
	}
}

// What strangers can fill has an end, and secrets may have one.
func TestRegistrationLimits(t *testing.T) {
	f := newRegistry(t, func(c *provider.Config) {
		c.Registration.MaxClients, c.Registration.SecretLifetime = 2, time.Hour
	})
	c := f.register(appMetadata())
	if ends := c.doc["client_secret_expires_at"].(float64); ends < float64(time.Now().Unix()) || ends > float64(time.Now().Add(time.Hour).Unix()) {
		t.Errorf("client_secret_expires_at %v", ends)
	}
	f.register(appMetadata())
	if r := f.manage(http.MethodPost, "", "", jsonText(t, appMetadata())); r.status != http.StatusServiceUnavailable || r.Error != "temporarily_unavailable" {
		t.Errorf("%d %v", r.status, r.doc)
	}
	id, address, token := c.text("client_id"), c.text("registration_client_uri"), c.text("registration_access_token")
	reg, err := f.op.Stores.Registrations.Registration(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	reg.Client.SecretExpiresAt = time.Now().Add(-time.Second)
	if err := f.op.Stores.Registrations.UpdateRegistration(t.Context(), reg); err != nil {
		t.Fatal(err)
	}
	if r := f.redeemAs(c, refreshForm("x")); r.Error != "invalid_client" {
		t.Errorf("an expired secret: %+v", r)
	}
	next := f.manage(http.MethodPut, address, token, jsonText(t, appMetadata("client_id", id)))
	if next.status != http.StatusOK || next.text("client_secret") == "" {
		t.Errorf("%d %v", next.status, next.doc)
	}
	if r := f.redeemAs(next, refreshForm("x")); r.Error != "invalid_grant" {
		t.Errorf("the renewed secret: %+v", r)
	}
	if r := f.manage(http.MethodDelete, address, token, ""); r.status != http.StatusNoContent {
		t.Errorf("%d", r.status)
	}
	f.register(appMetadata())
}

// Two replicas that share a store know the same clients at once.
func TestRegistrationOnTwoReplicas(t *testing.T) {
	f := newRegistry(t, nil)
	cfg := f.watch.config
	second := newProvider(t, cfg)
	other := &http.Client{Transport: second.LocalTransport(nil)}
	ask := func(c registered) int {
		req := f.newRequest(http.MethodPost, "/token", refreshForm("x"))
		req.SetBasicAuth(c.text("client_id"), c.text("client_secret"))
		return f.send(other, req).status
	}
	c := f.register(appMetadata())
	if status := ask(c); status != http.StatusBadRequest {
		t.Errorf("a new client is not known: %d", status)
	}
	f.manage(http.MethodDelete, c.text("registration_client_uri"), c.text("registration_access_token"), "")
	if status := ask(c); status != http.StatusUnauthorized {
		t.Errorf("a deleted client is known: %d", status)
	}
}

// Fetch Standard §3.2: the answer of token and userinfo is for the origins of
// the client it is about, and a preflight, which names no client, for any.
func TestRegisteredOrigins(t *testing.T) {
	f := newRegistry(t, nil)
	f.register(appMetadata("redirect_uris", []string{"https://other.example/cb"}))
	c := f.register(appMetadata("redirect_uris", []string{redirectURI, "https://own.example/cb"}))
	res := f.login(c)
	for origin, ok := range map[string]bool{"https://own.example": true, "https://other.example": false, "https://evil.example": false} {
		for path, req := range map[string]*http.Request{
			"/token": f.newRequest(http.MethodPost, "/token", refreshForm("x")), "/userinfo": f.newRequest(http.MethodGet, "/userinfo", nil),
		} {
			req.Header.Set("Origin", origin)
			if path == "/token" {
				req.SetBasicAuth(c.text("client_id"), c.text("client_secret"))
			} else {
				req.Header.Set("Authorization", "Bearer "+res.Access)
			}
			a := f.send(f.client, req)
			if got := a.header.Get("Access-Control-Allow-Origin"); (got == origin) != ok || got != "" && got != origin || a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s from %s: %q", path, origin, got)
			}
			pre := f.newRequest(http.MethodOptions, path, nil)
			pre.Header = http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}}
			if a := f.send(f.client, pre); a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Origin") != origin {
				t.Errorf("preflight of %s from %s: %d %v", path, origin, a.status, a.header)
			}
		}
	}
	stranger := f.newRequest(http.MethodPost, "/token", refreshForm("x"))
	stranger.Header.Set("Origin", "https://own.example")
	stranger.SetBasicAuth(c.text("client_id"), "wrong-secret-wrong-secret")
	if a := f.send(f.client, stranger); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("who is not the client reads the answer")
	}
}

// Every problem of the settings is named.
func TestRegistrationConfig(t *testing.T) {
	c := goodConfig(t)
	c.Stores.Registrations = nil
	c.Registration = &provider.Registration{InitialAccessTokens: []oidckit.TokenHash{{}}, Scopes: []string{"nope"}, MaxClients: -1, SecretLifetime: time.Second}
	c.ClientAdmin = &provider.ClientAdmin{Path: "admin/"}
	c.Pairwise = &provider.Pairwise{Salt: make([]byte, 32)}
	_, err := provider.New(c)
	for _, want := range []string{
		"Registration: Stores.Registrations", "InitialAccessTokens", "Registration.Scopes", "MaxClients", "SecretLifetime",
		"ClientAdmin: Stores.Registrations", "ClientAdmin.Path", "Pairwise.Salt",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named: %v", want, err)
		}
	}
	c = goodConfig(t)
	c.Registration = &provider.Registration{}
	if _, err := provider.New(c); err == nil || !strings.Contains(err.Error(), "AllowAnonymous") {
		t.Errorf("%v", err)
	}
}

// A client that is changed or deleted while somebody signs in for it gets no
// answer at an address that is not its own any more.
func TestClientChangesDuringLogin(t *testing.T) {
	for name, change := range map[string]func(f *fixture, c registered) registered{
		"deleted": func(f *fixture, c registered) registered {
			return f.manage(http.MethodDelete, c.text("registration_client_uri"), c.text("registration_access_token"), "")
		},
		"moved": func(f *fixture, c registered) registered {
			return f.manage(http.MethodPut, c.text("registration_client_uri"), c.text("registration_access_token"),
				jsonText(f.t, appMetadata("client_id", c.text("client_id"), "redirect_uris", []string{"https://new.example/cb"})))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newRegistry(t, nil)
			c := f.register(appMetadata())
			_, form := f.loginPage("client_id", c.text("client_id"))
			if r := change(f, c); r.status >= 300 {
				t.Fatalf("%d %v", r.status, r.doc)
			}
			if a := f.browse(http.MethodPost, "/login", form); a.location != "" || a.status != http.StatusBadRequest || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				t.Errorf("%d %q", a.status, a.location)
			}
		})
	}
}
