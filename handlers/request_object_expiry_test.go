package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/cookies"
	"github.com/oidckit/oidckit/internal/jose"
)

// RFC 9101 §5.2.1: the address of a request is good for as long as its login,
// and what is fetched in time is valid for as long.
func TestRequestObjectExpires(t *testing.T) {
	key, err := jose.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := NewSessions(SessionConfig{Secrets: ring(t, 1), Store: rpstore.NewMemory().Open("t"), BaseURL: "https://app.example"})
	if err != nil {
		t.Fatal(err)
	}
	rp, err := NewRelyingParty(Config{
		Issuer: "https://id.example", ClientID: "c", BaseURL: "https://app.example", Sessions: sessions,
		ClientKeys: []ClientKey{{Key: key}}, RequestObjects: &RequestObjects{ByReference: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rp.Close() })
	// The manager sweeps its sessions on the clock of the world.
	synctest.Test(t, func(t *testing.T) {
		path := strings.TrimPrefix(rp.refer("state=s"), "https://app.example")
		get := func() int {
			w := httptest.NewRecorder()
			rp.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			return w.Code
		}
		time.Sleep(cookies.Lifetime)
		if code := get(); code != http.StatusOK {
			t.Errorf("in time: %d", code)
		}
		time.Sleep(time.Second)
		if code := get(); code != http.StatusNotFound {
			t.Errorf("too late: %d", code)
		}
	})
}
