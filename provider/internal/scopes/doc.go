// Package scopes is the catalogue of what can be asked for: scopes, what they
// mean in words, and the resource servers (RFC 8707) they belong to.
//
//	cat, err := scopes.New(map[string]string{"orders:read": "Read your orders"}, resources)
//	granted := cat.Allowed(client, requested)
//	target := cat.Target(granted, requestedResources)
package scopes
