package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/browsertest"
)

func TestOtherMethods(t *testing.T) {
	p := browsertest.Start(t, t.TempDir(), browsertest.Build(t, "."), "-addr", "127.0.0.1:0")
	base := p.Line("app")
	for path, want := range map[string]int{"/": 405, "/me": 405, "/healthz": 405, "/nothing": 404} {
		for _, method := range []string{"POST", "OPTIONS"} {
			req, err := http.NewRequestWithContext(t.Context(), method, base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != want || (want == 405) != (res.Header.Get("Allow") == "GET, HEAD") {
				t.Errorf("%s %s: %d, Allow %q", method, path, res.StatusCode, res.Header.Get("Allow"))
			}
		}
	}
}

func TestServerErrorsAreStructured(t *testing.T) {
	var out bytes.Buffer
	newServer(http.NotFoundHandler(), zerolog.New(&out)).ErrorLog.Print("http: a fault")
	if got := strings.TrimSpace(out.String()); got != `{"level":"warn","detail":"http: a fault","message":"http server"}` {
		t.Errorf("logged %s", got)
	}
}

// The JSON says what the issuer has said, and nothing empty.
func TestIdentityJSON(t *testing.T) {
	out := identityJSON(&oidckit.Identity{Issuer: "i", Subject: "s"})
	for _, name := range []string{"sid", "acr", "amr", "auth_time"} {
		if v, ok := out[name]; ok {
			t.Errorf("%s is there: %v", name, v)
		}
	}
	out = identityJSON(&oidckit.Identity{SessionID: "1", ACR: "2", AMR: []string{"pwd"}, AuthTime: time.Unix(5, 0)})
	if out["sid"] != "1" || out["acr"] != "2" || out["amr"] == nil || out["auth_time"] != int64(5) {
		t.Errorf("%v", out)
	}
}

func TestHelpNamesWhatTheRingTakes(t *testing.T) {
	var out bytes.Buffer
	parseSettings([]string{"-help"}, environment(nil), &out)
	if !strings.Contains(out.String(), "keys of 32 characters or more, separated by commas, the sealing one first") {
		t.Error(out.String())
	}
}

// In a narrow window no name of a claim is broken, and nothing sticks out.
func TestNarrowWindow(t *testing.T) {
	b := browsertest.New(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writePage(w, http.StatusOK, view{Title: "Hello, Alice Example", Identity: &oidckit.Identity{}, Claims: []claim{
			{"email", "a.very.long.address.of.alice@mail.department.example.com"}, {"phone_number_verified", "true"}, {"preferred_username", "alice"},
			{"sub", strings.Repeat("0123456789", 8)},
		}})
	}))
	defer srv.Close()
	for _, width := range []int64{320, 500, 1200} {
		b.Window(width, 700, false)
		b.Open(srv.URL)
		broken := browsertest.Eval[string](b, `[...document.querySelectorAll("th")].filter(th => {
			const r = document.createRange(); r.selectNodeContents(th); return r.getClientRects().length !== 1 }).map(th => th.textContent).join(" ")`)
		if broken != "" {
			t.Errorf("at %d pixels these are broken: %s", width, broken)
		}
		if over := browsertest.Eval[float64](b, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
			t.Errorf("at %d pixels, %v stick out", width, over)
		}
	}
}
