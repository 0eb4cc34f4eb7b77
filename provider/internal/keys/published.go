package keys

import "context"

// Published reports whether a key is among the published ones: what it has
// signed counts.
func (m *Manager) Published(ctx context.Context, kid, alg string) (bool, error) {
	s, err := m.current(ctx)
	if err != nil {
		return false, err
	}
	for i := range s.keys {
		if k := &s.keys[i]; k.record.ID == kid && k.record.Algorithm == alg {
			return true, nil
		}
	}
	return false, nil
}
