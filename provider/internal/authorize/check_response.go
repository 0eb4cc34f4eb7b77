package authorize

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
	"github.com/oidckit/oidckit/provider/opstore"
)

const (
	maxNonce = 1024
	// challengeChars is the length of a SHA-256 in base64url.
	challengeChars = 43
)

// readResponse finds out what the request asks for and where the answer goes,
// an error too: as asked, or as is usual for the response type (OAuth 2.0
// Multiple Response Types §5). A response type that is not known counts as
// code.
func (req *Request) readResponse(p wire.Params) {
	req.ResponseType, _ = responsetype.Parse(theOne(p.All("response_type")))
	req.ResponseMode = req.ResponseType.DefaultMode()
	if mode := theOne(p.All("response_mode")); req.takes(mode) {
		req.ResponseMode = mode
	}
}

// takes reports whether the answer may go out in a mode.
func (req *Request) takes(mode string) bool {
	if mode == responsetype.ModeFormPost && !req.fitsForm() {
		return false
	}
	return req.ResponseType.Allows(mode)
}

// fitsForm reports whether a form can carry the answer: no browser posts one to
// the scheme of an app, or a state that is not text as it was.
func (req *Request) fitsForm() bool {
	return (strings.HasPrefix(req.RedirectURI, "https://") || strings.HasPrefix(req.RedirectURI, "http://")) &&
		utf8.Valid(req.State) && !bytes.ContainsFunc(req.State, unicode.IsControl)
}

func (h *Handler) checkResponse(req *Request, client *opstore.Client, p wire.Params) error {
	if p.Get("response_type") == "" {
		return refuse(req, oidckit.InvalidRequest, "response_type is missing")
	}
	if err := h.mayAsk(req, client); err != nil {
		return err
	}
	// OAuth 2.0 Multiple Response Types §2.1, §3.0
	if mode := p.Get("response_mode"); mode != "" && !req.takes(mode) {
		return refuse(req, oidckit.InvalidRequest, "response_mode is not supported, or not for this response_type")
	}
	return nil
}

// mayAsk refuses a response type that the issuer does not offer, or not to this
// client.
func (h *Handler) mayAsk(req *Request, client *opstore.Client) error {
	registered := client.Metadata
	switch t := req.ResponseType; {
	case !slices.Contains(h.ResponseTypes, t):
		return refuse(req, oidckit.UnsupportedResponseType, "response_type is not supported")
	case !t.Among(registered.ResponseTypes),
		t.Has(responsetype.Code) && !slices.Contains(registered.GrantTypes, oidckit.GrantTypeAuthorizationCode),
		t.FrontChannelTokens() && !slices.Contains(registered.GrantTypes, oidckit.GrantTypeImplicit):
		return refuse(req, oidckit.UnauthorizedClient, "the client is not registered for this response_type")
	}
	return nil
}

func checkNonce(req *Request, _ *opstore.Client, _ wire.Params) error {
	// OpenID Connect Core 1.0 §3.2.2.1, §3.3.2.11
	if req.Nonce == "" && req.ResponseType.Has(responsetype.IDToken) {
		return refuse(req, oidckit.InvalidRequest, "nonce is missing")
	}
	if len(req.Nonce) > maxNonce {
		return refuse(req, oidckit.InvalidRequest, "nonce is too long")
	}
	// OpenID Connect Core 1.0 §2: it comes back unmodified, in JSON
	if !utf8.ValidString(req.Nonce) || strings.ContainsFunc(req.Nonce, unicode.IsControl) {
		return refuse(req, oidckit.InvalidRequest, "nonce is not text")
	}
	return nil
}

func (h *Handler) checkPKCE(req *Request, client *opstore.Client, p wire.Params) error {
	// RFC 7636 §4: it protects a code
	if !req.ResponseType.Has(responsetype.Code) {
		return nil
	}
	challenge, method := p.Get("code_challenge"), p.Get("code_challenge_method")
	if challenge == "" {
		if method != "" {
			return refuse(req, oidckit.InvalidRequest, "code_challenge is missing")
		}
		return h.checkChallenged(req, client)
	}
	// RFC 7636 §4.3: an absent method means plain
	if method != "S256" {
		return refuse(req, oidckit.InvalidRequest, "code_challenge_method must be S256")
	}
	if len(challenge) != challengeChars || strings.ContainsFunc(challenge, notBase64URL) {
		return refuse(req, oidckit.InvalidRequest, "code_challenge is not an S256 challenge")
	}
	req.CodeChallenge = challenge
	return nil
}

// checkChallenged refuses a request for a code that nothing protects.
func (h *Handler) checkChallenged(req *Request, client *opstore.Client) error {
	// RFC 9700 §2.1.1: public clients MUST use PKCE
	if req.ResponseType.Has(responsetype.Code) && req.CodeChallenge == "" && (client.Public() || !h.AllowConfidentialWithoutPKCE) {
		return refuse(req, oidckit.InvalidRequest, "code_challenge is required (PKCE with S256)")
	}
	return nil
}

func notBase64URL(r rune) bool {
	return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
}
