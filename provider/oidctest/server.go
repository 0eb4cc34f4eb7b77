package oidctest

import (
	"crypto"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
)

// The user that every issuer of this package has.
const (
	Username = "alice"
	Password = "correct horse battery staple"
	Subject  = "alice-subject"
)

// passwordHash is that of Password at the least cost there is: a suite signs in
// often.
const passwordHash = "$argon2id$v=19$m=64,t=1,p=1$b2lkY3Rlc3QtLWFsaWNlLQ$FnE38N0XpRIPFasvpxiEM7toeUmAvEna1agm5OmBqK8"

// Config says what differs from an issuer with one user, Username.
type Config struct {
	// Path is the path of the issuer, "" or "/…".
	Path string
	// TLS serves https; HTTPClient of the Server trusts it.
	TLS bool
	// Clients are registered.
	Clients []oidckit.ClientMetadata
	// Users are added to the one that is always there.
	Users []provider.Account
	// Stores replaces the memory stores; it is called with the issuer.
	Stores func(issuer string) opstore.Set
	// Configure changes the config before the issuer is made. Optional.
	Configure func(*provider.Config)
}

// Server is a running issuer. Its methods are safe for concurrent use, but for
// those that may fail a test: they are for the goroutine of the test.
type Server struct {
	// Issuer is the issuer identifier.
	Issuer   string
	Provider *provider.Provider
	Stores   opstore.Set

	http *httptest.Server
	gate *gate
	// closed ends what waits when the server does.
	closed chan struct{}
	config provider.Config
	// endpoints are named by path; algorithms are those of the issuer.
	endpoints  map[string]Endpoint
	algorithms []string

	mu        sync.Mutex
	seen      []*seenRequest
	faults    []*activeFault
	strangers map[string]crypto.Signer
}

// New starts an issuer that ends with the test.
func New(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	s := &Server{closed: make(chan struct{}), strangers: map[string]crypto.Signer{}}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.gate = &gate{Listener: s.http.Listener}
	s.http.Listener = s.gate
	scheme := "http"
	if cfg.TLS {
		scheme = "https"
	}
	s.Issuer = scheme + "://" + s.http.Listener.Addr().String() + cfg.Path
	if cfg.Stores == nil {
		cfg.Stores = opstore.NewMemory().Open
	}
	s.Stores = cfg.Stores(s.Issuer)
	s.Provider = s.newProvider(tb, cfg)
	s.readMetadata(tb)
	addUsers(tb, s.Stores, cfg.Users)
	if cfg.TLS {
		s.http.StartTLS()
	} else {
		s.http.Start()
	}
	tb.Cleanup(func() {
		close(s.closed)
		s.http.CloseClientConnections()
		s.http.Close()
		s.Provider.Close()
	})
	return s
}

func (s *Server) newProvider(tb testing.TB, cfg Config) *provider.Provider {
	tb.Helper()
	pc := provider.Config{Issuer: s.Issuer, Secrets: newSecrets(tb), Stores: s.Stores, Clients: cfg.Clients, Name: "Test issuer"}
	if cfg.Configure != nil {
		cfg.Configure(&pc)
	}
	if pc.Users == nil {
		// The hash of oidctest.Password stays as cheap as it is.
		pc.Users = provider.NewAccountsWith(provider.AccountsConfig{Store: pc.Stores.Users, AllowWeakHashes: true})
	}
	s.config = pc
	p, err := provider.New(pc)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func newSecrets(tb testing.TB) oidckit.Secrets {
	tb.Helper()
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		tb.Fatal(err)
	}
	return secrets
}

func addUsers(tb testing.TB, set opstore.Set, more []provider.Account) {
	tb.Helper()
	accounts := provider.NewAccounts(set.Users)
	for _, acc := range append([]provider.Account{{
		Username: Username, PasswordHash: passwordHash,
		Claims: map[string]any{
			"sub": Subject, "name": "Alice Example", "given_name": "Alice", "family_name": "Example",
			"preferred_username": "alice", "email": "alice@example.com", "email_verified": true,
		},
	}}, more...) {
		if _, err := accounts.Create(tb.Context(), acc); err != nil {
			tb.Fatal(err)
		}
	}
}

// HTTPClient returns a client that reaches the issuer, with its certificate
// trusted.
func (s *Server) HTTPClient() *http.Client { return s.http.Client() }
