package safeurl

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
)

var guardRows = []struct {
	addr                      string
	strict, loopback, private bool
}{
	{"93.184.215.14", true, true, true},
	{"1.1.1.1", true, true, true},
	{"172.15.255.255", true, true, true},
	{"172.32.0.0", true, true, true},
	{"100.63.255.255", true, true, true},
	{"100.128.0.0", true, true, true},
	{"2606:2800:21f:cb07::1", true, true, true},
	{"::ffff:93.184.215.14", true, true, true},
	{"127.0.0.1", false, true, false},
	{"127.255.255.255", false, true, false},
	{"::1", false, true, false},
	{"::ffff:127.0.0.1", false, true, false},
	{"10.0.0.1", false, false, true},
	{"172.16.0.1", false, false, true},
	{"192.168.255.255", false, false, true},
	{"100.64.0.1", false, false, true},
	{"fd00::1", false, false, true},
	{"::ffff:10.0.0.1", false, false, true},
	{"0.0.0.0", false, false, false},
	{"0.1.2.3", false, false, false},
	{"169.254.169.254", false, false, false},
	{"::ffff:169.254.169.254", false, false, false},
	{"192.0.0.8", false, false, false},
	{"192.0.2.1", false, false, false},
	{"192.31.196.1", false, false, false},
	{"192.52.193.1", false, false, false},
	{"192.88.99.1", false, false, false},
	{"192.175.48.1", false, false, false},
	{"198.18.0.1", false, false, false},
	{"198.19.255.255", false, false, false},
	{"198.51.100.1", false, false, false},
	{"203.0.113.1", false, false, false},
	{"224.0.0.1", false, false, false},
	{"240.0.0.1", false, false, false},
	{"255.255.255.255", false, false, false},
	{"::", false, false, false},
	{"::7f00:1", false, false, false},
	{"64:ff9b::7f00:1", false, false, false},
	{"64:ff9b:1::1", false, false, false},
	{"100::1", false, false, false},
	{"2001::1", false, false, false},
	{"2001:db8::1", false, false, false},
	{"2002:7f00:1::1", false, false, false},
	{"2620:4f:8000::1", false, false, false},
	{"3fff::1", false, false, false},
	{"5f00::1", false, false, false},
	{"fe80::1", false, false, false},
	{"fec0::1", false, false, false},
	{"ff02::1", false, false, false},
	{"::ffff:0:127.0.0.1", false, false, false},
	{"fe80::1%eth0", false, false, false},
	{"2606:2800:21f:cb07::1%eth0", false, false, false},
}

func TestGuard(t *testing.T) {
	strict, loopback, private := &Guard{}, &Guard{AllowLoopback: true}, &Guard{AllowPrivate: true}
	for _, row := range guardRows {
		a := netip.MustParseAddr(row.addr)
		for _, c := range []struct {
			name string
			g    *Guard
			want bool
		}{{"strict", strict, row.strict}, {"loopback", loopback, row.loopback}, {"private", private, row.private}} {
			if got := c.g.Check(a) == nil; got != c.want {
				t.Errorf("%s guard on %s: accepted %v, want %v", c.name, row.addr, got, c.want)
			}
		}
		if err := (*Guard)(nil).Check(a); err != nil {
			t.Errorf("nil guard on %s: %v", row.addr, err)
		}
	}
}

// ATK-315: notations that some resolver takes for an inner address.
func TestGuardCheckName(t *testing.T) {
	strict, loopback := &Guard{}, &Guard{AllowLoopback: true}
	for _, row := range []struct {
		host             string
		strict, loopback bool
	}{
		{"id.example.com", true, true},
		{"id.example.com.", true, true},
		{"1and1.example", true, true},
		{"93.184.215.14", true, true},
		{"localhost", false, true},
		{"LOCALHOST.", false, true},
		{"a.localhost", false, true},
		{"127.0.0.1", false, true},
		{"::1", false, true},
		{"::ffff:169.254.169.254", false, false},
		{"10.0.0.1", false, false},
		{"127.1", false, false},
		{"2130706433", false, false},
		{"0x7f000001", false, false},
		{"0177.0.0.1", false, false},
		{"127.0.0.1.", false, true},
		{"127.0.0.0x1", false, false},
		{"", false, false},
		{".", false, false},
	} {
		for _, c := range []struct {
			g    *Guard
			want bool
		}{{strict, row.strict}, {loopback, row.loopback}, {nil, true}} {
			if got := c.g.CheckName(row.host) == nil; got != c.want {
				t.Errorf("%+v on %q: accepted %v, want %v", c.g, row.host, got, c.want)
			}
		}
	}
}

func TestGuardControl(t *testing.T) {
	g := &Guard{}
	for _, row := range []struct {
		network, address string
		ok               bool
	}{
		{"tcp4", "93.184.215.14:443", true},
		{"tcp6", "[2606:2800:21f:cb07::1]:443", true},
		{"tcp4", "127.0.0.1:443", false},
		{"unix", "/run/docker.sock", false},
		{"udp4", "93.184.215.14:443", false},
		{"tcp4", "id.example.com:443", false},
		{"tcp4", "", false},
	} {
		if err := g.Control(row.network, row.address, nil); (err == nil) != row.ok {
			t.Errorf("Control(%q, %q) = %v", row.network, row.address, err)
		}
	}
}

// ATK-068: the name is resolved by the dialer and the answer is refused, so no
// connection reaches the listener.
func TestGuardAtDialTime(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	d := net.Dialer{Control: (&Guard{}).Control}
	for _, host := range []string{"localhost", "127.0.0.1", "0.0.0.0"} {
		conn, err := d.DialContext(context.Background(), "tcp", net.JoinHostPort(host, port))
		if err == nil {
			conn.Close()
			t.Errorf("%s was dialled", host)
		} else if !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v, want ErrAddress", host, err)
		}
	}
	if err := (&Guard{}).CheckHost(context.Background(), "localhost"); !errors.Is(err, ErrAddress) {
		t.Errorf("CheckHost(localhost) = %v", err)
	}
}

// FuzzGuard holds every accepted address, and the IPv4 address it may carry
// inside, against the classes of net/netip.
func FuzzGuard(f *testing.F) {
	for _, row := range guardRows {
		f.Add(row.addr)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := netip.ParseAddr(text)
		if err != nil || (&Guard{}).Check(a) != nil {
			return
		}
		for _, c := range carried(a) {
			if !c.IsGlobalUnicast() || c.IsPrivate() || c.IsLoopback() || c.IsLinkLocalUnicast() ||
				c.IsUnspecified() || c.IsMulticast() || c.Zone() != "" {
				t.Fatalf("%s was accepted and carries %s", text, c)
			}
			if c.Is4() {
				b := c.As4()
				if b[0] == 0 || b[0] == 100 && b[1]&0xc0 == 64 || b[0] == 198 && b[1]&0xfe == 18 || b[0] >= 224 {
					t.Fatalf("%s was accepted and carries %s", text, c)
				}
			}
		}
	})
}

// carried returns an address and those that translation and tunnels would
// reach through it.
func carried(a netip.Addr) []netip.Addr {
	out := []netip.Addr{a.Unmap()}
	if !a.Is6() || a.Is4In6() {
		return out
	}
	b := a.As16()
	switch {
	case b[0] == 0x20 && b[1] == 0x02: // 6to4
		out = append(out, netip.AddrFrom4([4]byte(b[2:6])))
	case b[0] == 0 && b[1] == 0x64: // NAT64
		out = append(out, netip.AddrFrom4([4]byte(b[12:16])))
	}
	return out
}
