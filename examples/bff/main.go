// Command bff is the backend of a single-page app: a session cookie outside,
// bearer calls to an API inside. The page's script never sees a token.
//
//	go run ./examples/issuer
//	go run ./examples/api
//	go run ./examples/bff
//
// Without a flag it fits the example issuer and the example API. settings.go is
// what can be set, app.go and proxy.go are what a backend of one's own would
// be, static/ is the page.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
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
		s.resolve(&net.TCPAddr{Port: 8083})
	} else {
		defer listener.Close()
		s.resolve(listener.Addr())
	}
	w := &bff{logger: logger}
	defer w.Close()
	setUpErr := w.setUp(s, logger)
	// Every problem is named before anything is started or written.
	err := errors.Join(settingsErr, listenErr, setUpErr)
	if err == nil {
		err = errors.Join(s.secretFile.save(), s.createDatabase())
	}
	if err != nil {
		fmt.Fprintln(stderr, "bff: "+strings.ReplaceAll(err.Error(), "\n", "; "))
		return 2
	}
	fmt.Fprintf(stdout, "app: %s\nissuer: %s\napi: %s\n", s.baseURL, s.issuer, s.api)
	if err := serve(ctx, listener, w.handler(), logger); err != nil {
		fmt.Fprintln(stderr, "bff: "+err.Error())
		return 1
	}
	return 0
}

// bff is the program, put together.
type bff struct {
	stores   *stores
	sessions *handlers.Sessions
	rp       *handlers.RelyingParty
	// api is where calls go on to, over transport.
	api       *url.URL
	transport http.RoundTripper
	logger    zerolog.Logger
}

// setUp makes the parts and names every problem. What it has made before an
// error is left to Close.
func (w *bff) setUp(s *settings, logger zerolog.Logger) error {
	var storesErr, sessionsErr, loginErr error
	w.stores, storesErr = openStores(s, logger)
	w.sessions, sessionsErr = handlers.NewSessions(handlers.SessionConfig{
		Secrets: s.secrets, Store: w.stores.set, SCSStore: w.stores.redis, BaseURL: s.baseURL, Logger: logger,
	})
	if sessionsErr != nil {
		// A stand-in, so that the login is looked at as well.
		w.sessions, _ = handlers.NewSessions(handlers.SessionConfig{Secrets: s.secrets, Store: w.stores.set})
	}
	w.rp, loginErr = handlers.NewRelyingParty(handlers.Config{
		Issuer:       s.issuer,
		ClientID:     s.clientID,
		ClientSecret: s.clientSecret,
		BaseURL:      s.baseURL,
		Scopes:       strings.Fields(s.scopes),
		Resource:     s.resource,
		Sessions:     w.sessions,
		HTTPClient:   &http.Client{Transport: s.transport, Timeout: 8 * time.Second},
		Logger:       logger,
		Events:       events(logger),
	})
	w.api, w.transport = s.apiURL, s.transport
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
		"Config.ClientSecret ", "-client-secret: ", "Config.BaseURL ", "-base-url: ",
		"Config.Scopes ", "-scopes: ", "Config.Resource ", "-resource: ",
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
func (w *bff) Close() error {
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
