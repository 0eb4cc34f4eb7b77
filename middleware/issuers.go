package middleware

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/oidckit/oidckit/internal/discovery"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/strictjson"
	"github.com/rs/zerolog"
)

// trustedIssuer is one configured issuer, or a template of them, with all that
// its tokens are judged by.
type trustedIssuer struct {
	// name is the issuer or the template, as configured.
	name string
	// path stands before the names of its settings.
	path        string
	audiences   []string
	algorithms  []string
	leeway      int64
	allowTypJWT bool
	// scopeClaim is empty where the scope is in the claim of that name.
	scopeClaim      string
	allowScopeArray bool

	// keys are those of the issuer, or of all tenants of the template.
	keys *keyring

	// template is nil for an issuer that is just one.
	template *template
	tenants  Tenants
	listed   map[string]bool
	// perTenant is nil where keys serves all tenants.
	perTenant *tenantKeys
}

// issuerSet finds the issuer that a token names. It is immutable.
type issuerSet struct {
	all       []*trustedIssuer
	exact     map[string]*trustedIssuer
	templates []*trustedIssuer
}

// newIssuerSet adds every problem of cfg to p. It calls nobody.
func newIssuerSet(cfg *JWTConfig, p *problems) *issuerSet {
	set := &issuerSet{exact: map[string]*trustedIssuer{}}
	all, paths := cfg.issuers(p)
	clients := map[*http.Client]*http.Client{}
	for i := range all {
		c := &all[i]
		p.path = paths[i]
		for _, before := range all[:i] {
			// Both would claim a token, and their settings would mix.
			if c.Issuer == before.Issuer || isTemplate(c.Issuer) && isTemplate(before.Issuer) && overlaps(c.Issuer, before.Issuer) {
				p.add("Issuer", "%s stands for the same as %s", quote(c.Issuer), quote(before.Issuer))
			}
		}
		c.validate(p)
		if len(p.errs) > 0 {
			continue
		}
		if clients[c.HTTPClient] == nil {
			clients[c.HTTPClient] = httpx.Bounded(c.HTTPClient)
		}
		set.add(c, paths[i], clients[c.HTTPClient], cfg.Logger, p)
	}
	p.path = ""
	return set
}

// add takes an issuer whose settings have no problem.
func (s *issuerSet) add(c *JWTIssuer, path string, client *http.Client, logger zerolog.Logger, p *problems) {
	t := &trustedIssuer{
		name: c.Issuer, path: path,
		audiences:   append([]string{c.Audience}, c.Audiences...),
		algorithms:  slices.Clone(c.Algorithms),
		leeway:      c.leewaySeconds(),
		allowTypJWT: c.AllowTypJWT,
		scopeClaim:  c.ScopeClaim, allowScopeArray: c.AllowScopeArray,
	}
	if t.algorithms == nil {
		t.algorithms = jose.Algorithms()
	}
	s.all = append(s.all, t)
	open := keyOpener{source: c.Keys, client: client, logger: logger}
	if !isTemplate(c.Issuer) {
		s.exact[c.Issuer] = t
		t.keys = open.must(p, c.Issuer, "")
		return
	}
	s.templates = append(s.templates, t)
	t.template, _ = parseTemplate(c.Issuer)
	t.tenants = c.Tenants
	t.listed = map[string]bool{}
	for _, name := range c.Tenants.Allowed {
		t.listed[name] = true
	}
	if !c.Keys.shared(&c.Tenants) {
		t.perTenant = newTenantKeys(c.Tenants.Max, open)
		return
	}
	if c.Keys.JWKSURI == "" {
		open.document, open.template = c.Tenants.MetadataURI, t.template
	}
	t.keys = open.must(p, c.Issuer, "")
}

// find returns the issuer that a claim names, and the tenant where it is a
// template's. A tenant that nobody could approve of is no issuer. No more is
// said of it than the name: whether the token is from there stands to be seen.
func (s *issuerSet) find(iss strictjson.Value) (t *trustedIssuer, tenant string, err error) {
	var room [256]byte
	name, textErr := iss.AppendText(room[:0])
	if textErr == nil {
		if t := s.exact[string(name)]; t != nil {
			return t, "", nil
		}
		for _, t := range s.templates {
			tenant, ok := t.template.tenant(string(name))
			if !ok {
				continue
			}
			if !t.listed[tenant] && t.tenants.Allow == nil {
				return nil, "", &TokenError{Claim: "iss", Setting: t.path + "Tenants", Reason: "tenant " + quote(tenant) + " is not accepted"}
			}
			return t, tenant, nil
		}
	}
	// RFC 9068 §4, RFC 8725 §3.8
	if len(s.all) == 1 {
		return nil, "", &TokenError{Claim: "iss", Setting: s.all[0].path + "Issuer", Reason: "is " + shown(iss) + ", not " + quote(s.all[0].name)}
	}
	return nil, "", &TokenError{Claim: "iss", Setting: "Issuers", Reason: fmt.Sprintf("is %s, none of the %d accepted ones", shown(iss), len(s.all))}
}

// named returns the issuer of a revocation: one whose tokens are accepted.
func (s *issuerSet) named(issuer string) (string, error) {
	if issuer == "" && len(s.all) == 1 && s.all[0].template == nil {
		return s.all[0].name, nil
	}
	if s.exact[issuer] != nil {
		return issuer, nil
	}
	for _, t := range s.templates {
		if _, ok := t.template.tenant(issuer); ok {
			return issuer, nil
		}
	}
	return "", fmt.Errorf("Issuer %s is none whose tokens are accepted", quote(issuer))
}

// issuer returns the name that tokens of the issuer have in iss.
func (t *trustedIssuer) issuer(tenant string) string {
	if t.template == nil {
		return t.name
	}
	return t.template.fill(tenant)
}

// admits asks the app about a tenant that is not listed.
func (t *trustedIssuer) admits(ctx context.Context, tenant string) error {
	if t.template == nil || t.listed[tenant] {
		return nil
	}
	return t.tenants.allow(ctx, tenant)
}

// ring returns the keys that a token of the issuer can be signed with.
func (t *trustedIssuer) ring(tenant string) (*keyring, error) {
	if t.keys != nil {
		return t.keys, nil
	}
	return t.perTenant.ring(t.template.fill(tenant), tenant)
}

// Close ends what fetches keys.
func (t *trustedIssuer) Close() error {
	if t.keys != nil {
		return t.keys.Close()
	}
	return t.perTenant.Close()
}

// keyOpener opens the keys of an issuer or tenant.
type keyOpener struct {
	source KeySource
	client *http.Client
	logger zerolog.Logger
	// document is the metadata that all tenants of template share.
	document string
	template *template
}

// must is open for settings that were validated; whatever remains is a problem
// all the same.
func (o keyOpener) must(p *problems, issuer, tenant string) *keyring {
	ring, err := o.open(issuer, tenant)
	if err != nil {
		p.add("Keys", "%w", err)
		return &keyring{}
	}
	return ring
}

// open makes a keyring, which calls nobody before it is asked.
func (o keyOpener) open(issuer, tenant string) (*keyring, error) {
	if fixed, err := o.source.fixedKeys(issuer); fixed != nil || err != nil {
		return &keyring{Source: fixed, issuer: issuer}, err
	}
	if o.source.JWKSFile != "" {
		return newKeyring(issuer, &o.source, keyFile(o.source.JWKSFile).read, o.logger)
	}
	d := &keyDocument{client: o.client, uri: o.source.JWKSURI, shared: o.document, template: o.template}
	if t, err := parseTemplate(d.uri); err == nil && tenant != "" {
		d.uri = t.fill(tenant)
	}
	if d.uri == "" && d.shared == "" {
		d.metadata = discovery.New(discovery.Config{Issuer: issuer, HTTPClient: o.client, Logger: o.logger})
	}
	ring, err := newKeyring(issuer, &o.source, d.fetch, o.logger)
	if err != nil {
		return nil, err
	}
	ring.metadata = d.metadata
	return ring, nil
}
