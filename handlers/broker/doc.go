// Package broker is what stands between an issuer and upstream identity
// providers: the registry of their records, and the logins that go through them.
//
//	registry, err := broker.NewRegistry(broker.RegistryConfig{
//		Store:       store.Open("app").IdentityProviders,
//		Secrets:     secrets,
//		CallbackURL: "https://app.example.com/broker/callback",
//	})
//	b, err := broker.New(broker.Config{
//		Registry: registry, Downstream: issuer, Accounts: accounts, Store: store.Open("app"), Secrets: secrets,
//		BaseURL: "https://app.example.com",
//	})
//	b.Mount(mux) // and provider.Config.LoginURL is "/broker/login"
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
// A login is led to a provider by what the person or the client has chosen, by
// the domain of an e-mail address, or by what is the only or the default one;
// otherwise a page asks. The answer comes to an address of the record's own and
// is checked as the relying party of package handlers checks its own. Whose
// account a person has is kept by (issuer, sub); an e-mail address leads to one
// only where the record says so, verified, and in its own domains.
//
// Package broker keeps no session: that is the issuer's. Package admin serves the registry as a REST API.
//
// Specs: OpenID Connect Core 1.0, RFC 6749, RFC 9101, RFC 9700 §2.6 and §4.4, OpenID Connect Core 1.0 §5.7, OpenID
// Connect Discovery 1.0 §4.
package broker
