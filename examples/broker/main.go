// Command broker is an OpenID provider whose people log in at upstream identity
// providers, which operators manage over a REST API.
//
//	go run ./examples/broker
//	go run ./examples/broker -issuer https://login.example.com -config broker.json -db postgres://… -tls-cert cert.pem -tls-key key.pem
//
// Without a config it has two upstream providers of its own in the same process,
// with a user each, and a public client "webapp", so that the examples broker,
// webapp and api work together as they are.
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
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/admin"
	"github.com/oidckit/oidckit/provider"
	"github.com/rs/zerolog"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		// One line, whatever the number of problems.
		fmt.Fprintln(os.Stderr, "broker:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, env func(string) (string, bool), out, errOut io.Writer) error {
	s, settingsErr := parseSettings(args, env, out)
	if errors.Is(settingsErr, flag.ErrHelp) {
		return settingsErr
	}
	logger := zerolog.New(errOut).Level(s.logLevel).With().Timestamp().Logger()
	// Stores and hub hold what has been opened, also where not all could be.
	stores, storesErr := openStores(s, logger)
	defer stores.shutDown(logger)
	h, providerErr := newHub(ctx, s, stores, logger)
	defer h.shutDown()
	listener, listenErr := listen(s)
	if listener != nil {
		defer listener.Close()
	}
	// Every problem is named before anything is started or written.
	if err := errors.Join(settingsErr, storesErr, providerErr, listenErr); err != nil {
		return err
	}
	if err := errors.Join(s.secretFile.save(), createDatabase(s.db)); err != nil {
		return err
	}
	if listener == nil {
		return changeKeys(ctx, s, h.issuer)
	}
	if s.config.demo {
		if err := h.startDemo(ctx); err != nil {
			return err
		}
	}
	announce(out, s, h)
	ctx, cancel := context.WithCancel(ctx)
	var warm sync.WaitGroup
	defer warm.Wait()
	defer cancel()
	// What a restart has interrupted, such as telling clients of a logout, goes
	// on without waiting for the first request.
	warm.Go(func() {
		if err := h.issuer.Check(ctx); err != nil && ctx.Err() == nil {
			logger.Warn().Err(err).Msg("the signing keys cannot be read yet")
		}
	})
	return serve(ctx, listener, s, handler(s, h), logger)
}

// listen returns nil where the call is for the database only.
func listen(s *settings) (net.Listener, error) {
	if s.changesKeys() {
		return nil, nil
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return nil, fmt.Errorf("-addr: %w", err)
	}
	return listener, nil
}

func changeKeys(ctx context.Context, s *settings, p *provider.Provider) error {
	if s.rotateKeys {
		if err := p.RotateKeys(ctx); err != nil {
			return fmt.Errorf("-rotate-keys: %w", err)
		}
	}
	if s.revokeKey != "" {
		err := p.RevokeKey(ctx, s.revokeKey)
		if errors.Is(err, oidckit.ErrNotFound) {
			return fmt.Errorf("-revoke-key: %s has no key %q in this database", s.issuer, s.revokeKey)
		}
		if err != nil {
			return fmt.Errorf("-revoke-key: %w", err)
		}
	}
	return nil
}

func announce(out io.Writer, s *settings, h *hub) {
	fmt.Fprintln(out, "issuer:", s.issuer)
	fmt.Fprintln(out, "discovery:", s.discovery())
	fmt.Fprintln(out, "admin:", s.origin()+admin.DefaultPrefix)
	fmt.Fprintln(out, "admin-token:", s.adminToken)
	for _, u := range h.demo {
		fmt.Fprintln(out, "upstream:", u.name, u.issuer)
		fmt.Fprintln(out, "user:", u.user)
		fmt.Fprintln(out, "password:", u.password)
	}
}

// handler is issuer, broker and admin API, with a page at the issuer's own address, which the
// specifications leave free.
func handler(s *settings, h *hub) http.Handler {
	health := readable(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	home, path := readable(s.home), s.issuerPath()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
			health(w, r)
		case path, path + "/":
			home(w, r)
		default:
			h.mux.ServeHTTP(w, r)
		}
	})
}

// readable refuses every method but those that read.
func readable(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "This page can only be read.", http.StatusMethodNotAllowed)
			return
		}
		h(w, r)
	}
}

// serve runs until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, listener net.Listener, s *settings, h http.Handler, logger zerolog.Logger) error {
	server := newServer(h, logger)
	done := make(chan error, 1)
	go func() {
		if s.tlsCert != "" {
			done <- server.ServeTLS(listener, s.tlsCert, s.tlsKey)
			return
		}
		done <- server.Serve(listener)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}
