// Package opredis keeps the issuer's sessions in Redis, and everything else
// stays where it is. Sessions are what is read with every request of a browser,
// and what may be lost: the people sign in again.
//
//	db, err := opsql.New(opsql.Config{DB: pool, Dialect: opsql.PostgreSQL})
//	rs, err := opredis.New(opredis.Config{Client: redis.NewClient(&redis.Options{
//		Addr: addr, ContextTimeoutEnabled: true,
//	})})
//	stores := db.Open(issuer)
//	stores.Sessions = rs.Open(issuer)
//	p, err := provider.New(provider.Config{Issuer: issuer, Stores: stores, …})
//
// Each verb is one Lua script, so that no two callers meet in the middle of
// one. Keys begin with the issuer and go when their session does. A server that
// stalls, or that is read-only after a failover, is an error within
// Config.Timeout, never a session that has ended.
//
// It needs Redis 7 or what is compatible with it. It reads and writes one primary; it is not for Redis Cluster, and reads no
// replica. Redis replicates behind its answers: a failover may lose the last
// moment, and with it a logout of that moment. What was issued in such a
// session is dead all the same where opstore.Set.Revocations is in a database.
// The server must not evict keys that have not expired (maxmemory-policy
// noeviction or a memory of its own): people would be signed out.
package opredis
