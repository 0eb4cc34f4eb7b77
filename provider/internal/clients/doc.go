// Package clients is the registry of the clients an app has configured: the
// metadata of RFC 7591, checked once, with defaults filled in.
//
//	registry, err := clients.New(metadata, clients.Policy{SigningAlgorithms: algs})
//	c, err := registry.Client(ctx, "webapp")
//
// It also holds the rules by which a redirect URI is registered and matched.
// Registration by the clients themselves is not here.
package clients
