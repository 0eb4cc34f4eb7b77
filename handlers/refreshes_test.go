package handlers

import (
	"testing"
	"testing/synctest"
	"time"
)

// FLT-55, FLT-58: Close waits for a refresh, and not for ever for what an app has
// put under it.
func TestCloseBesideWhatNeverReturns(t *testing.T) {
	for name, row := range map[string]struct{ takes, want time.Duration }{
		"nothing":              {0, 0},
		"a refresh":            {refreshTimeout + settleTimeout, refreshTimeout + settleTimeout},
		"what takes an hour":   {time.Hour, closePatience},
		"what takes a second":  {time.Second, time.Second},
		"longer than patience": {closePatience + time.Second, closePatience},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := new(refreshes)
				if row.takes > 0 {
					f.begin()
					go func() {
						time.Sleep(row.takes)
						f.running.Done()
					}()
				}
				begun := time.Now()
				f.close()
				if took := time.Since(begun); took != row.want || f.begin() {
					t.Errorf("took %v, want %v", took, row.want)
				}
				time.Sleep(row.takes)
			})
		})
	}
}
