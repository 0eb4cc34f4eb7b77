package storetest

import (
	"errors"
	"fmt"
	"sync"
)

// Racers is how many goroutines race for one record.
const Racers = 32

// Rounds is how often a race is run: a wrong store may win a few.
const Rounds = 6

// Race makes Racers calls at once and returns their errors.
func Race(call func(i int) error) []error {
	errs := make([]error, Racers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			<-start
			errs[i] = call(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// OneWinner returns an error unless exactly one of errs is nil and every other
// one is lost.
func OneWinner(errs []error, lost error) error {
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, lost):
			return fmt.Errorf("a call that lost the race got error %v, want %v", err, lost)
		}
	}
	if won != 1 {
		return fmt.Errorf("%d of %d calls at once got nil, want exactly 1", won, len(errs))
	}
	return nil
}

// Repeat calls fn for each round until it returns an error.
func Repeat(fn func() error) error {
	for range Rounds {
		if err := fn(); err != nil {
			return err
		}
	}
	return nil
}
