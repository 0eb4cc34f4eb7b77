package clientkeys

import (
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/provider/opstore"
)

type clientKey struct {
	kid string
	key crypto.Signer
}

func newKey(t testing.TB, kid string) clientKey {
	t.Helper()
	key, err := jose.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	return clientKey{kid, key}
}

// sign returns a token of this key that has been read.
func (k clientKey) sign(t testing.TB) *jose.JWS {
	t.Helper()
	s, err := jose.NewSigner("ES256", k.kid, k.key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign("JWT", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	j, err := jose.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func set(t testing.TB, keys ...clientKey) []byte {
	t.Helper()
	var list []jose.JWK
	for _, k := range keys {
		list = append(list, jose.JWK{KeyID: k.kid, Algorithm: "ES256", Key: k.key.Public()})
	}
	data, err := jose.MarshalJWKS(list)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func byValue(id string, set []byte) *opstore.Client {
	return &opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: id, JWKS: set}}
}

func byURI(id, uri string) *opstore.Client {
	return &opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: id, JWKSURI: uri}}
}

func open(t testing.TB, cfg Config) *Keys {
	t.Helper()
	k := New(cfg)
	t.Cleanup(func() { k.Close() })
	return k
}

// RFC 7591 §2: the keys of jwks are the client's, those of another one never.
func TestKeysByValue(t *testing.T) {
	own, foreign, unnamed := newKey(t, "1"), newKey(t, "1"), newKey(t, "")
	keys := open(t, Config{})
	client := byValue("app", set(t, own))
	for name, row := range map[string]struct {
		client *opstore.Client
		key    clientKey
		want   error
	}{
		"own":             {client, own, nil},
		"another's":       {client, foreign, ErrSignature},
		"of the other":    {byValue("other", set(t, foreign)), foreign, nil},
		"without kid":     {client, clientKey{"", own.key}, nil},
		"unknown kid":     {client, clientKey{"2", own.key}, ErrNoKey},
		"unnamed":         {byValue("app", set(t, unnamed)), unnamed, nil},
		"no keys":         {byValue("app", nil), own, ErrNoKey},
		"no set":          {byValue("app", []byte(`[]`)), own, ErrNoKey},
		"an empty set":    {byValue("app", []byte(`{"keys":[]}`)), own, ErrNoKey},
		"a symmetric key": {byValue("app", []byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`)), own, ErrNoKey},
	} {
		if err := keys.Verify(t.Context(), row.client, row.key.sign(t)); !errors.Is(err, row.want) || (err == nil) != (row.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
	// What the client has withdrawn serves no longer.
	if err := keys.Verify(t.Context(), byValue("app", set(t, foreign)), own.sign(t)); !errors.Is(err, ErrSignature) {
		t.Errorf("after another set was registered: %v", err)
	}
}

// transport answers without a network, so that time can be a bubble's.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// published is a jwks_uri that can change.
type published struct {
	mu      sync.Mutex
	body    []byte
	err     error
	fetches int
}

func (p *published) put(body []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body, p.err = body, err
}

func (p *published) client() *http.Client {
	return &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetches++
		if p.err != nil {
			return nil, p.err
		}
		rec := httptest.NewRecorder()
		rec.Write(p.body)
		return rec.Result(), nil
	})}
}

// OpenID Connect Core 1.0 §10.1.1: a key that the client has rotated in is
// fetched when it is first seen; strangers' kids cost one fetch a second.
func TestRotationOfPublishedKeys(t *testing.T) {
	first, second := newKey(t, "1"), newKey(t, "2")
	old, renewed := set(t, first), set(t, second)
	synctest.Test(t, func(t *testing.T) {
		p := &published{body: old}
		keys := open(t, Config{HTTPClient: p.client()})
		client := byURI("app", "https://app.example/jwks")
		verify := func(k clientKey) error { return keys.Verify(t.Context(), client, k.sign(t)) }
		for range 3 {
			if err := verify(first); err != nil {
				t.Fatal(err)
			}
		}
		if p.fetches != 1 {
			t.Fatalf("%d fetches for a key that is known", p.fetches)
		}
		p.put(renewed, nil)
		if err := verify(second); err != nil {
			t.Fatalf("the new key: %v", err)
		}
		if err := verify(first); !errors.Is(err, ErrNoKey) {
			t.Fatalf("the withdrawn key: %v", err)
		}
		before := p.fetches
		for range 50 {
			_ = verify(clientKey{"invented", second.key})
		}
		if n := p.fetches - before; n > 1 {
			t.Errorf("%d fetches for an invented kid within a second", n)
		}
		// FLT-01: what is held serves while the source is down.
		p.put(nil, errors.New("down"))
		time.Sleep(time.Hour)
		if err := verify(second); err != nil {
			t.Errorf("while the client's keys cannot be fetched: %v", err)
		}
	})
}

// ATK-227: a jwks_uri that hangs, leads elsewhere or is inside refuses its own
// client and nobody else.
func TestHostileKeyAddress(t *testing.T) {
	key := newKey(t, "1")
	good := set(t, key)
	var inside atomic.Int32
	release, hung := make(chan struct{}), key.sign(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/inside", func(http.ResponseWriter, *http.Request) { inside.Add(1) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/inside", http.StatusFound) })
	mux.HandleFunc("/hangs", func(w http.ResponseWriter, r *http.Request) { <-release })
	mux.HandleFunc("/good", func(w http.ResponseWriter, r *http.Request) { w.Write(good) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"pad":%q,`, strings.Repeat("x", maxKeySet))
		w.Write(good[1:])
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	keys := open(t, Config{HTTPClient: httpx.NewClient(httpx.Config{Guard: &safeurl.Guard{AllowLoopback: true}})})
	hanging := make(chan error, 1)
	go func() { hanging <- keys.Verify(t.Context(), byURI("hangs", s.URL+"/hangs"), hung) }()
	for _, path := range []string{"/moved", "/large", "/none"} {
		if err := keys.Verify(t.Context(), byURI("bad"+path, s.URL+path), key.sign(t)); !errors.Is(err, ErrNoKey) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := keys.Verify(t.Context(), byURI("good", s.URL+"/good"), key.sign(t)); err != nil {
		t.Errorf("another client: %v", err)
	}
	close(release)
	if err := <-hanging; !errors.Is(err, ErrNoKey) {
		t.Errorf("the one that hangs: %v", err)
	}
	strict := open(t, Config{HTTPClient: httpx.NewClient(httpx.Config{Guard: &safeurl.Guard{}})})
	if err := strict.Verify(t.Context(), byURI("app", s.URL+"/inside"), key.sign(t)); !errors.Is(err, ErrNoKey) {
		t.Errorf("a loopback address: %v", err)
	}
	if n := inside.Load(); n != 0 {
		t.Errorf("%d requests reached an address that no client may name", n)
	}
}

// Whoever registers clients does not decide how much is held.
func TestHeldClientsAreBounded(t *testing.T) {
	key := newKey(t, "1")
	p := &published{body: set(t, key)}
	keys := open(t, Config{HTTPClient: p.client(), MaxClients: 4})
	configured := byURI("configured", "https://configured.example/jwks")
	if err := keys.Verify(t.Context(), configured, key.sign(t)); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		for _, c := range []*opstore.Client{
			byURI(fmt.Sprint("uri", i), "https://app.example/jwks"), byValue(fmt.Sprint("value", i), p.body), byURI("hot", "https://hot.example/jwks"),
		} {
			c.CreatedAt = time.Now()
			if err := keys.Verify(t.Context(), c, key.sign(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, m := keys.order.Len(), len(keys.held); n != 4 || m != 5 {
		t.Errorf("%d and %d are held", n, m)
	}
	// One that is in use stays, and a configured one whoever else comes.
	if err := keys.Verify(t.Context(), configured, key.sign(t)); err != nil {
		t.Fatal(err)
	}
	if p.fetches != 22 {
		t.Errorf("%d fetches", p.fetches)
	}
	keys.Close()
	keys.Close()
	for _, c := range []*opstore.Client{configured, byURI("hot", "https://hot.example/jwks")} {
		if err := keys.Verify(t.Context(), c, key.sign(t)); !errors.Is(err, ErrNoKey) {
			t.Errorf("after Close: %v", err)
		}
	}
}

// OpenID Connect Core 1.0 §10.1.1: a client with one key need not name it, and
// may rotate it all the same.
func TestRotationWithoutKeyID(t *testing.T) {
	first, second := newKey(t, ""), newKey(t, "")
	old, renewed := set(t, first), set(t, second)
	synctest.Test(t, func(t *testing.T) {
		p := &published{body: old}
		keys := open(t, Config{HTTPClient: p.client()})
		client := byURI("app", "https://app.example/jwks")
		if err := keys.Verify(t.Context(), client, first.sign(t)); err != nil {
			t.Fatal(err)
		}
		p.put(renewed, nil)
		if err := keys.Verify(t.Context(), client, second.sign(t)); err != nil {
			t.Errorf("the new key: %v", err)
		}
	})
}
