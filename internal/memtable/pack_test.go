package memtable

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"
)

func TestPack(t *testing.T) {
	long := string(bytes.Repeat([]byte("l"), 1000))
	local := time.Date(2026, 7, 1, 2, 3, 4, 567_890_123, time.FixedZone("", 7200))
	var buf [16]byte
	p := NewPacker(buf[:])
	p.Text("")
	p.Text(long)
	p.Fixed([]byte{1, 2, 3})
	p.Texts(nil)
	p.Texts([]string{"a", "", long})
	p.Bytes(nil)
	p.Bytes([]byte{0, 255})
	for _, n := range []int64{0, -1, 1, math.MaxInt64, math.MinInt64} {
		p.Int(n)
	}
	p.Bool(true)
	p.Bool(false)
	p.Time(time.Time{})
	p.Time(local)

	u := NewUnpacker(p.String())
	if u.Text() != "" || u.Text() != long {
		t.Error("texts differ")
	}
	fixed := make([]byte, 3)
	if u.Fixed(fixed); !bytes.Equal(fixed, []byte{1, 2, 3}) {
		t.Error("fixed bytes differ")
	}
	if u.Texts() != nil || !slices.Equal(u.Texts(), []string{"a", "", long}) {
		t.Error("lists differ")
	}
	if u.Bytes() != nil || !bytes.Equal(u.Bytes(), []byte{0, 255}) {
		t.Error("bytes differ")
	}
	for _, n := range []int64{0, -1, 1, math.MaxInt64, math.MinInt64} {
		if got := u.Int(); got != n {
			t.Errorf("integer is %d, want %d", got, n)
		}
	}
	if !u.Bool() || u.Bool() {
		t.Error("truth values differ")
	}
	if zero := u.Time(); !zero.IsZero() {
		t.Errorf("zero time is %v", zero)
	}
	if got := u.Time(); !got.Equal(local) || got.Location() != time.UTC {
		t.Errorf("time is %v, want %v in UTC", got, local)
	}
}

// TestPackingAllocatesOnce keeps the cost of storing a record at its string.
func TestPackingAllocatesOnce(t *testing.T) {
	text := "some text"
	if n := testing.AllocsPerRun(100, func() {
		var buf [128]byte
		p := NewPacker(buf[:])
		p.Text(text)
		p.Time(time.Time{})
		_ = p.String()
	}); n > 1 {
		t.Errorf("packing a record allocates %v times", n)
	}
}
