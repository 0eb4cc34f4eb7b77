package page

// Page is one of the pages of this package.
type Page interface {
	page(status int) view
}

// view is what a page contributes to the layout.
type view struct {
	template string
	title    string
	brand    string
	// submits is set where the page holds a form, whose answer may redirect to
	// a client on another origin.
	submits bool
	data    any
}

// Field is a hidden form field. Fields are sent in their order.
type Field struct{ Name, Value string }

// Login asks for a user name and a password (fields username and password).
type Login struct {
	// Brand names who runs the issuer, shown above the form. Optional.
	Brand string
	// ClientName is the app that the person goes on to. Optional.
	ClientName string
	// PolicyURI and TosURI are the client's documents (OpenID Connect Dynamic
	// Client Registration 1.0 §2); left out unless http or https.
	PolicyURI, TosURI string
	// Action is where the form is posted.
	Action string
	// Hidden is posted along.
	Hidden []Field
	// Username is filled in: what was typed before, or login_hint.
	Username string
	// Error is a sentence about the attempt before, empty on the first one.
	Error string
}

func (p Login) page(int) view {
	title := "Sign in"
	if p.Error != "" {
		title = "Not signed in – try again"
	}
	return view{template: "login", title: title, brand: p.Brand, submits: true, data: p}
}

// ScopeLine is one thing a client asks for.
type ScopeLine struct {
	// Name is the scope value, shown where Description is empty.
	Name string
	// Description completes "It asks to:".
	Description string
}

// Consent asks whether a client may have what it asks for (field decision,
// allow or deny).
type Consent struct {
	// Brand names who runs the issuer. Optional.
	Brand string
	// ClientName is the app that asks; UserName is who is signed in.
	ClientName, UserName string
	// Scopes is what it asks for, in words.
	Scopes []ScopeLine
	// ReturnHost is where the answer goes, the host of the redirect URI, so
	// that an app cannot hide behind a borrowed name. Optional.
	ReturnHost string
	// Action is where the form is posted; Hidden is posted along.
	Action string
	Hidden []Field
	// PolicyURI and TosURI are the client's documents.
	PolicyURI, TosURI string
}

func (p Consent) page(int) view {
	return view{template: "consent", title: "Allow access?", brand: p.Brand, submits: true, data: p}
}

// Logout asks whether the person means to sign out (field logout), as
// OpenID Connect RP-Initiated Logout 1.0 §2 wants it for a request that could
// have come from anyone.
type Logout struct {
	// Brand names who runs the issuer. Optional.
	Brand string
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

func (p Logout) page(int) view {
	return view{template: "logout", title: "Sign out?", brand: p.Brand, submits: true, data: p}
}

// SignedOut tells that the session has ended.
type SignedOut struct {
	// Brand names who runs the place. Optional.
	Brand string
	// Message is a sentence more. Optional.
	Message string
	// ReturnURL is a way on: a local path or an http(s) address. Optional.
	// ReturnLabel names it, "Continue" where empty.
	ReturnURL, ReturnLabel string
}

func (p SignedOut) page(int) view {
	return view{template: "signedout", title: "Signed out", brand: p.Brand, data: p}
}

// Error tells a person that something did not work, and how to go on.
type Error struct {
	// Brand names who runs the place. Optional.
	Brand string
	// Title is a few words; empty takes those that fit the status.
	Title string
	// Message is a sentence for the person. It is never a peer's text.
	Message string
	// RetryURL is where to start again: a local path or an http(s) address.
	// Without one, the page says to go back to the app. RetryLabel names it,
	// "Try again" where empty.
	RetryURL, RetryLabel string
}

func (p Error) page(status int) view {
	if p.Title == "" {
		p.Title = errorTitle(status)
	}
	p.Message = sentence(p.Message)
	return view{template: "error", title: p.Title, brand: p.Brand, data: p}
}

func errorTitle(status int) string {
	switch {
	case status == 404:
		return "There is no such page"
	case status == 403:
		return "This is not allowed"
	case status == 429:
		return "Too many attempts"
	case status == 503:
		return "Not available right now"
	case status >= 500:
		return "Something went wrong"
	default:
		return "This did not work"
	}
}
