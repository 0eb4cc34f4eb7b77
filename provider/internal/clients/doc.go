// Package clients is what the issuer knows of its clients: those that an app
// has configured, and those that are registered while it runs.
//
//	registry, err := clients.New(metadata, policy)
//	finder := &clients.Finder{Configured: registry, Registered: set.Registrations, Policy: policy}
//	c, err := finder.Client(ctx, "webapp")
//	m, problems := clients.Check(metadata, policy)
//
// Check has the rules of all client metadata, for whoever registers it; the
// rules by which a redirect URI is registered and matched are here too. The
// endpoints at which clients are registered are not.
//
// A Finder keeps nothing: a client that was deleted or changed is so for the
// next request, on every replica.
//
// Specs: RFC 7591 §2, OpenID Connect Dynamic Client Registration 1.0 §2, RFC
// 6749 §3.1.2, RFC 8252 §7, and the logout specifications' client metadata.
package clients
