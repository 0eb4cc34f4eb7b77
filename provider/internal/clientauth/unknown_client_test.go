package clientauth

import (
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/wire"
)

// ATK-223: an unknown client and a wrong secret get one answer by one way: the
// secret is hashed and compared in both. What is counted is work, not time: a
// measured difference of nanoseconds comes and goes with the load of the
// machine, and would fail a good build or pass a bad one.
func TestATK223UnknownClientIsAWrongSecret(t *testing.T) {
	asks := newStranger(t)
	for _, method := range []string{"basic", "post"} {
		want := asks.unknown(method)
		if want.Code != http.StatusUnauthorized {
			t.Fatalf("%s: %d %s", method, want.Code, want.Body)
		}
		for name, secret := range asks.wrong {
			got := asks.ask(method, method, secret)
			if got.Code != want.Code || got.Body.String() != want.Body.String() || !reflect.DeepEqual(got.Header(), want.Header()) {
				t.Errorf("%s, %s: %d %v %s, unknown: %d %v %s", method, name, got.Code, got.Header(), got.Body, want.Code, want.Header(), want.Body)
			}
		}
	}
}

// ATK-223: as much is done for the one as for the other.
func TestATK223Allocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	asks := newStranger(t)
	for _, method := range []string{"basic", "post"} {
		work := testing.AllocsPerRun(200, func() { asks.unknown(method) })
		for name, secret := range asks.wrong {
			if n := testing.AllocsPerRun(200, func() { asks.ask(method, method, secret) }); math.Abs(n-work) > 1 {
				t.Errorf("%s, %s: %v allocations, %v for an unknown client", method, name, n, work)
			}
		}
	}
}

// stranger guesses at the token endpoint.
type stranger struct {
	ask func(id, method, secret string) *httptest.ResponseRecorder
	// wrong are secrets of the right length, by what is right of them.
	wrong map[string]string
}

// unknown asks for a client that there is not, whose name is as long as that of
// the client registered for the method.
func (s *stranger) unknown(method string) *httptest.ResponseRecorder {
	return s.ask(strings.Repeat("x", len(method)), method, s.wrong["all but its end"])
}

func newStranger(t *testing.T) *stranger {
	t.Helper()
	f := newFixture(t, nil)
	endpoint := wire.Endpoint(func(w http.ResponseWriter, r *http.Request) error {
		form, err := wire.Form(w, r)
		if err != nil {
			return err
		}
		_, err = f.Authenticate(r, form)
		return err
	}, wire.Options{Methods: []string{http.MethodPost}, WriteError: WriteError})
	ask := func(id, method, secret string) *httptest.ResponseRecorder {
		form := post("grant_type", "client_credentials")
		if method == "post" {
			form = post("grant_type", "client_credentials", "client_id", id, "client_secret", secret)
		}
		r := httptest.NewRequest(http.MethodPost, tokenURL, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if method == "basic" {
			r.SetBasicAuth(id, secret)
		}
		rec := httptest.NewRecorder()
		endpoint.ServeHTTP(rec, r)
		return rec
	}
	prefix := f.secret[:len(f.secret)-1] + "~"
	return &stranger{ask, map[string]string{"all but its end": prefix, "nothing of it": strings.Repeat("~", len(prefix))}}
}
