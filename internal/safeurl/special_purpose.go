package safeurl

import "net/netip"

// The IANA special-purpose address registries. Entries that are reachable from
// everywhere (AS112, AMT, 6to4, NAT64) stand here too: no issuer lives there,
// and some of them carry another address inside.
var (
	private = prefixes(
		"10.0.0.0/8",     // RFC 1918
		"100.64.0.0/10",  // RFC 6598, shared address space
		"172.16.0.0/12",  // RFC 1918
		"192.168.0.0/16", // RFC 1918
		"fc00::/7",       // RFC 4193, unique local
	)
	special4 = prefixes(
		"0.0.0.0/8",       // RFC 791 §3.2, this network
		"127.0.0.0/8",     // RFC 1122 §3.2.1.3, loopback
		"169.254.0.0/16",  // RFC 3927, link-local
		"192.0.0.0/24",    // RFC 6890 §2.1, protocol assignments
		"192.0.2.0/24",    // RFC 5737, documentation
		"192.31.196.0/24", // RFC 7535, AS112
		"192.52.193.0/24", // RFC 7450, AMT
		"192.88.99.0/24",  // RFC 7526, 6to4 relay
		"192.175.48.0/24", // RFC 7534, AS112
		"198.18.0.0/15",   // RFC 2544, benchmarking
		"198.51.100.0/24", // RFC 5737, documentation
		"203.0.113.0/24",  // RFC 5737, documentation
		"224.0.0.0/4",     // RFC 5771, multicast
		"240.0.0.0/4",     // RFC 1112 §4 reserved, RFC 919 broadcast
	)
	// globalUnicast6 is all that has been given out (RFC 4291 §2.4); what lies
	// outside is special by that alone: ::, ::1, mapped and translated IPv4,
	// NAT64, discard-only, segment routing, link-local, multicast.
	globalUnicast6 = netip.MustParsePrefix("2000::/3")
	special6       = prefixes(
		"2001::/23",         // RFC 2928, protocol assignments: Teredo, ORCHID, benchmarking
		"2001:db8::/32",     // RFC 3849, documentation
		"2002::/16",         // RFC 3056, 6to4
		"2620:4f:8000::/48", // RFC 7534, AS112
		"3fff::/20",         // RFC 9637, documentation
	)
)

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		out[i] = netip.MustParsePrefix(t)
	}
	return out
}
