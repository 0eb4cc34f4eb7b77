package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/oidckit/oidckit"
)

// settings is what the flags and the environment say.
type settings struct {
	addr    string
	data    string
	secrets oidckit.Secrets
	// fresh is the text of a new ring, which is still to be written.
	fresh string
}

func newFlags(s *settings, ring *string) *flag.FlagSet {
	f := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVar(&s.addr, "addr", "127.0.0.1:8080", "address to listen on; people reach it as localhost")
	f.StringVar(&s.data, "data", "./quickstart.db", "SQLite file; another file is another world")
	f.StringVar(ring, "secret", "", "key ring: keys of 32 characters or more, separated by commas, the sealing one first\n(default: kept in a file beside the database)")
	return f
}

func usage(f *flag.FlagSet, out io.Writer) {
	fmt.Fprint(out, "quickstart: an issuer, a web app and an API in one process\n\n")
	f.SetOutput(out)
	f.PrintDefaults()
	fmt.Fprint(out, "\nEach flag's value can also come from the environment: -data from OIDCKIT_DATA.\n")
}

// parseSettings names every problem it finds; it makes nothing. The settings it
// returns beside an error are complete enough to look for further ones.
func parseSettings(args []string, env func(string) (string, bool), out io.Writer) (*settings, error) {
	s := &settings{}
	ring := ""
	f := newFlags(s, &ring)
	problems, help := parseAll(f, args)
	if help {
		usage(f, out)
		return s, flag.ErrHelp
	}
	fromEnvironment(f, env)
	bad := func(name string, err error) bool {
		if err != nil {
			problems = append(problems, fmt.Errorf("-%s: %w", name, err))
		}
		return err != nil
	}
	if _, _, err := net.SplitHostPort(s.addr); bad("addr", err) {
		// Not to be tried as well.
		s.addr = "127.0.0.1:0"
	}
	bad("data", checkFolder(s.data))
	var err error
	s.secrets, s.fresh, err = loadSecrets(ring, s.ringFile())
	bad("secret", err)
	return s, errors.Join(problems...)
}

// ringFile is where the key ring is kept.
func (s *settings) ringFile() string { return s.data + ".secret" }

// parseAll goes on where the package flag would stop at the first problem.
func parseAll(f *flag.FlagSet, args []string) (problems []error, help bool) {
	for len(args) > 0 {
		err := f.Parse(args)
		args = f.Args()
		switch {
		case errors.Is(err, flag.ErrHelp):
			return nil, true
		case err != nil:
			problems = append(problems, err)
			// The value of a flag that is not known.
			if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
				args = args[1:]
			}
		case len(args) > 0:
			problems = append(problems, fmt.Errorf("unexpected argument %q", args[0]))
			args = args[1:]
		}
	}
	return problems, false
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
