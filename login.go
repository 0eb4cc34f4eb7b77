package oidckit

import (
	"encoding/json"
	"time"
)

// LoginRequest is what a login is asked for. A guard fills it for the relying
// party; the issuer fills it for the login page or the broker.
type LoginRequest struct {
	// ID is the handle of a login under way at the issuer, empty elsewhere.
	ID string
	// ReturnTo is the local path, with query, to come back to.
	ReturnTo string
	// ClientID and ClientName say for whom the issuer asks.
	ClientID   string
	ClientName string
	// Prompt holds prompt values (OpenID Connect Core 1.0 §3.1.2.1).
	Prompt []string
	// Display is how the page should be shown: page, popup, touch or wap; empty
	// asks nothing.
	Display string
	// MaxAge asks for an authentication no older than this. Nil asks nothing;
	// zero asks for a new one.
	MaxAge *time.Duration
	// ACRValues are the acceptable authentication contexts, best first. With
	// EssentialACR a login that brings none of them fails (OpenID Connect Core
	// 1.0 §5.5.1.1).
	ACRValues    []string
	EssentialACR bool
	// Claims is the claims parameter of a login at a relying party (OpenID
	// Connect Core 1.0 §5.5), a JSON object of at most 2 KiB; what is none is left
	// out and logged. Empty elsewhere.
	Claims json.RawMessage
	// LoginHint is the name or address the person is likely to use.
	LoginHint string
	// UILocales are the preferred languages, as BCP 47 tags, best first.
	UILocales []string
}

// Prompt values.
const (
	PromptNone          = "none"
	PromptLogin         = "login"
	PromptConsent       = "consent"
	PromptSelectAccount = "select_account"
)

// Authentication is the outcome of a login at the issuer.
type Authentication struct {
	// Subject is the issuer's own, stable, never reassigned identifier of the
	// user; at most 255 ASCII characters.
	Subject string
	// Time is when the person authenticated; zero means now.
	Time time.Time
	// ACR and AMR tell how, where that is known.
	ACR string
	AMR []string
	// IdentityProvider names the upstream the login came from, empty for an
	// account of the issuer's own.
	IdentityProvider string
	// Claims is what the upstream lets be known of the person. An app without an
	// issuer keeps it with the session; an issuer has its users' own.
	Claims Claims
}
