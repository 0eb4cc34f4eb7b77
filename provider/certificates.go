package provider

import (
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/discovery"
)

// Certificates gives signing keys X.509 certificates, for those who verify
// with one in place of the key set: the keys that the issuer makes get
// self-signed ones, the same on every replica. They stand in the key set (x5c
// and x5t#S256, RFC 7517 §4.7, §4.9), and as PEM at Paths.Certificate: first
// of the keys that sign now, RS256 before others; the parameters kid and alg
// choose among them. A certificate ends with its key: who has downloaded one
// downloads the next before Lifetimes.SigningKey is over.
type Certificates struct{}

func (*Certificates) check(*resolved) []error { return nil }

func (*Certificates) routes(a *assembly) []route {
	certificates := &discovery.Certificates{Keys: a.keys}
	return []route{a.at(a.cfg.Paths.Certificate, a.document("certificate", certificates.Serve))}
}

func (*Certificates) describe(*resolved, *oidckit.ProviderMetadata) {}
