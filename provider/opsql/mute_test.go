package opsql_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opsql"
)

// FLT-32, FLT-56: a database that accepts connections and never answers ends
// the call all the same, though its context has no deadline.
func TestFLT32MuteDatabase(t *testing.T) {
	t.Parallel()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	db, err := sql.Open("pgx", "postgres://u:p@"+mute.Addr().String()+"/x?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store, err := opsql.New(opsql.Config{DB: db, Dialect: opsql.PostgreSQL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Open("https://issuer.example").Sessions.Session(context.Background(), oidckit.HashToken("x"))
	if err == nil || errors.Is(err, oidckit.ErrNotFound) {
		t.Fatalf("a database that said nothing has answered: %v", err)
	}
}
