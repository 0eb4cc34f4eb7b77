package memtable

// minPeak is the size below which memory is not worth giving back.
const minPeak = 1024

// shrinking is a map that gives memory back after a peak, which Go's own does
// not.
type shrinking[K comparable, V any] struct {
	m    map[K]V
	peak int
}

func (s *shrinking[K, V]) put(key K, value V) {
	if s.m == nil {
		s.m = make(map[K]V)
	}
	s.m[key] = value
	s.peak = max(s.peak, len(s.m))
}

func (s *shrinking[K, V]) remove(key K) {
	delete(s.m, key)
	if s.peak <= minPeak || len(s.m) >= s.peak/4 {
		return
	}
	smaller := make(map[K]V, len(s.m))
	for k, v := range s.m {
		smaller[k] = v
	}
	s.m, s.peak = smaller, max(len(smaller), minPeak/2)
}
