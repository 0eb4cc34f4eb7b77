package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/rs/zerolog"
)

// settings is what flags, environment and config file say.
type settings struct {
	addr       string
	issuer     string
	configFile string
	db         string
	secret     string
	tlsCert    string
	tlsKey     string
	logLevel   zerolog.Level
	rotateKeys bool
	revokeKey  string

	secrets    oidckit.Secrets
	secretFile secretFile
	config     *config
}

func newFlags(s *settings, level *string) *flag.FlagSet {
	f := flag.NewFlagSet("issuer", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVar(&s.addr, "addr", "127.0.0.1:9000", "address to listen on")
	f.StringVar(&s.issuer, "issuer", "http://localhost:9000", "issuer identifier, as people and clients reach it")
	f.StringVar(&s.configFile, "config", "", "JSON `file` with clients, users, scopes, resources (default: a demo)")
	f.StringVar(&s.db, "db", "memory", "sqlite:FILE, postgres://… or memory")
	f.StringVar(&s.secret, "secret", "", "key ring: keys of 32 characters or more, separated by commas, the sealing one first\n(default: a file beside the database)")
	f.StringVar(&s.tlsCert, "tls-cert", "", "PEM `file` with the certificate chain; https with -tls-key")
	f.StringVar(&s.tlsKey, "tls-key", "", "PEM `file` with the private key")
	f.StringVar(level, "log-level", "info", "trace, debug, info, warn, error or disabled")
	f.BoolVar(&s.rotateKeys, "rotate-keys", false, "publish new signing keys in the database, and exit")
	f.StringVar(&s.revokeKey, "revoke-key", "", "take the signing key with this `kid` out of the database, and exit")
	return f
}

// parseSettings names every problem it finds. The settings it returns beside
// an error are complete enough to look for further ones.
func parseSettings(args []string, env func(string) (string, bool), out io.Writer) (*settings, error) {
	s, level := &settings{}, ""
	f := newFlags(s, &level)
	problems, help := parseAll(f, args)
	if help {
		usage(f, out)
		return s, flag.ErrHelp
	}
	problems = append(problems, fromEnvironment(f, env)...)
	fail := func(format string, a ...any) { problems = append(problems, fmt.Errorf(format, a...)) }

	if _, _, err := net.SplitHostPort(s.addr); err != nil {
		fail("-addr: %w", err)
		// Not to be tried as well.
		s.addr = "127.0.0.1:0"
	}
	var err error
	if s.logLevel, err = zerolog.ParseLevel(level); err != nil || level == "" {
		fail("-log-level: %q is not a level", level)
	}
	if (s.tlsCert == "") != (s.tlsKey == "") {
		fail("-tls-cert and -tls-key go together")
	} else if s.tlsCert != "" {
		if _, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey); err != nil {
			fail("-tls-cert, -tls-key: %w", err)
		}
	}
	if err := checkDatabase(s.db); err != nil {
		fail("-db: %w", err)
		s.db = "memory"
	}
	if (s.rotateKeys || s.revokeKey != "") && s.db == "memory" {
		fail("-rotate-keys and -revoke-key need a -db that outlives this call")
	}
	if s.secrets, s.secretFile, err = loadSecrets(s.secret, s.db); err != nil {
		fail("-secret: %w", err)
	}
	if s.config, err = loadConfig(s.configFile); err != nil {
		fail("-config: %w", err)
		s.config = demoConfig()
	}
	return s, errors.Join(problems...)
}

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

// fromEnvironment sets the flags that the command line has not, from
// OIDCKIT_NAME.
func fromEnvironment(f *flag.FlagSet, env func(string) (string, bool)) (problems []error) {
	given := map[string]bool{}
	f.Visit(func(fl *flag.Flag) { given[fl.Name] = true })
	f.VisitAll(func(fl *flag.Flag) {
		name := "OIDCKIT_" + strings.ToUpper(strings.ReplaceAll(fl.Name, "-", "_"))
		v, ok := env(name)
		if !ok || v == "" || given[fl.Name] {
			return
		}
		if err := f.Set(fl.Name, v); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	})
	return problems
}

func usage(f *flag.FlagSet, out io.Writer) {
	fmt.Fprint(out, "issuer: an OpenID provider\n\n")
	f.SetOutput(out)
	f.PrintDefaults()
	fmt.Fprint(out, "\nEach flag's value can also come from the environment: -issuer from OIDCKIT_ISSUER.\n")
}

func checkDatabase(db string) error {
	file, isFile := strings.CutPrefix(db, "sqlite:")
	switch {
	case db == "memory", strings.HasPrefix(db, "postgres://"), strings.HasPrefix(db, "postgresql://"):
		return nil
	case isFile && file != "":
		return nil
	}
	return fmt.Errorf("%q is none of sqlite:FILE, postgres://… and memory", firstPart(db))
}

// firstPart keeps a password in a misspelt URL out of the error.
func firstPart(db string) string {
	scheme, _, found := strings.Cut(db, ":")
	if found {
		return scheme + ":…"
	}
	return db
}
