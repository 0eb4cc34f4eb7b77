package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// newFiles are those that a start has made. One that fails takes them back, so
// that it leaves no database behind whose user nobody knows the password of.
type newFiles []string

// create makes the files that are not there yet, for their owner only.
func (f *newFiles) create(s *settings) error {
	// The ring first: of two that start at once, one makes it, and the other
	// ends here, with nothing to take back.
	if s.fresh != "" {
		if err := f.write(s.ringFile(), s.fresh+"\n"); err != nil {
			return fmt.Errorf("-secret: %w", err)
		}
	}
	if err := f.write(s.data, ""); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("-data: %w", err)
	}
	return nil
}

func (f *newFiles) write(name, text string) error {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	*f = append(*f, name)
	_, err = out.WriteString(text)
	return errors.Join(err, out.Close())
}

// remove takes back what was made, and what SQLite has put beside it.
func (f *newFiles) remove() {
	for _, name := range *f {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			// What is not there needs no removal.
			_ = os.Remove(name + suffix)
		}
	}
	*f = nil
}
