package opstoretest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func deliveryChecks() []check {
	return []check{
		{Name: "a delivery that is due is claimed with every field, and hidden", Run: deliveryFields},
		{Name: "a delivery that is not due yet is not claimed", Run: deliveryNotDue},
		{Name: "no more are claimed than was asked for, and in the end all", Run: deliveryLimit},
		{Name: "a delivery is claimed again when its time has come", Run: deliveryRetry},
		{Name: "an expired delivery is not claimed", Run: deliveryExpired},
		{Name: "a deleted delivery is gone, and deleting or retrying nothing is no error", Run: deliveryDelete},
		{Name: "deliveries are stored together or not at all", Run: deliveryTogether},
		{Name: "of calls at once exactly one claims a delivery", Run: deliveryRace},
		{Name: "an ended context stops the call and changes nothing", Run: deliveryCancelled},
	}
}

func newDelivery() opstore.Delivery {
	d := storetest.Fill(&opstore.Delivery{})
	d.NextAt, d.ExpiresAt, d.Attempts = time.Now().Add(-time.Second), time.Now().Add(time.Hour), 0
	return *d
}

func queued(ctx context.Context, s opstore.Set, n int) ([]opstore.Delivery, error) {
	all := make([]opstore.Delivery, n)
	for i := range all {
		all[i] = newDelivery()
	}
	return all, storetest.Want("CreateDeliveries", s.Deliveries.CreateDeliveries(ctx, all), nil)
}

// claims returns an error unless exactly n are claimed, and the claimed ones.
func claims(ctx context.Context, s opstore.Set, limit, n int) ([]opstore.Delivery, error) {
	got, err := s.Deliveries.ClaimDeliveries(ctx, limit, time.Now().Add(time.Hour))
	if err == nil && len(got) != n {
		err = fmt.Errorf("ClaimDeliveries(%d) returns %d, want %d", limit, len(got), n)
	}
	return got, err
}

func noClaim(ctx context.Context, s opstore.Set) error {
	_, err := claims(ctx, s, 10, 0)
	return err
}

func deliveryFields(ctx context.Context, s opstore.Set) error {
	all, err := queued(ctx, s, 1)
	if err != nil {
		return err
	}
	want := storetest.Clone(&all[0])
	storetest.Clobber(&all[0])
	want.NextAt = time.Now().Add(time.Hour)
	got, err := s.Deliveries.ClaimDeliveries(ctx, 10, want.NextAt)
	if err != nil || len(got) != 1 {
		return fmt.Errorf("ClaimDeliveries: %d deliveries, %v", len(got), err)
	}
	return storetest.First(storetest.Same("ClaimDeliveries", &got[0], want), noClaim(ctx, s))
}

func deliveryNotDue(ctx context.Context, s opstore.Set) error {
	d := newDelivery()
	d.NextAt = time.Now().Add(time.Hour)
	return storetest.First(s.Deliveries.CreateDeliveries(ctx, []opstore.Delivery{d}), noClaim(ctx, s))
}

func deliveryLimit(ctx context.Context, s opstore.Set) error {
	if _, err := queued(ctx, s, 5); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, n := range []int{2, 2, 1, 0} {
		got, err := claims(ctx, s, 2, n)
		if err != nil {
			return err
		}
		for _, d := range got {
			if seen[d.ID] {
				return fmt.Errorf("a delivery is claimed twice")
			}
			seen[d.ID] = true
		}
	}
	return nil
}

func deliveryRetry(ctx context.Context, s opstore.Set) error {
	all, err := queued(ctx, s, 1)
	if err != nil {
		return err
	}
	if _, err := claims(ctx, s, 1, 1); err != nil {
		return err
	}
	for attempts := 1; attempts < 4; attempts++ {
		if err := storetest.First(noClaim(ctx, s), s.Deliveries.RetryDelivery(ctx, all[0].ID, time.Now().Add(-time.Millisecond))); err != nil {
			return err
		}
		got, err := claims(ctx, s, 1, 1)
		if err != nil {
			return err
		}
		if got[0].Attempts != attempts {
			return fmt.Errorf("after %d failures Attempts is %d", attempts, got[0].Attempts)
		}
	}
	// Who claimed it and died has hidden it for a while only.
	if _, err := queued(ctx, s, 1); err != nil {
		return err
	}
	until := time.Now().Add(20 * time.Millisecond)
	if got, err := s.Deliveries.ClaimDeliveries(ctx, 1, until); err != nil || len(got) != 1 {
		return fmt.Errorf("ClaimDeliveries: %d, %v", len(got), err)
	}
	storetest.WaitFor(until)
	_, err = claims(ctx, s, 1, 1)
	return err
}

func deliveryExpired(ctx context.Context, s opstore.Set) error {
	d := newDelivery()
	d.ExpiresAt = time.Now().Add(-time.Millisecond)
	again := newDelivery()
	again.ID = d.ID
	return storetest.First(
		s.Deliveries.CreateDeliveries(ctx, []opstore.Delivery{d}),
		noClaim(ctx, s),
		storetest.Want("CreateDeliveries in an expired one's place", s.Deliveries.CreateDeliveries(ctx, []opstore.Delivery{again}), nil),
	)
}

func deliveryDelete(ctx context.Context, s opstore.Set) error {
	all, err := queued(ctx, s, 2)
	if err != nil {
		return err
	}
	if err := s.Deliveries.DeleteDelivery(ctx, all[0].ID); err != nil {
		return err
	}
	got, err := claims(ctx, s, 9, 1)
	if err != nil {
		return err
	}
	if got[0].ID != all[1].ID {
		return errors.New("the wrong delivery is gone")
	}
	return storetest.First(
		s.Deliveries.DeleteDelivery(ctx, all[0].ID),
		s.Deliveries.RetryDelivery(ctx, all[0].ID, time.Now().Add(-time.Second)),
		noClaim(ctx, s),
	)
}

func deliveryTogether(ctx context.Context, s opstore.Set) error {
	all, err := queued(ctx, s, 1)
	if err != nil {
		return err
	}
	batch := []opstore.Delivery{newDelivery(), newDelivery()}
	batch[1].ID = all[0].ID
	if err := storetest.First(
		storetest.Want("CreateDeliveries with a taken ID", s.Deliveries.CreateDeliveries(ctx, batch), oidckit.ErrConflict),
		storetest.Want("CreateDeliveries of none", s.Deliveries.CreateDeliveries(ctx, nil), nil),
	); err != nil {
		return err
	}
	got, err := claims(ctx, s, 9, 1)
	return storetest.First(err, storetest.Want("CreateDeliveries without the taken ID", s.Deliveries.CreateDeliveries(ctx, batch[:1]), nil),
		sameID(got, all))
}

func sameID(got, want []opstore.Delivery) error {
	if len(got) == 0 || got[0].ID != want[0].ID {
		return errors.New("a delivery of a batch that failed was claimed")
	}
	return nil
}

func deliveryRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		all, err := queued(ctx, s, 8)
		if err != nil {
			return err
		}
		var mu sync.Mutex
		times := map[string]int{}
		errs := storetest.Race(func(int) error {
			// A claim may leave out what another one is taking.
			for range 3 {
				got, err := s.Deliveries.ClaimDeliveries(ctx, 3, time.Now().Add(time.Hour))
				if err != nil {
					return err
				}
				mu.Lock()
				for _, d := range got {
					times[d.ID]++
				}
				mu.Unlock()
			}
			return nil
		})
		for _, d := range all {
			if n := times[d.ID]; n != 1 {
				return fmt.Errorf("a delivery was claimed %d times, want once", n)
			}
		}
		return errors.Join(errs...)
	})
}

func deliveryCancelled(ctx context.Context, s opstore.Set) error {
	gone := storetest.Cancelled(ctx)
	create := s.Deliveries.CreateDeliveries(gone, []opstore.Delivery{newDelivery()})
	all, err := queued(ctx, s, 1)
	if err != nil {
		return err
	}
	_, claim := s.Deliveries.ClaimDeliveries(gone, 1, time.Now().Add(time.Hour))
	remove := s.Deliveries.DeleteDelivery(gone, all[0].ID)
	got, err := claims(ctx, s, 9, 1)
	retry := s.Deliveries.RetryDelivery(gone, all[0].ID, time.Now().Add(-time.Second))
	return storetest.First(
		storetest.Want("CreateDeliveries", create, context.Canceled),
		storetest.Want("ClaimDeliveries", claim, context.Canceled),
		storetest.Want("DeleteDelivery", remove, context.Canceled),
		storetest.Want("RetryDelivery", retry, context.Canceled),
		err, sameID(got, all), noClaim(ctx, s),
	)
}

func issuersDeliveries(ctx context.Context, p pair) error {
	all, err := queued(ctx, p.a, 1)
	if err != nil {
		return err
	}
	if err := storetest.First(
		noClaim(ctx, p.b),
		p.b.Deliveries.DeleteDelivery(ctx, all[0].ID),
		storetest.Want("CreateDeliveries with another issuer's ID", p.b.Deliveries.CreateDeliveries(ctx, all), nil),
	); err != nil {
		return err
	}
	_, err = claims(ctx, p.a, 9, 1)
	_, own := claims(ctx, p.b, 9, 1)
	return storetest.First(err, own)
}
