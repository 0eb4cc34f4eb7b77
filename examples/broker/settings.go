package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/redis/go-redis/v9"
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
	preset     string
	redisURL   string
	caFile     string
	// allowLoopback lets outbound calls reach this machine.
	allowLoopback bool
	rotateKeys    bool
	revokeKey     string
	// adminToken opens the admin API; customerKey and apiKey switch on its older
	// headers.
	adminToken, customerKey, apiKey string
	allowLoopbackUpstreams          bool

	secrets    oidckit.Secrets
	secretFile secretFile
	config     *config
	redis      *redis.Options
	roots      *x509.CertPool
}

// presetStandard is no preset.
const presetStandard = "standard"

func newFlags(s *settings, level *string) *flag.FlagSet {
	f := flag.NewFlagSet("broker", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVar(&s.addr, "addr", "127.0.0.1:9000", "address to listen on")
	f.StringVar(&s.issuer, "issuer", "http://localhost:9000", "issuer identifier, as people and clients reach it\n(with -preset miniorange: by default http://localhost:9000/moas)")
	f.StringVar(&s.configFile, "config", "", "JSON `file` with clients, scopes, resources, features (default: a demo)")
	f.StringVar(&s.db, "db", "sqlite:broker.db", "sqlite:FILE, postgres://… or memory")
	f.StringVar(&s.redisURL, "redis", "", "redis://… to keep sessions there")
	f.StringVar(&s.secret, "secret", "", "key ring: keys of 32 characters or more, separated by commas, the sealing one first\n(default: a file beside the database)")
	f.StringVar(&s.tlsCert, "tls-cert", "", "PEM `file` with the certificate chain; https with -tls-key")
	f.StringVar(&s.tlsKey, "tls-key", "", "PEM `file` with the private key")
	f.StringVar(&s.preset, "preset", presetStandard, "standard, or the paths and ways of a vendor: miniorange, signicat")
	f.StringVar(&s.caFile, "ca", "", "PEM `file` with further roots for calls to clients: jwks_uri and the like")
	f.BoolVar(&s.allowLoopback, "allow-loopback", false, "let calls to clients reach this machine\n(default: where the issuer is on loopback)")
	f.StringVar(level, "log-level", "info", "trace, debug, info, warn, error or disabled")
	f.StringVar(&s.adminToken, "admin-token", "", "bearer token of the admin API, of 20 characters or more (default: a new one, which is printed)")
	f.StringVar(&s.customerKey, "customer-key", "", "customer key of clients that know the older headers alone; with -api-key")
	f.StringVar(&s.apiKey, "api-key", "", "API key that goes with -customer-key")
	f.BoolVar(&s.allowLoopbackUpstreams, "allow-loopback-upstreams", false, "let identity providers be on this machine\n(default: where the two of the demo are)")
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

	s.deriveDefaults(f)
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
	problems = append(problems, s.checkOutside()...)
	if s.secrets, s.secretFile, err = loadSecrets(s.secret, s.db); err != nil {
		fail("-secret: %w", err)
	}
	problems = append(problems, s.checkKeyCommand()...)
	problems = append(problems, s.checkAdmin()...)
	if s.config, err = loadConfig(s.configFile); err != nil {
		fail("-config: %w", err)
		s.config = demoConfig()
	}
	s.allowLoopbackUpstreams = s.allowLoopbackUpstreams || s.config.demo
	return s, errors.Join(problems...)
}

// deriveDefaults fills in the flags whose defaults follow from others.
func (s *settings) deriveDefaults(f *flag.FlagSet) {
	given := map[string]bool{}
	f.Visit(func(fl *flag.Flag) { given[fl.Name] = true })
	if s.preset == string(provider.PresetMiniOrange) && !given["issuer"] {
		s.issuer += "/moas"
	}
	if !given["allow-loopback"] {
		s.allowLoopback = s.onLoopback()
	}
}

// checkOutside reads the preset and what says how others are reached.
func (s *settings) checkOutside() (problems []error) {
	if s.preset != presetStandard && !slices.Contains(provider.Presets(), provider.Preset(s.preset)) {
		problems = append(problems, fmt.Errorf("-preset: %q is none of standard, miniorange and signicat", s.preset))
		s.preset = presetStandard
	}
	if s.redisURL != "" {
		options, err := redis.ParseURL(s.redisURL)
		if err != nil {
			// The cause may repeat the password.
			problems = append(problems, errors.New("-redis: is no redis://… address"))
		} else {
			options.ContextTimeoutEnabled = true
			s.redis = options
		}
	}
	if s.caFile != "" {
		var err error
		if s.roots, err = readRoots(s.caFile); err != nil {
			problems = append(problems, fmt.Errorf("-ca: %w", err))
		}
	}
	return problems
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
	fmt.Fprint(out, "broker: an OpenID provider whose people log in at upstream identity providers\n\n")
	f.SetOutput(out)
	f.PrintDefaults()
	fmt.Fprint(out, "\nWhat -config may hold stands in examples/issuer/README.md.\n")
	fmt.Fprint(out, "\nEach flag's value can also come from the environment: -issuer from OIDCKIT_ISSUER.\n")
}

// checkDatabase says what is wrong with an address, and never repeats what may
// be a password.
func checkDatabase(db string) error {
	if db == "memory" {
		return nil
	}
	if isPostgres(db) {
		// The cause is left out: it repeats parts of the address, which may be a
		// password.
		if _, err := pgx.ParseConfig(db); err != nil {
			return errors.New("is no postgres://… address that can be read")
		}
		return nil
	}
	file, isFile := strings.CutPrefix(db, "sqlite:")
	if !isFile || file == "" {
		scheme, _, _ := strings.Cut(db, ":")
		return fmt.Errorf("%q is none of sqlite:FILE, postgres://… and memory", scheme)
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder", file)
	}
	_, err := os.Stat(filepath.Dir(file))
	return err
}

func isPostgres(db string) bool {
	return strings.HasPrefix(db, "postgres://") || strings.HasPrefix(db, "postgresql://")
}

// checkKeyCommand finds out what a command that changes keys works on: the
// keys of a database that is there, sealed with a ring that is there.
func (s *settings) checkKeyCommand() (problems []error) {
	if !s.changesKeys() {
		return nil
	}
	if s.db == "memory" {
		return []error{errors.New("-rotate-keys and -revoke-key need a -db that outlives this call")}
	}
	if file, ok := strings.CutPrefix(s.db, "sqlite:"); ok {
		if _, err := os.Stat(file); err != nil {
			problems = append(problems, fmt.Errorf("-db: %w", err))
		}
	}
	if s.secretFile.name != "" {
		problems = append(problems, fmt.Errorf("-secret: there is no %s with the key ring of this database", s.secretFile.name))
	}
	return problems
}

// minToken is the least length of what opens the admin API, in characters.
const minToken = 20

// checkAdmin checks what opens the admin API.
func (s *settings) checkAdmin() (problems []error) {
	switch {
	case s.adminToken == "":
		s.adminToken = oidckit.GenerateSecret()
	case len(s.adminToken) < minToken:
		problems = append(problems, fmt.Errorf("-admin-token: has fewer than %d characters", minToken))
	}
	if (s.customerKey == "") != (s.apiKey == "") {
		problems = append(problems, errors.New("-customer-key and -api-key go together"))
	}
	return problems
}

// changesKeys reports whether the call is for the database only.
func (s *settings) changesKeys() bool { return s.rotateKeys || s.revokeKey != "" }
