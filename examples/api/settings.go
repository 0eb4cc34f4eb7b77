package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// settings is what flags and environment say.
type settings struct {
	addr     string
	resource string
	issuers  list
	routes   routes
	ca       string
	// dpop is off, allow or require.
	dpop         string
	db, redisURL string
	redis        *redis.Options

	introspection introspection
}

func newFlags(s *settings) *flag.FlagSet {
	f := flag.NewFlagSet("api", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVar(&s.addr, "addr", "127.0.0.1:8082", "address to listen on")
	f.StringVar(&s.resource, "resource", "http://localhost:8082", "identifier of this API: the audience that tokens must name")
	f.Var(&s.issuers, "issuer", "issuer whose tokens are taken; repeatable (default http://localhost:9000)")
	f.Var(&s.routes, "route", "further route and the scope it needs, as 'GET /things=things:read'; repeatable")
	f.StringVar(&s.dpop, "dpop", "off", "tokens that are bound to a key of the client's: off, allow or require")
	f.StringVar(&s.db, "db", "memory", "where used DPoP proofs are remembered: sqlite:FILE, postgres://… or memory; replicas share it")
	f.StringVar(&s.redisURL, "redis", "", "redis://… to remember them instead")
	s.introspection.flags(f)
	f.StringVar(&s.ca, "ca", "", "PEM `file` with further roots for calls to the issuers")
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
	problems = append(problems, fromEnvironment(f, env)...)
	if len(s.issuers) == 0 {
		s.issuers = list{"http://localhost:9000"}
	}
	if _, _, err := net.SplitHostPort(s.addr); err != nil {
		problems = append(problems, fmt.Errorf("-addr: %w", err))
		// Not to be tried as well.
		s.addr = "127.0.0.1:0"
	}
	// RFC 8707 §2
	if u, err := url.Parse(s.resource); err != nil || !u.IsAbs() || strings.Contains(s.resource, "#") {
		problems = append(problems, fmt.Errorf("-resource: %q is not an absolute URI without fragment", s.resource))
	}
	problems = append(problems, s.parseDPoP()...)
	problems = append(problems, s.introspection.validate()...)
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
// OIDCKIT_NAME. A flag that is repeatable takes several values, separated by
// commas.
func fromEnvironment(f *flag.FlagSet, env func(string) (string, bool)) (problems []error) {
	given := map[string]bool{}
	f.Visit(func(fl *flag.Flag) { given[fl.Name] = true })
	f.VisitAll(func(fl *flag.Flag) {
		name := "OIDCKIT_" + strings.ToUpper(strings.ReplaceAll(fl.Name, "-", "_"))
		value, ok := env(name)
		if !ok || value == "" || given[fl.Name] {
			return
		}
		values := []string{value}
		if _, repeatable := fl.Value.(interface{ repeatable() }); repeatable {
			values = strings.Split(value, ",")
		}
		for _, v := range values {
			if err := f.Set(fl.Name, strings.TrimSpace(v)); err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", name, err))
			}
		}
	})
	return problems
}

func usage(f *flag.FlagSet, out io.Writer) {
	fmt.Fprint(out, "api: a resource server that takes access tokens\n\n")
	f.SetOutput(out)
	f.PrintDefaults()
	fmt.Fprint(out, "\nEach flag's value can also come from the environment: -issuer from OIDCKIT_ISSUER.\n")
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds a value; one that is there already is kept once.
func (l *list) Set(v string) error {
	if !slices.Contains(*l, v) {
		*l = append(*l, v)
	}
	return nil
}

func (*list) repeatable() {}

// route is a pattern of http.ServeMux and the scope it needs.
type route struct{ pattern, scope string }

type routes []route

func (r *routes) String() string { return "" }

// Set reads PATTERN=SCOPE.
func (r *routes) Set(v string) error {
	pattern, scope, ok := strings.Cut(v, "=")
	if !ok || pattern == "" || scope == "" {
		return errors.New("must be PATTERN=SCOPE")
	}
	*r = append(*r, route{strings.TrimSpace(pattern), strings.TrimSpace(scope)})
	return nil
}

func (*routes) repeatable() {}
