package provider_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// A request that has grown too old can be made again for the person it was
// for, with everything it asked.
func TestStartAgainIsTheSameRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, func(c *provider.Config) {
			c.Hybrid, c.Clients[0].ResponseTypes = &provider.Hybrid{}, []string{"code", "code id_token"}
			c.Clients[0].GrantTypes = append([]string{"implicit"}, c.Clients[0].GrantTypes...)
		})
		hint := f.token(codeForm(f.code())).ID
		stranger := f.sub(t)
		with := []string{
			"id_token_hint", hint, "response_type", "code id_token", "response_mode", "form_post", "display", "popup", "max_age", "600",
			"claims", `{"userinfo":{"name":null},"id_token":{"email":null,"acr":{"essential":true,"value":"gold"}}}`, "claims_locales", "de",
			"prompt", "login", "login_hint", "alice", "ui_locales", "fr", "resource", ordersAPI, "state", "<a b>",
		}
		_, form := stranger.loginPage(with...)
		time.Sleep(31 * time.Minute)
		again := stranger.startAgain(stranger.browse(http.MethodPost, "/login", form))
		first := f.sealedRequest(form.Get("request"))
		second := stranger.follow(again)
		_, fields, _ := oidctest.Form(second.body)
		if got := f.sealedRequest(fields.Get("request")); got != first {
			t.Errorf("the request was\n%s\nand is\n%s", first, got)
		}
	})
}

// sealedRequest returns what waits in a sealed request, without what is its own.
func (f *fixture) sealedRequest(sealed string) string {
	f.t.Helper()
	plain, err := secret.NewBox(f.watch.config.Secrets, "provider waiting requests of "+f.base).OpenText(sealed, "authorization request")
	if err != nil {
		f.t.Fatal(err)
	}
	doc := map[string]any{}
	if err := json.Unmarshal(plain, &doc); err != nil {
		f.t.Fatal(err)
	}
	delete(doc, "id")
	delete(doc, "at")
	text, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

// OpenID Connect Core 1.0 §3.1.2.1: what a client wishes for reaches the app's
// own login page; what is not known is left out.
func TestLoginRequestTellsWishes(t *testing.T) {
	o := newOwnPage(t, nil)
	for display, want := range map[string]string{"page": "page", "popup": "popup", "touch": "touch", "wap": "wap", "hologram": "", "": ""} {
		sealed := o.sealed("display", display, "claims", `{"id_token":{"acr":{"essential":true,"values":["gold"]}}}`)
		lr, err := o.op.Provider.LoginRequest(o.newRequest(http.MethodGet, "/app/signin?request="+sealed, nil))
		if err != nil || lr.Display != want || !lr.EssentialACR || len(lr.ACRValues) != 1 {
			t.Errorf("%s: %+v %v", display, lr, err)
		}
	}
}
