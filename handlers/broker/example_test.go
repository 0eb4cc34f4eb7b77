package broker_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

// A record from a preset, and where an address leads.
func ExampleRegistry() {
	secrets, err := oidckit.NewSecrets(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		panic(err)
	}
	registry, err := broker.NewRegistry(broker.RegistryConfig{
		Store: rpstore.NewMemory().Open("app").IdentityProviders, Secrets: secrets, CallbackURL: "https://app.example.com/broker/callback",
	})
	if err != nil {
		panic(err)
	}
	preset, _ := broker.FindPreset("okta")
	record, err := preset.Fill(map[string]string{"domain": "example.okta.com"})
	if err != nil {
		panic(err)
	}
	record.ClientID, record.ClientSecret, record.DomainMapping = "client", "the secret", "example.com"
	created, err := registry.Create(context.Background(), record, "")
	if err != nil {
		panic(err)
	}
	fmt.Println(created.Identifier, created.Issuer, created.ClientSecret)

	found, err := registry.ForEmail(context.Background(), "ada@example.com")
	if err != nil {
		panic(err)
	}
	fmt.Println(len(found), found[0].DisplayName)

	record.GrantType, record.TokenEndpoint = "CODE", "http://10.0.0.1/token"
	for _, wrong := range registry.Check(context.Background(), record) {
		fmt.Println(wrong.Field, wrong.Message)
	}
	// Output:
	// okta_okta https://example.okta.com ********
	// 1 Okta
	// tokenEndpoint must be https (http only on a loopback host)
	// grantType must be AUTHORIZATION, IMPLICIT or PASSWORD
}

// What an upstream claim becomes.
func ExampleMapping() {
	mapping, err := broker.NewMapping([]broker.AttributeMapping{
		{IncomingAttribute: "mail", OutgoingAttribute: "EMAIL"},
		{IncomingAttribute: "{first} {last}", OutgoingAttribute: "name"},
		{IncomingAttribute: "groups[].name", OutgoingAttribute: "groups"},
		{IncomingAttribute: "'staff'", OutgoingAttribute: "role"},
	})
	if err != nil {
		panic(err)
	}
	attributes, err := mapping.Apply(oidckit.Claims(`{"mail":"ada@example.com","first":"Ada","last":"L","groups":[{"name":"dev"},{"name":"ops"}]}`))
	if err != nil {
		panic(err)
	}
	names := mapping.Names()
	slices.Sort(names)
	for _, name := range names {
		fmt.Println(name, attributes[name])
	}
	// Output:
	// email ada@example.com
	// groups [dev ops]
	// name Ada L
	// role staff
}
