package provider_test

import (
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// walkEverything takes each way through the issuer once, good and bad.
func (f *fixture) walkEverything() {
	f.t.Helper()
	f.authorize("prompt", "none")
	_, form := f.loginPage()
	f.browse(http.MethodPost, "/login", change(form, "password", "a wrong password of some length"))
	f.browse(http.MethodPost, "/login", form)
	f.browse(http.MethodPost, "/login", form)
	_, consent := f.consentPage()
	f.browse(http.MethodPost, "/consent", consent)
	f.browse(http.MethodPost, "/consent", consent)
	f.browser.Deny = true
	f.authorize("client_id", "other", "scope", "openid")
	f.browser.Deny = false
	code := f.code("scope", "openid profile email offline_access")
	f.token(codeForm(code, "code_verifier", strings.Repeat("v", 43)))
	f.token(f.as("other", codeForm(code)))
	res := f.token(codeForm(code))
	f.userinfo(res.Access)
	f.userinfo(res.Access + "A")
	f.send(f.client, f.newRequest(http.MethodGet, "/userinfo?access_token="+res.Access, nil))
	next := f.token(refreshForm(res.Refresh))
	f.token(f.as("other", refreshForm(next.Refresh)))
	f.token(refreshForm(next.Refresh, "scope", "openid orders:write"))
	f.token(refreshForm(res.Refresh))
	f.token(codeForm(code))
	f.token(url.Values{"grant_type": {"client_credentials"}})
	wrong := f.newRequest(http.MethodPost, "/token", url.Values{"grant_type": {"client_credentials"}})
	wrong.SetBasicAuth("web", "a wrong secret of some length")
	f.do(wrong)
	f.token(change(url.Values{"grant_type": {"client_credentials"}}, "client_id", "other", "client_secret", "another wrong secret"))
	f.browse(http.MethodGet, "/authorize?"+request("id_token_hint", res.ID+"A").Encode(), nil)
	f.browse(http.MethodGet, "/login?request="+form.Get("request")+"A", nil)
	f.browse(http.MethodGet, "/consent?interaction="+consent.Get("interaction"), nil)
	f.browse(http.MethodGet, "/end_session?id_token_hint="+res.ID+"A", nil)
	_, logout, _ := oidctest.Form(f.browse(http.MethodGet, "/end_session", nil).body)
	f.browse(http.MethodPost, "/end_session/confirm", logout)
}

// I4 and ASVS 16.2.5: no code, token, secret, password, cookie or sealed
// request is in the log at its most talkative, in an event or its error, or
// in the body of an error; not when all goes well, and not when the store
// fails at any step. Every fixture checks it; this one takes all ways.
func TestNoSecretIsTold(t *testing.T) {
	stores := &faults{}
	f := newFixture(t, oidctest.Config{Stores: stores.open})
	f.walkEverything()
	if len(f.watch.secrets) < 30 || len(f.watch.errors) < 12 || !strings.Contains(f.watch.log(), "wrong user name or password") {
		t.Fatalf("%d secrets and %d errors seen: the walk is too short", len(f.watch.secrets), len(f.watch.errors))
	}
	names := f.watch.names()
	for _, want := range []oidckit.EventName{
		oidckit.EventLoginSucceeded, oidckit.EventLoginFailed, oidckit.EventLogout, oidckit.EventConsentGranted, oidckit.EventConsentDenied,
		oidckit.EventTokenIssued, oidckit.EventTokenRefused, oidckit.EventCodeReplayed, oidckit.EventRefreshTokenReplayed, oidckit.EventClientRefused,
		oidckit.EventKeyCreated,
	} {
		found := false
		for _, n := range names {
			found = found || n == want
		}
		if !found {
			t.Errorf("no event %s", want)
		}
	}
	for _, verb := range []string{"Code", "ConsumeCode", "CreateGrant", "RefreshToken", "RotateRefreshToken", "Revoke", "Revoked", "RevokeGrants"} {
		for _, what := range []fault{failsBefore, failsAfter} {
			code, tokens := f.code("scope", "openid offline_access"), f.tokens()
			stores.tell(verb, what)
			f.token(codeForm(code))
			f.token(codeForm(code))
			f.token(refreshForm(tokens.Refresh))
			f.token(refreshForm(tokens.Refresh))
			f.userinfo(tokens.Access)
			stores.tell(verb, works)
		}
	}
}

// ASVS 16.4.1: what strangers send makes no lines of its own in the log.
func TestLogInjection(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	const forged = "\n{\"level\":\"info\",\"message\":\"forged\"}\r\n\x1b[31m"
	_, form := f.loginPage()
	f.browse(http.MethodPost, "/login", change(form, "username", "alice"+forged, "password", "guess-guess-guess"))
	f.browse(http.MethodGet, "/authorize?"+request("client_id", "web"+forged).Encode(), nil)
	f.browse(http.MethodGet, "/authorize?"+request("scope", "openid"+forged).Encode(), nil)
	f.token(codeForm("x"+forged, "grant_type", "x"+forged))
	f.token(f.as("web"+forged, codeForm("x")))
	log := f.watch.log()
	if strings.Contains(log, "\n{\"level\":\"info\",\"message\":\"forged\"}") || strings.Contains(log, "\x1b") {
		t.Errorf("%s", log)
	}
}

// The store sees bearer values as hashes only, and keys sealed.
func TestStoreSeesNoBearerValue(t *testing.T) {
	spy := &spyStores{}
	var keys *spyKeys
	f := newFixture(t, oidctest.Config{Stores: func(issuer string) opstore.Set {
		set := spy.open(issuer)
		keys = &spyKeys{next: set.Keys}
		set.Keys = keys
		return set
	}})
	f.tokens()
	if len(spy.codes) == 0 || len(keys.sealed) == 0 {
		t.Fatal("nothing seen")
	}
	for _, sealed := range keys.sealed {
		// RFC 5958: a key in the clear would begin a SEQUENCE
		if sealed[0] == 0x30 || strings.Contains(string(sealed), "PRIVATE KEY") {
			t.Error("a signing key is stored in the clear")
		}
	}
}

// I3, FLT-58: after Close nothing is left running, whatever was walked.
func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	f := newLocalFixture(t, func(c *provider.Config) {
		other := otherClient
		other.IDTokenSignedResponseAlg = "ES256"
		c.Clients = append(c.Clients, other)
	})
	f.walkEverything()
	for range 3 {
		if err := f.op.Provider.Close(); err != nil {
			t.Error(err)
		}
	}
	if status, _, _ := f.get("/jwks", ""); status != http.StatusOK {
		t.Errorf("after Close: %d", status)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
