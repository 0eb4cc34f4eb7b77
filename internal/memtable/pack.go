package memtable

import (
	"encoding/binary"
	"time"
)

// Packer writes the fields of a record, one after the other. Start it over a
// buffer on the stack: only String allocates.
type Packer struct{ buf []byte }

// NewPacker returns a packer that fills buf before it allocates.
func NewPacker(buf []byte) Packer { return Packer{buf[:0]} }

// String returns the packed record.
func (p *Packer) String() string { return string(p.buf) }

// Text adds a string.
func (p *Packer) Text(s string) {
	p.buf = binary.AppendUvarint(p.buf, uint64(len(s)))
	p.buf = append(p.buf, s...)
}

// Bytes adds a byte slice.
func (p *Packer) Bytes(b []byte) {
	p.buf = binary.AppendUvarint(p.buf, uint64(len(b)))
	p.buf = append(p.buf, b...)
}

// Fixed adds bytes whose number the reader knows.
func (p *Packer) Fixed(b []byte) { p.buf = append(p.buf, b...) }

// Texts adds a list of strings.
func (p *Packer) Texts(list []string) {
	p.buf = binary.AppendUvarint(p.buf, uint64(len(list)))
	for _, s := range list {
		p.Text(s)
	}
}

// Int adds an integer.
func (p *Packer) Int(n int64) { p.buf = binary.AppendVarint(p.buf, n) }

// Bool adds a truth value.
func (p *Packer) Bool(b bool) {
	if b {
		p.buf = append(p.buf, 1)
		return
	}
	p.buf = append(p.buf, 0)
}

// Time adds an instant, without its location.
func (p *Packer) Time(t time.Time) {
	p.Int(t.Unix())
	p.Int(int64(t.Nanosecond()))
}

// Unpacker reads the fields of a packed record in the order they were added.
// Strings share the record's memory. It panics on what no Packer wrote.
type Unpacker struct{ rest string }

// NewUnpacker returns an unpacker of a record.
func NewUnpacker(record string) Unpacker { return Unpacker{record} }

// Text reads a string.
func (u *Unpacker) Text() string { return u.take(int(u.uvarint())) }

// Bytes reads a byte slice, nil where it is empty.
func (u *Unpacker) Bytes() []byte {
	s := u.Text()
	if s == "" {
		return nil
	}
	return []byte(s)
}

// Fixed reads len(dst) bytes.
func (u *Unpacker) Fixed(dst []byte) { copy(dst, u.take(len(dst))) }

// Texts reads a list of strings, nil where it is empty.
func (u *Unpacker) Texts() []string {
	n := int(u.uvarint())
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = u.Text()
	}
	return list
}

// Int reads an integer.
func (u *Unpacker) Int() int64 {
	n := u.uvarint()
	if n&1 != 0 {
		return ^int64(n >> 1)
	}
	return int64(n >> 1)
}

// Bool reads a truth value.
func (u *Unpacker) Bool() bool { return u.take(1) != "\x00" }

// Time reads an instant, in UTC.
func (u *Unpacker) Time() time.Time {
	sec, nsec := u.Int(), u.Int()
	if t := (time.Time{}); sec == t.Unix() && nsec == 0 {
		return t
	}
	return time.Unix(sec, nsec).UTC()
}

func (u *Unpacker) take(n int) string {
	s := u.rest[:n]
	u.rest = u.rest[n:]
	return s
}

func (u *Unpacker) uvarint() uint64 {
	var n uint64
	for shift := 0; ; shift += 7 {
		b := u.rest[0]
		u.rest = u.rest[1:]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
}
