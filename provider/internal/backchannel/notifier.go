package backchannel

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

const (
	// lease is how long a delivery belongs to who has stored or claimed it. One
	// whose lease is nearly over is left to the next claim.
	lease       = time.Minute
	leaseMargin = 15 * time.Second
	// maxParallel bounds the calls that are under way.
	maxParallel = 16
	// maxWaiting bounds the deliveries that wait here for a call; more wait in
	// the store.
	maxWaiting = 10_000
	// maxClaim bounds how many are claimed from the store at once.
	maxClaim = 256
	// claimEvery is how often the store is asked for what is due.
	claimEvery = 5 * time.Second
	// downtime is how long the issuer itself may be down without forgetting whom
	// it has to tell.
	downtime = 24 * time.Hour
	// storeTimeout bounds a call of the store.
	storeTimeout = 10 * time.Second
)

// Config is what a Notifier is made of.
type Config struct {
	Issuer     string
	Deliveries opstore.Deliveries
	Clients    opstore.Clients
	// Token issues a logout token.
	Token func(ctx context.Context, c *opstore.Client, d *opstore.Delivery) (string, error)
	// HTTPClient calls the clients. It follows no redirects.
	HTTPClient *http.Client
	// Attempts is how often a client is called at most.
	Attempts int
	Logger   zerolog.Logger
	Events   oidckit.EventSink
}

// Notifier tells clients. It is safe for concurrent use.
type Notifier struct {
	cfg  Config
	ctx  context.Context
	stop context.CancelFunc
	// freed tells that there may be room for more.
	freed chan struct{}
	start sync.Once

	mu      sync.Mutex
	waiting []job
	hosts   map[string]*share
	running int
	closed  bool
	wg      sync.WaitGroup
}

// job is a delivery that belongs to this replica for a while.
type job struct {
	opstore.Delivery
	until time.Time
	host  string
	// done is called after the attempt.
	done func()
}

// New returns a Notifier. It starts nothing.
func New(cfg Config) *Notifier {
	n := &Notifier{cfg: cfg, freed: make(chan struct{}, 1), hosts: map[string]*share{}}
	n.ctx, n.stop = context.WithCancel(context.Background())
	return n
}

// Start begins to look for deliveries that are due: those that failed before,
// and those that another process has left. It may be called at any time and
// often.
func (n *Notifier) Start() {
	n.start.Do(func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if !n.closed {
			n.wg.Go(n.poll)
		}
	})
}

// Close ends the calls under way, which are made again by whoever comes next,
// and waits for them.
func (n *Notifier) Close() error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.stop()
	n.wg.Wait()
	return nil
}

// Queue stores a delivery for each of the clients that wants to be told. It is
// hidden from the other replicas until this one had the time to send it.
func (n *Notifier) Queue(ctx context.Context, s *opstore.Session, clients []string) ([]opstore.Delivery, error) {
	now := time.Now()
	var queued []opstore.Delivery
	for _, id := range clients {
		c, err := n.cfg.Clients.Client(ctx, id)
		if errors.Is(err, oidckit.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if c.Metadata.BackchannelLogoutURI == "" {
			continue
		}
		queued = append(queued, opstore.Delivery{
			ID: secret.ID(), ClientID: id, URI: c.Metadata.BackchannelLogoutURI, Subject: s.Subject, SessionID: s.ID,
			CreatedAt: now, NextAt: now.Add(lease), ExpiresAt: now.Add(downtime + n.patience()),
		})
	}
	if len(queued) == 0 {
		return nil, nil
	}
	return queued, n.cfg.Deliveries.CreateDeliveries(ctx, queued)
}

// Send implements session.Telling.
func (n *Notifier) Send(queued []opstore.Delivery) <-chan struct{} {
	n.Start()
	called := make(chan struct{})
	var left atomic.Int64
	left.Store(int64(len(queued)))
	jobs := make([]job, len(queued))
	for i, d := range queued {
		jobs[i] = job{Delivery: d, until: d.NextAt, host: hostOf(d.URI), done: func() {
			if left.Add(-1) == 0 {
				close(called)
			}
		}}
	}
	n.add(jobs)
	return called
}

// Drop implements session.Telling. What cannot be taken back is sent: a client
// may be told twice.
func (n *Notifier) Drop(ctx context.Context, queued []opstore.Delivery) {
	for i := range queued {
		if err := n.cfg.Deliveries.DeleteDelivery(ctx, queued[i].ID); err != nil {
			n.cfg.Logger.Debug().Err(err).Msg("a logout that another call tells of was not taken back")
		}
	}
}

// add lets jobs wait for a call. Where there is no room they are claimed from
// the store later.
func (n *Notifier) add(jobs []job) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	for _, j := range jobs {
		if !n.enqueue(j) && j.done != nil {
			j.done()
		}
	}
	for range min(maxParallel-n.running, len(jobs)) {
		n.running++
		n.wg.Go(n.work)
	}
}

// work makes calls until nothing waits that may be called.
func (n *Notifier) work() {
	var last *job
	for {
		j, ok := n.next(last)
		if !ok {
			select {
			case n.freed <- struct{}{}:
			default:
			}
			return
		}
		if time.Until(j.until) > leaseMargin {
			n.guarded(func() { n.deliver(&j.Delivery) })
		}
		if j.done != nil {
			j.done()
		}
		last = &j
	}
}

// next takes what waits longest of what may be called, once the caller's own
// last one is over. Without anything the worker has ended.
func (n *Notifier) next(over *job) (j job, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.release(over)
	if n.closed {
		n.running--
		return job{}, false
	}
	if j, ok = n.take(); !ok {
		n.running--
	}
	return j, ok
}

// guarded keeps a store, sink or logger of the app's that panics from ending
// the process.
func (n *Notifier) guarded(fn func()) {
	defer func() {
		if recover() != nil {
			n.cfg.Logger.Error().Msg("back-channel logout: a panic was caught")
		}
	}()
	fn()
}

// room is how many deliveries may be claimed: more than can be called at once,
// so that those to a host that hangs do not stand before all others.
func (n *Notifier) room() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return min(maxClaim, maxWaiting-len(n.waiting))
}

// poll claims what is due as long as there is room.
func (n *Notifier) poll() {
	ticker := time.NewTicker(claimEvery)
	defer ticker.Stop()
	for {
		more := false
		n.guarded(func() { more = n.claim() })
		if more {
			select {
			case <-n.freed:
				continue
			case <-ticker.C:
				continue
			case <-n.ctx.Done():
				return
			}
		}
		select {
		case <-ticker.C:
		case <-n.ctx.Done():
			return
		}
	}
}

// claim takes what is due. It reports whether there may be more.
func (n *Notifier) claim() bool {
	room := n.room()
	if room <= 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(n.ctx, storeTimeout)
	defer cancel()
	until := time.Now().Add(lease)
	due, err := n.cfg.Deliveries.ClaimDeliveries(ctx, room, until)
	if err != nil {
		if n.ctx.Err() == nil {
			n.cfg.Logger.Error().Err(err).Msg("back-channel logout: the queue cannot be read")
			n.cfg.Events.Send(ctx, oidckit.Event{Name: oidckit.EventStoreUnavailable, Issuer: n.cfg.Issuer, Err: err})
		}
		return false
	}
	jobs := make([]job, len(due))
	for i, d := range due {
		jobs[i] = job{Delivery: d, until: until, host: hostOf(d.URI)}
	}
	n.add(jobs)
	return len(due) == room
}
