package clients_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/opstore"
)

// counting counts what is asked of a store.
type counting struct {
	opstore.Registrations
	asked int
}

func (c *counting) Client(ctx context.Context, id string) (*opstore.Client, error) {
	c.asked++
	return c.Registrations.Client(ctx, id)
}

// A configured client is found without the store, and before a registered one
// of its name; what nobody can have registered is asked of no store; and what
// the store says now is what counts.
func TestFinder(t *testing.T) {
	registry, err := clients.New([]oidckit.ClientMetadata{{
		ClientID: "web", ClientName: "configured", ClientSecret: "s", RedirectURIs: []string{"https://app.example/cb"},
	}}, policy)
	if err != nil {
		t.Fatal(err)
	}
	store := &counting{Registrations: opstore.NewMemory().Open("https://op.example").Registrations}
	for _, id := range []string{"web", "shop"} {
		r := &opstore.Registration{Client: opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: id, ClientName: "registered"}}}
		if err := store.CreateRegistration(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	f := &clients.Finder{Configured: registry, Registered: store, Policy: policy}
	for _, row := range []struct {
		id, name string
		asked    int
	}{
		{"web", "configured", 0},
		{"shop", "registered", 1},
		{"nobody", "", 1},
		{"", "", 0},
		{"a\x00b", "", 0},
		{"ümlaut", "", 0},
		{strings.Repeat("x", 201), "", 0},
	} {
		store.asked = 0
		c, err := f.Client(t.Context(), row.id)
		if row.name == "" && !errors.Is(err, oidckit.ErrNotFound) || row.name != "" && (err != nil || c.Metadata.ClientName != row.name) || store.asked != row.asked {
			t.Errorf("%.10q: %+v %v, store asked %d times", row.id, c, err, store.asked)
		}
	}
	if err := store.DeleteRegistration(t.Context(), "shop", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Client(t.Context(), "shop"); !errors.Is(err, oidckit.ErrNotFound) {
		t.Errorf("a deleted client is found: %v", err)
	}
	f.Registered = nil
	if _, err := f.Client(t.Context(), "shop"); !errors.Is(err, oidckit.ErrNotFound) {
		t.Errorf("without a store: %v", err)
	}
}
