// Command issuer is an OpenID provider of its own process.
//
//	go run ./examples/issuer
//	go run ./examples/issuer -issuer https://login.example.com -config issuer.json -db postgres://… -tls-cert cert.pem -tls-key key.pem
//
// Without a config it has demo users and a public client "webapp", so that the
// examples issuer, webapp and api work together as they are.
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
		fmt.Fprintln(os.Stderr, "issuer:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, env func(string) (string, bool), out, errOut io.Writer) error {
	s, settingsErr := parseSettings(args, env, out)
	if errors.Is(settingsErr, flag.ErrHelp) {
		return settingsErr
	}
	logger := zerolog.New(errOut).Level(s.logLevel).With().Timestamp().Logger()
	stores, closeStores, storesErr := openStores(s, logger)
	defer closeStores()
	p, users, providerErr := newProvider(ctx, s, stores, logger)
	if p != nil {
		defer p.Close()
	}
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
		return changeKeys(ctx, s, p)
	}
	announce(out, s, users)
	ctx, cancel := context.WithCancel(ctx)
	var warm sync.WaitGroup
	defer warm.Wait()
	defer cancel()
	// What a restart has interrupted, such as telling clients of a logout, goes
	// on without waiting for the first request.
	warm.Go(func() {
		if err := p.Check(ctx); err != nil && ctx.Err() == nil {
			logger.Warn().Err(err).Msg("the signing keys cannot be read yet")
		}
	})
	return serve(ctx, listener, s, handler(s, p), logger)
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

func announce(out io.Writer, s *settings, demo []demoUser) {
	fmt.Fprintln(out, "issuer:", s.issuer)
	fmt.Fprintln(out, "discovery:", s.discovery())
	for _, u := range demo {
		fmt.Fprintln(out, "user:", u.name)
		fmt.Fprintln(out, "password:", u.password)
	}
}

// handler is the provider, with a page at the issuer's own address, which the
// specifications leave free.
func handler(s *settings, p *provider.Provider) http.Handler {
	health := readable(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	home, path := readable(s.home), s.issuerPath()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
			health(w, r)
		case path, path + "/":
			home(w, r)
		default:
			p.ServeHTTP(w, r)
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
