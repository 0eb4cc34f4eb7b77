package password

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// known is a hash of the least cost, that other programs have made too.
const known = "$argon2id$v=19$m=64,t=1,p=1$b2lkY3Rlc3QtLWFsaWNlLQ$FnE38N0XpRIPFasvpxiEM7toeUmAvEna1agm5OmBqK8"

// RFC 9106: what was hashed is recognised, and nothing else.
func TestHashAndCheck(t *testing.T) {
	h, ctx := New(), t.Context()
	hash, err := h.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Hash(ctx, "correct horse")
	if err != nil || again == hash {
		t.Error("two hashes share a salt")
	}
	// OWASP password storage: m=19456, t=2, p=1
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || Valid(hash) != nil {
		t.Errorf("%s", hash)
	}
	long := strings.Repeat("p", 80)
	longHash, err := h.Hash(ctx, long)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		clause, hash, password string
		ok                     bool
	}{
		{"right", hash, "correct horse", true},
		{"known answer", known, "correct horse battery staple", true},
		{"wrong", hash, "correct horsf", false},
		{"case", hash, "Correct horse", false},
		{"empty", hash, "", false},
		{"longer", hash, "correct horse ", false},
		{"ATK-224 NUL", hash, "correct horse\x00x", false},
		{"ATK-224 80 characters", longHash, long, true},
		{"ATK-224 the first 72 of them", longHash, long[:72], false},
		{"no hash", "", "", false},
		{"no hash, a password", "", "correct horse", false},
	} {
		if ok, err := h.Check(ctx, row.hash, row.password); ok != row.ok || err != nil {
			t.Errorf("%s: %v %v", row.clause, ok, err)
		}
	}
}

// A record from elsewhere can neither make a check pass nor take the machine's
// memory.
func TestMalformedHashes(t *testing.T) {
	h := New()
	for name, hash := range map[string]string{
		"text":            "password",
		"bcrypt":          "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"argon2i":         strings.Replace(known, "argon2id", "argon2i", 1),
		"other version":   strings.Replace(known, "v=19", "v=16", 1),
		"8 GB":            strings.Replace(known, "m=64", "m=8388608", 1),
		"no memory":       strings.Replace(known, "m=64", "m=0", 1),
		"no passes":       strings.Replace(known, "t=1", "t=0", 1),
		"many passes":     strings.Replace(known, "t=1", "t=1000", 1),
		"no lanes":        strings.Replace(known, "p=1", "p=0", 1),
		"many lanes":      strings.Replace(known, "p=1", "p=255", 1),
		"negative":        strings.Replace(known, "m=64", "m=-64", 1),
		"overflow":        strings.Replace(known, "m=64", "m=4294967360", 1),
		"more parameters": strings.Replace(known, "p=1", "p=1,x=1", 1),
		"no key":          known[:strings.LastIndex(known, "$")+1],
		"short key":       known[:len(known)-30],
		"no salt":         strings.Replace(known, "b2lkY3Rlc3QtLWFsaWNlLQ", "", 1),
		"more parts":      known + "$x",
		"padding":         known + "=",
	} {
		if Valid(hash) == nil {
			t.Errorf("%s is valid", name)
		}
		if ok, err := h.Check(t.Context(), hash, "correct horse battery staple"); ok || err == nil {
			t.Errorf("%s: %v %v", name, ok, err)
		} else if strings.Contains(err.Error(), "$") {
			t.Errorf("%s: the error tells the hash", name)
		}
	}
}

// FLT-56: who waits for a place gives up with the request.
func TestCheckWaitsNoLongerThanItsRequest(t *testing.T) {
	h := New()
	for range cap(h.slots) {
		h.slots <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := h.Check(ctx, known, "x"); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	<-h.slots
	if ok, err := h.Check(t.Context(), known, "correct horse battery staple"); !ok || err != nil {
		t.Error(ok, err)
	}
}
