package handlers

import (
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
)

func TestSessionCodec(t *testing.T) {
	c := sessionCodec{lifetime: time.Hour}
	deadline := time.Now().Add(time.Hour).UTC().Round(0)
	values := map[string]any{
		"text": "x", "empty": "", "bytes": []byte{0, 1}, "yes": true, "no": false, "int": -5, "int64": int64(1) << 60,
		"float": 1.5, "time": time.Unix(12, 34).UTC(),
	}
	b, err := c.Encode(deadline, values)
	if err != nil {
		t.Fatal(err)
	}
	gotDeadline, got, err := c.Decode(b)
	if err != nil || !gotDeadline.Equal(deadline) || !reflect.DeepEqual(got, values) {
		t.Errorf("%v %v %v", gotDeadline, got, err)
	}
	again, _ := c.Encode(deadline, maps.Clone(values))
	if string(again) != string(b) {
		t.Error("the same values have two forms")
	}
	if _, err := c.Encode(deadline, map[string]any{"x": struct{}{}}); err == nil {
		t.Error("a struct was encoded")
	}
}

// FLT-39: a record that cannot be read is an empty session, never a fault.
func TestSessionCodecOnGarbage(t *testing.T) {
	c := sessionCodec{lifetime: time.Hour}
	good, _ := c.Encode(time.Now(), map[string]any{"a": "b", "n": 1})
	rows := [][]byte{nil, {}, {9}, []byte("gob"), append(good, 0)}
	for i := range good {
		rows = append(rows, good[:i])
	}
	for _, b := range rows {
		deadline, values, err := c.Decode(b)
		if err != nil || len(values) != 0 || values == nil || time.Until(deadline) < 59*time.Minute {
			t.Errorf("Decode(%q) = %v, %v, %v", b, deadline, values, err)
		}
	}
}

func FuzzSessionCodec(f *testing.F) {
	c := sessionCodec{lifetime: time.Hour}
	good, _ := c.Encode(time.Now(), map[string]any{"a": "b", "n": 1, "t": time.Now()})
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		deadline, values, err := c.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Encode(deadline, values); err != nil {
			t.Fatal(err)
		}
	})
}

func TestIdentityRecord(t *testing.T) {
	id := &oidckit.Identity{
		Issuer: "https://id.example", Subject: "alice", Audience: []string{"a", "b"}, ClientID: "c", Scope: oidckit.Scope{"openid"},
		SessionID: "sid", IssuedAt: time.Unix(1000, 0), ExpiresAt: time.Unix(2000, 0), AuthTime: time.Unix(0, 0), ACR: "gold", AMR: []string{"pwd"},
		Claims: oidckit.Claims(`{"sub":"alice"}`),
	}
	b := encodeIdentity(id)
	got, err := decodeIdentity(b)
	if err != nil || !reflect.DeepEqual(got, id) {
		t.Errorf("%+v %v", got, err)
	}
	for i := range b {
		if _, err := decodeIdentity(b[:i]); err == nil {
			t.Errorf("a record cut at %d was read", i)
		}
	}
	empty, err := decodeIdentity(encodeIdentity(&oidckit.Identity{}))
	if err != nil || !empty.AuthTime.IsZero() || empty.Claims.Has("x") {
		t.Errorf("%+v %v", empty, err)
	}
}
