package bootstrap

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// Limits of one record, which comes from DNS or from a stranger's answer. The
// protocol names none; a whole answer is at most 65507 bytes.
const (
	maxRecordSize = 65507
	maxKeys       = 64 // public keys of one record
	maxShortDials = 64 // short dial infos of one record
	maxVersions   = 64 // envelope versions of one record
)

// Faults of a record.
var (
	ErrRecord    = errors.New("malformed bootstrap record")
	ErrSignature = errors.New("bootstrap record is not signed by a known key")
)

// ShortDial is a dial info of a record, without its host (spec 02 §13.2).
type ShortDial struct {
	Protocol wire.ProtocolType // UDP, TCP or WS
	Port     uint16
	Path     string // WS only, without the slash
}

// String is the form that records have: U5150, T5150, W5150/ws.
func (d ShortDial) String() string {
	port := strconv.Itoa(int(d.Port))
	switch d.Protocol {
	case wire.UDP:
		return "U" + port
	case wire.TCP:
		return "T" + port
	}
	return "W" + port + "/" + d.Path
}

// Record is one bootstrap record (spec 02 §13.2).
type Record struct {
	Version          uint8 // 0 or 1
	EnvelopeVersions []wire.EnvelopeVersion
	PublicKeys       []crypto.PublicKey
	Hostname         string
	Dials            []ShortDial
	Timestamp        uint64           // seconds since the epoch; version 1 only
	Extra            []string         // version 1 only, covered by the signature
	Signature        crypto.Signature // version 1 only

	signed string // what the signature covers, as it came
}

// VersionOf reads the version of a record string. ok is false for a string
// whose first field is not a number of 8 bits.
func VersionOf(text string) (version uint8, ok bool) {
	first, _, _ := strings.Cut(text, "|")
	n, err := strconv.ParseUint(strings.TrimSpace(first), 10, 8)
	return uint8(n), err == nil
}

// Parse reads a record of version 0 or 1. It checks no signature: see
// [Record.Verify]. Errors are [ErrRecord].
func Parse(text string) (*Record, error) {
	if len(text) > maxRecordSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrRecord, len(text))
	}
	text = strings.TrimSpace(text)
	version, ok := VersionOf(text)
	if !ok {
		return nil, fmt.Errorf("%w: no version", ErrRecord)
	}
	fields := strings.Split(text, "|")
	switch {
	case version == 0 && len(fields) != 5:
		return nil, fmt.Errorf("%w: version 0 has 5 fields, not %d", ErrRecord, len(fields))
	case version == 1 && len(fields) < 7:
		return nil, fmt.Errorf("%w: version 1 has at least 7 fields, not %d", ErrRecord, len(fields))
	case version > 1:
		return nil, fmt.Errorf("%w: version %d", ErrRecord, version)
	}
	last := fields[len(fields)-1]
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	r := &Record{Version: version, Hostname: fields[3]}
	if r.Hostname == "" {
		return nil, fmt.Errorf("%w: no host name", ErrRecord)
	}
	var err error
	if r.EnvelopeVersions, err = parseVersions(fields[1]); err != nil {
		return nil, err
	}
	if r.PublicKeys, err = parseKeys(fields[2]); err != nil {
		return nil, err
	}
	r.Dials = parseDials(fields[4])
	if version == 0 {
		return r, nil
	}
	if r.Timestamp, err = strconv.ParseUint(fields[5], 10, 64); err != nil {
		return nil, fmt.Errorf("%w: timestamp %.20q", ErrRecord, fields[5])
	}
	r.Extra = slices.Clone(fields[6 : len(fields)-1])
	if r.Signature, err = crypto.Parse[crypto.Signature](fields[len(fields)-1]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	// The original computes the end as record length minus the length of the
	// trimmed signature, so white space before the signature is signed too.
	r.signed = text[:len(text)-len(strings.TrimSpace(last))]
	return r, nil
}

func parseVersions(field string) ([]wire.EnvelopeVersion, error) {
	var versions []wire.EnvelopeVersion
	for v := range strings.SplitSeq(field, ",") {
		v = strings.TrimSpace(v)
		switch len(v) {
		case 1:
			v = "ENV" + v
		case 4:
		default:
			return nil, fmt.Errorf("%w: envelope version %.20q", ErrRecord, v)
		}
		if len(versions) == maxVersions {
			return nil, fmt.Errorf("%w: more than %d envelope versions", ErrRecord, maxVersions)
		}
		versions = append(versions, fourCC(v))
	}
	sorting.Ordered(versions)
	return slices.Compact(versions), nil
}

func fourCC(text string) wire.FourCC {
	return wire.FourCC(text[0])<<24 | wire.FourCC(text[1])<<16 | wire.FourCC(text[2])<<8 | wire.FourCC(text[3])
}

// parseKeys keeps the last key of each kind, as reading a group does (spec 01 §2.5).
func parseKeys(field string) ([]crypto.PublicKey, error) {
	var keys crypto.Group[crypto.PublicKey]
	n := 0
	for text := range strings.SplitSeq(field, ",") {
		if n++; n > maxKeys {
			return nil, fmt.Errorf("%w: more than %d keys", ErrRecord, maxKeys)
		}
		key, err := crypto.Parse[crypto.PublicKey](strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRecord, err)
		}
		keys = keys.Add(crypto.DefaultKinds(), key)
	}
	return keys, nil
}

// parseDials skips what it cannot read: a later version may know more
// (spec 02 §13.2). So does it skip S, which is WSS.
func parseDials(field string) []ShortDial {
	var dials []ShortDial
	for text := range strings.SplitSeq(field, ",") {
		d, ok := ParseShortDial(strings.TrimSpace(text))
		if ok && !slices.Contains(dials, d) && len(dials) < maxShortDials {
			dials = append(dials, d)
		}
	}
	return dials
}

// ParseShortDial reads U5150, T5150 or W5150/ws (spec 02 §13.2), as liberally as
// records of others are read.
func ParseShortDial(text string) (d ShortDial, ok bool) {
	if text == "" {
		return d, false
	}
	port, path := text[1:], ""
	switch text[0] {
	case 'U':
		d.Protocol = wire.UDP
	case 'T':
		d.Protocol = wire.TCP
	case 'W':
		d.Protocol = wire.WS
		port, path, _ = strings.Cut(port, "/")
		if strings.ContainsAny(path, " \t\r\n?#") {
			return d, false
		}
	default:
		return d, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return d, false
	}
	d.Port, d.Path = uint16(n), path
	return d, true
}

// Verify checks the signature of a version 1 record: one of the keys has to
// verify it. Without keys, and for version 0, nothing is checked. Errors are
// [ErrSignature].
func (r *Record) Verify(c *crypto.Crypto, keys []crypto.PublicKey) error {
	if r.Version == 0 || len(keys) == 0 {
		return nil
	}
	for _, key := range keys {
		if key.Kind != r.Signature.Kind {
			continue
		}
		sys, err := c.Get(key.Kind)
		if err != nil {
			continue
		}
		if ok, err := sys.Verify(key, []byte(r.signed), r.Signature); ok && err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: host %.100q", ErrSignature, r.Hostname)
}

// Text is the record as a string, in the order in which a node writes it. A
// version 1 record keeps the signature it has, see [Record.Sign].
func (r *Record) Text() string {
	if r.Version == 0 {
		return r.head()
	}
	return r.unsigned() + r.Signature.String()
}

// Sign returns the text of the record in version 1, signed with pair
// (spec 02 §13.2), and keeps the signature.
func (r *Record) Sign(c *crypto.Crypto, pair crypto.KeyPair) (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	sys, err := c.Get(pair.KindOf())
	if err != nil {
		return "", err
	}
	r.Version = 1
	r.signed = r.unsigned()
	if r.Signature, err = sys.Sign(pair, []byte(r.signed)); err != nil {
		return "", err
	}
	return r.signed + r.Signature.String(), nil
}

// check refuses what would not come back from Parse.
func (r *Record) check() error {
	bad := func(s string) bool { return s != strings.TrimSpace(s) || strings.ContainsAny(s, "|,\r\n") }
	switch {
	case len(r.PublicKeys) == 0 || len(r.EnvelopeVersions) == 0 || len(r.Dials) == 0:
		return fmt.Errorf("%w: needs keys, envelope versions and dial infos", ErrRecord)
	case r.Hostname == "" || bad(r.Hostname):
		return fmt.Errorf("%w: host name %q", ErrRecord, r.Hostname)
	}
	for _, d := range r.Dials {
		if bad(d.Path) {
			return fmt.Errorf("%w: path %q", ErrRecord, d.Path)
		}
	}
	for _, e := range r.Extra {
		if e != strings.TrimSpace(e) || strings.ContainsAny(e, "|\r\n") {
			return fmt.Errorf("%w: extra field %q", ErrRecord, e)
		}
	}
	return nil
}

// unsigned is all of a version 1 record before its signature.
func (r *Record) unsigned() string {
	var b strings.Builder
	b.WriteString(r.head())
	b.WriteByte('|')
	b.WriteString(strconv.FormatUint(r.Timestamp, 10))
	for _, e := range r.Extra {
		b.WriteByte('|')
		b.WriteString(e)
	}
	b.WriteByte('|')
	return b.String()
}

// head is the five fields that both versions have.
func (r *Record) head() string {
	versions := make([]string, len(r.EnvelopeVersions))
	for i, v := range r.EnvelopeVersions {
		versions[i] = strings.TrimPrefix(v.String(), "ENV")
	}
	keys := make([]string, len(r.PublicKeys))
	for i, k := range r.PublicKeys {
		keys[i] = k.String()
	}
	dials := make([]string, len(r.Dials))
	for i, d := range r.Dials {
		dials[i] = d.String()
	}
	sorting.Ordered(dials)
	return strings.Join([]string{
		strconv.Itoa(int(r.Version)),
		strings.Join(versions, ","),
		strings.Join(keys, ","),
		r.Hostname,
		strings.Join(slices.Compact(dials), ","),
	}, "|")
}

// NodeIDs are the ids of the record's keys.
func (r *Record) NodeIDs() []crypto.NodeID {
	ids := make([]crypto.NodeID, len(r.PublicKeys))
	for i, k := range r.PublicKeys {
		ids[i] = crypto.NodeIDOf(k)
	}
	return ids
}

// shares reports whether the two name the same node.
func (r *Record) shares(other *Record) bool {
	return slices.ContainsFunc(r.PublicKeys, func(k crypto.PublicKey) bool {
		return slices.Contains(other.PublicKeys, k)
	})
}

// merged unites records that share a key (spec 02 §13.2). Hosts differ from
// record to record, so it unites what the records resolve to.
func merged(in []resolved) []resolved {
	var out []resolved
	for _, next := range in {
		// One record may join two that had nothing in common so far.
		keep := out[:0]
		for _, have := range out {
			if have.record.shares(next.record) {
				next = unite(have, next)
			} else {
				keep = append(keep, have)
			}
		}
		out = append(keep, next)
	}
	return out
}

func unite(a, b resolved) resolved {
	r := *a.record
	keys := crypto.Group[crypto.PublicKey](slices.Clone(r.PublicKeys))
	for _, k := range b.record.PublicKeys {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	keys.Sort(crypto.DefaultKinds())
	r.PublicKeys = keys
	r.EnvelopeVersions = append(slices.Clone(r.EnvelopeVersions), b.record.EnvelopeVersions...)
	sorting.Ordered(r.EnvelopeVersions)
	r.EnvelopeVersions = slices.Compact(r.EnvelopeVersions)
	r.Timestamp = min(r.Timestamp, b.record.Timestamp)
	r.Extra = append(slices.Clone(r.Extra), b.record.Extra...)
	a.record = &r
	a.dials = uniteDials(a.dials, b.dials)
	return a
}

func uniteDials(a, b []wire.DialInfo) []wire.DialInfo {
	a = slices.Clone(a)
	for _, d := range b {
		if !slices.Contains(a, d) {
			a = append(a, d)
		}
	}
	sorting.By(a, wire.DialInfo.Compare)
	return a
}
