package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestServerErrorsAreStructured(t *testing.T) {
	var out bytes.Buffer
	newServer(nil, zerolog.New(&out)).ErrorLog.Print("http: a fault")
	if got := strings.TrimSpace(out.String()); got != `{"level":"warn","detail":"http: a fault","message":"http server"}` {
		t.Errorf("logged %s", got)
	}
}

func TestPoolIsBounded(t *testing.T) {
	db, _, err := openDatabase("postgres://127.0.0.1:1/x")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if open := db.Stats().MaxOpenConnections; open != 20 {
		t.Errorf("at most %d connections", open)
	}
}
