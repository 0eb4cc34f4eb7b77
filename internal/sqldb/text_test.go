package sqldb

import (
	"strings"
	"testing"
	"time"
)

func TestPlaceholders(t *testing.T) {
	const query = "SELECT a FROM t WHERE b = ? AND c IN (?, ?)"
	if got := SQLite.placeholders(query); got != query {
		t.Errorf("SQLite: %q", got)
	}
	if got, want := PostgreSQL.placeholders(query), "SELECT a FROM t WHERE b = $1 AND c IN ($2, $3)"; got != want {
		t.Errorf("PostgreSQL: got %q, want %q", got, want)
	}
}

// TestKey shows that every text has a key that both databases can hold, and
// that no two texts share one.
func TestKey(t *testing.T) {
	long := strings.Repeat("x", maxKey)
	seen := map[string]string{}
	for _, text := range []string{"", "ann", "Ann", "ä", "https://op.example/a", long, long + "x", long + "y", "\x00", "a\x00", "\xff", "\xfe", "sha256:", Key("\x00"), Key(long + "x")} {
		key := Key(text)
		if before, taken := seen[key]; taken {
			t.Errorf("%.20q and %.20q share a key", text, before)
		}
		seen[key] = text
		if len(key) > maxKey || strings.Contains(key, "\x00") || strings.ToValidUTF8(key, "") != key {
			t.Errorf("the key of %.20q cannot be held: %q", text, key)
		}
	}
	if Key("ann") != "ann" {
		t.Error("a plain text is not its own key")
	}
}

func TestDocuments(t *testing.T) {
	type record struct {
		At   time.Time `json:"at"`
		Text string    `json:"text"`
	}
	want := record{At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Text: "a\x00 ü"}
	doc, err := Pack(7, want)
	if err != nil {
		t.Fatal(err)
	}
	var got record
	if err := Unpack(doc, 7, &got); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"", " ", "7", "7 ", "7 {", "8" + doc[1:], "07" + doc[1:], doc + "x", "{}", "7 []"} {
		if err := Unpack(bad, 7, &got); err == nil {
			t.Errorf("Unpack(%q) succeeds", bad)
		}
	}
}
