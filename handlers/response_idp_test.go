package handlers_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// halfHash is at_hash or c_hash of RS256.
func halfHash(value string) string {
	h, err := jose.HalfHash("RS256", value)
	if err != nil {
		panic(err)
	}
	return h
}

// response makes the parameters that a response type asks for.
func (p *idp) response(in url.Values, code string, s script) url.Values {
	out := url.Values{"state": {in.Get("state")}, "iss": {p.URL}}
	words := strings.Fields(in.Get("response_type"))
	claims := p.idClaims(in)
	if slices.Contains(words, "code") {
		out.Set("code", code)
		if len(words) > 1 {
			claims["c_hash"] = halfHash(code)
		}
	}
	if slices.Contains(words, "token") {
		access := accessTokenOf(claims)
		out.Set("access_token", access)
		out.Set("token_type", "Bearer")
		out.Set("expires_in", "3600")
		claims["at_hash"] = halfHash(access)
	}
	if slices.Contains(words, "id_token") {
		if s.front != nil {
			s.front(claims)
		}
		out.Set("id_token", p.sign(s, claims))
	}
	return out
}

// sendBack answers in the mode that was asked for.
func (p *idp) sendBack(w http.ResponseWriter, r *http.Request, in, out url.Values, s script) {
	mode := in.Get("response_mode")
	if strings.HasSuffix(mode, "jwt") {
		out = url.Values{"response": {p.signResponse(out, s)}}
	}
	if !strings.HasPrefix(mode, "form_post") {
		http.Redirect(w, r, in.Get("redirect_uri")+"?"+out.Encode(), http.StatusFound)
		return
	}
	fmt.Fprintf(w, `<form method="post" action="%s">`, html.EscapeString(in.Get("redirect_uri")))
	for name, values := range out {
		for _, v := range values {
			fmt.Fprintf(w, `<input type="hidden" name="%s" value="%s">`, html.EscapeString(name), html.EscapeString(v))
		}
	}
	fmt.Fprint(w, "</form>")
}

func (p *idp) signResponse(out url.Values, s script) string {
	claims := map[string]any{"aud": clientID, "exp": time.Now().Unix() + 300}
	for name := range out {
		claims[name] = out.Get(name)
	}
	if s.signed != nil {
		s.signed(claims)
	}
	if s.jarm != nil {
		return s.jarm(claims)
	}
	return signWith(p.signer, "", claims)
}

// beginPost starts a login and returns what the issuer's page posts, unposted.
func (b *browser) beginPost(a *app, returnTo string) url.Values {
	b.t.Helper()
	login := b.step(a.URL + "/auth/login?return_to=" + url.QueryEscape(returnTo))
	if login.StatusCode != http.StatusFound {
		b.t.Fatalf("login: %d %s", login.StatusCode, login.body)
	}
	page := b.step(login.Header.Get("Location"))
	action, form, ok := oidctest.Form(page.body)
	if !ok || action != a.URL+"/auth/callback" {
		b.t.Fatalf("authorize: %d %s", page.StatusCode, page.body)
	}
	return form
}

// postBack posts as the issuer's page does: from another site, which is why
// browsers leave out every cookie but those with SameSite=None.
func (b *browser) postBack(a *app, form url.Values) answer {
	b.t.Helper()
	u, _ := url.Parse(a.URL)
	jar := b.Jar
	defer func() { b.Jar = jar }()
	b.Jar = nil
	res := b.post(a.URL+"/auth/callback", form, "https://issuer.example", func(r *http.Request) {
		navigation(r)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		for _, c := range jar.Cookies(u) {
			if strings.Contains(c.Name, "login-") {
				r.AddCookie(c)
			}
		}
	})
	jar.SetCookies(u, res.Cookies())
	return res
}

// finishPost is postBack and, where it has succeeded, the page of the app's own
// that a browser is then sent to.
func (b *browser) finishPost(a *app, form url.Values) answer {
	b.t.Helper()
	res := b.postBack(a, form)
	if !strings.HasPrefix(res.Header.Get("Location"), a.URL+"/auth/continue?") {
		return res
	}
	return b.step(res.Header.Get("Location"))
}
