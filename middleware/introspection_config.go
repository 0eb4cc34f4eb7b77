package middleware

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/rs/zerolog"
)

const (
	introspectionConfigName = "IntrospectionConfig"

	// maxAnswerLife is both the default and the most (ATK-154): a token that
	// was revoked is refused no later than this.
	maxAnswerLife          = 60 * time.Second
	defaultRefusalLife     = 10 * time.Second
	defaultCachedAnswers   = 50_000
	defaultIntrospectLimit = 5 * time.Second
	// defaultAnswerAlg is the default of introspection_signed_response_alg
	// (RFC 9701 §6).
	defaultAnswerAlg = "RS256"
)

// IntrospectionConfig says which issuer is asked about access tokens, and for
// whom. The zero value of each optional field is the strict one.
type IntrospectionConfig struct {
	// Issuer is the issuer identifier: https, or http on a loopback host. An
	// answer that names an issuer must name this one. Required.
	Issuer string
	// Audience is the identifier of this API, which the answer's aud must
	// hold. Required.
	Audience string
	// Audiences are further identifiers that are accepted, for an API that
	// changes its name.
	Audiences []string
	// AllowMissingAudience takes tokens of which the issuer does not say whom
	// they are for: RFC 7662 §2.2 leaves aud optional. An aud that is there
	// must hold one of ours all the same.
	AllowMissingAudience bool
	// AllowMissingSubject takes tokens of which the issuer does not say whose
	// they are. Their Identity has an empty Subject, which is nobody's key to
	// anything.
	AllowMissingSubject bool

	// Endpoint is the introspection endpoint; "" means as the issuer's metadata
	// says (RFC 8414 §2).
	Endpoint string
	// ClientID and ClientSecret are the API's own credentials at the issuer
	// (RFC 7662 §2.1). Required.
	ClientID     string
	ClientSecret string
	// AuthMethod is how they are sent: oidckit.AuthMethodClientSecretBasic,
	// which is the default, or oidckit.AuthMethodClientSecretPost.
	AuthMethod string

	// AskSignedAnswers asks for answers that are signed JWTs (RFC 9701 §4) and
	// takes plain ones as well.
	AskSignedAnswers bool
	// RequireSignedAnswers asks for them and takes nothing else.
	RequireSignedAnswers bool
	// SignedAnswerAlg is the one algorithm of signed answers, as registered
	// for the client (introspection_signed_response_alg, RFC 9701 §6); default
	// RS256.
	SignedAnswerAlg string
	// SignedAnswerAudience is whom signed answers are made out to; default
	// ClientID (RFC 9701 §5).
	SignedAnswerAudience string
	// JWKSURI is where the issuer's keys are; "" means as its metadata says.
	// Of use with signed answers only.
	JWKSURI string

	// HTTPClient makes the calls to the issuer. It is used without redirects,
	// and with a timeout where it has none. Nil means a client of the kit's.
	HTTPClient *http.Client
	// Timeout bounds one check, from the wait for its turn to the end of the
	// answer; default 5 seconds.
	Timeout time.Duration
	// Leeway is how far clocks may differ when exp, nbf and iat are checked;
	// 0 means 60 seconds, which is also the most. A negative value means none.
	Leeway time.Duration

	// MaxAge is for how long an active token is served without asking again,
	// and so how long a revocation may go unnoticed. Default 60 seconds, which
	// is also the most. A token's exp ends it earlier.
	MaxAge time.Duration
	// RefusalMaxAge is for how long a token that is not active is refused
	// without asking again. Default 10 seconds; at most 60.
	RefusalMaxAge time.Duration
	// MaxCached bounds how many active tokens are remembered, and, apart from
	// that, how many refused ones; default 50 000. Beyond it the oldest are
	// forgotten, never refused.
	MaxCached int
	// DisableCache asks the issuer once for each request, so that a revocation
	// counts at once.
	DisableCache bool

	// Logger gets a line for each token that is refused, with the reason, and
	// for each that could not be checked. The zero value is silent.
	Logger zerolog.Logger
	// Events hears of the same: oidckit.EventTokenRefused and
	// oidckit.EventTokenUnchecked.
	Events oidckit.EventSink
}

// validate returns every problem of the configuration.
func (c *IntrospectionConfig) validate() error {
	p := problems{config: introspectionConfigName}
	if _, err := safeurl.Issuer(c.Issuer); err != nil {
		p.add("Issuer", "%s %w", quote(c.Issuer), err)
	}
	if c.Audience == "" {
		p.add("Audience", "is empty")
	}
	if slices.Contains(c.Audiences, "") {
		p.add("Audiences", "holds an empty string")
	}
	for _, u := range []struct{ field, value string }{{"Endpoint", c.Endpoint}, {"JWKSURI", c.JWKSURI}} {
		if u.value == "" {
			continue
		}
		if _, err := safeurl.Endpoint(u.value); err != nil {
			p.add(u.field, "%w", err)
		}
	}
	if c.ClientID == "" {
		p.add("ClientID", "is empty")
	}
	if c.ClientSecret == "" {
		p.add("ClientSecret", "is empty")
	}
	methods := []string{"", oidckit.AuthMethodClientSecretBasic, oidckit.AuthMethodClientSecretPost}
	if !slices.Contains(methods, c.AuthMethod) {
		p.add("AuthMethod", "is %q, which is none of %q", c.AuthMethod, methods[1:])
	}
	c.validateSigned(&p)
	c.validateBounds(&p)
	return p.err()
}

func (c *IntrospectionConfig) validateSigned(p *problems) {
	supported := jose.Algorithms()
	// RFC 8725 §3.1, §3.2
	if c.SignedAnswerAlg != "" && !slices.Contains(supported, c.SignedAnswerAlg) {
		p.add("SignedAnswerAlg", "is %q, which is none of %q", c.SignedAnswerAlg, supported)
	}
	if c.signed() {
		return
	}
	// A setting that nobody reads is one that its author relies on.
	for _, f := range []struct{ field, value string }{
		{"SignedAnswerAlg", c.SignedAnswerAlg}, {"SignedAnswerAudience", c.SignedAnswerAudience}, {"JWKSURI", c.JWKSURI},
	} {
		if f.value != "" {
			p.add(f.field, "has no effect without AskSignedAnswers or RequireSignedAnswers")
		}
	}
}

func (c *IntrospectionConfig) validateBounds(p *problems) {
	for _, d := range []struct {
		field       string
		value, most time.Duration
	}{{"MaxAge", c.MaxAge, maxAnswerLife}, {"RefusalMaxAge", c.RefusalMaxAge, maxAnswerLife}, {"Timeout", c.Timeout, time.Minute}} {
		switch {
		case d.value < 0:
			p.add(d.field, "is negative")
		case d.value > d.most:
			p.add(d.field, "is %s, more than %s", d.value, d.most)
		}
	}
	if c.MaxCached < 0 {
		p.add("MaxCached", "is negative")
	}
	if c.DisableCache && (c.MaxAge != 0 || c.RefusalMaxAge != 0 || c.MaxCached != 0) {
		p.add("DisableCache", "leaves nothing for MaxAge, RefusalMaxAge and MaxCached to bound")
	}
	if c.Leeway > maxLeeway {
		p.add("Leeway", "is %s, more than %s", c.Leeway, maxLeeway)
	}
}

// signed reports whether signed answers are asked for.
func (c *IntrospectionConfig) signed() bool { return c.AskSignedAnswers || c.RequireSignedAnswers }

// setDefaults fills what was left out of a valid configuration.
func (c *IntrospectionConfig) setDefaults() {
	c.MaxAge = cmp.Or(c.MaxAge, maxAnswerLife)
	c.RefusalMaxAge = cmp.Or(c.RefusalMaxAge, min(defaultRefusalLife, c.MaxAge))
	c.Timeout = cmp.Or(c.Timeout, defaultIntrospectLimit)
	c.MaxCached = cmp.Or(c.MaxCached, defaultCachedAnswers)
	c.SignedAnswerAlg = cmp.Or(c.SignedAnswerAlg, defaultAnswerAlg)
	c.SignedAnswerAudience = cmp.Or(c.SignedAnswerAudience, c.ClientID)
	c.AuthMethod = cmp.Or(c.AuthMethod, oidckit.AuthMethodClientSecretBasic)
	c.Leeway = max(0, cmp.Or(c.Leeway, maxLeeway))
}
