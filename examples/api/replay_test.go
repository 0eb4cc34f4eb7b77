package main

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/handlers/rpstore/rpstoretest"
	"github.com/redis/go-redis/v9"
)

// The store over Redis is one as any other.
func TestRedisReplay(t *testing.T) {
	address := os.Getenv("OIDCKIT_TEST_REDIS")
	if address == "" {
		t.Skip("OIDCKIT_TEST_REDIS is not set")
	}
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled = true
	client := redis.NewClient(options)
	defer client.Close()
	rpstoretest.RunReplay(t, func(_ *testing.T, realm string) rpstore.Set {
		return rpstore.Set{Replay: &redisReplay{client: client, prefix: realm}}
	})
	key := oidckit.GenerateSecret()
	store := &redisReplay{client: client, prefix: "test:"}
	if err := store.UseOnce(t.Context(), key, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if ttl := client.TTL(t.Context(), "test:"+oidckit.HashToken(key).String()).Val(); ttl < 59*time.Minute || ttl > time.Hour {
		t.Errorf("kept for %s", ttl)
	}
	gone := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer gone.Close()
	if err := (&redisReplay{client: gone}).UseOnce(context.Background(), key, time.Now()); err == nil {
		t.Error("a Redis that is down lets proofs through")
	}
}
