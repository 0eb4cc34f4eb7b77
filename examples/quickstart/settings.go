package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/oidckit/oidckit"
)

// settings is what the flags and the environment say.
type settings struct {
	addr    string
	data    string
	secrets oidckit.Secrets
}

func newFlags(s *settings, ring *string) *flag.FlagSet {
	f := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&s.addr, "addr", "127.0.0.1:8080", "address to listen on; people reach it as localhost")
	f.StringVar(&s.data, "data", "./quickstart.db", "SQLite file; another file is another world")
	f.StringVar(ring, "secret", "", "key ring: base64 keys of 32 bytes or more, the sealing one first\n(default: kept in a file beside the database)")
	return f
}

func usage() string {
	var text strings.Builder
	f := newFlags(&settings{}, new(string))
	f.SetOutput(&text)
	text.WriteString("quickstart: an issuer, a web app and an API in one process\n\n")
	f.PrintDefaults()
	text.WriteString("\nEach flag's value can also come from the environment: -data from OIDCKIT_DATA.\n")
	return text.String()
}

// parseSettings names every problem it finds; it makes nothing.
func parseSettings(args []string, env func(string) (string, bool)) (*settings, error) {
	s := &settings{}
	ring := ""
	f := newFlags(s, &ring)
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	fromEnvironment(f, env)

	var problems []error
	if f.NArg() > 0 {
		problems = append(problems, fmt.Errorf("unexpected argument %q", f.Arg(0)))
	}
	if _, _, err := net.SplitHostPort(s.addr); err != nil {
		problems = append(problems, fmt.Errorf("-addr: %w", err))
	}
	if err := checkFolder(s.data); err != nil {
		problems = append(problems, fmt.Errorf("-data: %w", err))
	}
	if ring != "" {
		var err error
		if s.secrets, err = oidckit.ParseSecrets(ring); err != nil {
			problems = append(problems, fmt.Errorf("-secret: %w", err))
		}
	}
	return s, errors.Join(problems...)
}

// fromEnvironment sets what the command line has not.
func fromEnvironment(f *flag.FlagSet, env func(string) (string, bool)) {
	given := map[string]bool{}
	f.Visit(func(fl *flag.Flag) { given[fl.Name] = true })
	f.VisitAll(func(fl *flag.Flag) {
		name := "OIDCKIT_" + strings.ToUpper(strings.ReplaceAll(fl.Name, "-", "_"))
		if v, ok := env(name); ok && v != "" && !given[fl.Name] {
			// All flags are texts, which take every value.
			_ = f.Set(fl.Name, v)
		}
	})
}

func checkFolder(file string) error {
	if file == "" {
		return errors.New("names no file")
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder", file)
	}
	_, err := os.Stat(filepath.Dir(file))
	return err
}

// keyRing returns the ring that was given, or else that of the file beside the
// database, which is made where there is none.
func (s *settings) keyRing() (oidckit.Secrets, error) {
	if !s.secrets.IsZero() {
		return s.secrets, nil
	}
	secrets, err := keyRingFile(s.data + ".secret")
	if err != nil {
		return secrets, fmt.Errorf("-secret: %w", err)
	}
	return secrets, nil
}

// keyRingFile reads a ring's file, or makes one that only its owner can read.
func keyRingFile(file string) (oidckit.Secrets, error) {
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = out.WriteString(oidckit.GenerateSecret() + "\n")
		if err = errors.Join(err, out.Close()); err != nil {
			return oidckit.Secrets{}, errors.Join(err, os.Remove(file))
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return oidckit.Secrets{}, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return oidckit.Secrets{}, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return oidckit.Secrets{}, fmt.Errorf("%s can be read by others: chmod 600 it", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return oidckit.Secrets{}, err
	}
	return oidckit.ParseSecrets(string(text))
}
