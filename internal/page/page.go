package page

import "time"

// Page is one of the pages of this package.
type Page interface {
	page(status int, l *Language) view
}

// view is what a page contributes to the layout.
type view struct {
	template string
	title    string
	// submits is set where the page holds a form, whose answer may redirect to
	// a client on another origin.
	submits bool
	// tellsOrigin is set where a client may check whose form it gets.
	tellsOrigin bool
	// image is the address of the one image that the page shows, if any.
	image string
	// frames are the origins that the page's frames may show, script is the one
	// script that it runs.
	frames []string
	script string
	data   any
}

// Field is a hidden form field. Fields are sent in their order.
type Field struct{ Name, Value string }

// Client is the app that a page is about (OpenID Connect Dynamic Client
// Registration 1.0 §2). The zero value is none.
type Client struct {
	Name string
	// LogoURI is shown, PolicyURI and TosURI are linked; left out unless http or
	// https.
	LogoURI, PolicyURI, TosURI string
}

// Logo is the address of the logo where it can be shown.
func (c Client) Logo() string { return imageLink(c.LogoURI) }

// Login asks for a user name and a password (fields username and password).
type Login struct {
	// Client is the app that the person goes on to. Optional.
	Client Client
	// Action is where the form is posted.
	Action string
	// Hidden is posted along.
	Hidden []Field
	// Username is filled in: what was typed before, or login_hint.
	Username string
	// Error is a sentence about the attempt before, empty on the first one.
	Error string
}

func (p Login) page(_ int, l *Language) view {
	title := "login.title"
	if p.Error != "" {
		title = "login.failed_title"
	}
	return view{template: "login", title: l.Text(title), submits: true, image: p.Client.Logo(), data: p}
}

// Choose asks whether to go on as who is signed in (field account, continue or
// other).
type Choose struct {
	Client Client
	// UserName is who is signed in.
	UserName string
	Action   string
	Hidden   []Field
}

func (p Choose) page(_ int, l *Language) view {
	return view{template: "choose", title: l.Text("choose.title"), submits: true, image: p.Client.Logo(), data: p}
}

// ScopeLine is one thing a client asks for.
type ScopeLine struct {
	// Name is the scope value, shown where there are no words for it.
	Name string
	// Description completes "It asks to:", where the language has no words of
	// its own.
	Description string
}

// Consent asks whether a client may have what it asks for (field decision,
// allow or deny).
type Consent struct {
	// Client is the app that asks; UserName is who is signed in.
	Client   Client
	UserName string
	// Scopes is what it asks for; Claims are the names of claims beside them.
	Scopes []ScopeLine
	Claims []string
	// ReturnHost is where the answer goes, the host of the redirect URI, so
	// that an app cannot hide behind a borrowed name. Optional.
	ReturnHost string
	// Action is where the form is posted; Hidden is posted along.
	Action string
	Hidden []Field
}

func (p Consent) page(_ int, l *Language) view {
	p.Scopes = inWords(l, p.Scopes)
	return view{template: "consent", title: l.Text("consent.title"), submits: true, image: p.Client.Logo(), data: p}
}

func inWords(l *Language, scopes []ScopeLine) []ScopeLine {
	out := make([]ScopeLine, 0, len(scopes))
	for _, s := range scopes {
		out = append(out, ScopeLine{Name: s.Name, Description: l.Scope(s.Name, s.Description)})
	}
	return out
}

// Account shows a person what apps were allowed and where they are signed in,
// with a form for each to end it.
type Account struct {
	UserName string
	// Notice is a sentence about what was done just now. Optional.
	Notice   string
	Allowed  []Allowed
	Sessions []Session
	// Action is where the forms are posted; each sends the one hidden field
	// that ends it.
	Action string
}

// Allowed is what a client was allowed.
type Allowed struct {
	Client Client
	// Host is where the app lives: it tells apart those of one name. Optional.
	Host   string
	Scopes []ScopeLine
	Claims []string
	At     time.Time
	// Withdraw is posted to withdraw it.
	Withdraw Field
}

// Session is a browser in which the person is signed in.
type Session struct {
	At   time.Time
	Here bool
	// End is posted to end it.
	End Field
}

func (p Account) page(_ int, l *Language) view {
	allowed := make([]Allowed, 0, len(p.Allowed))
	for _, a := range p.Allowed {
		a.Scopes = inWords(l, a.Scopes)
		allowed = append(allowed, a)
	}
	p.Allowed = allowed
	return view{template: "account", title: l.Text("account.title"), submits: true, data: p}
}

// Logout asks whether the person means to sign out (field logout), as
// OpenID Connect RP-Initiated Logout 1.0 §2 wants it for a request that could
// have come from anyone.
type Logout struct {
	// ReturnURL is a local path for who does not mean to, where the page is an
	// app's own. Optional.
	ReturnURL string
	// ClientName is the app that asks, empty where it is not known. UserName
	// is who is signed in.
	ClientName, UserName string
	// Action is where the form is posted; Hidden is posted along.
	Action string
	Hidden []Field
}

func (p Logout) page(_ int, l *Language) view {
	return view{template: "logout", title: l.Text("logout.title"), submits: true, data: p}
}

// SignedOut tells that the session has ended.
type SignedOut struct {
	// Message is a sentence in place of that the sign-in has ended. Optional.
	Message string
	// ReturnURL is a way on: a local path or an http(s) address. Optional.
	// ReturnLabel names it, "Continue" where empty.
	ReturnURL, ReturnLabel string
}

func (p SignedOut) page(_ int, l *Language) view {
	return view{template: "signedout", title: l.Text("signed_out.title"), data: p}
}

// Error tells a person that something did not work, and how to go on.
type Error struct {
	// Title is a few words; empty takes those that fit the status.
	Title string
	// Message is a sentence for the person, in the page's language or in
	// English, or a description for developers: one that names a parameter. It
	// is never a peer's text.
	Message string
	// RetryURL is where to start again: a local path or an http(s) address.
	// Without one, the page says to go back to the app. RetryLabel names it,
	// "Try again" where empty.
	RetryURL, RetryLabel string
}

type errorData struct {
	Error
	// Detail is a message for developers, or one that the page's language has no
	// words for.
	Detail string
	// Time finds the line in the log. It is shown where somebody is to be asked.
	Time string
}

func (p Error) page(status int, l *Language) view {
	if p.Title == "" {
		p.Title = l.Text(errorTitle(status))
	}
	data := errorData{Error: p}
	if text, known := l.explain(p.Message); known {
		data.Message = text
	} else {
		data.Message, data.Detail = l.Text("error.app"), sentence(p.Message)
		if status >= 500 {
			data.Message = sentence(l.Text("error.unavailable"))
		}
	}
	if data.Detail != "" || status >= 500 {
		data.Time = time.Now().UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return view{template: "error", title: p.Title, data: data}
}

func errorTitle(status int) string {
	switch {
	case status == 404:
		return "error.title.not_found"
	case status == 403:
		return "error.title.forbidden"
	case status == 429:
		return "error.title.too_many"
	case status == 503:
		return "error.title.unavailable"
	case status >= 500:
		return "error.title.broken"
	default:
		return "error.title.failed"
	}
}
