// Command api is a resource server: an API that takes the access tokens of
// one issuer or several, and whose routes each say what a token must allow.
//
//	go run ./examples/api
//	go run ./examples/api -issuer https://login.example.com -resource https://api.example.com -route 'GET /things=things:read'
//	OIDCKIT_CLIENT_SECRET=… go run ./examples/api -introspect -client-id orders-api
//
// With -introspect, tokens that only their issuer can read are good as well:
// the first issuer is asked about them, as the client that the API is there.
// JWTs are judged by their issuer's keys as before.
//
// Without a flag it takes the tokens of the example issuer as it runs on the
// same machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/oidckit/oidckit/middleware"
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
		fmt.Fprintln(os.Stderr, "api:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, env func(string) (string, bool), out, errOut io.Writer) error {
	s, settingsErr := parseSettings(args, env, out)
	if errors.Is(settingsErr, flag.ErrHelp) {
		return settingsErr
	}
	logger := zerolog.New(errOut).With().Timestamp().Logger()
	verifier, verifierErr := newVerifier(s, logger)
	listener, listenErr := net.Listen("tcp", s.addr)
	if listenErr != nil {
		listenErr = fmt.Errorf("-addr: %w", listenErr)
	} else {
		defer listener.Close()
	}
	replay, replayErr := openReplay(s)
	// What could not be opened can be closed all the same.
	defer func() { _ = errors.Join(verifier.Close(), replay.Close()) }()
	guard := middleware.Bearer{Verifier: verifier, Logger: logger}
	var dpopErr error
	guard.DPoP, dpopErr = newDPoP(s, listener, replay)
	api, apiErr := newAPI(guard, s)
	if err := errors.Join(settingsErr, verifierErr, replayErr, dpopErr, apiErr, listenErr); err != nil {
		return err
	}
	if err := s.createDatabase(); err != nil {
		return err
	}
	fmt.Fprintf(out, "api: http://%s\n", listener.Addr())
	for _, issuer := range s.issuers {
		fmt.Fprintln(out, "issuer:", issuer)
	}
	return serve(ctx, listener, api, logger)
}

// serverLog takes what package http has to say.
type serverLog struct{ zerolog.Logger }

// Write implements io.Writer.
func (l serverLog) Write(text []byte) (int, error) {
	l.Warn().Str("detail", strings.TrimSpace(string(text))).Msg("http server")
	return len(text), nil
}

// serve runs until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, listener net.Listener, h http.Handler, logger zerolog.Logger) error {
	server := newServer(h, logger)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}

// newServer bounds what a request may take.
func newServer(h http.Handler, logger zerolog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(serverLog{logger}, "", 0),
	}
}
