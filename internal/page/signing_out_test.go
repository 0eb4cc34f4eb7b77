package page

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// OpenID Connect Front-Channel Logout 1.0 §2: the frames of the apps that are
// registered, and of nobody else; one script, named by its hash.
func TestSigningOut(t *testing.T) {
	res := render(t, http.StatusOK, SigningOut{
		Frames: []string{
			"https://app.example/out?x=1&iss=https%3A%2F%2Fop.example&sid=a", "https://app.example/other", "https://B.example:8443/out",
			"javascript:alert(1)", "https://c.example;d.example/out", "/local", "https://user@e.example/out", "data:text/html,x",
		},
		Next: "com.example.app:/bye?state=a%2Bb&x='\"",
	})
	csp := res.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "; frame-src https://app.example https://b.example:8443;") {
		t.Errorf("policy: %s", csp)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	body := string(text)
	script := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllStringSubmatch(body, -1)
	if len(script) != 1 {
		t.Fatalf("%d scripts", len(script))
	}
	sum := sha256.Sum256([]byte(script[0][1]))
	if want := "; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.HasSuffix(csp, want) {
		t.Errorf("%s not in %s", want, csp)
	}
	if n := strings.Count(body, "<iframe"); n != 3 || strings.Contains(body, "javascript:") || strings.Contains(body, "data:text") || strings.Contains(body, "/local") {
		t.Errorf("%d frames in %s", n, body)
	}
	for _, want := range []string{
		`<iframe src="https://app.example/out?x=1&amp;iss=https%3A%2F%2Fop.example&amp;sid=a" hidden`,
		`id="next" href="com.example.app:/bye?state=a%2Bb&amp;x=`, `sandbox="allow-scripts allow-same-origin"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s not in %s", want, body)
		}
	}
	plain := render(t, http.StatusOK, SigningOut{Frames: []string{"https://app.example/out"}})
	if csp := plain.Header.Get("Content-Security-Policy"); strings.Contains(csp, "script-src") {
		t.Errorf("a page that stays has a script: %s", csp)
	}
}

// A person who is signed out reads that it is so, and has a way on where there
// is one.
func TestSignedOut(t *testing.T) {
	for name, p := range map[string]Page{
		"alone":  SignedOut{ReturnURL: "https://app.example/", ReturnLabel: "Back to Webapp"},
		"frames": SigningOut{Frames: []string{"https://app.example/out"}, ReturnURL: "https://app.example/", ReturnLabel: "Back to Webapp"},
	} {
		got := text(t, p)
		if !strings.Contains(got, `<a class="button" href="https://app.example/">Back to Webapp</a>`) || strings.Count(got, "<p>") != 2 {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, l := range []*Language{English, German} {
		rec := httptest.NewRecorder()
		if err := write(rec, l, "", http.StatusOK, SignedOut{}); err != nil || !strings.Contains(rec.Body.String(), l.Text("signed_out.ended")) {
			t.Errorf("%s: %v %s", l.Tag(), err, rec.Body)
		}
	}
}
