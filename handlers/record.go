package handlers

import "encoding/binary"

// record is the one binary form of what this package seals or stores: a
// version byte, then fields in a fixed order, numbers as varints and texts
// with their length in front. New fields are added at the end, under a new
// version.
type record []byte

func (w *record) int(v int64) { *w = binary.AppendVarint(*w, v) }

func (w *record) bool(v bool) {
	if v {
		*w = append(*w, 1)
		return
	}
	*w = append(*w, 0)
}

func (w *record) text(s string) {
	*w = binary.AppendUvarint(*w, uint64(len(s)))
	*w = append(*w, s...)
}

func (w *record) texts(list []string) {
	*w = binary.AppendUvarint(*w, uint64(len(list)))
	for _, s := range list {
		w.text(s)
	}
}

// recordReader reads a record whose texts share the memory of s. What is cut
// short or malformed reads as zero values and makes done false.
type recordReader struct {
	s      string
	at     int
	failed bool
}

func (r *recordReader) fail() { r.failed, r.at = true, len(r.s) }

// done reports whether everything was read and nothing was malformed.
func (r *recordReader) done() bool { return !r.failed && r.at == len(r.s) }

func (r *recordReader) byte() byte {
	if r.at >= len(r.s) {
		r.fail()
		return 0
	}
	r.at++
	return r.s[r.at-1]
}

func (r *recordReader) bool() bool { return r.byte() == 1 }

func (r *recordReader) uint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	r.fail()
	return 0
}

func (r *recordReader) int() int64 {
	u := r.uint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *recordReader) text() string {
	n := r.uint()
	if n > uint64(len(r.s)-r.at) {
		r.fail()
		return ""
	}
	r.at += int(n)
	return r.s[r.at-int(n) : r.at]
}

func (r *recordReader) texts() []string {
	n := r.uint()
	if n == 0 || n > uint64(len(r.s)-r.at) {
		if n != 0 {
			r.fail()
		}
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = r.text()
	}
	return out
}
