// Package cookies makes the cookies of apps: bound to a host, and for logins
// under way one sealed cookie each.
//
//	site, err := cookies.NewSite("https://app.example")
//	jar := cookies.NewJar(site, box, "login-", registration)
//	c := jar.Seal(cookies.Pending{State: state, Created: now, Content: content})
//	jar.MakeRoom(w, r, c)
//	http.SetCookie(w, c)
//	p, err := jar.Open(r, state)
//
// A visitor who never comes back leaves nothing behind but what the browser
// has; several logins at once do not know of each other. The package sets no
// session cookie: that is scs's.
//
// Specs: RFC 6265bis §4.1.3, RFC 6749 §10.12, OWASP ASVS 5.0 3.3.
package cookies
