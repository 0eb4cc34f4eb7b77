package provider_test

import (
	"fmt"
	"html"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
)

// The app's own consent page: it says who asks for what, in words, and lets the
// person allow a part of it.
func ExampleProvider_CompleteConsent() {
	p := exampleProvider(provider.Config{LoginURL: "/signin", ConsentURL: "/allow", Users: directory{}})
	defer p.Close()
	mux := http.NewServeMux()
	p.Mount(mux)
	mux.HandleFunc("/signin", func(w http.ResponseWriter, r *http.Request) {
		login, err := p.LoginRequest(r)
		if err == nil {
			err = p.CompleteLogin(w, r, login.ID, oidckit.Authentication{Subject: "u-1"})
		}
		if err != nil {
			http.Error(w, "This did not work.", http.StatusBadRequest)
		}
	})
	mux.HandleFunc("/allow", func(w http.ResponseWriter, r *http.Request) {
		ask, err := p.ConsentRequest(r)
		switch {
		case err != nil:
		case r.Method != http.MethodPost:
			fmt.Fprintf(w, "%s, on %s, asks to:\n", html.EscapeString(ask.ClientName), ask.RedirectHost)
			for _, scope := range ask.Scope {
				fmt.Fprintf(w, "- %s\n", html.EscapeString(ask.Descriptions[scope]))
			}
		case r.PostFormValue("decision") == "allow":
			err = p.CompleteConsent(w, r, ask.ID, r.PostForm["scope"])
		default:
			err = p.DenyConsent(w, r, ask.ID)
		}
		if err != nil {
			http.Error(w, "This did not work.", http.StatusBadRequest)
		}
	})

	jar, err := cookiejar.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	visit := func(method string, target *url.URL, form url.Values) *http.Response {
		r := httptest.NewRequest(method, target.String(), strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, c := range jar.Cookies(target) {
			r.AddCookie(c)
		}
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, r)
		jar.SetCookies(target, rec.Result().Cookies())
		return rec.Result()
	}
	at, err := url.Parse("https://login.example.com/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {"https://app.example.com/auth/callback"}, "scope": {"openid profile email"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode())
	if err != nil {
		log.Fatal(err)
	}
	var res *http.Response
	for at.Path != "/allow" {
		res = visit(http.MethodGet, at, nil)
		to, err := res.Location()
		if err != nil {
			log.Fatal(err)
		}
		at = at.ResolveReference(to)
	}
	res = visit(http.MethodGet, at, nil)
	text := new(strings.Builder)
	if err := res.Write(text); err != nil {
		log.Fatal(err)
	}
	_, body, _ := strings.Cut(text.String(), "\r\n\r\n")
	fmt.Print(body)
	res = visit(http.MethodPost, at, url.Values{"decision": {"allow"}, "scope": {"profile"}})
	callback, err := res.Location()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(callback.Host, callback.Query().Has("code"))
	// Output:
	// app, on app.example.com, asks to:
	// - Know who you are
	// - See your name and profile
	// - See your e-mail address
	// app.example.com true
}

// Pages in two languages, and one that lacks something.
func ExampleLanguage() {
	dutch := provider.English()
	dutch.Tag = "nl"
	dutch.Messages["login.title"] = "Inloggen"
	dutch.Messages["login.for_app"] = "om verder te gaan"
	_, err := provider.New(provider.Config{Languages: []provider.Language{provider.English(), provider.German(), dutch}})
	for line := range strings.Lines(err.Error()) {
		if strings.Contains(line, "Languages") {
			fmt.Print(line)
		}
	}
	// Output:
	// Languages[2]: message "login.for_app" has the placeholders [], must have [{app}]
}
