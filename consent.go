package oidckit

// ConsentRequest is what a client asks a person to allow who has signed in at
// the issuer: what a consent page shows.
type ConsentRequest struct {
	// ID is the handle of the question. Only the session that was asked can
	// answer it, once.
	ID string
	// Subject is who is asked.
	Subject string
	// ClientID and ClientName say who asks; ClientURI, LogoURI, PolicyURI and
	// TosURI are what the client has registered about itself. They are its own
	// words: a page escapes them and follows nothing that is not http or https.
	ClientID   string
	ClientName string
	ClientURI  string
	LogoURI    string
	PolicyURI  string
	TosURI     string
	// RedirectHost is where the answer goes.
	RedirectHost string
	// Scope is what is asked for, and Descriptions the same in words, by scope.
	Scope        Scope
	Descriptions map[string]string
	// Resources are the resource indicators that were named (RFC 8707).
	Resources []string
	// Claims are the names of the claims that are asked for beside those of the
	// scopes (OpenID Connect Core 1.0 §5.5).
	Claims []string
	// Prompt and UILocales are as in LoginRequest.
	Prompt    []string
	UILocales []string
}
