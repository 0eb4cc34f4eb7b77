package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/oidckit/oidckit"
)

// loadSecrets returns the ring that was given, else that of the file, else a
// new one and the text to save there. Beside an error there is a ring to go on
// with.
func loadSecrets(given, file string) (ring oidckit.Secrets, fresh string, err error) {
	fresh = oidckit.GenerateSecret()
	if ring, err = oidckit.ParseSecrets(fresh); err != nil {
		return ring, "", err
	}
	text := given
	if given == "" {
		text, err = readPrivate(file)
		if errors.Is(err, os.ErrNotExist) {
			return ring, fresh, nil
		}
		if err != nil {
			return ring, "", err
		}
	}
	kept, err := oidckit.ParseSecrets(text)
	if err != nil && given == "" {
		err = fmt.Errorf("%s: %w", file, err)
	}
	if err != nil {
		return ring, "", err
	}
	return kept, "", nil
}

// readPrivate reads a file that only its owner can read.
func readPrivate(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others: chmod 600 it", name)
	}
	text, err := os.ReadFile(name)
	return string(text), err
}
