package backchannel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/provider/opstore"
)

const (
	// callTimeout bounds one call, whatever client makes it.
	callTimeout = 8 * time.Second
	// maxAnswer bounds an answer, whose body says nothing.
	maxAnswer = 64 << 10

	firstPause = 5 * time.Second
	maxPause   = time.Hour
)

// pause is how long to wait after a number of failed attempts: 5 s, 20 s, 80 s
// and so on, an hour at most.
func pause(failed int) time.Duration {
	d := firstPause
	for range failed - 1 {
		if d *= 4; d >= maxPause {
			return maxPause
		}
	}
	return d
}

// patience is how long all attempts take at most.
func (n *Notifier) patience() time.Duration {
	total := time.Duration(0)
	for failed := 1; failed < n.cfg.Attempts; failed++ {
		total += pause(failed) + lease + claimEvery
	}
	return total
}

var (
	// errRefused says that the client has looked at the token and does not take
	// it: the next one would be the same.
	errRefused = errors.New("the client refuses the logout token")
	errGone    = errors.New("the client is not registered any more")
	// errSilent says that the client wants to be told no more.
	errSilent = errors.New("the client has no backchannel_logout_uri any more")
)

// deliver makes one attempt and writes down what came of it.
func (n *Notifier) deliver(d *opstore.Delivery) {
	err := n.call(d)
	if err != nil && n.ctx.Err() != nil {
		// Closed on the way: the delivery is due again when the lease is over.
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.ctx), storeTimeout)
	defer cancel()
	failed := d.Attempts + 1
	next := time.Now().Add(pause(failed))
	var stored error
	switch {
	case err == nil:
		stored = n.cfg.Deliveries.DeleteDelivery(ctx, d.ID)
		n.tell(ctx, oidckit.EventLogoutDelivered, d, nil)
	case errors.Is(err, errRefused), errors.Is(err, errGone), errors.Is(err, errSilent), failed >= n.cfg.Attempts, !next.Before(d.ExpiresAt):
		stored = n.cfg.Deliveries.DeleteDelivery(ctx, d.ID)
		n.cfg.Logger.Warn().Err(err).Str("client_id", d.ClientID).Str("sid", d.SessionID).Int("attempts", failed).
			Msg("back-channel logout: a client could not be told, and is not tried again")
		n.tell(ctx, oidckit.EventLogoutUndelivered, d, err)
	default:
		stored = n.cfg.Deliveries.RetryDelivery(ctx, d.ID, next)
		n.cfg.Logger.Info().Err(err).Str("client_id", d.ClientID).Int("attempts", failed).
			Msg("back-channel logout: a client could not be told, and is tried again")
	}
	if stored != nil {
		n.cfg.Logger.Error().Err(stored).Str("client_id", d.ClientID).Msg("back-channel logout: the queue cannot be written; the client may be told twice")
	}
}

func (n *Notifier) tell(ctx context.Context, name oidckit.EventName, d *opstore.Delivery, err error) {
	n.cfg.Events.Send(ctx, oidckit.Event{
		Name: name, Issuer: n.cfg.Issuer, ClientID: d.ClientID, Subject: d.Subject, SessionID: d.SessionID, Err: err,
	})
}

func (n *Notifier) call(d *opstore.Delivery) error {
	ctx, cancel := context.WithTimeout(n.ctx, callTimeout)
	defer cancel()
	client, err := n.cfg.Clients.Client(ctx, d.ClientID)
	if errors.Is(err, oidckit.ErrNotFound) {
		return errGone
	}
	if err != nil {
		return err
	}
	// Who has the client_id now is not always who had it when the session ended.
	if !client.Follows(d.CreatedAt) {
		return errGone
	}
	// A client may have moved since, and given the address it had to others.
	uri := client.Metadata.BackchannelLogoutURI
	if uri == "" {
		return errSilent
	}
	token, err := n.cfg.Token(ctx, client, d)
	if err != nil {
		return err
	}
	// OpenID Connect Back-Channel Logout 1.0 §2.5
	form := url.Values{"logout_token": {token}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, strings.NewReader(form))
	if err != nil {
		return errors.New("backchannel_logout_uri does not parse")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := httpx.Do(n.cfg.HTTPClient, req, maxAnswer)
	if err != nil {
		return err
	}
	switch res.Status {
	// OpenID Connect Back-Channel Logout 1.0 §2.8
	case http.StatusOK, http.StatusNoContent:
		return nil
	case http.StatusBadRequest:
		return errRefused
	}
	return fmt.Errorf("the client answers with status %d", res.Status)
}
