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

// callTimeout bounds a call whose context has no deadline: a database that
// takes the question and never answers must not hold its callers for ever.
const callTimeout = 5 * time.Second

// migrateTimeout is the same for a migration that somebody asked for.
const migrateTimeout = time.Minute

// attempt migrates where that has not been done, and runs fn, again where it
// failed for what others were doing. fn gets a context with a deadline.
func (d *DB) attempt(ctx context.Context, fn func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := bounded(ctx, callTimeout)
	defer cancel()
	if err := d.Migrate(ctx); err != nil {
		return err
	}
	return retry(ctx, func() error { return fn(ctx) })
}

// bounded gives a context a deadline where it has none.
func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
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
