package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Rule is one line of the allow-list of nodes. Its forms, each with ":PORT" or
// ":FROM-TO" behind it, or without for all ports:
//
//	public            every public address, and every name that has one
//	203.0.113.7       an address
//	203.0.113.0/24    all addresses of a network
//	[2001:db8::]/32   the same of IPv6, in brackets
//	node.example      a name, as long as its address is public
//	*.example         all names below it
//
// An address that is not public (loopback, private, link-local, the metadata services
// of clouds and so on) is allowed only by a rule that means it: an address, or a
// network that lies wholly inside the special one. "0.0.0.0/0" does not open
// 127.0.0.1, "127.0.0.0/8" does. A name whose address is not public needs such a rule
// for the address too.
type Rule struct {
	public   bool
	prefix   netip.Prefix // valid: an address or network
	name     string       // "" or a name in lower case
	below    bool         // names below name
	from, to uint16
}

// rules are the allow-list.
type rules struct {
	list    []Rule
	special []netip.Prefix
}

func parseRules(texts []string) (rules, error) {
	all := rules{special: specialNetworks()}
	for _, text := range texts {
		r, err := ParseRule(text)
		if err != nil {
			return rules{}, err
		}
		all.list = append(all.list, r)
	}
	return all, nil
}

// ParseRule reads a rule. The error is a *SettingError.
func ParseRule(text string) (r Rule, err error) {
	bad := func(why string) (Rule, error) {
		return Rule{}, &SettingError{"nodes", fmt.Sprintf("%q: %s", text, why)}
	}
	host, ports := text, ""
	if in, ok := strings.CutPrefix(text, "["); ok {
		address, after, closed := strings.Cut(in, "]")
		if !closed {
			return bad("a bracket is missing")
		}
		bits, p, hasPorts := strings.Cut(after, ":")
		if bits != "" && bits[0] != '/' || hasPorts && p == "" || !strings.Contains(address, ":") {
			return bad("want [ADDRESS], [ADDRESS]/BITS and then perhaps :PORT")
		}
		host, ports = address+bits, p
	} else if strings.Count(text, ":") > 1 {
		return bad("an IPv6 address stands in brackets")
	} else if h, p, ok := strings.Cut(text, ":"); ok {
		if p == "" {
			return bad("a port is missing")
		}
		host, ports = h, p
	}
	if r.from, r.to, err = parsePorts(ports); err != nil {
		return bad(err.Error())
	}
	host = strings.ToLower(host)
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		r.prefix = netip.PrefixFrom(addr, addr.BitLen())
		return r, nil
	}
	if strings.Contains(host, "/") {
		p, err := netip.ParsePrefix(host)
		if err != nil || p.Addr().Is4In6() {
			return bad("no network in CIDR form")
		}
		if p != p.Masked() {
			return bad("bits are set behind the prefix; want " + p.Masked().String())
		}
		r.prefix = p
		return r, nil
	}
	if host == "public" {
		r.public = true
		return r, nil
	}
	r.name = host
	if rest, ok := strings.CutPrefix(host, "*."); ok {
		r.name, r.below = rest, true
	}
	if r.name == "" || strings.ContainsFunc(r.name, notInName) || strings.Contains("."+r.name+".", "..") {
		return bad("want public, an address, a network or a name")
	}
	if last := r.name[strings.LastIndexByte(r.name, '.')+1:]; last[0] >= '0' && last[0] <= '9' {
		return bad("no address, and no name either")
	}
	return r, nil
}

func notInName(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.')
}

func parsePorts(text string) (from, to uint16, err error) {
	if text == "" {
		return 1, 65535, nil
	}
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	a, err1 := strconv.ParseUint(first, 10, 16)
	b, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || a == 0 || a > b {
		return 0, 0, fmt.Errorf("ports are PORT or FROM-TO, from 1 to 65535")
	}
	return uint16(a), uint16(b), nil
}

// allow decides about an address; host is what was named, "" if it was the address.
func (s rules) allow(host string, at netip.AddrPort) bool {
	special, isSpecial := s.specialOf(at.Addr())
	return slices.ContainsFunc(s.list, func(r Rule) bool { return r.allows(host, at, special, isSpecial) })
}

func (r Rule) allows(host string, at netip.AddrPort, special netip.Prefix, isSpecial bool) bool {
	switch {
	case at.Port() < r.from || at.Port() > r.to:
		return false
	case r.prefix.IsValid():
		return r.prefix.Contains(at.Addr()) && (!isSpecial || r.prefix.Bits() >= special.Bits())
	case isSpecial:
		return false
	case r.public:
		return true
	}
	return host != "" && r.fitsName(host)
}

func (r Rule) fitsName(host string) bool {
	if r.below {
		return strings.HasSuffix(host, "."+r.name)
	}
	return host == r.name
}

// mayAllow reports whether the rule can allow a name, if its address is right.
func (r Rule) mayAllow(host string, port uint16) bool {
	if port < r.from || port > r.to {
		return false
	}
	return r.public || r.prefix.IsValid() || r.fitsName(host)
}

// specialOf is the smallest of the networks that no stranger may be led into, and
// that addr is in.
func (s rules) specialOf(addr netip.Addr) (netip.Prefix, bool) {
	// What carries an IPv4 address inside is as good as that address.
	if inner, ok := embedded(addr); ok {
		p, ok := s.specialOf(inner)
		if !ok {
			return netip.Prefix{}, false
		}
		return netip.PrefixFrom(addr, 96+p.Bits()).Masked(), true
	}
	for _, p := range s.special {
		if p.Contains(addr) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// specialNetworks lists them, smaller ones before those that contain them. Sources: the
// special-purpose registries of IANA, and the documents of the cloud providers.
func specialNetworks() (all []netip.Prefix) {
	for _, text := range []string{
		// Metadata and other services inside clouds.
		"169.254.169.254/32", "169.254.170.2/32", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",
		"fd00:ec2::254/128", "fd20:ce::254/128",
		// IPv4.
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4",
		// IPv6: the special parts of what is global unicast, and all that is not.
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
		"::1/128", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "::/3", "4000::/2", "8000::/1",
	} {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// embedded is the IPv4 address in an address of the well-known prefix 64:ff9b::/96
// (RFC 6052).
func embedded(addr netip.Addr) (netip.Addr, bool) {
	b := addr.As16()
	if !addr.Is6() || [12]byte(b[:12]) != [12]byte{0, 0x64, 0xff, 0x9b} {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(b[12:])), true
}

// choose keeps the addresses that a rule allows.
func (s rules) choose(host string, port uint16, addrs []netip.Addr) (chosen []netip.AddrPort) {
	for _, a := range addrs {
		at := netip.AddrPortFrom(a.Unmap(), port)
		if a.IsValid() && a.Zone() == "" && !slices.Contains(chosen, at) && s.allow(host, at) {
			chosen = append(chosen, at)
		}
	}
	return chosen
}
