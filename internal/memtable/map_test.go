package memtable

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/oidckit/oidckit"
)

// TestMapBound shows that a full map refuses what is new, keeps what is live,
// and has room again when something ends.
func TestMapBound(t *testing.T) {
	m := NewMap[int, string](3, nil)
	for i := range 3 {
		if _, err := m.Insert(i, int64(10+i), 0, "value"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Insert(3, 100, 9, "value"); !errors.Is(err, ErrFull) {
		t.Errorf("a fourth row: got error %v, want %v", err, ErrFull)
	}
	if _, err := m.Insert(0, 100, 9, "value"); !errors.Is(err, oidckit.ErrConflict) {
		t.Errorf("a taken key: got error %v, want %v", err, oidckit.ErrConflict)
	}
	for i := range 3 {
		if m.Get(i, 9) == nil {
			t.Errorf("live row %d was dropped", i)
		}
	}
	if m.Get(0, 10) != nil {
		t.Error("a row is found when it has ended")
	}
	if _, err := m.Insert(3, 100, 10, "value"); err != nil {
		t.Errorf("a row when another has ended: %v", err)
	}
}

// TestMapAgainstModel runs random operations on a map and on a plain model of
// it.
func TestMapAgainstModel(t *testing.T) {
	type row struct {
		ends  int64
		value int
	}
	const limit = 300
	dropped := map[int]int{}
	m := NewMap(limit, func(r *Row[int, int]) { dropped[r.Value]++ })
	model := map[int]row{}
	random := rand.New(rand.NewPCG(1, 2))
	now, inserted := int64(0), 0
	for step := range 200_000 {
		key := random.IntN(500)
		want, live := model[key]
		live = live && want.ends > now
		got := m.Get(key, now)
		if (got != nil) != live || live && (got.Value != want.value || got.Ends != want.ends) {
			t.Fatalf("step %d: Get(%d) is %v, want %v (live %v)", step, key, got, want, live)
		}
		ends := now + int64(random.IntN(400))
		switch random.IntN(10) {
		case 0, 1, 2, 3, 4:
			liveRows := 0
			for _, r := range model {
				if r.ends > now {
					liveRows++
				}
			}
			_, err := m.Insert(key, ends, now, step)
			switch {
			case live && !errors.Is(err, oidckit.ErrConflict), !live && liveRows < limit && err != nil, !live && liveRows >= limit && !errors.Is(err, ErrFull):
				t.Fatalf("step %d: Insert with %d live rows, taken %v: got error %v", step, liveRows, live, err)
			case err == nil:
				model[key] = row{ends, step}
				inserted++
			}
		case 5, 6:
			if live {
				m.Move(got, ends)
				model[key] = row{ends, want.value}
			}
		case 7:
			if live {
				m.Delete(got)
				delete(model, key)
			}
		default:
			now += int64(random.IntN(5))
		}
		if entries := len(m.queue.heap); entries > 2*limit+1025 {
			t.Fatalf("step %d: the queue has %d entries", step, entries)
		}
	}
	m.sweep(now+1000, 1<<30)
	if m.Len() != 0 {
		t.Errorf("%d rows are left when all have ended", m.Len())
	}
	if len(dropped) != inserted {
		t.Errorf("%d rows were dropped, %d inserted", len(dropped), inserted)
	}
	for value, n := range dropped {
		if n != 1 {
			t.Fatalf("row %d was dropped %d times", value, n)
		}
	}
}

// TestMapGivesMemoryBack shrinks after a peak.
func TestMapGivesMemoryBack(t *testing.T) {
	const peak = 100_000
	m := NewMap[int, int](peak, nil)
	for i := range peak {
		if _, err := m.Insert(i, int64(i+1), 0, i); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		if _, err := m.Insert(peak+i, peak*2, peak, i); err != nil {
			t.Fatal(err)
		}
	}
	if m.Len() != 1000 || m.rows.peak > peak/4 || cap(m.queue.heap) > peak/4 {
		t.Errorf("after a peak of %d: %d rows, map made for %d, queue for %d", peak, m.Len(), m.rows.peak, cap(m.queue.heap))
	}
}

// TestNeverEnds keeps rows without an end out of the queue.
func TestNeverEnds(t *testing.T) {
	m := NewMap[int, int](10, nil)
	row, err := m.Insert(1, Never, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if m.Get(1, Never-1) == nil || len(m.queue.heap) != 0 {
		t.Error("a row without an end has one")
	}
	m.Move(row, 5)
	m.sweep(5, 10)
	if m.Len() != 0 {
		t.Error("a row that was given an end stays")
	}
}

func TestIndex(t *testing.T) {
	type element struct {
		name string
		node Node[*element]
	}
	var x Index[string, *element]
	list := func() (names string) {
		x.Each("key", func(e *element) { names += e.name })
		return names
	}
	all := make([]*element, 4)
	for i := range all {
		all[i] = &element{name: fmt.Sprint(i)}
		x.Add("key", &all[i].node, all[i])
	}
	other := &element{name: "x"}
	x.Add("other", &other.node, other)
	for _, step := range []struct {
		remove int
		want   string
	}{{2, "310"}, {0, "31"}, {3, "1"}, {3, "1"}, {1, ""}} {
		x.Remove("key", &all[step.remove].node)
		if got := list(); got != step.want {
			t.Errorf("after the removal of %d: %q, want %q", step.remove, got, step.want)
		}
	}
	for _, e := range all {
		x.Add("key", &e.node, e)
	}
	x.Each("key", func(e *element) { x.Remove("key", &e.node) })
	if got := list(); got != "" {
		t.Errorf("after a removal of each on the way: %q is left", got)
	}
	if len(x.heads.m) != 1 {
		t.Errorf("%d keys are left, want the other one", len(x.heads.m))
	}
}
