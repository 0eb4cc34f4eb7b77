package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/oidckit/oidckit"
)

func environment(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

func TestSettingsFromTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	env := environment(map[string]string{
		"OIDCKIT_ADDR": "127.0.0.1:1", "OIDCKIT_DATA": filepath.Join(dir, "env.db"), "OIDCKIT_SECRET": oidckit.GenerateSecret(),
	})
	s, err := parseSettings([]string{"-addr", "127.0.0.1:2"}, env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if s.addr != "127.0.0.1:2" || s.data != filepath.Join(dir, "env.db") || s.secrets.IsZero() {
		t.Errorf("settings = %+v", s)
	}
	if _, err := os.Stat(filepath.Join(dir, "env.db.secret")); err == nil {
		t.Error("a key ring was made although one was given")
	}
}

func TestKeyRingIsKeptAndPrivate(t *testing.T) {
	s := &settings{data: filepath.Join(t.TempDir(), "x.db")}
	first, fresh, err := loadSecrets("", s.ringFile())
	if err != nil || fresh == "" {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.ringFile()); err == nil {
		t.Error("the ring was made before everything was known to be well")
	}
	s.fresh = fresh
	var made newFiles
	if err := made.create(s); err != nil {
		t.Fatal(err)
	}
	again, fresh, err := loadSecrets("", s.ringFile())
	if err != nil || fresh != "" {
		t.Fatalf("%q, %v", fresh, err)
	}
	if demoPasswords(first)[0] != demoPasswords(again)[0] {
		t.Error("the ring changed")
	}
	if err := os.Chmod(s.ringFile(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := loadSecrets("", s.ringFile()); err == nil {
		t.Error("a ring that others can read was taken")
	}
}
