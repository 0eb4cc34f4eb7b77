package jwks

import (
	"hash/maphash"
	"time"
)

const (
	minAbsence       = time.Second
	maxAbsence       = 32 * time.Second
	absentGeneration = 1024
)

// absences remembers kids that a fetch did not bring. It is asked only for
// kids that the current keys do not have, so it never hides one. Two
// generations bound it: strangers choose what is in it. Its caller locks.
type absences struct {
	seed      maphash.Seed
	now, past map[uint64]absence
}

type absence struct {
	until time.Time
	wait  time.Duration
}

func newAbsences() absences {
	return absences{seed: maphash.MakeSeed(), now: map[uint64]absence{}}
}

func (a *absences) get(kid string) (h uint64, e absence) {
	h = maphash.String(a.seed, kid)
	e, ok := a.now[h]
	if !ok {
		e = a.past[h]
	}
	return h, e
}

// has reports whether a kid was looked for in vain a short while ago.
func (a *absences) has(kid string, now time.Time) bool {
	_, e := a.get(kid)
	return now.Before(e.until)
}

// add notes that a fetch did not bring a kid. Each time in a row doubles how
// long it is not looked for again.
func (a *absences) add(kid string, now time.Time) {
	h, e := a.get(kid)
	if now.Before(e.until) {
		return
	}
	e.wait = min(max(2*e.wait, minAbsence), maxAbsence)
	e.until = now.Add(e.wait)
	if len(a.now) >= absentGeneration {
		a.past, a.now = a.now, make(map[uint64]absence, absentGeneration)
	}
	a.now[h] = e
}
