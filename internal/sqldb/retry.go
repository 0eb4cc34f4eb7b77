package sqldb

import (
	"context"
	"math/rand/v2"
	"time"
)

// retries is how often what the database has refused is tried again.
const retries = 3

// retryPause is the longest pause before the first retry. Each next one may be
// three times as long.
const retryPause = 20 * time.Millisecond

// attempt migrates where that has not been done, and runs fn, again where it
// failed for what others were doing.
func (d *DB) attempt(ctx context.Context, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.Migrate(ctx); err != nil {
		return err
	}
	return retry(ctx, fn)
}

func retry(ctx context.Context, fn func() error) error {
	pause := retryPause
	for i := 0; ; i++ {
		err := fn()
		if err == nil {
			return nil
		}
		// Drivers have words of their own for a statement that was stopped.
		if ctxErr := ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		if i == retries || !isTransient(err) {
			return err
		}
		if err := sleep(ctx, rand.N(pause)+time.Millisecond); err != nil {
			return err
		}
		pause *= 3
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
