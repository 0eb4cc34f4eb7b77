// Package broker is what stands between an app, or an issuer, and upstream
// identity providers: the registry of their records and what is made of their
// claims.
//
//	registry, err := broker.NewRegistry(broker.RegistryConfig{
//		Store:       store.Open("app").IdentityProviders,
//		Secrets:     secrets,
//		CallbackURL: "https://app.example.com/broker/callback",
//	})
//	…
//	p, err := registry.Create(ctx, broker.IdentityProvider{Identifier: "okta", DisplayName: "Okta", …}, "")
//	err = registry.Reveal(p)
//	mapping, err := broker.NewMapping(p.AttributeMapping)
//	attributes, err := mapping.Apply(claims)
//
// A record is checked when it is saved, all of its fields at once: endpoints are
// https and lead to public addresses unless Outbound allows others, which is
// judged again whenever one is dialled. Client secrets are sealed in the store
// and read as MaskedSecret. Records are versioned: of two people who change one
// at a time the second is told. Every change is an event.
//
// Package admin serves the registry as a REST API.
//
// Specs: RFC 6749, RFC 9700 §2.6 and §4.4, OpenID Connect Core 1.0 §5.7, OpenID
// Connect Discovery 1.0 §4.
package broker
