package authorize

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Request is an authorization request that was checked: client and redirect
// URI are registered, everything else is well-formed.
type Request struct {
	// ID names the request; a login for it is completed once.
	ID          string `json:"id"`
	ReceivedAt  int64  `json:"at"`
	ClientID    string `json:"client_id"`
	RedirectURI string `json:"redirect_uri"`
	// State is bytes: as text, JSON would change what is not UTF-8.
	State []byte `json:"state,omitempty"`
	// ResponseType and ResponseMode say what the answer brings, and where; the
	// mode is never empty.
	ResponseType  responsetype.Type `json:"response_type"`
	ResponseMode  string            `json:"response_mode"`
	Nonce         string            `json:"nonce,omitempty"`
	CodeChallenge string            `json:"code_challenge,omitempty"`
	Scope         oidckit.Scope     `json:"scope,omitempty"`
	Resource      []string          `json:"resource,omitempty"`
	Prompt        []string          `json:"prompt,omitempty"`
	// MaxAge is in seconds; nil was not sent.
	MaxAge    *int64   `json:"max_age,omitempty"`
	Display   string   `json:"display,omitempty"`
	LoginHint string   `json:"login_hint,omitempty"`
	UILocales []string `json:"ui_locales,omitempty"`
	// ACRValues are the authentication contexts asked for, best first; with
	// EssentialACR no other will do.
	ACRValues    []string `json:"acr_values,omitempty"`
	EssentialACR bool     `json:"acr_essential,omitempty"`
	// UserinfoClaims and IDTokenClaims are claims asked for one by one that the
	// client may have, ClaimsLocales the languages they are wanted in.
	UserinfoClaims []string `json:"userinfo_claims,omitempty"`
	IDTokenClaims  []string `json:"id_token_claims,omitempty"`
	ClaimsLocales  []string `json:"claims_locales,omitempty"`
	// HintSubject is the one person that the answer may be about: the sub of a
	// verified id_token_hint or of the claims parameter.
	HintSubject string `json:"hint_sub,omitempty"`
	// ReturnTo is set where no client asks but a page of the issuer's own: the
	// path to come back to.
	ReturnTo string `json:"return_to,omitempty"`

	// session is who is signed in, nil for nobody, where judged says so.
	session *opstore.Session
	judged  bool
}

// within tells the request the session that it is answered in, nil for none.
func (r *Request) within(sess *opstore.Session) { r.session, r.judged = sess, true }

const (
	// requestLifetime is how long a person may take to sign in.
	requestLifetime = 30 * time.Minute
	// maxSealed bounds a request that waits in a URL, in characters.
	maxSealed = 8 << 10
	sealedFor = "authorization request"
)

var (
	errRequestTooLarge = errors.New("authorize: request is too large to wait in a URL")
	// ErrRequestExpired says that a waiting request is not one of ours, or is
	// too old.
	ErrRequestExpired = oidckit.NewError(oidckit.InvalidRequest, "this sign-in has expired")
)

// Seal returns the request in a form that can wait in a URL.
func (h *Handler) Seal(req *Request) (string, error) {
	plain, err := json.Marshal(req)
	if err != nil {
		return "", err
	}
	sealed := h.Box.SealText(plain, sealedFor)
	if len(sealed) > maxSealed {
		return "", errRequestTooLarge
	}
	return sealed, nil
}

// Open returns a request that Seal sealed, or ErrRequestExpired: together with
// the request where it is only too old, so that it can be started again.
func (h *Handler) Open(sealed string) (*Request, error) {
	if sealed == "" || len(sealed) > maxSealed {
		return nil, ErrRequestExpired
	}
	plain, err := h.Box.OpenText(sealed, sealedFor)
	if err != nil {
		return nil, ErrRequestExpired
	}
	req, err := decodeRequest(plain)
	if err != nil {
		return nil, ErrRequestExpired
	}
	if time.Since(time.Unix(req.ReceivedAt, 0)) > requestLifetime {
		return req, ErrRequestExpired
	}
	return req, nil
}

func decodeRequest(plain []byte) (*Request, error) {
	req := &Request{}
	if err := json.Unmarshal(plain, req); err != nil {
		return nil, err
	}
	return req, nil
}

func (r *Request) prompts(value string) bool { return slices.Contains(r.Prompt, value) }

// LoginRequest is the request as the login page sees it. sealed is its ID.
func (r *Request) LoginRequest(sealed, clientName string) *oidckit.LoginRequest {
	lr := &oidckit.LoginRequest{
		ID: sealed, ClientID: r.ClientID, ClientName: clientName, Prompt: r.Prompt, Display: r.Display,
		ACRValues: r.ACRValues, EssentialACR: r.EssentialACR, LoginHint: r.LoginHint, UILocales: r.UILocales,
	}
	if r.MaxAge != nil {
		age := time.Duration(*r.MaxAge) * time.Second
		lr.MaxAge = &age
	}
	return lr
}
