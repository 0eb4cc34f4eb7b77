package secret

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
)

func ring(t testing.TB, seeds ...byte) oidckit.Secrets {
	t.Helper()
	var keys [][]byte
	for _, s := range seeds {
		keys = append(keys, bytes.Repeat([]byte{s}, 32))
	}
	r, err := oidckit.NewSecrets(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ATK-103: whatever was changed, moved or made with another key does not open.
func TestATK103OpenRefusesWhatWasNotSealedHere(t *testing.T) {
	box := NewBox(ring(t, 1), "cookie")
	sealed := box.SealText([]byte("value"), "name")
	flipped := func(i int) string {
		b := []byte(sealed)
		if b[i] == 'A' {
			b[i] = 'B'
		} else {
			b[i] = 'A'
		}
		return string(b)
	}
	for name, tc := range map[string]struct {
		box    *Box
		sealed string
		aad    string
	}{
		"other name":     {box, sealed, "other"},
		"other purpose":  {NewBox(ring(t, 1), "state"), sealed, "name"},
		"other ring":     {NewBox(ring(t, 2), "cookie"), sealed, "name"},
		"truncated":      {box, sealed[:len(sealed)-4], "name"},
		"flipped header": {box, flipped(0), "name"},
		"flipped nonce":  {box, flipped(12), "name"},
		"flipped body":   {box, flipped(len(sealed) - 4), "name"},
		"line break":     {box, sealed[:8] + "\n" + sealed[8:], "name"},
		"padding":        {box, sealed + "=", "name"},
		"empty":          {box, "", "name"},
	} {
		if got, err := tc.box.OpenText(tc.sealed, tc.aad); !errors.Is(err, ErrOpen) || got != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if got, err := box.OpenText(sealed, "name"); err != nil || string(got) != "value" {
		t.Fatalf("unchanged value: got %q, %v", got, err)
	}
}

// FLT-61: a key that moved to the second place still opens; one that was
// dropped does not.
func TestFLT61RingRotation(t *testing.T) {
	sealed := NewBox(ring(t, 1), "p").Seal([]byte("x"), nil)
	if _, err := NewBox(ring(t, 2, 1), "p").Open(sealed, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := NewBox(ring(t, 2), "p").Open(sealed, nil); !errors.Is(err, ErrOpen) {
		t.Fatalf("dropped key: %v", err)
	}
}

func TestSealUnderNeedsTheToken(t *testing.T) {
	token := Token()
	sealed := SealUnder(token, "successor", []byte("next"))
	if got, err := OpenUnder(token, "successor", sealed); err != nil || string(got) != "next" {
		t.Fatalf("got %q, %v", got, err)
	}
	for name, err := range map[string]error{
		"other token":   second(OpenUnder(Token(), "successor", sealed)),
		"other purpose": second(OpenUnder(token, "other", sealed)),
	} {
		if !errors.Is(err, ErrOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second(_ []byte, err error) error { return err }

// ATK-209, ATK-114: distinct, 256 bits, URL-safe.
func TestATK209TokensAreDistinctAndLong(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		tok := Token()
		if len(tok) != 43 || strings.ContainsAny(tok, "+/=") || seen[tok] {
			t.Fatalf("bad or repeated token of length %d", len(tok))
		}
		seen[tok] = true
	}
}

// What opens, we sealed.
func FuzzOpenText(f *testing.F) {
	box := NewBox(ring(f, 7), "fuzz")
	good := box.SealText([]byte("plain"), "aad")
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Fuzz(func(t *testing.T, s string) {
		// The seeds were sealed by another process, under a nonce of its own.
		if plain, err := box.OpenText(s, "aad"); err == nil && string(plain) != "plain" {
			t.Fatalf("opened %q, which reads %q", s, plain)
		}
	})
}
