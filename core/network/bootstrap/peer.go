package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// ErrUnverified: a peer info without a signature that verifies, or with one
// that does not.
var ErrUnverified = errors.New("peer info is not signed by its node")

// resolved is a record with the dial infos that its host resolves to.
type resolved struct {
	record *Record
	dials  []wire.DialInfo
}

// resolve looks the record's host up. A host that does not resolve gives no
// dial info and no error (spec 02 §13.2).
func (c *Cache) resolve(ctx context.Context, r *Record) resolved {
	addrs, err := c.Host(ctx, r.Hostname)
	if err != nil {
		return resolved{record: r}
	}
	var dials []wire.DialInfo
	for _, short := range r.Dials {
		if url, err := short.url(r.Hostname); err == nil {
			dials = append(dials, dialsAt(url, addrs)...)
		}
	}
	return resolved{r, uniteDials(nil, dials)}
}

// dialsAt is one dial info per address; one that breaks a rule is skipped.
func dialsAt(url wire.DialInfoURL, addrs []netip.Addr) []wire.DialInfo {
	var dials []wire.DialInfo
	for _, a := range addrs {
		if di, err := url.At(a); err == nil {
			dials = append(dials, di)
		}
	}
	return dials
}

// url applies the short dial info to a host, an IPv6 literal with or without
// brackets.
func (d ShortDial) url(host string) (wire.DialInfoURL, error) {
	if addr, ok := literal(host); ok {
		host = addr.String()
		if addr.Is6() {
			host = "[" + host + "]"
		}
	}
	text := strings.ToLower(d.Protocol.String()) + "://" + host + ":" + strconv.Itoa(int(d.Port))
	if d.Protocol == wire.WS {
		text += "/" + d.Path
	}
	return wire.ParseURL(text)
}

// peer makes the unsigned peer info of a record (spec 02 §13.3). ok is false
// for a record without a supported key or without a dial info.
func (r resolved) peer(kinds crypto.Kinds, now crypto.Timestamp) (*wire.PeerInfo, bool) {
	info := wire.NodeInfo{
		Timestamp:         now,
		EnvelopeSupport:   slices.Clone(r.record.EnvelopeVersions),
		OutboundProtocols: wire.AllProtocols,
		AddressTypes:      wire.AllAddresses,
	}
	p := &wire.PeerInfo{Domain: wire.PublicInternet}
	for _, key := range r.record.PublicKeys {
		if kinds.Contains(key.Kind) && len(info.PublicKeys) < wire.MaxCryptoKinds {
			info.PublicKeys = append(info.PublicKeys, key)
			p.NodeIDs = append(p.NodeIDs, crypto.NodeIDOf(key))
		}
	}
	for _, di := range r.dials[:min(len(r.dials), wire.MaxDialInfoDetails)] {
		info.DialInfo = append(info.DialInfo, wire.DialInfoDetail{Class: wire.ClassDirect, DialInfo: di})
	}
	p.Info = info
	return p, len(info.PublicKeys) > 0 && len(info.DialInfo) > 0
}

// VerifyPeer checks the signatures of a decoded peer info: at least one of a
// supported kind, and all of those right (spec 02 §13.6).
func VerifyPeer(c *crypto.Crypto, p *wire.PeerInfo) error {
	verified, valid, err := c.VerifySignatures(p.Info.PublicKeys, p.Message, p.Signatures)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnverified, err)
	case !valid || len(verified) == 0:
		return ErrUnverified
	}
	return nil
}
