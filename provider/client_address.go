package provider

import (
	"net/http"
	"net/netip"
)

// hostPrefix is what one subscriber has of IPv6: within it, addresses change
// at will.
const hostPrefix = 64

// clientAddress is the address by which wrong passwords are counted, "" where
// none tells one machine from another.
func (r *resolved) clientAddress(req *http.Request) string {
	if r.ClientAddress != nil {
		return groupAddress(r.ClientAddress(req))
	}
	peer, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil {
		return ""
	}
	addr := peer.Addr().Unmap()
	// A proxy: everybody comes from there.
	if addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() {
		return ""
	}
	return groupAddress(addr.String())
}

// groupAddress puts the addresses of one subscriber together. What is not an
// address is taken as it stands.
func groupAddress(text string) string {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, hostPrefix).Masked().String()
}
