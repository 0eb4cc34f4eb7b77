package middleware

import (
	"fmt"
	"hash/maphash"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/oidckit/oidckit"
)

// fill adds an entry as verify does.
func (c *tokenCache) fill(token string, exp, now int64) *seenToken {
	_, hash := c.get(token)
	e := &seenToken{token: token, hash: hash, issuer: &trustedIssuer{}, lifetime: lifetime{exp: exp}, identity: &oidckit.Identity{}}
	c.add(e, now)
	return e
}

func (c *tokenCache) size() (tokens int, bytes int64) {
	for i := range c.shards {
		tokens += len(c.shards[i].entries)
		bytes += c.shards[i].bytes
	}
	return tokens, bytes
}

// The cache holds as many tokens, and as much, as it is told, and counts right.
func TestTokenCacheIsBounded(t *testing.T) {
	const never = int64(1) << 40
	for _, row := range []struct {
		name      string
		cfg       TokenCache
		length    int
		maxTokens int
		maxBytes  int64
	}{
		{"by count", TokenCache{MaxTokens: 640}, 10, 640, 1 << 40},
		{"by bytes", TokenCache{MaxBytes: 1 << 20}, 1000, 1 << 30, 1 << 20},
		{"one", TokenCache{MaxTokens: 1}, 10, 1, 1 << 40},
		{"a few", TokenCache{MaxTokens: 65}, 10, 65, 1 << 40},
		{"few bytes", TokenCache{MaxBytes: minTokenBytes}, 1000, 1 << 30, minTokenBytes},
		{"default", TokenCache{}, 100, defaultMaxTokens, defaultMaxTokenBytes},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newTokenCache(row.cfg)
			fills := 20_000
			if row.maxTokens == defaultMaxTokens {
				fills = 3 * defaultMaxTokens / 2
			}
			for i := range fills {
				token := fmt.Sprintf("%0*d", row.length, i)
				e := c.fill(token, never, int64(i))
				if got, _ := c.get(token); got != e {
					t.Fatalf("%d is not there", i)
				}
			}
			tokens, bytes := c.size()
			if tokens > row.maxTokens || bytes > row.maxBytes || tokens < row.maxTokens*3/4 && bytes < row.maxBytes*3/4 {
				t.Errorf("%d tokens, %d bytes", tokens, bytes)
			}
			for i := range c.shards {
				sum := int64(0)
				for _, e := range c.shards[i].entries {
					sum += e.size
					c.drop(e)
				}
				if sum == 0 && tokens > 10*tokenShards {
					t.Errorf("shard %d is empty", i)
				}
			}
			if tokens, bytes := c.size(); tokens != 0 || bytes != 0 {
				t.Errorf("%d tokens and %d bytes are left of nothing", tokens, bytes)
			}
		})
	}
	c := newTokenCache(TokenCache{MaxBytes: 16 << 10})
	c.fill(strings.Repeat("x", 1<<14), never, 0)
	if tokens, _ := c.size(); tokens != 0 {
		t.Error("a token larger than all the room was kept")
	}
}

// There is room for any token in the smallest cache that can be had, and a
// smaller one is a mistake.
func TestSmallestTokenCache(t *testing.T) {
	for name, claims := range hostileClaims() {
		c := newTokenCache(TokenCache{MaxBytes: minTokenBytes})
		c.add(hostileToken(t, c, claims, 0), 0)
		if tokens, _ := c.size(); tokens != 1 {
			t.Errorf("%s: not kept", name)
		}
	}
	for _, cfg := range []TokenCache{{MaxBytes: minTokenBytes - 1}, {MaxBytes: 1}, {MaxBytes: -1}, {MaxTokens: -1}} {
		if _, err := NewJWTVerifier(JWTConfig{Issuer: "https://issuer.example", Audience: "api", TokenCache: cfg}); err == nil || !strings.Contains(err.Error(), "TokenCache.Max") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// Room is made by tokens that are over, and then by those that were not used
// for longest.
func TestTokenCacheMakesRoom(t *testing.T) {
	c := newTokenCache(TokenCache{MaxTokens: 64 * tokenShards})
	const used, now = 32, 1000
	for i := range 64 * tokenShards * 2 {
		c.fill(fmt.Sprint("over", i), now-1, 1)
	}
	for i := range 20 * tokenShards {
		c.fill(fmt.Sprint("fresh", i), now*2, now)
	}
	over := 0
	for i := range c.shards {
		for _, e := range c.shards[i].entries {
			if e.lifetime.over(now, 0) {
				over++
			}
		}
	}
	if over > 64*tokenShards/5 {
		t.Errorf("%d expired tokens are left", over)
	}
	kept := 0
	for i := range 200 * tokenShards {
		c.fill(fmt.Sprint("flood", i), now*2, now+1)
		for j := range used {
			if e, _ := c.get(fmt.Sprint("fresh", j)); e != nil {
				e.touch(now + 2 + int64(i))
			}
		}
	}
	for j := range used {
		if e, _ := c.get(fmt.Sprint("fresh", j)); e != nil {
			kept++
		}
	}
	if kept < used/2 {
		t.Errorf("of %d tokens in use %d are left", used, kept)
	}
}

// ATK-057: two tokens of one hash take each other's place and are never taken
// for each other.
func TestTokensOfOneHash(t *testing.T) {
	c := newTokenCache(TokenCache{})
	one := &seenToken{token: "one", issuer: &trustedIssuer{}, identity: &oidckit.Identity{}}
	one.hash = maphash.String(c.seed, "two")
	c.add(one, 0)
	if e, _ := c.get("two"); e != nil {
		t.Fatal("another token was taken for it")
	}
	two := c.fill("two", 1, 0)
	c.drop(one)
	if e, _ := c.get("two"); e != two {
		t.Error("it went with the other one")
	}
	if a, b := newTokenCache(TokenCache{}), newTokenCache(TokenCache{}); a.seed == b.seed {
		t.Error("two caches hash alike")
	}
}

// liveHeap returns the bytes that live.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What is kept of a token is no part of what its caller holds.
func TestTokenCacheKeepsNoMore(t *testing.T) {
	c := newTokenCache(TokenCache{})
	const callers = 200
	before := liveHeap()
	for i := range callers {
		large := strings.Repeat(fmt.Sprintf("%08d", i), 1<<17)
		c.fill(large[8:1000], 1<<40, 0)
	}
	if grown := liveHeap() - before; grown > 16<<20 {
		t.Errorf("%d bytes for %d tokens", grown, callers)
	}
	runtime.KeepAlive(c)
}

// hostileClaims are documents that take much more memory than room in a token.
func hostileClaims() map[string]string {
	list := func(n int, element string) string { return strings.TrimSuffix(strings.Repeat(element+",", n), ",") }
	return map[string]string{
		"many audiences":           `"aud":["api",` + list(1800, `"x1"`) + `]`,
		"audiences of some length": `"aud":["api",` + list(480, `"12345678901234567"`) + `]`,
		"an audience often":        `"aud":[` + list(1900, `"api"`) + `]`,
		"many scopes":              `"aud":"api","scope":"` + scopeOf(250) + `"`,
		"many methods":             `"aud":"api","amr":[` + list(1800, `"m2"`) + `]`,
		"commas in a method":       `"aud":"api","amr":["` + strings.Repeat(",", 9000) + `"]`,
		"nested claims":            `"aud":"api","x":[` + list(1200, `{"a":[]}`) + `]`,
		"one claim that is large":  `"aud":"api","x":"` + strings.Repeat("x", 9000) + `"`,
		"a large session":          `"aud":"api","sid":"` + strings.Repeat("s", 9000) + `"`,
		"nothing much":             `"aud":"api"`,
	}
}

func hostileToken(t *testing.T, c *tokenCache, claims string, i int) *seenToken {
	t.Helper()
	payload := fmt.Appendf(nil, `{"jti":"%d",%s}`, i, claims)
	var read accessToken
	if err := read.read(payload); err != nil {
		t.Fatal(err)
	}
	if err := read.readAudience([]string{"api"}); err != nil {
		t.Fatal(err)
	}
	token := strings.Repeat("x", len(payload)*4/3+130)
	_, hash := c.get(token[:len(token)-10] + fmt.Sprintf("%010d", i))
	e := &seenToken{token: token, hash: hash, issuer: &trustedIssuer{}, lifetime: lifetime{exp: 1 << 40}}
	e.identity = read.identity("https://issuer.example", []string{"api"}, payload)
	return e
}

func scopeOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "s%d ", i)
	}
	return strings.TrimSuffix(b.String(), " ")
}

// What a cache counts of its entries is not less than what they take, whatever
// an issuer writes into its tokens.
func TestTokenCacheCountsMemory(t *testing.T) {
	for name, claims := range hostileClaims() {
		t.Run(name, func(t *testing.T) {
			c := newTokenCache(TokenCache{MaxBytes: 1 << 30})
			const entries = 300
			before := liveHeap()
			for i := range entries {
				c.add(hostileToken(t, c, claims, i), 0)
			}
			grown := int64(liveHeap() - before)
			tokens, counted := c.size()
			if tokens != entries || grown > counted*5/4 {
				t.Errorf("%d entries take %d bytes, %d are counted", tokens, grown, counted)
			}
			if grown < counted/3 {
				t.Errorf("%d bytes are counted for %d", counted, grown)
			}
			runtime.KeepAlive(c)
		})
	}
}

func TestTokenCacheConcurrently(t *testing.T) {
	c := newTokenCache(TokenCache{MaxTokens: 2 * tokenShards})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				token := fmt.Sprint(i % 300)
				if e, _ := c.get(token); e == nil {
					c.fill(token, int64(i%50), int64(i))
				} else if e.token != token {
					t.Errorf("%s for %s", e.token, token)
				} else if (i+n)%7 == 0 {
					c.drop(e)
				} else {
					e.touch(int64(i))
				}
			}
		})
	}
	wg.Wait()
	if tokens, _ := c.size(); tokens > 2*tokenShards {
		t.Errorf("%d tokens", tokens)
	}
}
