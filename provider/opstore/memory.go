package opstore

import (
	"fmt"
	"sync"

	"github.com/oidckit/oidckit/internal/memtable"
)

// defaultMaxRecords is MemoryConfig.MaxRecords where it is 0.
const defaultMaxRecords = 1 << 20

// MemoryConfig bounds a Memory.
type MemoryConfig struct {
	// MaxRecords is how many records of one kind each issuer may have; 0 means
	// 1 048 576. A store that is full refuses what is new with an error and
	// never drops what is live.
	MaxRecords int
}

// Memory keeps the stores of several issuers in this process: for tests, and
// for an issuer that may forget everything when it stops. Records that have
// ended are removed as others come in. It is safe for concurrent use.
type Memory struct {
	maxRecords int

	mu   sync.Mutex
	sets map[string]Set
}

// NewMemory returns an empty store with the default bounds.
func NewMemory() *Memory {
	return &Memory{maxRecords: defaultMaxRecords, sets: make(map[string]Set)}
}

// NewBoundedMemory returns an empty store with bounds of one's own.
func NewBoundedMemory(cfg MemoryConfig) (*Memory, error) {
	if cfg.MaxRecords < 0 {
		return nil, fmt.Errorf("opstore.MemoryConfig.MaxRecords is %d, must not be negative", cfg.MaxRecords)
	}
	m := NewMemory()
	if cfg.MaxRecords > 0 {
		m.maxRecords = cfg.MaxRecords
	}
	return m, nil
}

// Open returns the stores of an issuer. The same issuer gets the same records
// each time, and no other one's.
func (m *Memory) Open(issuer string) Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	set, ok := m.sets[issuer]
	if !ok {
		set = Set{
			Codes:        newMemoryCodes(m.maxRecords),
			Grants:       newMemoryGrants(m.maxRecords),
			Sessions:     newMemorySessions(m.maxRecords),
			Interactions: newMemoryInteractions(m.maxRecords),
			Consents:     newMemoryConsents(m.maxRecords),
			Keys:         newMemoryKeys(m.maxRecords),
			Users:        newMemoryUsers(m.maxRecords),
			Revocations:  newMemoryRevocations(m.maxRecords),
			Replay:       memtable.NewReplay(m.maxRecords),

			Registrations: newMemoryRegistrations(m.maxRecords),
			AccessTokens:  newMemoryAccessTokens(m.maxRecords),
			Deliveries:    newMemoryDeliveries(m.maxRecords),
		}
		m.sets[issuer] = set
	}
	return set
}
