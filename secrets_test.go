package oidckit_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/rs/zerolog"
)

const ringKey = "a-key-of-a-ring-that-is-never-printed"

func ring(t *testing.T, keys ...string) oidckit.Secrets {
	t.Helper()
	var raw [][]byte
	for _, k := range keys {
		raw = append(raw, []byte(k))
	}
	s, err := oidckit.NewSecrets(raw...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ASVS 16.2.5: whoever prints a ring, or what holds one, does not see a key.
func TestSecretsArePrintedNowhere(t *testing.T) {
	s := ring(t, ringKey)
	type config struct {
		Name    string
		Secrets oidckit.Secrets
		hidden  oidckit.Secrets
		pointer *oidckit.Secrets
		list    []oidckit.Secrets
		any     any
	}
	holder := config{"app", s, s, &s, []oidckit.Secrets{s}, s}
	var log bytes.Buffer
	l := zerolog.New(&log).Level(zerolog.TraceLevel)
	l.Info().Interface("secrets", s).Interface("config", holder).Any("pointer", &s).Str("text", s.String()).Msg("")
	var out strings.Builder
	for _, v := range []any{s, &s, holder, &holder, []any{s}, map[string]any{"s": s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%T", "%p", "%!"} {
			fmt.Fprintf(&out, verb, v)
		}
		fmt.Fprintln(&out, v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
	}
	fmt.Fprint(&out, fmt.Errorf("config %v is wrong", holder))
	told := out.String() + log.String()
	decimal := strings.Trim(fmt.Sprint([]byte(ringKey)), "[]")
	for form, text := range map[string]string{
		"text": ringKey, "hex": hex.EncodeToString([]byte(ringKey)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(ringKey))),
		"bytes": decimal, "base64": base64.StdEncoding.EncodeToString([]byte(ringKey)), "Go syntax": "0x61, 0x2d, 0x6b",
	} {
		if strings.Contains(told, text) {
			t.Errorf("printed as %s", form)
		}
	}
	if !strings.Contains(told, "redacted") {
		t.Error("nothing says that something was left out")
	}
	if _, err := json.Marshal(s); err == nil {
		t.Error("a ring was written into a document")
	}
}

// A client's secret is told to the client, in JSON, and to nobody who prints.
func TestClientSecretIsNotPrinted(t *testing.T) {
	m := oidckit.ClientMetadata{ClientID: "web", ClientSecret: ringKey}
	type config struct{ Clients []oidckit.ClientMetadata }
	for _, v := range []any{m, &m, config{[]oidckit.ClientMetadata{m}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(verb, v)
			if strings.Contains(text, ringKey) || strings.Contains(text, hex.EncodeToString([]byte(ringKey))) {
				t.Errorf("%s: %s", verb, text)
			}
		}
	}
	if got := fmt.Sprintf("%+v", m); !strings.Contains(got, "ClientID:web") {
		t.Errorf("the rest is gone: %s", got)
	}
	if m.ClientSecret != ringKey {
		t.Error("printing has changed it")
	}
	if b, err := json.Marshal(m); err != nil || !strings.Contains(string(b), ringKey) {
		t.Errorf("%s %v", b, err)
	}
}

func TestNewSecretsRefusals(t *testing.T) {
	long := strings.Repeat("k", 32)
	if _, err := oidckit.NewSecrets(); err == nil {
		t.Error("an empty ring")
	}
	for name, text := range map[string]string{
		"nothing": "", "white space": " \n\t", "short": strings.Repeat("k", 31), "one of two short": long + "\nshort", "commas only": ",,,",
	} {
		_, err := oidckit.ParseSecrets(text)
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "kkkk") {
			t.Errorf("%s: the error tells the key: %v", name, err)
		}
	}
	if !(oidckit.Secrets{}).IsZero() || ring(t, long).IsZero() || (oidckit.Secrets{}).Derive("x", 32) != nil {
		t.Error("the zero ring")
	}
}

// RFC 5869: other purposes and other keys give other bytes; the order of the
// ring is kept.
func TestSecretsDerive(t *testing.T) {
	a, b := strings.Repeat("a", 32), strings.Repeat("b", 32)
	both := ring(t, a, b).Derive("cookie", 32)
	if len(both) != 2 || len(both[0]) != 32 || bytes.Equal(both[0], both[1]) {
		t.Fatal(len(both))
	}
	if !bytes.Equal(both[0], ring(t, a).Derive("cookie", 32)[0]) || !bytes.Equal(both[1], ring(t, b, a).Derive("cookie", 32)[0]) {
		t.Error("a key's derivation depends on the others")
	}
	if bytes.Equal(both[0], ring(t, a).Derive("keys", 32)[0]) {
		t.Error("two purposes share a key")
	}
	raw := []byte(a)
	s, err := oidckit.NewSecrets(raw)
	if err != nil {
		t.Fatal(err)
	}
	raw[0] = 'z'
	if !bytes.Equal(s.Derive("cookie", 32)[0], both[0]) {
		t.Error("the caller's slice is still the key")
	}
	text := oidckit.GenerateSecret()
	if other := oidckit.GenerateSecret(); other == text || len(text) < 43 {
		t.Error("GenerateSecret")
	}
	one, err := oidckit.ParseSecrets(text + ", " + a + "\n")
	if err != nil || len(one.Derive("x", 16)) != 2 {
		t.Error(err)
	}
}

// A bearer value is known to the store by its hash.
func TestHashToken(t *testing.T) {
	h := oidckit.HashToken("code")
	if h == oidckit.HashToken("Code") || h.IsZero() || !(oidckit.TokenHash{}).IsZero() || len(h.String()) != 43 {
		t.Error(h)
	}
	// FIPS 180-4, SHA-256 of "abc"
	abc := oidckit.HashToken("abc")
	if got := fmt.Sprintf("%x", abc[:]); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Error(got)
	}
}
