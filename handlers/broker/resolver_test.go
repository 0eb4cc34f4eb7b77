package broker_test

import (
	"context"
	"encoding/binary"
	"log"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/handlers/broker"
)

// TestMain resolves names without a network: those under inside.example lead to
// a private address, those under mixed.example to a public and a private one,
// and there are no others.
func TestMain(m *testing.M) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go serveNames(conn)
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	os.Exit(m.Run())
}

// serveNames answers questions of type A (RFC 1035 §4.1).
func serveNames(conn net.PacketConn) {
	buf := make([]byte, 512)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		const headerBytes, typeA = 12, 1
		question := buf[headerBytes:n]
		end := strings.IndexByte(string(question), 0) + 5
		name := strings.ToLower(string(question[:end-5]))
		var addresses []string
		if binary.BigEndian.Uint16(question[end-4:]) == typeA {
			switch {
			case strings.Contains(name, "inside\x07example"):
				addresses = []string{"\x0a\x00\x00\x01"}
			case strings.Contains(name, "mixed\x07example"):
				addresses = []string{"\x01\x01\x01\x01", "\x7f\x00\x00\x01"}
			}
		}
		flags := "\x81\x83"
		if strings.Contains(name, "inside") || strings.Contains(name, "mixed") {
			flags = "\x81\x80"
		}
		answer := string(buf[:2]) + flags + "\x00\x01\x00" + string(rune(len(addresses))) + "\x00\x00\x00\x00" + string(question[:end])
		for _, a := range addresses {
			answer += "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + a
		}
		conn.WriteTo([]byte(answer), from)
	}
}

// ATK-068: a name that leads inside is refused at save, by any of its answers.
// The same guard judges it when it is dialled.
func TestNamesThatLeadInside(t *testing.T) {
	f := newRegistry(t, nil)
	for host, want := range map[string]string{
		"id.inside.example": "tokenEndpoint", "ID.INSIDE.example.": "tokenEndpoint", "id.mixed.example": "tokenEndpoint", "id.elsewhere.example": "",
	} {
		p := record()
		p.TokenEndpoint = "https://" + host + "/token"
		if got := strings.Join(fields(asError(f.Check(t.Context(), p))), " "); got != want {
			t.Errorf("%s: fields %q, want %q", host, got, want)
		}
	}
	private := newRegistry(t, func(c *broker.RegistryConfig) { c.Outbound.AllowPrivate = true })
	p := record()
	p.TokenEndpoint = "https://id.inside.example/token"
	if wrong := private.Check(t.Context(), p); len(wrong) != 0 {
		t.Errorf("where private addresses are allowed: %v", wrong)
	}
}
