// Command quickstart is all three roles of the kit in one process: an issuer,
// a web app behind RequireAuth and an API behind RequireBearer, on one SQLite
// file.
//
//	go run ./examples/quickstart
//
// It prints the address to open and the demo user's name and password. What it
// keeps stands in quickstart.db; the key ring that seals it stands beside it,
// readable by its owner only. Started again, the session, the user and the
// signing keys are still there. Another -data is another world.
//
// It is made to be read: settings.go is what can be set, world.go puts the
// roles together, app.go and api.go are what an app of one's own would be.
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

	"github.com/rs/zerolog"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit status, 2 where nothing
// could be started.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	refuse := func(err error) int {
		fmt.Fprintln(stderr, "quickstart: "+strings.ReplaceAll(err.Error(), "\n", "; "))
		return 2
	}
	s, settingsErr := parseSettings(args, os.LookupEnv, stdout)
	if errors.Is(settingsErr, flag.ErrHelp) {
		return 0
	}
	listener, listenErr := net.Listen("tcp", s.addr)
	if listenErr != nil {
		listenErr = fmt.Errorf("-addr: %w", listenErr)
	} else {
		defer listener.Close()
	}
	// Every problem is named before anything is written.
	if err := errors.Join(settingsErr, listenErr); err != nil {
		return refuse(err)
	}
	logger := zerolog.New(zerolog.ConsoleWriter{Out: stderr, NoColor: true, TimeFormat: time.TimeOnly}).With().Timestamp().Logger()
	w, err := newWorld(ctx, s, publicURL(listener.Addr()), logger)
	if err != nil {
		return refuse(err)
	}
	handler := w.handler()
	fmt.Fprintf(stdout, "app: %s\nissuer: %s\nuser: %s\npassword: %s\n", w.base, w.issuer, demoUser, w.password)
	if err := errors.Join(serve(ctx, listener, handler, logger), w.Close()); err != nil {
		fmt.Fprintln(stderr, "quickstart: "+err.Error())
		return 1
	}
	return 0
}

// publicURL is where people reach the listener: on localhost, whatever address
// it listens on.
func publicURL(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return "http://" + net.JoinHostPort("localhost", port)
}

// serve answers until ctx ends, and then lets requests under way finish.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, logger zerolog.Logger) error {
	server := newServer(handler, logger)
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
