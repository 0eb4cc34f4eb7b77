package handlers

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// sessionCodec writes what scs keeps as a few bytes: gob costs 200 allocations
// a request. A record that it cannot read is an empty session, not a fault:
// the person logs in again.
type sessionCodec struct{ lifetime time.Duration }

const codecVersion = 1

const (
	kindBytes byte = iota + 1
	kindString
	kindBool
	kindInt
	kindInt64
	kindFloat64
	kindTime
)

// Encode implements scs.Codec.
func (sessionCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	w := record{codecVersion}
	w.int(deadline.UnixNano())
	w.int(int64(len(values)))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		w.text(name)
		switch v := values[name].(type) {
		case []byte:
			w = append(w, kindBytes)
			w.text(string(v))
		case string:
			w = append(w, kindString)
			w.text(v)
		case bool:
			w = append(w, kindBool)
			w.bool(v)
		case int:
			w = append(w, kindInt)
			w.int(int64(v))
		case int64:
			w = append(w, kindInt64)
			w.int(v)
		case float64:
			w = append(w, kindFloat64)
			w.int(int64(math.Float64bits(v)))
		case time.Time:
			w = append(w, kindTime)
			w.int(v.UnixNano())
		default:
			return nil, fmt.Errorf("handlers: a session cannot keep a %T", v)
		}
	}
	return w, nil
}

// Decode implements scs.Codec.
func (c sessionCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	r := recordReader{s: string(b)}
	if r.byte() == codecVersion {
		deadline, n := r.int(), r.int()
		if values, ok := decodeValues(&r, n); ok {
			return time.Unix(0, deadline).UTC(), values, nil
		}
	}
	return time.Now().Add(c.lifetime).UTC(), map[string]any{}, nil
}

func decodeValues(r *recordReader, n int64) (map[string]any, bool) {
	if n < 0 || n > int64(len(r.s)) {
		return nil, false
	}
	values := make(map[string]any, n)
	for range n {
		name := r.text()
		switch r.byte() {
		case kindBytes:
			values[name] = []byte(r.text())
		case kindString:
			values[name] = r.text()
		case kindBool:
			values[name] = r.bool()
		case kindInt:
			values[name] = int(r.int())
		case kindInt64:
			values[name] = r.int()
		case kindFloat64:
			values[name] = math.Float64frombits(uint64(r.int()))
		case kindTime:
			values[name] = time.Unix(0, r.int()).UTC()
		default:
			return nil, false
		}
	}
	return values, r.done()
}
