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
	maxIntrospectTimeout   = time.Minute
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
	// Keys says where the issuer's keys are; the zero value means where its
	// metadata says. Of use with signed answers only.
	Keys KeySource

	// HTTPClient makes the calls to the issuer. It is used without redirects,
	// and with a timeout where it has none. Nil means a client of the kit's.
	HTTPClient *http.Client
	// Timeout bounds one check, from the wait for its turn to the end of the
	// answer; default 5 seconds.
	Timeout time.Duration
	// Leeway is how far clocks may differ when exp, nbf and iat are checked;
	// 0 means 60 seconds, which is also the most. A negative value means none.
	Leeway time.Duration

	// Cache bounds what is remembered of answers. It is on by default.
	Cache IntrospectionCache
	// MaxRevocations is how many revocations may be in force at once; default
	// 100000. See IntrospectionVerifier.Revoke.
	MaxRevocations int

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
	if c.Endpoint != "" {
		if _, err := safeurl.Endpoint(c.Endpoint); err != nil {
			p.add("Endpoint", "%w", err)
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
	validateDuration(&p, "Timeout", c.Timeout, maxIntrospectTimeout)
	if c.Leeway > maxLeeway {
		p.add("Leeway", "is %s, more than %s", c.Leeway, maxLeeway)
	}
	c.Cache.validate(&p)
	if c.MaxRevocations < 0 {
		p.add("MaxRevocations", "is negative")
	}
	return p.err()
}

func (c *IntrospectionConfig) validateSigned(p *problems) {
	supported := jose.Algorithms()
	// RFC 8725 §3.1, §3.2
	if c.SignedAnswerAlg != "" && !slices.Contains(supported, c.SignedAnswerAlg) {
		p.add("SignedAnswerAlg", "is %q, which is none of %q", c.SignedAnswerAlg, supported)
	}
	if c.signed() {
		c.Keys.validate(p, c.Issuer)
		return
	}
	// A setting that nobody reads is one that its author relies on.
	for _, f := range []struct {
		field string
		set   bool
	}{{"SignedAnswerAlg", c.SignedAnswerAlg != ""}, {"SignedAnswerAudience", c.SignedAnswerAudience != ""}, {"Keys", !c.Keys.isZero()}} {
		if f.set {
			p.add(f.field, "has no effect without AskSignedAnswers or RequireSignedAnswers")
		}
	}
}

func validateDuration(p *problems, field string, d, most time.Duration) {
	switch {
	case d < 0:
		p.add(field, "is negative")
	case d > most:
		p.add(field, "is %s, more than %s", d, most)
	}
}

// signed reports whether signed answers are asked for.
func (c *IntrospectionConfig) signed() bool { return c.AskSignedAnswers || c.RequireSignedAnswers }

// setDefaults fills what was left out of a valid configuration.
func (c *IntrospectionConfig) setDefaults() {
	c.Cache.MaxAge = cmp.Or(c.Cache.MaxAge, maxAnswerLife)
	c.Cache.RefusalMaxAge = cmp.Or(c.Cache.RefusalMaxAge, min(defaultRefusalLife, c.Cache.MaxAge))
	c.Timeout = cmp.Or(c.Timeout, defaultIntrospectLimit)
	c.Cache.MaxTokens = cmp.Or(c.Cache.MaxTokens, defaultCachedAnswers)
	c.SignedAnswerAlg = cmp.Or(c.SignedAnswerAlg, defaultAnswerAlg)
	c.SignedAnswerAudience = cmp.Or(c.SignedAnswerAudience, c.ClientID)
	c.AuthMethod = cmp.Or(c.AuthMethod, oidckit.AuthMethodClientSecretBasic)
	c.Leeway = max(0, cmp.Or(c.Leeway, maxLeeway))
}
