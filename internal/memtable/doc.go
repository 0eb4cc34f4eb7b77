// Package memtable is what the memory stores are made of: bounded maps whose
// rows end at a time, lists for second keys, and records packed into strings.
//
//	rows := memtable.NewSharded[oidckit.TokenHash, string](100_000)
//	now := memtable.Now()
//	shard := rows.Lock(hash)
//	defer shard.Unlock()
//	_, err := shard.Insert(hash, memtable.Micros(expires), now, packed)
//
// Rows that have ended are removed as others come in, a bounded number at a
// time; nothing runs in the background. A full map refuses what is new and
// never drops what is live.
//
// A packed record is one string: it is a deep copy by construction, keeps no
// request's buffers alive, and costs the garbage collector one object.
//
// The package keeps nothing on disk and knows no OpenID Connect.
package memtable
