package provider_test

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/rs/zerolog"
)

// The operator can tell a stolen code from a mistyped one, and whose it was
// (OWASP ASVS 5.0 16.3.1).
func TestLogNamesWhoseTokenWasRefused(t *testing.T) {
	log := &bytes.Buffer{}
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) { c.Logger = zerolog.New(zerolog.SyncWriter(log)) }})
	code := f.code()
	f.token(codeForm(code))
	f.token(codeForm("a code that never was"))
	if got := log.String(); !strings.Contains(got, `client \"web\"`) || strings.Contains(got, "used twice") {
		t.Errorf("after a mistyped code: %s", got)
	}
	f.token(codeForm(code))
	if got := log.String(); !strings.Contains(got, "used twice") || !strings.Contains(got, `"client_id":"web"`) || !strings.Contains(got, `"grant_id":"`) {
		t.Errorf("after a replay: %s", got)
	}
	f.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {"other"}, "client_secret": {"wrong"}})
	if got := log.String(); !strings.Contains(got, `wrong secret of client \"other\"`) {
		t.Errorf("after a wrong secret: %s", got)
	}
}
