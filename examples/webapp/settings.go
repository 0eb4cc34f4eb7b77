package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/oidckit/oidckit"
)

// settings is what flags and environment say.
type settings struct {
	addr, baseURL, issuer  string
	clientID, clientSecret string
	scopes, prefix         string
	db, redisURL, resource string
	ca, secret, endpoints  string

	redis      *redis.Options
	upstream   *upstream
	client     *http.Client
	secrets    oidckit.Secrets
	secretFile secretFile
}

func newFlags(s *settings) *flag.FlagSet {
	f := flag.NewFlagSet("webapp", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVar(&s.addr, "addr", "127.0.0.1:8081", "address to listen on")
	f.StringVar(&s.baseURL, "base-url", "", "address that people reach the app under\n(default http://localhost with the port of -addr: http://localhost:8081)")
	f.StringVar(&s.issuer, "issuer", "http://localhost:9000", "issuer to log in at")
	f.StringVar(&s.endpoints, "endpoints", "", "JSON `file` that says where the endpoints and keys of an issuer without discovery are:\nmembers of its metadata (RFC 8414), jwks or certificate (PEM), oauth2, legacy")
	f.StringVar(&s.clientID, "client-id", "webapp", "client identifier at the issuer")
	f.StringVar(&s.clientSecret, "client-secret", "", "client secret; a public client has none")
	f.StringVar(&s.scopes, "scopes", "openid profile email", "what a login asks for")
	f.StringVar(&s.prefix, "prefix", "/auth", "where login, callback and logout are; / puts them at the top")
	f.StringVar(&s.db, "db", "memory", "sqlite:FILE, postgres://… or memory")
	f.StringVar(&s.redisURL, "redis", "", "redis://… for what the session cookies point to")
	f.StringVar(&s.resource, "resource", "", "API that access tokens are asked for (RFC 8707)")
	f.StringVar(&s.ca, "ca", "", "PEM `file` with further roots for calls to the issuer")
	f.StringVar(&s.secret, "secret", "", "key ring: keys of 32 characters or more, separated by commas, the sealing one first\n(default: a file beside the database)")
	return f
}

// parseSettings names every problem it finds. The settings it returns beside
// an error are complete enough to look for further ones.
func parseSettings(args []string, env func(string) (string, bool), out io.Writer) (*settings, error) {
	s := &settings{}
	f := newFlags(s)
	problems, help := parseAll(f, args)
	if help {
		usage(f, out)
		return s, flag.ErrHelp
	}
	fromEnvironment(f, env)
	given := map[string]bool{}
	f.Visit(func(fl *flag.Flag) { given[fl.Name] = true })
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
	if bad("db", checkDatabase(s.db)) {
		s.db = "memory"
	}
	var err error
	if s.redisURL != "" {
		s.redis, err = parseRedis(s.redisURL)
		bad("redis", err)
	}
	bad("endpoints", s.useUpstream(given))
	s.client, err = newClient(s.ca)
	bad("ca", err)
	s.secrets, s.secretFile, err = loadSecrets(s.secret, s.db)
	bad("secret", err)
	return s, errors.Join(problems...)
}

// resolve fills in what only the listener knows.
func (s *settings) resolve(addr net.Addr) {
	if s.baseURL == "" {
		_, port, _ := net.SplitHostPort(addr.String())
		s.baseURL = "http://" + net.JoinHostPort("localhost", port)
	}
}

// basePath is the path of the base URL, without a slash at its end.
func (s *settings) basePath() string {
	u, err := url.Parse(s.baseURL)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Path, "/")
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

func usage(f *flag.FlagSet, out io.Writer) {
	fmt.Fprint(out, "webapp: a web app that people log in to\n\n")
	f.SetOutput(out)
	f.PrintDefaults()
	fmt.Fprint(out, "\nEach flag's value can also come from the environment: -client-id from OIDCKIT_CLIENT_ID.\n")
}

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
		// What stands behind the colon may be a password.
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

// parseRedis bounds what a request waits for.
func parseRedis(raw string) (*redis.Options, error) {
	o, err := redis.ParseURL(raw)
	if err != nil {
		return nil, errors.New("is no redis://… address")
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = time.Second, 250*time.Millisecond, 250*time.Millisecond, time.Second
	o.ContextTimeoutEnabled = true
	return o, nil
}

// newClient trusts the system's roots and those of a file. It uses no proxy.
func newClient(file string) (*http.Client, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return &http.Client{
		Timeout: 8 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 4 * time.Second,
			IdleConnTimeout:     90 * time.Second,
			ForceAttemptHTTP2:   true,
		},
	}, nil
}
