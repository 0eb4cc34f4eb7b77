package dpop_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	josev4 "github.com/go-jose/go-jose/v4"
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/dpop"
	"github.com/oidckit/oidckit/internal/dpop/dpoptest"
	"github.com/oidckit/oidckit/internal/memtable"
)

const (
	origin = "https://api.example"
	target = origin + "/orders"
	token  = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
)

type edit = map[string]any

func checker(edit func(*dpop.Config)) *dpop.Checker {
	cfg := dpop.Config{Origins: []string{origin}, Replay: memtable.NewReplay(1000)}
	if edit != nil {
		edit(&cfg)
	}
	return dpop.New(cfg)
}

func request(key *dpoptest.Key) dpop.Request {
	return dpop.Request{Method: "GET", Path: "/orders", AccessToken: token, Thumbprint: key.Thumbprint()}
}

func good(key *dpoptest.Key, edits ...edit) string {
	return key.Proof("GET", target, append([]edit{{"ath": dpop.TokenHash(token)}}, edits...)...)
}

// ATK-159: each of the checks of RFC 9449 §4.3, and what the specifications
// behind them ask of a JWT and a JWK.
func TestProofChecks(t *testing.T) {
	key, other := dpoptest.NewKey(t), dpoptest.NewKey(t)
	claims := func(edits ...edit) edit {
		return dpoptest.Claims("GET", target, append([]edit{{"ath": dpop.TokenHash(token)}}, edits...)...)
	}
	header := func(e edit) string { return key.Sign(key.Header(e), claims()) }
	jwk := func(e edit) string { return key.Sign(key.Header(edit{"jwk": key.JWK(e)}), claims()) }
	part := strings.Split(good(key), ".")
	now := time.Now().Unix()
	c := checker(nil)
	for _, row := range []struct {
		name    string
		headers []string
		code    oidckit.ErrorCode
	}{
		{"good", []string{good(key)}, ""},
		{"1 none", nil, oidckit.InvalidDPoPProof},
		{"1 two headers", []string{good(key), good(key)}, oidckit.InvalidDPoPProof},
		{"1 two proofs in one header", []string{good(key) + ", " + good(key)}, oidckit.InvalidDPoPProof},
		{"2 empty", []string{""}, oidckit.InvalidDPoPProof},
		{"2 not a JWT", []string{"proof"}, oidckit.InvalidDPoPProof},
		{"2 two parts", []string{part[0] + "." + part[1]}, oidckit.InvalidDPoPProof},
		{"2 five parts", []string{part[0] + "..." + part[1] + "." + part[2]}, oidckit.InvalidDPoPProof},
		{"2 claims are no object", []string{key.SignText(textHeader(key), []byte(`[]`))}, oidckit.InvalidDPoPProof},
		{"2 long", []string{good(key, edit{"x": strings.Repeat("x", 9<<10)})}, oidckit.InvalidDPoPProof},
		{"2 crit", []string{header(edit{"crit": []string{"x"}, "x": 1})}, oidckit.InvalidDPoPProof},
		{"2 claims in front of something", []string{key.SignText(textHeader(key), append(text(claims()), 'x'))}, oidckit.InvalidDPoPProof},
		{"ATK-037 a claim twice", []string{key.SignText(textHeader(key), append([]byte(`{"jti":"a",`), text(claims())[1:]...))}, oidckit.InvalidDPoPProof},
		{"3 no jti", []string{good(key, edit{"jti": nil})}, oidckit.InvalidDPoPProof},
		{"3 empty jti", []string{good(key, edit{"jti": ""})}, oidckit.InvalidDPoPProof},
		{"3 jti a number", []string{good(key, edit{"jti": 1})}, oidckit.InvalidDPoPProof},
		{"3 long jti", []string{good(key, edit{"jti": strings.Repeat("x", 513)})}, oidckit.InvalidDPoPProof},
		{"3 no htm", []string{good(key, edit{"htm": nil})}, oidckit.InvalidDPoPProof},
		{"3 no htu", []string{good(key, edit{"htu": nil})}, oidckit.InvalidDPoPProof},
		{"3 no iat", []string{good(key, edit{"iat": nil})}, oidckit.InvalidDPoPProof},
		{"3 iat a string", []string{good(key, edit{"iat": "now"})}, oidckit.InvalidDPoPProof},
		{"3 no ath", []string{good(key, edit{"ath": nil})}, oidckit.InvalidDPoPProof},
		{"4 no typ", []string{header(edit{"typ": nil})}, oidckit.InvalidDPoPProof},
		{"4 typ JWT", []string{header(edit{"typ": "JWT"})}, oidckit.InvalidDPoPProof},
		{"4 typ of an access token", []string{header(edit{"typ": "at+jwt"})}, oidckit.InvalidDPoPProof},
		{"4 typ in upper case", []string{header(edit{"typ": "DPOP+JWT"})}, ""},
		{"5 no alg", []string{header(edit{"alg": nil})}, oidckit.InvalidDPoPProof},
		{"5 alg none", []string{header(edit{"alg": "none"})}, oidckit.InvalidDPoPProof},
		{"5 alg HS256", []string{header(edit{"alg": "HS256"})}, oidckit.InvalidDPoPProof},
		{"5 alg of another curve", []string{header(edit{"alg": "ES384"})}, oidckit.InvalidDPoPProof},
		{"5 alg RS256", []string{goJose(t, josev4.RS256, claims())}, oidckit.InvalidDPoPProof},
		{"6 another key's signature", []string{other.Sign(key.Header(), claims())}, oidckit.InvalidDPoPProof},
		{"6 no signature", []string{part[0] + "." + part[1] + "."}, oidckit.InvalidDPoPProof},
		{"6 another proof's claims", []string{part[0] + "." + strings.Split(good(key), ".")[1] + "." + part[2]}, oidckit.InvalidDPoPProof},
		{"7 private key", []string{jwk(edit{"d": key.PrivateMember()})}, oidckit.InvalidDPoPProof},
		{"7 symmetric key", []string{jwk(edit{"kty": "oct", "k": "AAAA"})}, oidckit.InvalidDPoPProof},
		{"7 no jwk", []string{header(edit{"jwk": nil})}, oidckit.InvalidDPoPProof},
		{"7 jwk null", []string{key.SignText([]byte(`{"typ":"dpop+jwt","alg":"ES256","jwk":null}`), text(claims()))}, oidckit.InvalidDPoPProof},
		{"ATK-008 key for encryption", []string{jwk(edit{"use": "enc"})}, oidckit.InvalidDPoPProof},
		{"ATK-020 key of another algorithm", []string{jwk(edit{"alg": "ES384"})}, oidckit.InvalidDPoPProof},
		{"ATK-021 point not on the curve", []string{jwk(edit{"y": key.JWK()["x"]})}, oidckit.InvalidDPoPProof},
		{"ATK-022 RSA of 1024 bits", []string{header(edit{"alg": "PS256", "jwk": rsaJWK(1024, 65537)})}, oidckit.InvalidDPoPProof},
		{"ATK-023 RSA of 16384 bits", []string{header(edit{"alg": "PS256", "jwk": rsaJWK(16384, 65537)})}, oidckit.InvalidDPoPProof},
		{"ATK-023 RSA with e = 1", []string{header(edit{"alg": "PS256", "jwk": rsaJWK(2048, 1)})}, oidckit.InvalidDPoPProof},
		{"ATK-023 RSA with e = 2^31-1", []string{header(edit{"alg": "PS256", "jwk": rsaJWK(2048, 1<<31-1)})}, oidckit.InvalidDPoPProof},
		{"8 another method", []string{good(key, edit{"htm": "POST"})}, oidckit.InvalidDPoPProof},
		{"8 the method in lower case", []string{good(key, edit{"htm": "get"})}, oidckit.InvalidDPoPProof},
		{"9 another path", []string{good(key, edit{"htu": origin + "/order"})}, oidckit.InvalidDPoPProof},
		{"11 10 s ago", []string{good(key, edit{"iat": now - 10})}, ""},
		{"11 10 s ahead", []string{good(key, edit{"iat": now + 10})}, ""},
		{"11 an hour ago", []string{good(key, edit{"iat": now - 3600})}, oidckit.InvalidDPoPProof},
		{"11 an hour ahead", []string{good(key, edit{"iat": now + 3600})}, oidckit.InvalidDPoPProof},
		{"11 iat 1e300", []string{key.SignText(textHeader(key), []byte(`{"jti":"a","htm":"GET","htu":"`+target+`","iat":1e300}`))}, oidckit.InvalidDPoPProof},
		{"12 another token's hash", []string{good(key, edit{"ath": dpop.TokenHash("other")})}, oidckit.InvalidDPoPProof},
		{"12 the token itself", []string{good(key, edit{"ath": token})}, oidckit.InvalidDPoPProof},
		{"12 another key", []string{good(other)}, oidckit.InvalidToken},
		{"further claims", []string{good(key, edit{"exp": 1, "nbf": now + 3600, "x": edit{"y": 1}})}, ""},
		{"further header", []string{header(edit{"kid": "a", "jku": "https://evil.example/"})}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := c.Check(t.Context(), row.headers, request(key))
			wantCode(t, err, row.code)
		})
	}
}

func wantCode(t *testing.T, err error, code oidckit.ErrorCode) {
	t.Helper()
	if code == "" {
		if err != nil {
			e, _ := errors.AsType[*oidckit.Error](err)
			t.Errorf("%v, cause %v", err, e.Cause())
		}
		return
	}
	if e, ok := errors.AsType[*oidckit.Error](err); !ok || e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func textHeader(key *dpoptest.Key) []byte {
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(key.Proof("", ""), ".")[0])
	if err != nil {
		panic(err)
	}
	return b
}

func text(claims edit) []byte {
	b, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return b
}

func rsaJWK(bits uint, e int64) edit {
	n := new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1)
	encode := base64.RawURLEncoding.EncodeToString
	return edit{"kty": "RSA", "n": encode(n.Bytes()), "e": encode(big.NewInt(e).Bytes())}
}

// goJose makes a proof as another implementation does.
func goJose(t *testing.T, alg josev4.SignatureAlgorithm, claims edit) string {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	options := (&josev4.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	signer, err := josev4.NewSigner(josev4.SigningKey{Algorithm: alg, Key: private}, options)
	if err != nil {
		t.Fatal(err)
	}
	return signGoJose(t, signer, claims)
}

// Every algorithm that is accepted verifies.
func TestProofAlgorithms(t *testing.T) {
	claims := func() edit { return dpoptest.Claims("POST", origin+"/token") }
	want := dpop.Request{Method: "POST", Path: "/token"}
	all := checker(func(c *dpop.Config) { c.Algorithms = []string{"RS256", "PS256"} })
	for _, alg := range []josev4.SignatureAlgorithm{josev4.RS256, josev4.PS256} {
		_, err := all.Check(t.Context(), []string{goJose(t, alg, claims())}, want)
		wantCode(t, err, "")
	}
	key := dpoptest.NewKey(t)
	p, err := checker(nil).Check(t.Context(), []string{key.Proof("POST", origin+"/token")}, want)
	if err != nil || p.Thumbprint != key.Thumbprint() {
		t.Errorf("%+v, %v: at the token endpoint any key will do", p, err)
	}
	_, err = all.Check(t.Context(), []string{key.Proof("POST", origin+"/token")}, want)
	wantCode(t, err, oidckit.InvalidDPoPProof)
}

// ATK-161, ATK-018: a proof is good for one request, also under its second
// signature and on whatever replica.
func TestProofIsUsedOnce(t *testing.T) {
	key, store := dpoptest.NewKey(t), memtable.NewReplay(10_000)
	shared := func(c *dpop.Config) { c.Replay = store }
	replicas := [2]*dpop.Checker{checker(shared), checker(shared)}
	proof := good(key)
	_, err := replicas[0].Check(t.Context(), []string{proof}, request(key))
	wantCode(t, err, "")
	for name, again := range map[string]string{"same": proof, "ATK-018 the other signature": dpoptest.Twin(proof)} {
		t.Run(name, func(t *testing.T) {
			_, err := replicas[1].Check(t.Context(), []string{again}, request(key))
			wantCode(t, err, oidckit.InvalidDPoPProof)
		})
	}
	// the same jti of another key is another proof
	other := dpoptest.NewKey(t)
	for _, k := range []*dpoptest.Key{key, other} {
		_, err := replicas[0].Check(t.Context(), []string{good(k, edit{"jti": "shared"})}, request(k))
		wantCode(t, err, "")
	}
	for range 200 {
		proof := []string{good(key)}
		start := make(chan struct{})
		var accepted [8]bool
		var wg sync.WaitGroup
		for i := range accepted {
			wg.Go(func() {
				<-start
				_, err := replicas[i%2].Check(context.Background(), proof, request(key))
				accepted[i] = err == nil
			})
		}
		close(start)
		wg.Wait()
		n := 0
		for _, ok := range accepted {
			if ok {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("accepted %d times", n)
		}
	}
}

// A proof that is refused for another reason is not used up, and neither is
// anything stored for it.
func TestRefusedProofIsNotRemembered(t *testing.T) {
	key := dpoptest.NewKey(t)
	store := &counting{}
	c := checker(func(c *dpop.Config) { c.Replay = store })
	for _, proof := range []string{good(key, edit{"htm": "PUT"}), good(dpoptest.NewKey(t)), good(key)[:100]} {
		if _, err := c.Check(t.Context(), []string{proof}, request(key)); err == nil {
			t.Error("taken")
		}
	}
	if store.calls != 0 {
		t.Errorf("the store was called %d times", store.calls)
	}
	store.err = errors.New("canary")
	_, err := c.Check(t.Context(), []string{good(key)}, request(key))
	wantCode(t, err, oidckit.ServerError)
	if e, _ := errors.AsType[*oidckit.Error](err); e.HTTPStatus() != 503 || strings.Contains(e.Error(), "canary") {
		t.Errorf("store down: %v", err)
	}
}

// A store that is full of live proofs forgets none of them for a new one.
func TestFullStore(t *testing.T) {
	key := dpoptest.NewKey(t)
	c := checker(func(c *dpop.Config) { c.Replay = memtable.NewReplay(1) })
	first := []string{good(key)}
	_, err := c.Check(t.Context(), first, request(key))
	wantCode(t, err, "")
	_, err = c.Check(t.Context(), []string{good(key)}, request(key))
	wantCode(t, err, oidckit.ServerError)
	_, err = c.Check(t.Context(), first, request(key))
	wantCode(t, err, oidckit.InvalidDPoPProof)
}

type counting struct {
	calls int
	err   error
}

func (c *counting) UseOnce(context.Context, string, time.Time) error {
	c.calls++
	return c.err
}

// ATK-162: as long as any replica would take a proof, it is remembered.
func TestRetentionCoversTheWindow(t *testing.T) {
	for _, window := range []time.Duration{0, 5 * time.Second, 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			key := dpoptest.NewKey(t)
			c := checker(func(c *dpop.Config) { c.Window = window })
			skew := window
			if window == 0 {
				skew = time.Minute
			}
			ahead := time.Now().Add(skew).Unix()
			proof := []string{good(key, edit{"iat": ahead})}
			_, err := c.Check(t.Context(), proof, request(key))
			wantCode(t, err, "")
			for range 2*int(skew/time.Second) + 200 {
				time.Sleep(time.Second)
				if _, err := c.Check(t.Context(), proof, request(key)); err == nil {
					t.Fatalf("window %s: accepted again %s after the first time", window, time.Since(time.Unix(ahead, 0).Add(-skew)))
				}
			}
		})
	}
}

// The store is asked to remember for the window and both clocks' errors.
func TestRetentionAsked(t *testing.T) {
	key := dpoptest.NewKey(t)
	var until time.Time
	c := checker(func(c *dpop.Config) { c.Replay = storeFunc(func(at time.Time) { until = at }) })
	iat := time.Now().Unix() + 60
	_, err := c.Check(t.Context(), []string{good(key, edit{"iat": iat})}, request(key))
	wantCode(t, err, "")
	if want := time.Unix(iat+120, 0); !until.Equal(want) {
		t.Errorf("until %s, want %s", until, want)
	}
}

type storeFunc func(time.Time)

func (f storeFunc) UseOnce(_ context.Context, _ string, expires time.Time) error {
	f(expires)
	return nil
}
