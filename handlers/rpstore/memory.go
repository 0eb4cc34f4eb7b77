package rpstore

import (
	"fmt"
	"sync"

	"github.com/oidckit/oidckit/internal/memtable"
)

// defaultMaxRecords is MemoryConfig.MaxRecords where it is 0.
const defaultMaxRecords = 1 << 20

// MemoryConfig bounds a Memory.
type MemoryConfig struct {
	// MaxRecords is how many records of one kind each tenant may have; 0 means
	// 1 048 576. A store that is full refuses what is new with an error and
	// never drops what is live.
	MaxRecords int
}

// Memory keeps the stores of several tenants in this process: for tests, and
// for an app that may forget everything when it stops. Records that have ended
// are removed as others come in. It is safe for concurrent use.
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
		return nil, fmt.Errorf("rpstore.MemoryConfig.MaxRecords is %d, must not be negative", cfg.MaxRecords)
	}
	m := NewMemory()
	if cfg.MaxRecords > 0 {
		m.maxRecords = cfg.MaxRecords
	}
	return m, nil
}

// Open returns the stores of a tenant. The same tenant gets the same records
// each time, and no other one's.
func (m *Memory) Open(tenant string) Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	set, ok := m.sets[tenant]
	if !ok {
		set = Set{
			Sessions:          newMemorySessions(m.maxRecords),
			BrowserSessions:   newMemoryBrowserSessions(m.maxRecords),
			Replay:            memtable.NewReplay(m.maxRecords),
			AccountLinks:      newMemoryAccountLinks(m.maxRecords),
			IdentityProviders: newMemoryIdentityProviders(m.maxRecords),
		}
		m.sets[tenant] = set
	}
	return set
}
