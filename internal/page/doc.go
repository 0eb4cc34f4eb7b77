// Package page writes the pages that people see on the way: login, consent,
// logout, signed out, and the error page that always offers a way on.
//
//	err := page.Write(w, http.StatusOK, page.Login{
//		ClientName: "Webapp",
//		Action:     "/login",
//		Hidden:     []page.Field{{Name: "interaction", Value: handle}},
//	})
//
// Pages are plain HTML without scripts and without anything loaded from
// elsewhere; they work with a keyboard, a screen reader, in the dark and in a
// narrow window. Every value is escaped, and an address that is neither local
// nor http(s) is left out.
//
// The package decides nothing: it checks no form and no token. It links
// html/template, so it is kept out of the packages that only check tokens.
//
// Specs: Content Security Policy Level 3, OWASP ASVS 5.0 chapter 3.4, WCAG 2.2.
package page
