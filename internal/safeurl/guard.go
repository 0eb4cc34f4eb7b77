package safeurl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// ErrAddress says that a connection was not made because its address is one of
// the special-purpose ones. It wraps nothing: the address stays out of texts
// that a stranger may read.
var ErrAddress = errors.New("safeurl: address is not allowed")

// Guard refuses connections to special-purpose addresses: loopback, private,
// link-local (where clouds keep their metadata), documentation, translation
// and tunnel prefixes, multicast. It is asked at dial time about the address
// that was resolved, each one of a name's answers, so that a name which changes
// its answer between check and use gains nothing. The zero value is the strict
// one; nil guards nothing. It is immutable and safe for concurrent use.
type Guard struct {
	// AllowLoopback lets 127.0.0.0/8 and ::1 pass.
	AllowLoopback bool
	// AllowPrivate lets networks of one's own pass: RFC 1918, RFC 4193 and the
	// shared space of RFC 6598.
	AllowPrivate bool
}

// Control is for net.Dialer.Control.
func (g *Guard) Control(network, address string, _ syscall.RawConn) error {
	if g == nil {
		return nil
	}
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return ErrAddress
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrAddress
	}
	return g.Check(ap.Addr())
}

// Check returns ErrAddress where the address must not be dialled.
func (g *Guard) Check(a netip.Addr) error {
	if g == nil {
		return nil
	}
	if !a.IsValid() || a.Zone() != "" {
		return ErrAddress
	}
	a = a.Unmap()
	switch {
	case a.IsLoopback():
		return allow(g.AllowLoopback)
	case within(private, a):
		return allow(g.AllowPrivate)
	case a.Is4() && within(special4, a):
		return ErrAddress
	case a.Is6() && (!globalUnicast6.Contains(a) || within(special6, a)):
		return ErrAddress
	}
	return nil
}

// CheckName judges a host as it is written, and asks nobody: for a record that
// is being saved. An address in any notation is judged as Check does; what a
// name leads to is not known before it is dialled.
func (g *Guard) CheckName(host string) error {
	if g == nil {
		return nil
	}
	host = strings.TrimSuffix(host, ".")
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return allow(g.AllowLoopback)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return g.Check(a)
	}
	// Odd spellings of IPv4 addresses, which some resolvers take: the last
	// label of a name is never a number.
	last := host[strings.LastIndexByte(host, '.')+1:]
	return allow(last != "" && (last[0] < '0' || last[0] > '9'))
}

// CheckHost resolves a host and checks every answer: for a record that is being
// saved, so that its author hears of it at once. It replaces no check at dial
// time.
func (g *Guard) CheckHost(ctx context.Context, host string) error {
	if g == nil {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return g.Check(a)
	}
	answers, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return fmt.Errorf("safeurl: host could not be resolved: %w", err)
	}
	for _, a := range answers {
		if err := g.Check(a); err != nil {
			return err
		}
	}
	return nil
}

func allow(ok bool) error {
	if ok {
		return nil
	}
	return ErrAddress
}

func within(table []netip.Prefix, a netip.Addr) bool {
	for _, p := range table {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
