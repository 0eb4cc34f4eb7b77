package opredis_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/opredis"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/oidckit/oidckit/provider/opstore/opstoretest"
)

// server returns a client of the test's Redis, and a prefix of the test's own,
// whose keys must all have an end.
func server(t *testing.T) (*redis.Client, string) {
	t.Helper()
	address := os.Getenv("OIDCKIT_TEST_REDIS")
	if address == "" {
		t.Skip("OIDCKIT_TEST_REDIS is not set: Redis not tested")
	}
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled = true
	client, prefix := redis.NewClient(options), "oidckit-test:"+secret.ID()+":"
	t.Cleanup(func() {
		for _, key := range keys(t, client, prefix) {
			if ttl := client.PTTL(context.Background(), key).Val(); ttl == -1 {
				t.Errorf("%s never ends", strings.TrimPrefix(key, prefix))
			}
			client.Del(context.Background(), key)
		}
		client.Close()
	})
	return client, prefix
}

func keys(t *testing.T, client *redis.Client, prefix string) []string {
	t.Helper()
	var all []string
	for cursor := uint64(0); ; {
		page, next, err := client.Scan(context.Background(), cursor, prefix+"*", 1000).Result()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		if cursor = next; next == 0 {
			return all
		}
	}
}

func newStore(t *testing.T, cfg opredis.Config) *opredis.Store {
	t.Helper()
	s, err := opredis.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	client, prefix := server(t)
	store := newStore(t, opredis.Config{Client: client, Prefix: prefix, Timeout: 5e9})
	opstoretest.RunSessions(t, func(_ *testing.T, issuer string) opstore.Set {
		return opstore.Set{Sessions: store.Open(issuer)}
	})
}
