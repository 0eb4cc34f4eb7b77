package opsql_test

import (
	"context"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// TestExpiredRowsLeave shows it for what ends by itself in each kind of store:
// as others come, what has ended goes (FLT-40).
func TestExpiredRowsLeave(t *testing.T) {
	past := time.Now().Add(-time.Minute)
	kinds := map[string]struct {
		table  string
		create func(context.Context, opstore.Set) error
	}{
		"sessions": {"oidckit_op_session", func(ctx context.Context, s opstore.Set) error {
			v := storetest.Fill(&opstore.Session{})
			v.ExpiresAt = past
			return s.Sessions.CreateSession(ctx, v)
		}},
		"consents": {"oidckit_op_consent", func(ctx context.Context, s opstore.Set) error {
			v := storetest.Fill(&opstore.Consent{})
			v.ExpiresAt = past
			return s.Consents.PutConsent(ctx, v)
		}},
		"deliveries": {"oidckit_op_delivery", func(ctx context.Context, s opstore.Set) error {
			v := storetest.Fill(&opstore.Delivery{})
			v.ExpiresAt = past
			return s.Deliveries.CreateDeliveries(ctx, []opstore.Delivery{*v})
		}},
		"interactions": {"oidckit_op_interaction", func(ctx context.Context, s opstore.Set) error {
			v := storetest.Fill(&opstore.Interaction{})
			v.ExpiresAt = past
			return s.Interactions.CreateInteraction(ctx, v)
		}},
		"revocations": {"oidckit_op_revocation", func(ctx context.Context, s opstore.Set) error {
			return s.Revocations.Revoke(ctx, storetest.Realm(), past)
		}},
	}
	databases(t, func(t *testing.T, d database) {
		db := d.connect(t)
		set := newStore(t, db, d.dialect).Open(storetest.Realm())
		for name, kind := range kinds {
			const written = 260
			for range written {
				if err := kind.create(t.Context(), set); err != nil {
					t.Fatal(name, err)
				}
			}
			var left int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+kind.table).Scan(&left); err != nil {
				t.Fatal(err)
			}
			if left > written/2 {
				t.Errorf("%d of %d %s that have ended are still there", left, written, name)
			}
		}
	})
}
