package admin_test

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/admin"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/internal/adminapi"
)

// withSecrets answers secrets in clear, as the documents do.
func withSecrets(s *settings) { s.admin.AllowSecretsInAnswers = true }

// withCustomerKey is the scheme of the documents' own clients.
func withCustomerKey(s *settings) {
	s.admin.Guard, s.admin.CustomerKey = nil, &admin.CustomerKey{
		Replay: s.set.Replay,
		APIKeys: func(_ context.Context, customer string) ([]string, error) {
			return map[string][]string{"334709": {"the api key", "the next one"}}[customer], nil
		},
	}
}

// signed returns the headers of the documents' samples.
func signed(at time.Time, customer, key string) []string {
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	sum := sha512.Sum512([]byte(customer + stamp + key))
	return []string{"Customer-Key", customer, "Timestamp", stamp, "Authorization", hex.EncodeToString(sum[:]), "X-Operator", ""}
}

// listed stores the records of the documents' list.
func listed(t *testing.T, a *api) []*broker.IdentityProvider {
	t.Helper()
	var doc struct {
		IDPList struct{ Resources []json.RawMessage }
	}
	if err := json.Unmarshal([]byte(golden(t, "C2_list_answer.json")), &doc); err != nil {
		t.Fatal(err)
	}
	var stored []*broker.IdentityProvider
	for i, body := range doc.IDPList.Resources {
		short := []string{"custom_oauth", "azure_b2c", "custom_oauth"}[i]
		members := map[string]any{"identifier": short}
		if i == 0 {
			members["displayName"] = "Okta Admin Dev Prod"
		}
		p := a.create(changed(t, string(body), members))
		if i == 0 {
			p = a.ask("PUT", "/"+p.UUID, changed(t, string(body), map[string]any{"identifier": short}), "If-Match", "*").doc.IDP
		}
		stored = append(stored, p)
	}
	return stored
}

func TestSeedC1CustomerKey(t *testing.T) {
	a := newAPI(t, withCustomerKey)
	now := time.Now()
	if got := a.ask("GET", "?startIndex=0&count=10", "", signed(now, "334709", "the api key")...); got.status != 200 {
		t.Fatalf("the documents' request: %d %s", got.status, got.body)
	}
	// With an Api-Key header, which is not looked at and not logged; and changes
	// without If-Match, which these clients do not know.
	key := append(signed(now.Add(time.Millisecond), "334709", "the next one"), "Api-Key", "in-the-clear")
	created := a.ask("POST", "", golden(t, "C4_create_request.json"), key...)
	if created.status != 201 {
		t.Fatalf("with Api-Key: %d %s", created.status, created.body)
	}
	path := "/" + created.doc.IDP.UUID
	if got := a.ask("PUT", path, golden(t, "C5_replace_request.json"), signed(now.Add(2*time.Millisecond), "334709", "the api key")...); got.status != 200 {
		t.Errorf("a change: %d %s", got.status, got.body)
	}
	if got := a.ask("DELETE", path, "", signed(now.Add(3*time.Millisecond), "334709", "the api key")...); got.status != 204 {
		t.Errorf("a deletion: %d %s", got.status, got.body)
	}
	if got := strings.Join(a.taken(), "|"); got != "identity_provider.created by 334709 |identity_provider.updated by 334709 |identity_provider.deleted by 334709 " {
		t.Errorf("events %q", got)
	}
	if strings.Contains(a.log.String(), "in-the-clear") {
		t.Errorf("logged %s", a.log)
	}
	// It is off by default.
	if got := newAPI(t, nil).ask("GET", "", "", signed(now, "334709", "the api key")...); got.status != 401 {
		t.Errorf("with another guard: %d", got.status)
	}
}

func TestSeedC2List(t *testing.T) {
	a := newAPI(t, withSecrets)
	stored := listed(t, a)
	got := a.ask("GET", "?startIndex=0&count=10", "")
	if got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	sameDocument(t, got.body, "C2_list_answer.json")
	if byDefault := a.ask("GET", "", ""); strings.Replace(string(byDefault.body), byDefault.doc.Timestamp, got.doc.Timestamp, 1) != string(got.body) {
		t.Errorf("by default: %s", byDefault.body)
	}
	for query, want := range map[string][4]int{ // total, start, per page, found
		"?count=2":               {3, 0, 2, 2},
		"?startIndex=2":          {3, 2, 10, 1},
		"?startIndex=9&count=5":  {3, 9, 5, 0},
		"?count=0":               {3, 0, 0, 0},
		"?count=1000000":         {3, 0, 1000, 3},
		"?startIndex=1&count=1":  {3, 1, 1, 1},
		"?startIndex=&count=":    {3, 0, 10, 3},
		"?startIndex=1073741824": {3, 1073741824, 10, 0},
	} {
		page := a.ask("GET", query, "").doc.IDPList
		if page == nil || [4]int{page.TotalResults, page.StartIndex, page.ItemsPerPage, len(page.Resources)} != want {
			t.Errorf("%s: %+v", query, page)
		} else if len(page.Resources) == 1 && page.Resources[0].UUID != stored[page.StartIndex].UUID {
			t.Errorf("%s: another record", query)
		}
	}
	if other := newAPI(t, withSecrets).ask("GET", "", ""); !strings.Contains(string(other.body), `"resources":[]`) {
		t.Errorf("an empty list: %s", other.body)
	}
}

func TestSeedC3Get(t *testing.T) {
	a := newAPI(t, withSecrets)
	p := a.create(golden(t, "C4_create_request.json"))
	got := a.ask("GET", "/"+p.UUID, "")
	if got.status != 200 || got.doc.Details != "uri=/v1/oauth/"+p.UUID || got.header.Get("ETag") != `"1"` {
		t.Errorf("%d %s %v", got.status, got.body, got.header)
	}
	sameDocument(t, got.body, "C3_get_answer.json")
	at, err := time.Parse("2006-01-02T15:04:05.000Z", got.doc.Timestamp)
	if distance := time.Since(at).Abs(); err != nil || distance > time.Minute {
		t.Errorf("timestamp %s is %v away, %v", got.doc.Timestamp, distance, err)
	}
	unknown := "/a3564079-a229-421d-9af7-20972f1df1c0"
	got = a.ask("GET", unknown, "")
	if got.status != 404 || got.doc.Status != "FAILED" || got.doc.StatusCode != 404 || got.doc.Details != "uri=/v1/oauth"+unknown {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, path := range []string{"/", "/none", "/" + strings.ToUpper(p.UUID), "/" + p.UUID + "/", "/" + p.UUID + "x", "/%2e%2e", "/<script>"} {
		if got := a.ask("GET", path, ""); got.status == 200 || strings.Contains(string(got.body), "script") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestSeedC4Create(t *testing.T) {
	a := newAPI(t, withSecrets)
	request := golden(t, "C4_create_request.json")
	got := a.ask("POST", "", request)
	if got.status != 201 || got.header.Get("ETag") != `"1"` || got.header.Get("Location") != a.prefix+"/"+got.doc.IDP.UUID {
		t.Fatalf("%d %s %v", got.status, got.body, got.header)
	}
	a.described.checkRequest(t, request)
	sameDocument(t, got.body, "C4_create_answer.json")
	if got.doc.IDP.OAuthCallbackURL != "https://app.example.com/broker/callback/"+got.doc.IDP.UUID {
		t.Errorf("callback %q", got.doc.IDP.OAuthCallbackURL)
	}
	if again := a.ask("POST", "", request); again.status != 409 || again.fields() != "identifier" {
		t.Errorf("a taken identifier: %d %s", again.status, again.body)
	}
	// Only what the documents say is needed; and what an answer has.
	least := `{"identifier":"least","displayName":"Least","authorizeEndpoint":"https://a.example/a","tokenEndpoint":"https://a.example/t",
		"userInfoEndpoint":"https://a.example/u","clientId":"c","clientSecret":"s","grantType":"AUTHORIZATION"}`
	p := a.create(least)
	if p.ShowIDPToUsers || p.IsDefault || p.SignRequest || p.EndUserLogin || p.ClientCredentialsHeaderEnabled || p.SendScopeInTokenRequest ||
		p.PromptForUserRegistration || p.SendConfiguredAttributes || len(p.Scope) != 0 || p.IntrospectionEndpoint != "" {
		t.Errorf("defaults: %+v", p)
	}
	p = a.create(changed(t, least, map[string]any{"identifier": "more", "isDefault": true, "signRequest": true, "uuid": "mine", "oauthCallBackUrl": "https://evil.example/", "scope": []string{"OPENID", "User.Read"}}))
	if !p.IsDefault || !p.SignRequest || p.UUID == "mine" || strings.Contains(p.OAuthCallbackURL, "evil") || fmt.Sprint(p.Scope) != "[openid User.Read]" {
		t.Errorf("%+v", p)
	}
	bad := changed(t, request, map[string]any{"identifier": "A b", "tokenEndpoint": "http://127.0.0.1/", "grantType": nil, "clientId": 1, "colour": "red", "isAdmin": true, "showIdpToUsers": "true"})
	if got := a.ask("POST", "", bad); got.status != 400 || got.fields() != "clientId colour grantType identifier isAdmin showIdpToUsers tokenEndpoint" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if total := a.ask("GET", "", "").doc.IDPList.TotalResults; total != 3 {
		t.Errorf("%d records", total)
	}
}

func TestSeedC5Replace(t *testing.T) {
	a := newAPI(t, withSecrets)
	request := golden(t, "C5_replace_request.json")
	p := a.create(golden(t, "C4_create_request.json"))
	path := "/" + p.UUID
	got := a.ask("PUT", path, request, "If-Match", `"1"`)
	if got.status != 200 || got.header.Get("ETag") != `"2"` {
		t.Fatalf("%d %s", got.status, got.body)
	}
	sameDocument(t, got.body, "C5_replace_answer.json")
	// The whole record is replaced; its identifier stays.
	bare := changed(t, request, map[string]any{"domainMapping": nil, "attributeMapping": nil, "scope": nil, "showIdpToUsers": nil, "displayName": "Other",
		"identifier": "custom_oauth_oauth_idp", "clientSecret": broker.MaskedSecret})
	got = a.ask("PUT", path, bare, "If-Match", `"2"`)
	if r := got.doc.IDP; got.status != 200 || r.DomainMapping != "" || len(r.AttributeMapping)+len(r.Scope) != 0 || r.ShowIDPToUsers || r.Identifier != p.Identifier || r.ClientSecret != "clientSecret" {
		t.Errorf("%d %s", got.status, got.body)
	}
	// What was got can be put.
	whole, err := json.Marshal(got.doc.IDP)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.ask("PUT", path, string(whole), "If-Match", `"3"`); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := a.ask("PUT", path, changed(t, request, map[string]any{"identifier": "other", "x": 1, "clientSecret": broker.MaskedSecret, "grantType": ""}), "If-Match", "*"); got.status != 400 || got.fields() != "grantType x" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := a.ask("PUT", path, changed(t, request, map[string]any{"identifier": "other"}), "If-Match", "*"); got.status != 400 || got.fields() != "identifier" {
		t.Errorf("another identifier: %d %s", got.status, got.body)
	}
	// A second default takes it from the first, which has another version then.
	a.ask("PUT", path, changed(t, request, map[string]any{"isDefault": true}), "If-Match", "*")
	a.create(changed(t, request, map[string]any{"identifier": "second", "isDefault": true}))
	if got := a.ask("GET", path, ""); got.doc.IDP.IsDefault || got.header.Get("ETag") != `"6"` {
		t.Errorf("%s %v", got.body, got.header)
	}
	if got := a.ask("PUT", "/a3564079-a229-421d-9af7-20972f1df1c0", request, "If-Match", "*"); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestSeedC6Delete(t *testing.T) {
	var ended []string
	a := newAPI(t, func(s *settings) {
		s.admin.EndSessions = func(_ context.Context, uuid string) error {
			ended = append(ended, uuid)
			return nil
		}
	})
	p := a.create(golden(t, "C4_create_request.json"))
	got := a.ask("DELETE", "/"+p.UUID, "", "If-Match", `"1"`)
	if got.status != http.StatusNoContent || len(got.body) != 0 || len(ended) != 0 {
		t.Errorf("%d %q, ended %q", got.status, got.body, ended)
	}
	if got := a.ask("DELETE", "/"+p.UUID, "", "If-Match", "*"); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
	p = a.create(golden(t, "C4_create_request.json"))
	if got := a.ask("DELETE", "/"+p.UUID+"?endSessions=yes", "", "If-Match", "*"); got.status != 400 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := a.ask("DELETE", "/"+p.UUID+"?endSessions=true", "", "If-Match", "*"); got.status != 204 || len(ended) != 1 || ended[0] != p.UUID {
		t.Errorf("%d, ended %q", got.status, ended)
	}
}

func TestSeedC7Secrets(t *testing.T) {
	a := newAPI(t, nil)
	request := changed(t, golden(t, "C4_create_request.json"), map[string]any{"clientSecret": "very secret"})
	created := a.ask("POST", "", request)
	path := "/" + created.doc.IDP.UUID
	for what, got := range map[string]answer{
		"create": created, "get": a.ask("GET", path, ""), "list": a.ask("GET", "", ""),
		"replace": a.ask("PUT", path, request, "If-Match", adminapi.ETag(1)), "bad": a.ask("PUT", path, changed(t, request, map[string]any{"grantType": "x"}), "If-Match", "*"),
	} {
		if strings.Contains(string(got.body), "very secret") || got.status < 400 && !strings.Contains(string(got.body), `"clientSecret":"********"`) {
			t.Errorf("%s: %s", what, got.body)
		}
	}
	if strings.Contains(fmt.Sprintf("%s %+v", a.log, a.events), "very secret") {
		t.Error("logged or told")
	}
	kept := changed(t, request, map[string]any{"clientSecret": broker.MaskedSecret})
	if got := a.ask("PUT", path, kept, "If-Match", "*"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	p, err := a.registry.Get(t.Context(), created.doc.IDP.UUID)
	if err == nil {
		err = a.registry.Reveal(p)
	}
	if err != nil || p.ClientSecret != "very secret" {
		t.Errorf("%q, %v", p.ClientSecret, err)
	}
	if got := a.ask("POST", "", changed(t, kept, map[string]any{"identifier": "masked"})); got.status != 400 || got.fields() != "clientSecret" {
		t.Errorf("%d %s", got.status, got.body)
	}
	// One that cannot be opened hides no other: it stays masked.
	ring, err := oidckit.NewSecrets(bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	other := newAPI(t, func(s *settings) {
		withSecrets(s)
		s.registry.Store, s.registry.Secrets = a.set.IdentityProviders, ring
	})
	if got := other.ask("GET", "", ""); got.status != 200 || got.doc.IDPList.Resources[0].ClientSecret != broker.MaskedSecret {
		t.Errorf("%d %s", got.status, got.body)
	}
}
