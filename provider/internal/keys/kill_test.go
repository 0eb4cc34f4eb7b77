package keys_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/internal/keys"
	"github.com/oidckit/oidckit/provider/opsql"
	"github.com/oidckit/oidckit/provider/opstore"
)

func parsePEM(t *testing.T, text []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		t.Fatalf("%s", text)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sqlStore(t *testing.T, driver, dsn string, dialect opsql.Dialect) opstore.Keys {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s, err := opsql.New(opsql.Config{DB: db, Dialect: dialect})
	if err != nil {
		t.Fatal(err)
	}
	return s.Open(issuer).Keys
}

func sqliteStore(t *testing.T, path string) opstore.Keys {
	return sqlStore(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)", opsql.SQLite)
}

// restless keys would take two hours to sign: the first stays in force.
func restless(c *keys.Config) {
	c.RotateEvery, c.PublishAhead, c.Retain = time.Hour, 2*time.Hour, time.Hour
}

const killedAt = "OIDCKIT_TEST_KILLED_AT"

// FLT-37: kill -9 in the middle of rotations and revocations. Whatever is on
// the disk then, there is a key that signs, it is published, and so is every
// key that has signed.
func TestFLT37KillDuringRotation(t *testing.T) {
	if path := os.Getenv(killedAt); path != "" {
		rotateForEver(t, path)
		return
	}
	const rounds = 8
	path := filepath.Join(t.TempDir(), "keys.db")
	for round := range rounds {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFLT37KillDuringRotation$", "-test.v")
		cmd.Env = append(os.Environ(), killedAt+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		signed, revoked := map[string]bool{}, map[string]bool{}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); {
			verb, kid, _ := strings.Cut(lines.Text(), " ")
			switch verb {
			case "signed":
				signed[kid] = true
				// A different moment in each round.
				if n++; n == 3+round {
					cmd.Process.Kill()
				}
			case "revoking":
				revoked[kid] = true
			}
		}
		cmd.Wait()
		if len(signed) == 0 {
			t.Fatal("the process signed nothing")
		}
		m := manager(t, sqliteStore(t, path))
		s, err := m.Signer(t.Context(), "ES256")
		if err != nil {
			t.Fatalf("round %d: no key signs: %v", round, err)
		}
		kids := published(t, m)
		if !slices.Contains(kids, s.KeyID()) {
			t.Errorf("round %d: signs with a key that is not published", round)
		}
		for kid := range signed {
			if !slices.Contains(kids, kid) && !revoked[kid] {
				t.Errorf("round %d: %s has signed and is not published", round, kid)
			}
		}
		m.Close()
	}
}

// rotateForEver is the process that is killed. What it says is said before it
// is done.
func rotateForEver(t *testing.T, path string) {
	m := manager(t, sqliteStore(t, path), func(c *keys.Config) { c.PublishAhead = 0 })
	for i := 0; ; i++ {
		s, err := m.Signer(t.Context(), "ES256")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("signed", s.KeyID())
		if i%3 == 2 {
			fmt.Println("revoking", s.KeyID())
			err = m.Revoke(t.Context(), s.KeyID())
		} else {
			err = m.Rotate(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Replicas that find a rotation due at the same moment make one key for each
// generation, and see the same set.
func TestReplicasRotateTogether(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "keys.db")
		rotateTogether(t, sqliteStore(t, path), sqliteStore(t, path))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		dsn := os.Getenv("OIDCKIT_TEST_POSTGRES")
		if dsn == "" {
			t.Skip("OIDCKIT_TEST_POSTGRES is not set: PostgreSQL not tested")
		}
		dsn = schema(t, dsn)
		rotateTogether(t, sqlStore(t, "pgx", dsn, opsql.PostgreSQL), sqlStore(t, "pgx", dsn, opsql.PostgreSQL))
	})
}

func schema(t *testing.T, dsn string) string {
	t.Helper()
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := "keys_" + strings.ToLower(strings.ReplaceAll(secret.ID(), "-", "_"))
	if _, err := admin.Exec("CREATE SCHEMA " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP SCHEMA " + name + " CASCADE"); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	separator := " "
	if strings.Contains(dsn, "://") {
		separator = "?"
		if strings.Contains(dsn, "?") {
			separator = "&"
		}
	}
	return dsn + separator + "search_path=" + name
}

func rotateTogether(t *testing.T, stores ...opstore.Keys) {
	const rounds, each = 10, 4
	var created atomic.Int64
	var replicas []*keys.Manager
	for _, s := range stores {
		replicas = append(replicas, manager(t, s, restless, func(c *keys.Config) {
			c.Events = func(context.Context, oidckit.Event) { created.Add(1) }
		}))
	}
	for range rounds {
		var wg sync.WaitGroup
		errs := make(chan error, len(replicas)*each)
		for _, m := range replicas {
			for range each {
				wg.Go(func() { errs <- m.Rotate(t.Context()) })
			}
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	records, err := stores[0].Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(records) < rounds || int64(len(records)) != created.Load() {
		t.Errorf("%d keys, %d were said to be created", len(records), created.Load())
	}
	for i, r := range records {
		if r.Generation != int64(i)+1 {
			t.Fatalf("generation %d at place %d", r.Generation, i)
		}
	}
	for _, m := range replicas {
		s, err := m.Signer(t.Context(), "ES256")
		if err != nil || s.KeyID() != records[0].ID {
			t.Errorf("a replica signs with %v %v, the one key in force is %s", s, err, records[0].ID)
		}
		if !slices.Contains(published(t, m), records[0].ID) {
			t.Error("the key in force is not published")
		}
	}
	if errors.Join(replicas[0].Reload(t.Context()), replicas[1].Reload(t.Context())) != nil {
		t.Error("a replica cannot read the keys")
	}
}
