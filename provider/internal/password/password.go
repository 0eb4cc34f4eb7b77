package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost parameters of new hashes: the second choice of the OWASP password
// storage recommendations, which bounds memory to 19 MiB a check.
const (
	memoryKiB = 19 << 10
	passes    = 2
	lanes     = 1
	saltBytes = 16
	keyBytes  = 32
)

// Bounds of hashes that come from elsewhere: a record must not be able to ask
// for a machine's memory.
const (
	maxMemoryKiB = 256 << 10
	maxPasses    = 16
	maxLanes     = 16
	maxSaltBytes = 64
	maxKeyBytes  = 64
)

var errFormat = errors.New("password: not an argon2id hash in PHC form, or its cost is out of bounds")

// Hasher is safe for concurrent use.
type Hasher struct{ slots chan struct{} }

// New returns a Hasher that runs one computation for each CPU.
func New() *Hasher { return &Hasher{slots: make(chan struct{}, runtime.GOMAXPROCS(0))} }

func (h *Hasher) key(ctx context.Context, password string, salt []byte, p params, n int) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, p.passes, p.memory, p.lanes, uint32(n)), nil
}

type params struct {
	memory, passes uint32
	lanes          uint8
}

var current = params{memory: memoryKiB, passes: passes, lanes: lanes}

// Hash returns the PHC string of a password.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	key, err := h.key(ctx, password, salt, current, keyBytes)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		memoryKiB, passes, lanes, encode(salt), encode(key)), nil
}

// Check reports whether the password has this hash. An empty hash costs as
// much time as any other and matches nothing, so that the time taken does not
// tell whether an account exists.
func (h *Hasher) Check(ctx context.Context, hash, password string) (bool, error) {
	p, salt, want := current, make([]byte, saltBytes), make([]byte, keyBytes)
	if hash != "" {
		var err error
		if p, salt, want, err = parse(hash); err != nil {
			return false, err
		}
	}
	got, err := h.key(ctx, password, salt, p, len(want))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && hash != "", nil
}

// Outdated reports whether a hash was made at a lower cost than new ones are:
// it is to be made anew when the password is next known.
func Outdated(hash string) bool {
	p, salt, key, err := parse(hash)
	return err == nil && (p.memory < current.memory || p.passes < current.passes || len(salt) < saltBytes || len(key) < keyBytes)
}

// Valid says whether a hash is one that Check can read.
func Valid(hash string) error {
	_, _, _, err := parse(hash)
	return err
}

func parse(hash string) (p params, salt, key []byte, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errFormat
	}
	var rest string
	n, err := fmt.Sscanf(parts[3]+" .", "m=%d,t=%d,p=%d %s", &p.memory, &p.passes, &p.lanes, &rest)
	if err != nil || n != 4 || rest != "." ||
		p.memory < 8*uint32(p.lanes) || p.memory > maxMemoryKiB || p.passes < 1 || p.passes > maxPasses || p.lanes < 1 || p.lanes > maxLanes {
		return p, nil, nil, errFormat
	}
	salt, err1 := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(salt) > maxSaltBytes || len(key) < 16 || len(key) > maxKeyBytes {
		return p, nil, nil, errFormat
	}
	return p, salt, key, nil
}

func encode(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }
