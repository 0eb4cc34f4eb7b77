package admin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// more is what the answers have that are no record.
type more struct {
	Prepared *broker.IdentityProvider
	Presets  []struct {
		Name       string
		Parameters []struct{ Name, Example string }
	}
	Connection struct {
		OK    bool
		Steps []broker.ConnectionStep
	}
	Preview struct {
		Attributes map[string]any
		Absent     []string
	}
}

func (a *api) more(method, below, body string) (answer, more) {
	a.t.Helper()
	got := a.ask(method, below, body)
	var m more
	if err := json.Unmarshal(got.body, &m); err != nil {
		a.t.Fatalf("%s %s: %d %s", method, below, got.status, got.body)
	}
	return got, m
}

// Every preset leads to a record that can be stored.
func TestPresetsOverTheAPI(t *testing.T) {
	a := newAPI(t, nil)
	_, all := a.more("GET", "/presets", "")
	if len(all.Presets) != 10 {
		t.Errorf("%d presets", len(all.Presets))
	}
	for _, preset := range all.Presets {
		parameters := map[string]string{}
		for _, p := range preset.Parameters {
			parameters[p.Name] = p.Example
		}
		body, _ := json.Marshal(map[string]any{"preset": preset.Name, "parameters": parameters})
		got, m := a.more("POST", "/import", string(body))
		if got.status != 200 || m.Prepared == nil {
			t.Errorf("%s: %d %s", preset.Name, got.status, got.body)
			continue
		}
		record, _ := json.Marshal(m.Prepared)
		a.create(changed(t, string(record), map[string]any{"clientId": "c", "clientSecret": "s"}))
	}
	for body, fields := range map[string]string{
		`{}`: "url", `{"url":"https://a.example","preset":"okta"}`: "url", `{"preset":"other"}`: "preset", `{"preset":"okta"}`: "parameters.domain",
		`{"preset":"google","parameters":{"x":"y"}}`: "parameters", `{"url":"http://10.0.0.1"}`: "url", `{"uri":"x","preset":1}`: "preset uri",
	} {
		if got := a.ask("POST", "/import", body); got.status != 400 || got.fields() != fields {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

func TestConnectionOverTheAPI(t *testing.T) {
	op := oidctest.New(t, oidctest.Config{Clients: []oidckit.ClientMetadata{{
		ClientID: "broker", ClientSecret: "a secret of some length, for the broker", RedirectURIs: []string{"https://app.example.com/cb"},
	}}})
	a := newAPI(t, func(s *settings) { s.registry.Outbound.AllowLoopback = true })
	_, imported := a.more("POST", "/import", `{"url":"`+op.Issuer+`"}`)
	record, _ := json.Marshal(imported.Prepared)
	body := changed(t, string(record), map[string]any{"clientId": "broker", "clientSecret": "a secret of some length, for the broker", "identifier": "op"})
	if got, m := a.more("POST", "/test", body); got.status != 200 || !m.Connection.OK || len(m.Connection.Steps) != 5 {
		t.Errorf("%d %s", got.status, got.body)
	}
	p := a.create(body)
	if got, m := a.more("POST", "/"+p.UUID+"/test", ""); got.status != 200 || !m.Connection.OK || got.doc.Details != "uri=/v1/oauth/"+p.UUID+"/test" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got, m := a.more("POST", "/test", changed(t, body, map[string]any{"clientSecret": "wrong"})); got.status != 200 || m.Connection.OK || strings.Contains(string(got.body), "wrong") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got, m := a.more("POST", "/test", `{"tokenEndpoint":"https://169.254.169.254/"}`); got.status != 200 || m.Connection.OK {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := a.ask("POST", "/a3564079-a229-421d-9af7-20972f1df1c0/test", ""); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := a.ask("GET", "/test", ""); got.status != 405 {
		t.Errorf("%d %s", got.status, got.body)
	}
	// A hostile provider's words do not come back.
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "<b>reflected", http.StatusTeapot) }))
	t.Cleanup(s.Close)
	for _, path := range []string{"/import", "/test"} {
		member := map[string]string{"/import": "url", "/test": "issuer"}[path]
		if got := a.ask("POST", path, `{"`+member+`":"`+s.URL+`"}`); strings.Contains(string(got.body), "reflected") {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	if total := a.ask("GET", "", "").doc.IDPList.TotalResults; total != 1 {
		t.Errorf("%d records", total)
	}
}

func TestPreviewOverTheAPI(t *testing.T) {
	a := newAPI(t, nil)
	got, m := a.more("POST", "/preview", `{"attributeMapping":[{"incomingAttribute":"mail","outgoingAttribute":"EMAIL"},
		{"incomingAttribute":"address.country","outgoingAttribute":"COUNTRY"},{"incomingAttribute":"missing","outgoingAttribute":"AGE"},
		{"incomingAttribute":"{first} {last}","outgoingAttribute":"name"}],
		"claims":{"mail":"ada@example.com","address":{"country":"GB"},"first":"Ada","last":"L"}}`)
	if got.status != 200 || len(m.Preview.Attributes) != 3 || m.Preview.Attributes["email"] != "ada@example.com" || m.Preview.Attributes["name"] != "Ada L" ||
		m.Preview.Attributes["COUNTRY"] != "GB" || strings.Join(m.Preview.Absent, " ") != "AGE" {
		t.Errorf("%d %s", got.status, got.body)
	}
	for body, fields := range map[string]string{
		`{"attributeMapping":[{"incomingAttribute":"","outgoingAttribute":"sub"}],"claims":1}`: "attributeMapping[0].incomingAttribute attributeMapping[0].outgoingAttribute claims",
		`{"attributeMapping":[]}`: "claims", `{"attributeMapping":[],"claims":null}`: "claims", `{"claims":{},"x":1}`: "x",
	} {
		if got := a.ask("POST", "/preview", body); got.status != 400 || got.fields() != fields {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}
