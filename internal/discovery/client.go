package discovery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/httpx"
)

const (
	maxDocument  = 512 << 10
	lifetime     = time.Hour
	fetchTimeout = 8 * time.Second
	minBackoff   = 500 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// ErrUnavailable is in every error that says the metadata could not be had,
// for whatever reason.
var ErrUnavailable = errors.New("discovery: the issuer's metadata is not available")

var errClosed = errors.New("discovery: closed")

// Config names an issuer.
type Config struct {
	// Issuer is the exact issuer identifier.
	Issuer string
	// Metadata, where set, was given by hand: nothing is ever fetched. It must not
	// be modified any more.
	Metadata *oidckit.ProviderMetadata
	// HTTPClient makes the requests, bounded by package httpx; nil means a
	// client of that package.
	HTTPClient *http.Client
	// Logger hears of fetches that failed. The zero value is silent.
	Logger zerolog.Logger
}

// Client is the metadata of one issuer. It is safe for concurrent use.
type Client struct {
	issuer string
	byHand bool
	http   *http.Client
	log    zerolog.Logger
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	current  *oidckit.ProviderMetadata
	staleAt  time.Time
	err      error
	retryAt  time.Time
	backoff  time.Duration
	inFlight chan struct{}
}

// New returns a client that has fetched nothing yet. An issuer that is no
// valid identifier fails when it is asked for.
func New(cfg Config) *Client {
	ctx, cancel := context.WithCancel(context.Background())
	return &Client{
		issuer: cfg.Issuer, http: httpx.Bounded(cfg.HTTPClient), log: cfg.Logger,
		ctx: ctx, cancel: cancel,
		current: cfg.Metadata, byHand: cfg.Metadata != nil,
	}
}

// Close ends a fetch under way. What was fetched stays readable. It may be
// called more than once.
func (c *Client) Close() error {
	c.cancel()
	return nil
}

// Metadata returns the issuer's metadata, fetching it where it has to. It is
// shared and must not be modified. An error wraps ErrUnavailable, or is that
// of ctx.
func (c *Client) Metadata(ctx context.Context) (*oidckit.ProviderMetadata, error) {
	for {
		m, wait, err := c.look()
		if m != nil || err != nil {
			return m, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
}

// look returns the document, the remembered failure, or what to wait for.
func (c *Client) look() (*oidckit.ProviderMetadata, <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renew(time.Now())
	switch {
	case c.current != nil:
		return c.current, nil, nil
	case c.inFlight != nil:
		return nil, c.inFlight, nil
	default:
		return nil, nil, c.err
	}
}

// Expire has the metadata fetched anew behind the callers' backs, because what
// it says has failed, as an address does that the issuer has moved away from.
// What is held is served until then, and no issuer that has failed is asked
// sooner for it.
func (c *Client) Expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil || c.ctx.Err() != nil {
		return
	}
	c.staleAt = time.Now()
	c.renew(c.staleAt)
}

// renew starts a fetch where one is due. Its caller holds mu.
func (c *Client) renew(now time.Time) {
	fresh := c.byHand || c.current != nil && now.Before(c.staleAt)
	resting := c.err != nil && now.Before(c.retryAt)
	if !fresh && !resting && c.inFlight == nil {
		c.inFlight = make(chan struct{})
		go c.refresh(c.inFlight)
	}
}

func (c *Client) refresh(done chan struct{}) {
	ctx, cancel := context.WithTimeout(c.ctx, fetchTimeout)
	defer cancel()
	m, err := c.fetch(ctx)

	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(done)
	c.inFlight = nil
	if err == nil {
		c.current, c.staleAt = m, time.Now().Add(lifetime)
		c.err, c.backoff = nil, 0
		return
	}
	c.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	c.backoff = min(max(2*c.backoff, minBackoff), maxBackoff)
	c.retryAt = time.Now().Add(c.backoff)
	c.report(err)
}

// report must not end the program: it is not in the goroutine of a request,
// and the writer behind the logger is the app's.
func (c *Client) report(err error) {
	defer func() { _ = recover() }()
	c.log.Warn().Err(err).Str("issuer", c.issuer).Bool("stale", c.current != nil).
		Msg("the issuer's metadata could not be fetched")
}

func (c *Client) fetch(ctx context.Context) (*oidckit.ProviderMetadata, error) {
	if c.ctx.Err() != nil {
		return nil, errClosed
	}
	urls, err := locations(c.issuer)
	if err != nil {
		return nil, err
	}
	var resp *httpx.Response
	for _, u := range urls {
		if resp, err = c.get(ctx, u); err != nil {
			return nil, err
		}
		// Only an issuer that says it has no such document is asked for the
		// other one.
		if resp.Status != http.StatusNotFound {
			break
		}
	}
	if resp.Status != http.StatusOK {
		return nil, fmt.Errorf("discovery: the issuer answered with status %d", resp.Status)
	}
	return Parse(c.issuer, resp.Body)
}

func (c *Client) get(ctx context.Context, url string) (*httpx.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	return httpx.Do(c.http, req, maxDocument)
}
