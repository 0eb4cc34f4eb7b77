package authorize

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
	"github.com/oidckit/oidckit/provider/internal/tokens"
	"github.com/oidckit/oidckit/provider/internal/userclaims"
	"github.com/oidckit/oidckit/provider/opstore"
)

// maxAgeLimit keeps max_age within what a duration holds.
const maxAgeLimit = 100 * 365 * 24 * 3600

var (
	knownPrompts  = []string{oidckit.PromptNone, oidckit.PromptLogin, oidckit.PromptConsent, oidckit.PromptSelectAccount}
	knownDisplays = []string{"page", "popup", "touch", "wap"}
)

func checkPrompt(req *Request, _ *opstore.Client, p wire.Params) error {
	req.Prompt = strings.Fields(p.Get("prompt"))
	for _, value := range req.Prompt {
		if !slices.Contains(knownPrompts, value) {
			return refuse(req, oidckit.InvalidRequest, "prompt has an unknown value")
		}
	}
	// OpenID Connect Core 1.0 §3.1.2.1: none with any other value is an error
	if req.prompts(oidckit.PromptNone) && len(req.Prompt) > 1 {
		return refuse(req, oidckit.InvalidRequest, "prompt none goes with no other value")
	}
	// What is not known of how a page should look is no error.
	if display := p.Get("display"); slices.Contains(knownDisplays, display) {
		req.Display = display
	}
	return nil
}

func checkMaxAge(req *Request, client *opstore.Client, p wire.Params) error {
	raw := p.Get("max_age")
	if raw == "" {
		if registered := client.Metadata.DefaultMaxAge; registered != nil {
			age := min(*registered, maxAgeLimit)
			req.MaxAge = &age
		}
		return nil
	}
	age, err := strconv.ParseInt(raw, 10, 64)
	if err != nil || age < 0 || raw[0] == '+' {
		return refuse(req, oidckit.InvalidRequest, "max_age is not a number of seconds")
	}
	age = min(age, maxAgeLimit)
	req.MaxAge = &age
	return nil
}

// checkClaims reads what is asked for of the person beyond the scope: claims,
// their languages, and how the person must have signed in.
func (h *Handler) checkClaims(req *Request, client *opstore.Client, p wire.Params) error {
	req.ClaimsLocales = userclaims.Locales(p.Get("claims_locales"))
	// OpenID Connect Dynamic Client Registration 1.0 §2: the request overrides
	// default_acr_values
	if req.ACRValues = strings.Fields(p.Get("acr_values")); len(req.ACRValues) == 0 {
		req.ACRValues = client.Metadata.DefaultACRValues
	}
	raw := p.Get("claims")
	if raw == "" {
		return nil
	}
	asked, err := userclaims.ParseRequest(raw)
	if e, ok := errors.AsType[*oidckit.Error](err); ok {
		return &errorFor{e, req}
	}
	if !req.Scope.Has(oidckit.ScopeOpenID) {
		return nil
	}
	req.IDTokenClaims = asked.IDToken
	// OpenID Connect Core 1.0 §5.5: userinfo needs an access token
	if req.ResponseType != responsetype.IDToken {
		req.UserinfoClaims = asked.Userinfo
	}
	h.limitClaims(req, client)
	req.HintSubject = asked.Subject
	if len(asked.ACR) > 0 {
		req.ACRValues, req.EssentialACR = asked.ACR, asked.EssentialACR
	}
	// OpenID Connect Core 1.0 §5.5.1.1: what no sign-in can bring has failed
	if req.EssentialACR && len(h.ACRValues) > 0 && !slices.ContainsFunc(req.ACRValues, h.reachable) {
		return refuse(req, oidckit.UnmetAuthenticationRequirements, "no acr that is asked for is supported")
	}
	return nil
}

// limitClaims leaves of the claims asked for one by one those that the client
// may have.
func (h *Handler) limitClaims(req *Request, client *opstore.Client) {
	may := func(scope string) bool { return len(h.Scopes.Allowed(client, oidckit.Scope{scope})) > 0 }
	req.IDTokenClaims = h.UserClaims.Within(req.IDTokenClaims, may)
	req.UserinfoClaims = h.UserClaims.Within(req.UserinfoClaims, may)
}

// reachable reports whether a sign-in is known to bring an acr.
func (h *Handler) reachable(acr string) bool { return slices.Contains(h.ACRValues, acr) }

func (h *Handler) checkHint(ctx context.Context, req *Request, raw string) error {
	if raw == "" {
		return nil
	}
	hint, err := h.Tokens.ReadHint(ctx, raw)
	if errors.Is(err, tokens.ErrBadHint) {
		return refuse(req, oidckit.InvalidRequest, "id_token_hint is not an ID token of this issuer")
	}
	if err != nil {
		return err
	}
	if req.HintSubject != "" && req.HintSubject != hint.Subject {
		return refuse(req, oidckit.InvalidRequest, "claims and id_token_hint name different users")
	}
	req.HintSubject = hint.Subject
	return nil
}
