package clients

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/subject"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

// Registry holds configured clients. It is safe for concurrent use.
type Registry struct {
	byID    map[string]*opstore.Client
	origins map[string]bool
}

// New checks the metadata of every client and returns all problems together.
func New(metadata []oidckit.ClientMetadata, p Policy) (*Registry, error) {
	r := &Registry{byID: make(map[string]*opstore.Client, len(metadata)), origins: map[string]bool{}}
	var errs []error
	for i, m := range metadata {
		name := fmt.Sprintf("Clients[%d] (%q)", i, m.ClientID)
		if _, taken := r.byID[m.ClientID]; taken {
			errs = append(errs, fmt.Errorf("%s: client_id is used twice", name))
			continue
		}
		c, ps := newClient(m, p)
		if len(ps) > 0 {
			errs = append(errs, join(name, ps))
		}
		r.byID[m.ClientID] = c
		for _, origin := range originsOf(m.RedirectURIs) {
			r.origins[origin] = true
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return r, nil
}

func newClient(m oidckit.ClientMetadata, p Policy) (*opstore.Client, []*Problem) {
	plain := m.ClientSecret
	m.ClientSecret = ""
	m, ps := Check(m, p)
	// RFC 6749 Appendix A.1: client-id = *VSCHAR
	if m.ClientID == "" || !visible(m.ClientID) {
		ps = append(ps, &Problem{Field: "client_id", Text: "must be one or more visible ASCII characters"})
	}
	ps = append(CheckSecret(&m, plain), ps...)
	c := &opstore.Client{Metadata: m}
	p.SetSecret(c, plain)
	return c, ps
}

// Client implements opstore.Clients.
func (r *Registry) Client(_ context.Context, clientID string) (*opstore.Client, error) {
	if c, ok := r.byID[clientID]; ok {
		return c, nil
	}
	return nil, oidckit.ErrNotFound
}

// Has reports whether a client is configured.
func (r *Registry) Has(clientID string) bool { return r.byID[clientID] != nil }

// HasOrigin reports whether a web origin is that of a configured client's
// redirect URI.
func (r *Registry) HasOrigin(origin string) bool { return r.origins[origin] }

// Finder finds clients for the endpoints: the configured ones first, then the
// registered ones, which it asks the store for each time. Its fields are set
// once; it is safe for concurrent use.
type Finder struct {
	Configured *Registry
	// Registered may be nil.
	Registered opstore.Clients
	Policy     Policy
	Logger     zerolog.Logger
}

// Client implements opstore.Clients.
func (f *Finder) Client(ctx context.Context, clientID string) (*opstore.Client, error) {
	c, err := f.Configured.Client(ctx, clientID)
	// Nobody has registered a client_id that the rules refuse.
	if err == nil || f.Registered == nil || clientID == "" || len(clientID) > maxClientID || !visible(clientID) {
		return c, err
	}
	if c, err = f.Registered.Client(ctx, clientID); err != nil {
		return nil, err
	}
	// Who was promised a pairwise subject must not get another one because the
	// issuer's setting has gone.
	if c.Metadata.SubjectType == subject.Pairwise && !f.Policy.Pairwise {
		f.Logger.Error().Str("client_id", clientID).Msg("a registered client has pairwise subjects, which the issuer does not make any more: it is refused")
		return nil, oidckit.ErrNotFound
	}
	return c, nil
}

// maxClientID bounds a client_id that is registered while the issuer runs.
const maxClientID = 200

// Reveal lets scripts of the client's own origins read the answer to a request
// that the client has made (Fetch Standard §3.2).
func Reveal(ctx context.Context, c *opstore.Client) {
	wire.Reveal(ctx, func(origin string) bool { return slices.Contains(originsOf(c.Metadata.RedirectURIs), origin) })
}

// originsOf returns the web origins of URIs, as the Origin header has them:
// in lower case, without the port that the scheme means anyway (RFC 6454 §6.2).
func originsOf(uris []string) []string {
	var out []string
	for _, raw := range uris {
		u, err := url.Parse(raw)
		if err != nil {
			continue
		}
		host := strings.ToLower(u.Host)
		switch u.Scheme {
		case "https":
			out = append(out, "https://"+strings.TrimSuffix(host, ":443"))
		case "http":
			out = append(out, "http://"+strings.TrimSuffix(host, ":80"))
		}
	}
	return out
}
