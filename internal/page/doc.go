// Package page writes the pages that people see on the way: login, the choice
// of an account, consent, what was allowed, logout, signed out, and the error
// page that always offers a way on.
//
//	site, err := page.NewSite("Example", page.English, page.German)
//	err = site.Write(w, r, uiLocales, http.StatusOK, page.Login{
//		Client: page.Client{Name: "Webapp"},
//		Action: "/login",
//		Hidden: []page.Field{{Name: "interaction", Value: handle}},
//	})
//
// A Language is a set of texts by message id; one that lacks a text or a
// placeholder is refused. Write, without a Site, is in English.
//
// Pages are plain HTML without scripts and with nothing loaded from elsewhere
// but the logo of a client; they work with a keyboard, a screen reader, in the dark and in a
// narrow window. Every value is escaped, and an address that is neither local
// nor http(s) is left out.
//
// The package decides nothing: it checks no form and no token. It links
// html/template, so it is kept out of the packages that only check tokens.
//
// Specs: Content Security Policy Level 3, OWASP ASVS 5.0 chapter 3.4, WCAG 2.2.
package page
