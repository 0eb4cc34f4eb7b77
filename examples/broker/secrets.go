package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/oidckit/oidckit"
)

// secretFile is a key ring that is still to be written, for the next start.
type secretFile struct{ name, text string }

// save writes the file, for its owner only. It never writes over one.
func (f secretFile) save() error {
	if f.name == "" {
		return nil
	}
	out, err := os.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("-secret: %w", err)
	}
	_, err = out.WriteString(f.text + "\n")
	return errors.Join(err, out.Close())
}

// loadSecrets returns the ring of the flag, else that of the file beside the
// database, else a new one and where to save it. A database in memory gets a
// ring that ends with it.
func loadSecrets(flagValue, db string) (oidckit.Secrets, secretFile, error) {
	fresh := oidckit.GenerateSecret()
	ring, err := oidckit.ParseSecrets(fresh)
	if err != nil {
		return ring, secretFile{}, err
	}
	if flagValue != "" {
		given, err := oidckit.ParseSecrets(flagValue)
		if err != nil {
			// The rest is checked with a ring that works.
			return ring, secretFile{}, err
		}
		return given, secretFile{}, nil
	}
	if db == "memory" {
		return ring, secretFile{}, nil
	}
	name := "broker.secret"
	if file, ok := strings.CutPrefix(db, "sqlite:"); ok {
		name = file + ".secret"
	}
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return ring, secretFile{name, fresh}, nil
	}
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("%s can be read by others: chmod 600 it", name)
	}
	if err != nil {
		return ring, secretFile{}, err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return ring, secretFile{}, err
	}
	stored, err := oidckit.ParseSecrets(string(text))
	if err != nil {
		return ring, secretFile{}, fmt.Errorf("%s: %w", name, err)
	}
	return stored, secretFile{}, nil
}
