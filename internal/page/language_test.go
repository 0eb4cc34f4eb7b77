package page

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The languages of this package are complete, and an error of one that is not
// names every problem.
func TestLanguagesAreComplete(t *testing.T) {
	for _, l := range []*Language{English, German} {
		if _, err := NewLanguage(l.Tag(), l.RightToLeft(), l.Texts()); err != nil {
			t.Errorf("%s: %v", l.Tag(), err)
		}
	}
	texts := English.Texts()
	delete(texts, "consent.allow")
	texts["consent.deny"] = "  "
	texts["login.for_app"] = "to {ap} and {app}"
	texts["logn.title"] = "x"
	texts["scope.orders:read"] = "Read orders"
	_, err := NewLanguage("x_y", true, texts)
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{`"x_y"`, `"consent.allow" is missing`, `"consent.deny" is missing`, `"login.for_app"`, `"logn.title"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("lacks %s: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "orders:read") {
		t.Error(err)
	}
}

// Every id that the code or the templates name is one that languages have.
func TestMessageIDs(t *testing.T) {
	used := regexp.MustCompile(`\{?\b(?:t|say|fill) "([a-z._]+)"`)
	for _, m := range used.FindAllStringSubmatch(pagesText, -1) {
		if English.Text(m[1]) == "" {
			t.Errorf("%s has no text", m[1])
		}
	}
}

// OpenID Connect Core 1.0 §3.1.2.1 (ui_locales), RFC 9110 §12.5.4, RFC 4647
// §3.4: which language a reader gets.
func TestLanguageOfReader(t *testing.T) {
	site := newSite(t, "", English, German, newTestLanguage(t, "zh-Hant", false), newTestLanguage(t, "ar", true))
	for _, row := range []struct{ locales, accept, want string }{
		{"", "", "en"},
		{"de", "", "de"},
		{"DE-ch", "", "de"},
		{"fr de", "", "de"},
		{"fr", "de", "de"},
		{"en", "de", "en"},
		{"zh-Hant-x-private", "", "zh-Hant"},
		{"zh", "ar", "ar"},
		{"", "fr, de;q=0.5, ar;q=0.7", "ar"},
		{"", "de;q=0, en;q=0.1", "en"},
		{"", "de;q=2, ar;q=x, <script>", "en"},
		{"", "*", "en"},
		{"-", "-;q=1", "en"},
		{"", strings.Repeat("fr,", 1000) + "de", "en"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Language", row.accept)
		if got := site.Language(r, strings.Fields(row.locales)).Tag(); got != row.want {
			t.Errorf("ui_locales %q, Accept-Language %.40q: %s, want %s", row.locales, row.accept, got, row.want)
		}
	}
	if got := site.Tags(); !slices.Equal(got, []string{"en", "de", "zh-Hant", "ar"}) {
		t.Error(got)
	}
	if _, err := NewSite("", English, English); err == nil {
		t.Error("one language was taken twice")
	}
}

func newTestLanguage(t *testing.T, tag string, rtl bool) *Language {
	t.Helper()
	texts := English.Texts()
	maps.DeleteFunc(texts, func(id, _ string) bool { return strings.HasPrefix(id, "scope.x") })
	texts["login.title"] = tag + " login"
	l, err := NewLanguage(tag, rtl, texts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newSite(t *testing.T, brand string, languages ...*Language) *Site {
	t.Helper()
	s, err := NewSite(brand, languages...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// WCAG 2.2 §3.1.1: the page says its language and direction; nothing on a
// German page is English.
func TestTranslatedPages(t *testing.T) {
	site := newSite(t, "Beispiel", English, German, newTestLanguage(t, "ar", true))
	show := func(tag string, p Page) string {
		rec := httptest.NewRecorder()
		if err := site.Write(rec, httptest.NewRequest(http.MethodGet, "/", nil), []string{tag}, http.StatusOK, p); err != nil {
			t.Fatal(err)
		}
		if got := rec.Header().Get("Content-Language"); got != tag {
			t.Errorf("Content-Language %q, want %q", got, tag)
		}
		return rec.Body.String()
	}
	for name, p := range every() {
		got := show("de", p)
		if !strings.Contains(got, `<html lang="de" dir="ltr">`) || !strings.Contains(got, "Beispiel") {
			t.Errorf("%s: %s", name, got)
		}
		for id, text := range English.Texts() {
			if id != "error.start_again" && German.Text(id) != text && !strings.Contains(text, "{") && len(text) > 10 && strings.Contains(got, ">"+text+"<") {
				t.Errorf("%s: English text %s", name, id)
			}
		}
		if strings.Contains(got, "{") && strings.Contains(strings.ReplaceAll(got[strings.Index(got, "<body>"):], "{}", ""), "{") {
			t.Errorf("%s: a placeholder was left", name)
		}
	}
	if got := show("ar", every()["login"]); !strings.Contains(got, `<html lang="ar" dir="rtl">`) || !strings.Contains(got, "ar login") {
		t.Error(got)
	}
	// An error that the language has no words for is told in general, and in
	// English for who can use it.
	got := show("de", Error{Message: "redirect_uri is odd"})
	if !strings.Contains(got, German.Text("error.app")) || !strings.Contains(got, `lang="en" dir="ltr">redirect_uri is odd.`) {
		t.Error(got)
	}
	got = show("de", Error{Message: English.Text("error.expired")})
	if !strings.Contains(got, "abgelaufen") || strings.Contains(got, "expired") || strings.Contains(got, `lang="en"`) {
		t.Error(got)
	}
}

// CSP3 §2.3.1: an address that cannot stand in the policy is not shown.
func TestLogoAddress(t *testing.T) {
	for raw, want := range map[string]string{
		"https://app.example/logo.png":       "https://app.example/logo.png",
		"http://localhost:8081/l%20o.png":    "http://localhost:8081/l%20o.png",
		"":                                   "",
		"https://app.example/logo.png?v=1":   "https://app.example/logo.png",
		"https://app.example/a;script-src *": "",
		"https://app.example/a,b":            "",
		"https://a;b/":                       "",
		"https://*.example/":                 "",
		"https://u:p@app.example/":           "",
		"data:image/png;base64,AA":           "",
		"javascript:alert(1)":                "",
		"//app.example/x":                    "",
		"https://app.example/" + strings.Repeat("a", maxImageLink): "",
	} {
		if got := policySource((Client{LogoURI: raw}).Logo()); got != want {
			t.Errorf("%.60q: %q, want %q", raw, got, want)
		}
	}
}
