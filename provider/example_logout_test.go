package provider_test

import (
	"context"
	"fmt"
	"log"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Clients hear of a logout by a call from server to server. The issuer says so
// in its metadata, and an operator ends what a user has.
func ExampleProvider_DisableUser() {
	const issuer = "https://login.example.com"
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		log.Fatal(err)
	}
	stores := opstore.NewMemory().Open(issuer)
	p, err := provider.New(provider.Config{
		Issuer: issuer, Secrets: secrets, Stores: stores,
		Clients: []oidckit.ClientMetadata{{
			ClientID: "app", ClientSecret: "a long random text", RedirectURIs: []string{"https://app.example.com/auth/callback"},
			BackchannelLogoutURI: "https://app.example.com/auth/backchannel-logout",
		}},
		BackchannelLogout: &provider.BackchannelLogout{},
		Events:            func(_ context.Context, e oidckit.Event) { fmt.Println(e.Name, e.Subject) },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	ctx := context.Background()
	subject, err := provider.NewAccounts(stores.Users).Create(ctx, provider.Account{
		Username: "alice", Password: "correct horse battery staple", Claims: map[string]any{"sub": "alice-1"},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := p.DisableUser(ctx, subject); err != nil {
		log.Fatal(err)
	}
	sessions, err := p.ListSessions(ctx, opstore.SessionSelector{Subject: subject}, "", 100)
	fmt.Println(len(sessions), err)
	// Output:
	// user.disabled alice-1
	// 0 <nil>
}
