package backchannel

import (
	"net/url"
	"slices"
	"strings"
)

const (
	// perHost bounds the calls to one host that are under way: a host that hangs
	// must not keep the clients of all others from being told.
	perHost = 2
	// perHostWaiting bounds the deliveries to one host that wait here.
	perHostWaiting = 1000
)

// share is what one host has of the calls.
type share struct{ waiting, calls int }

// hostOf returns the host that an address names, "" where it names none.
func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// enqueue lets a job wait where there is room for it. Its caller holds mu, as
// those of the functions below do.
func (n *Notifier) enqueue(j job) bool {
	s := n.hosts[j.host]
	if s == nil {
		s = &share{}
	}
	if len(n.waiting) >= maxWaiting || s.waiting >= perHostWaiting {
		return false
	}
	s.waiting++
	n.hosts[j.host] = s
	n.waiting = append(n.waiting, j)
	return true
}

// take removes the first job whose host may be called.
func (n *Notifier) take() (j job, ok bool) {
	i := slices.IndexFunc(n.waiting, func(j job) bool { return n.hosts[j.host].calls < perHost })
	if i < 0 {
		return job{}, false
	}
	j = n.waiting[i]
	n.waiting = slices.Delete(n.waiting, i, i+1)
	s := n.hosts[j.host]
	s.waiting--
	s.calls++
	return j, true
}

// release ends a call to a host.
func (n *Notifier) release(j *job) {
	if j == nil {
		return
	}
	s := n.hosts[j.host]
	s.calls--
	if s.waiting == 0 && s.calls == 0 {
		delete(n.hosts, j.host)
	}
}
