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
	"syscall"
	"time"

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
	return serve(ctx, listener, s, handler(p))
}

// listen returns nil where the call is for the database only.
func listen(s *settings) (net.Listener, error) {
	if s.rotateKeys || s.revokeKey != "" {
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
		if err := p.RevokeKey(ctx, s.revokeKey); err != nil {
			return fmt.Errorf("-revoke-key: %w", err)
		}
	}
	return nil
}

func announce(out io.Writer, s *settings, demo []demoUser) {
	fmt.Fprintln(out, "issuer:", s.issuer)
	fmt.Fprintln(out, "discovery:", s.issuer+"/.well-known/openid-configuration")
	for _, u := range demo {
		fmt.Fprintln(out, "user:", u.name)
		fmt.Fprintln(out, "password:", u.password)
	}
}

func handler(p *provider.Provider) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", p)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	return mux
}

// serve runs until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, listener net.Listener, s *settings, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
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
