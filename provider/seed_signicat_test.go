package provider_test

import (
	"net/http"
	"testing"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

const broker = "/broker/openidconnect"

func newSignicat(t *testing.T) *vendor { return newVendor(t, "", provider.PresetSignicat) }

func (v *vendor) brokerCode(nonce string) string {
	v.t.Helper()
	back := v.authorize(v.NewBrowser(v.t), v.Issuer+broker+"/authorize?"+pairs(
		"response_type", "code", "client_id", "web", "scope", "openid profile email", "state", "xyz", "redirect_uri", vendorCallback, "nonce", nonce))
	if back.Get("state") != "xyz" || back.Get("code") == "" {
		v.t.Fatalf("%v", back)
	}
	return back.Get("code")
}

// B1: code and state; the nonce stands in the ID token.
func TestSeedB1Authorize(t *testing.T) {
	v := newSignicat(t)
	for _, nonce := range []string{"", "n-0S6_WzA2Mj"} {
		status, doc, _ := v.send(http.MethodPost, v.Issuer+broker+"/token?"+pairs(
			"grant_type", "authorization_code", "code", v.brokerCode(nonce), "redirect_uri", vendorCallback, "client_secret", vendorSecret), "")
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, doc)
		}
		if got, _ := claims(t, text(doc, "id_token"))["nonce"].(string); got != nonce {
			t.Errorf("nonce is %q, want %q", got, nonce)
		}
	}
}

// B2: parameters in the query, no client_id, seconds, both headers, a refresh
// token without offline_access.
func TestSeedB2Token(t *testing.T) {
	v := newSignicat(t)
	status, doc, header := v.send(http.MethodPost, v.Issuer+broker+"/token?"+pairs(
		"grant_type", "authorization_code", "code", v.brokerCode("n"), "redirect_uri", vendorCallback, "client_secret", vendorSecret), "")
	if status != http.StatusOK || doc["token_type"] != "Bearer" || doc["expires_in"] != 3600.0 || text(doc, "id_token") == "" || text(doc, "refresh_token") == "" {
		t.Fatalf("%d %v", status, doc)
	}
	if header.Get("Cache-Control") != "no-store" || header.Get("Pragma") != "no-cache" {
		t.Errorf("%v", header)
	}
	status, again, header := v.send(http.MethodPost, v.Issuer+broker+"/token?"+pairs(
		"grant_type", "refresh_token", "refresh_token", text(doc, "refresh_token"), "client_secret", vendorSecret), "")
	if status != http.StatusOK || text(again, "access_token") == "" || text(again, "refresh_token") == "" || header.Get("Pragma") != "no-cache" {
		t.Errorf("%d %v", status, again)
	}
	for name, query := range map[string]string{
		"another secret":            pairs("grant_type", "authorization_code", "code", v.brokerCode("n"), "redirect_uri", vendorCallback, "client_secret", "x"),
		"no secret":                 pairs("grant_type", "authorization_code", "code", v.brokerCode("n"), "redirect_uri", vendorCallback),
		"the secret of nobody":      pairs("grant_type", "authorization_code", "code", "x", "redirect_uri", vendorCallback, "client_secret", vendorSecret),
		"a parameter named twice":   pairs("grant_type", "authorization_code", "code", v.brokerCode("n"), "redirect_uri", vendorCallback, "client_secret", vendorSecret) + "&code=x",
		"the code of another place": pairs("grant_type", "authorization_code", "code", v.brokerCode("n"), "redirect_uri", vendorCallback+"/x", "client_secret", vendorSecret),
	} {
		if status, doc, _ := v.send(http.MethodPost, v.Issuer+broker+"/token?"+query, ""); status == http.StatusOK || doc["error"] == nil {
			t.Errorf("%s: %d %v", name, status, doc)
		}
	}
	// RFC 6749 §2.3.1: strict does not look at the query.
	f := newFixture(t, oidctest.Config{})
	if status, doc, _ := (&vendor{f.op, t}).send(http.MethodPost, f.base+"/token?grant_type=client_credentials&client_id=web&client_secret=web-secret", ""); status != http.StatusBadRequest {
		t.Errorf("strict: %d %v", status, doc)
	}
}

// B3: the claims of the page.
func TestSeedB3Userinfo(t *testing.T) {
	v := newSignicat(t)
	_, doc, _ := v.send(http.MethodPost, v.Issuer+broker+"/token?"+pairs(
		"grant_type", "authorization_code", "code", v.brokerCode("n"), "redirect_uri", vendorCallback, "client_secret", vendorSecret), "")
	status, info, _ := v.send(http.MethodGet, v.Issuer+broker+"/userinfo", "", "Authorization", "Bearer "+text(doc, "access_token"))
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, info)
	}
	for _, name := range []string{"sub", "name", "given_name", "family_name", "preferred_username", "email"} {
		if text(info, name) == "" {
			t.Errorf("no %s: %v", name, info)
		}
	}
}

// B4: the page's literal, nonce mandatory, answers in the fragment.
func TestSeedB4Implicit(t *testing.T) {
	v := newSignicat(t)
	for _, literal := range []string{"id token token", "id_token token", "token id_token"} {
		back := v.authorize(v.NewBrowser(t), v.Issuer+broker+"/authorize?"+pairs(
			"response_type", literal, "client_id", "web", "scope", "openid", "state", "xyz", "redirect_uri", vendorCallback, "nonce", "n"))
		if back.Get("token_type") != "Bearer" || back.Get("state") != "xyz" || claims(t, back.Get("id_token"))["nonce"] != "n" {
			t.Errorf("%s: %v", literal, back)
		}
	}
	back := v.authorize(v.NewBrowser(t), v.Issuer+broker+"/authorize?"+pairs(
		"response_type", "id token token", "client_id", "web", "scope", "openid", "state", "xyz", "redirect_uri", vendorCallback))
	if back.Get("error") != "invalid_request" || back.Get("id_token") != "" {
		t.Errorf("without nonce: %v", back)
	}
	back = v.authorize(v.NewBrowser(t), v.Issuer+broker+"/authorize?"+pairs(
		"response_type", "id token token", "response_mode", "query", "client_id", "web", "scope", "openid", "state", "xyz", "redirect_uri", vendorCallback, "nonce", "n"))
	if back.Get("error") != "invalid_request" || back.Get("id_token") != "" {
		t.Errorf("in the query: %v", back)
	}
}
