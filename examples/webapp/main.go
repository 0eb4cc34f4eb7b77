// Command webapp is a web app that people log in to: a relying party of its
// own process.
//
//	go run ./examples/webapp
//	go run ./examples/webapp -base-url https://app.example.com -issuer https://login.example.com -client-id webapp -client-secret … -db sqlite:webapp.db
//	go run ./examples/webapp -endpoints upstream.json -client-id webapp -client-secret …
//
// Without a flag it fits the example issuer. settings.go is what can be set,
// endpoints.go how an issuer without discovery is described, and app.go what an
// app of one's own would be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit/handlers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit status, 2 where nothing
// was started.
func run(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	s, settingsErr := parseSettings(args, env, stdout)
	if errors.Is(settingsErr, flag.ErrHelp) {
		return 0
	}
	logger := zerolog.New(stderr).With().Timestamp().Logger()
	listener, listenErr := net.Listen("tcp", s.addr)
	if listenErr != nil {
		listenErr = fmt.Errorf("-addr: %w", listenErr)
		// A stand-in: what depends on the address is no problem of its own.
		s.resolve(&net.TCPAddr{Port: 8081})
	} else {
		defer listener.Close()
		s.resolve(listener.Addr())
	}
	w := &webapp{base: s.basePath(), prefix: s.prefix}
	defer w.Close()
	setUpErr := w.setUp(s, logger)
	// Every problem is named before anything is started or written.
	err := errors.Join(settingsErr, listenErr, setUpErr)
	if err == nil {
		err = errors.Join(s.secretFile.save(), s.createDatabase())
	}
	if err != nil {
		fmt.Fprintln(stderr, "webapp: "+strings.ReplaceAll(err.Error(), "\n", "; "))
		return 2
	}
	fmt.Fprintf(stdout, "app: %s\nissuer: %s\n", s.baseURL, s.issuer)
	if err := serve(ctx, listener, w.handler(), logger); err != nil {
		fmt.Fprintln(stderr, "webapp: "+err.Error())
		return 1
	}
	return 0
}

// webapp is the program, put together.
type webapp struct {
	stores   *stores
	sessions *handlers.Sessions
	rp       *handlers.RelyingParty
	base     string
	prefix   string
}

// setUp makes the parts and names every problem. What it has made before an
// error is left to Close.
func (w *webapp) setUp(s *settings, logger zerolog.Logger) error {
	var storesErr, sessionsErr, loginErr error
	w.stores, storesErr = openStores(s, logger)
	w.sessions, sessionsErr = handlers.NewSessions(handlers.SessionConfig{
		Secrets: s.secrets, Store: w.stores.set, SCSStore: w.stores.redis, BaseURL: s.baseURL, Logger: logger,
	})
	if sessionsErr != nil {
		// A stand-in, so that the login is looked at as well.
		w.sessions, _ = handlers.NewSessions(handlers.SessionConfig{Secrets: s.secrets, Store: w.stores.set})
	}
	config := handlers.Config{
		Issuer:       s.issuer,
		ClientID:     s.clientID,
		ClientSecret: s.clientSecret,
		BaseURL:      s.baseURL,
		Prefix:       s.prefix,
		Scopes:       strings.Fields(s.scopes),
		Resource:     s.resource,
		Sessions:     w.sessions,
		HTTPClient:   s.client,
		Logger:       logger,
		Events:       events(logger),
	}
	s.upstream.apply(&config)
	w.rp, loginErr = handlers.NewRelyingParty(config)
	return errors.Join(storesErr, asFlags(errors.Join(sessionsErr, loginErr)))
}

// asFlags tells the problems of a config in the words of the command line,
// each once. That sessions do not fit the base URL is the fault of a stand-in.
func asFlags(err error) error {
	if err == nil {
		return nil
	}
	words := strings.NewReplacer(
		"SessionConfig.BaseURL ", "-base-url: ", "Config.Issuer ", "-issuer: ", "Config.ClientID ", "-client-id: ",
		"Config.ClientSecret ", "-client-secret: ", "Config.BaseURL ", "-base-url: ", "Config.Prefix ", "-prefix: ",
		"Config.Scopes ", "-scopes: ", "Config.Resource ", "-resource: ",
		"Config.Metadata ", "-endpoints: ", "Config.KeySet ", "-endpoints: jwks ", "Config.Certificates ", "-endpoints: certificate ",
		"Config.OAuth2 ", "-endpoints: oauth2 ", "Config.Legacy ", "-endpoints: legacy ",
	)
	var named []string
	var problems []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		line = words.Replace(line)
		if !slices.Contains(named, line) && !strings.HasPrefix(line, "Config.Sessions ") {
			named = append(named, line)
			problems = append(problems, errors.New(line))
		}
	}
	return errors.Join(problems...)
}

// Close ends what runs in the background and closes the stores, in that order.
func (w *webapp) Close() error {
	var errs []error
	if w.rp != nil {
		errs = append(errs, w.rp.Close())
	}
	if w.stores != nil {
		errs = append(errs, w.stores.Close())
	}
	return errors.Join(errs...)
}

// serve runs until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, listener net.Listener, h http.Handler, logger zerolog.Logger) error {
	server := newServer(h, logger)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}
