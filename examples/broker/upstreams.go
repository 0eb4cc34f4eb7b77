package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
)

// demoUpstream is an identity provider in this process: what would be somebody
// else's.
type demoUpstream struct{ name, issuer, user, password string }

// startDemo starts two identity providers and registers them with the broker,
// as an operator would over the admin API. They have new ports at each start,
// and keep nothing.
func (h *hub) startDemo(ctx context.Context) error {
	for _, d := range []struct{ identifier, name, domain, user, given, family string }{
		{"demo", "Staff", "staff.example", "alice", "Alice", "Adams"},
		{"demo", "Partners", "partners.example", "bob", "Bob", "Brown"},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("an upstream of the demo: %w", err)
		}
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		up := demoUpstream{
			name: d.name, issuer: "http://localhost:" + port, user: d.user,
			password: base64.RawURLEncoding.EncodeToString(oldest(h.s.secrets, "demo password/"+d.user, 9)),
		}
		record, err := h.register(ctx, up, broker.IdentityProvider{
			Identifier: d.identifier, DisplayName: d.name, DomainMapping: d.domain, Issuer: up.issuer, GrantType: broker.GrantTypeAuthorization,
			Scope: []string{"openid", "profile", "email"}, ClientID: "broker", ShowIDPToUsers: true, ClientCredentialsHeaderEnabled: true,
			ClientSecret: base64.RawURLEncoding.EncodeToString(oldest(h.s.secrets, "demo client/"+d.name, 32)),
		})
		if err == nil {
			err = h.serveUpstream(ctx, listener, up, record, map[string]any{
				"name": d.given + " " + d.family, "given_name": d.given, "family_name": d.family,
				"email": d.user + "@" + d.domain, "email_verified": true, "preferred_username": d.user,
			})
		}
		if err != nil {
			return errors.Join(fmt.Errorf("%s of the demo: %w", d.name, err), listener.Close())
		}
		h.demo = append(h.demo, up)
	}
	return nil
}

// register creates the record, or leads the one of an earlier start to where
// the provider is now.
func (h *hub) register(ctx context.Context, up demoUpstream, want broker.IdentityProvider) (*broker.IdentityProvider, error) {
	record, err := h.registry.Create(ctx, want, "")
	if !errors.Is(err, oidckit.ErrConflict) {
		if err != nil {
			return nil, err
		}
		record.ClientSecret = want.ClientSecret
		return record, nil
	}
	records, _, err := h.registry.List(ctx, 0, 100)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.DisplayName == up.name {
			want.UUID, want.Identifier = r.UUID, r.Identifier
			record, err := h.registry.Replace(ctx, want, 0)
			if err == nil {
				record.ClientSecret = want.ClientSecret
			}
			return record, err
		}
	}
	return nil, errors.New("its identifier is another record's")
}

func (h *hub) serveUpstream(ctx context.Context, listener net.Listener, up demoUpstream, record *broker.IdentityProvider, claims map[string]any) error {
	stores := opstore.NewMemory().Open(up.issuer)
	claims["sub"] = subjectOf(h.s.secrets, up.user)
	if _, err := provider.NewAccounts(stores.Users).Create(ctx, provider.Account{Username: up.user, Password: up.password, Claims: claims}); err != nil {
		return err
	}
	p, err := provider.New(provider.Config{
		Issuer: up.issuer, Secrets: h.s.secrets, Stores: stores, Name: up.name, Logger: h.logger, TrustedClients: []string{record.ClientID},
		Clients: []oidckit.ClientMetadata{{
			ClientID: record.ClientID, ClientName: issuerName, ClientSecret: record.ClientSecret, RedirectURIs: []string{record.OAuthCallbackURL},
		}},
	})
	if err != nil {
		return err
	}
	server := newServer(p, h.logger)
	h.closed = append(h.closed, p.Close, server.Close)
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			h.logger.Error().Err(err).Msg("an upstream of the demo has stopped")
		}
	}()
	return nil
}
