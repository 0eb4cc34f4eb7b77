package opstore_test

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// numbered returns the hash of the n-th token of a benchmark. Hashes are even;
// so are these.
func numbered(n int) (hash oidckit.TokenHash) {
	binary.LittleEndian.PutUint64(hash[:], uint64(n)*0x9e3779b97f4a7c15)
	binary.LittleEndian.PutUint64(hash[8:], uint64(n))
	return hash
}

func usualAuthorization() opstore.Authorization {
	return opstore.Authorization{
		GrantID:   "Zm9vYmFyYmF6cXV4Zm9vYg",
		Subject:   "248289761001",
		SessionID: "c2Vzc2lvbnNlc3Npb25zZQ",
		Scope:     oidckit.Scope{"openid", "profile", "email"},
		Nonce:     "n-0S6_WzA2Mj",
		AuthTime:  time.Now(),
		AMR:       []string{"pwd"},
	}
}

// BenchmarkConsumeCode creates and spends a code. The limit is what anything
// must do that remembers a record under a key: a map with a lock and one copy.
func BenchmarkConsumeCode(b *testing.B) {
	code := opstore.Code{
		ClientID:      "webapp",
		RedirectURI:   "https://app.example/auth/callback",
		CodeChallenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
		Authorization: usualAuthorization(),
		ExpiresAt:     time.Now().Add(time.Minute),
		KeepUntil:     time.Now().Add(time.Hour),
	}
	b.Run("limit", func(b *testing.B) {
		var mu sync.Mutex
		codes := map[oidckit.TokenHash]*opstore.Code{}
		b.ReportAllocs()
		for i := range b.N {
			c := code
			c.Hash = numbered(i)
			mu.Lock()
			codes[c.Hash] = &c
			mu.Unlock()
			mu.Lock()
			spent := *codes[c.Hash]
			mu.Unlock()
			if spent.ClientID == "" {
				b.Fatal("no code")
			}
		}
	})
	b.Run("memory", func(b *testing.B) {
		codes := roomy(b).Codes
		b.ReportAllocs()
		for i := range b.N {
			c := code
			c.Hash = numbered(i)
			if err := codes.CreateCode(b.Context(), &c); err != nil {
				b.Fatal(err)
			}
			if _, err := codes.ConsumeCode(b.Context(), c.Hash); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRotateRefreshToken walks along one chain.
func BenchmarkRotateRefreshToken(b *testing.B) {
	grant := opstore.Grant{ID: "g", ClientID: "webapp", Authorization: usualAuthorization(), ExpiresAt: time.Now().Add(time.Hour)}
	token := opstore.RefreshToken{GrantID: "g", ExpiresAt: grant.ExpiresAt}
	sealed := make([]byte, 80)
	b.Run("limit", func(b *testing.B) {
		var mu sync.Mutex
		tokens := map[oidckit.TokenHash]*opstore.RefreshToken{numbered(0): {}}
		b.ReportAllocs()
		for i := range b.N {
			next := token
			next.Hash = numbered(i + 1)
			mu.Lock()
			last := tokens[numbered(i)]
			last.ConsumedAt, last.Successor, last.SealedSuccessor = time.Now(), next.Hash, sealed
			tokens[next.Hash] = &next
			mu.Unlock()
		}
	})
	b.Run("memory", func(b *testing.B) {
		grants := roomy(b).Grants
		token.Hash = numbered(0)
		if err := grants.CreateGrant(b.Context(), &grant, &token); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for i := range b.N {
			next := token
			next.Hash = numbered(i + 1)
			if err := grants.RotateRefreshToken(b.Context(), numbered(i), &next, sealed, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// roomy returns a store that no benchmark fills.
func roomy(b *testing.B) opstore.Set {
	b.Helper()
	m, err := opstore.NewBoundedMemory(opstore.MemoryConfig{MaxRecords: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	return m.Open("https://op.example")
}
