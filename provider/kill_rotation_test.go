package provider_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opsql"
)

const (
	killedDSN      = "OIDCKIT_TEST_KILLED_DSN"
	killedInterval = "OIDCKIT_TEST_KILLED_INTERVAL"
	// killedChains are worked on at the same time by the process that is killed.
	killedChains = 4
)

// killable is the issuer of the process that is killed, and of the one after it.
func killable(t *testing.T, d database, interval time.Duration) *fixture {
	t.Helper()
	c := replicated(t, func(c *provider.Config) {
		c.TrustedClients, c.Lifetimes.RefreshTokenReuse = []string{"web"}, interval
	})
	var err error
	if c.Secrets, err = oidckit.NewSecrets(bytes.Repeat([]byte{7}, 32)); err != nil {
		t.Fatal(err)
	}
	return newReplica(t, c, d.open(t, c.Issuer))
}

// FLT-35, FLT-36: kill -9 in the middle of code redemptions and rotations, at
// random moments. Everything that was seen is sent again to the process that
// comes after: nothing that was spent works, and where lost answers are
// forgiven no grant is lost.
func TestFLT35Kill(t *testing.T) {
	if dsn := os.Getenv(killedDSN); dsn != "" {
		d := database{driver: "sqlite", dsn: dsn, dialect: opsql.SQLite}
		if !strings.HasPrefix(dsn, "file:") {
			d.driver, d.dialect = "pgx", opsql.PostgreSQL
		}
		interval, err := time.ParseDuration(os.Getenv(killedInterval))
		if err != nil {
			t.Fatal(err)
		}
		rotateForEver(t, d, interval)
		return
	}
	databases(t, func(t *testing.T, d database) {
		for _, interval := range []time.Duration{0, 30 * time.Second} {
			t.Run("reuse interval "+interval.String(), func(t *testing.T) {
				createAliceOnce(t, d)
				kills := 10
				if testing.Short() {
					kills = 2
				}
				for range kills {
					seed := rand.Uint64()
					t.Logf("seed %d", seed)
					killed := time.Now()
					seen := killAtRandom(t, d, interval, rand.New(rand.NewPCG(seed, 0)))
					f := killable(t, d, interval)
					for _, chain := range seen {
						chain.check(f, interval, killed)
					}
					if t.Failed() {
						return
					}
				}
			})
		}
	})
}

func createAliceOnce(t *testing.T, d database) {
	t.Helper()
	f := killable(t, d, 0)
	if _, err := f.op.Stores.Users.UserByUsername(t.Context(), "alice"); err != nil {
		createAlice(t, f.op.Stores)
	}
}

// seenChain is what somebody who watches the client has seen of one grant.
type seenChain struct {
	code     string
	redeemed bool
	// tokens are those that were received, in their order. used is how many of
	// them were sent.
	tokens []string
	used   int
}

// rotateForEver is the process that is killed. It says what it does before it
// does it, and what it got once it has it.
func rotateForEver(t *testing.T, d database, interval time.Duration) {
	f := killable(t, d, interval)
	var wg sync.WaitGroup
	for range killedChains {
		g := f.sub(t)
		wg.Go(func() {
			for {
				code := g.code("scope", "openid offline_access")
				fmt.Println("redeeming", code, "")
				res := g.token(codeForm(code))
				for i := 0; i < 6 && res.status == http.StatusOK; i++ {
					fmt.Println("received", code, res.Refresh)
					fmt.Println("rotating", code, res.Refresh)
					res = g.token(refreshForm(res.Refresh))
				}
				if res.status != http.StatusOK {
					t.Errorf("%d %s", res.status, res.body)
					return
				}
				fmt.Println("received", code, res.Refresh)
			}
		})
	}
	wg.Wait()
}

// killAtRandom runs the process, kills it and returns what was seen of it.
func killAtRandom(t *testing.T, d database, interval time.Duration, random *rand.Rand) map[string]*seenChain {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestFLT35Kill$", "-test.v")
	cmd.Env = append(os.Environ(), killedDSN+"="+d.dsn, killedInterval+"="+interval.String())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last, chains := 5+random.IntN(60), map[string]*seenChain{}
	// Between two lines are several steps of the store: the kill may hit any.
	pause := time.Duration(random.IntN(3000)) * time.Microsecond
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); {
		words := strings.Split(lines.Text(), " ")
		if len(words) != 3 || words[0] != "redeeming" && words[0] != "received" && words[0] != "rotating" {
			if strings.Contains(lines.Text(), "kill_rotation_test.go") {
				t.Error(lines.Text())
			}
			continue
		}
		c := chains[words[1]]
		if c == nil {
			c = &seenChain{code: words[1]}
			chains[words[1]] = c
		}
		switch words[0] {
		case "received":
			c.redeemed, c.tokens = true, append(c.tokens, words[2])
		case "rotating":
			c.used++
		}
		if n++; n == last {
			time.Sleep(pause)
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if len(chains) == 0 {
		t.Fatal("the process did nothing")
	}
	return chains
}

// check sends everything again.
func (c *seenChain) check(f *fixture, interval time.Duration, killed time.Time) {
	f.t.Helper()
	live := c.goOn(f, interval, killed)
	replays := []func(*fixture){c.replayTokens, c.replayCode}
	if len(c.tokens)%2 == 0 {
		slices.Reverse(replays)
	}
	for _, replay := range replays {
		replay(f)
		// RFC 6749 §4.1.2, RFC 9700 §4.14.2: what is sent again ends the grant.
		if live != "" && f.token(refreshForm(live)).Error != "invalid_grant" {
			f.t.Errorf("a replay is forgotten, after %d tokens", len(c.tokens))
		}
	}
}

func (c *seenChain) replayTokens(f *fixture) {
	f.t.Helper()
	for i, spent := range c.tokens {
		if res := f.token(refreshForm(spent)); res.Error != "invalid_grant" {
			f.t.Errorf("token %d of %d works again: %d %s", i+1, len(c.tokens), res.status, res.body)
		}
	}
}

func (c *seenChain) replayCode(f *fixture) {
	f.t.Helper()
	first, second := f.token(codeForm(c.code)), f.token(codeForm(c.code))
	if c.redeemed && first.status == http.StatusOK || second.status == http.StatusOK {
		f.t.Error("a code was redeemed twice")
	}
}

// goOn uses the last token that was received, and returns the one that lives
// then.
func (c *seenChain) goOn(f *fixture, interval time.Duration, killed time.Time) string {
	f.t.Helper()
	if len(c.tokens) == 0 {
		return ""
	}
	last := c.tokens[len(c.tokens)-1]
	res := f.token(refreshForm(last))
	// Its answer may have been lost on the way: then it was spent.
	lost := c.used == len(c.tokens)
	forgiven := interval > 0 && time.Since(killed) < interval
	if res.status != http.StatusOK {
		if !lost || forgiven {
			f.t.Errorf("a grant is lost: %d %s (its answer was lost: %v)", res.status, res.body, lost)
		}
		return ""
	}
	// Both answers, the lost one and this one, are the same successor: it goes on.
	next := f.token(refreshForm(res.Refresh))
	if next.status != http.StatusOK {
		f.t.Errorf("the successor does not work: %s", next.body)
	}
	return next.Refresh
}
