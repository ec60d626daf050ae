package wire

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/jsonread"
)

// PeerInfo from JSON. The meaning comes from the message alone (spec 02 §13.6); the
// other members have to be there and to be of their types. receive_mtus may be missing.

var (
	errJSONMember = errors.New("member missing")
	errJSONType   = errors.New("member of another type")
)

// jsonReader notes the first thing that is wrong, so that one look at err suffices.
type jsonReader struct{ err error }

func (r *jsonReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// jsonObject is the members of an object; of several of one name the last counts.
type jsonObject map[string][]byte

func (r *jsonReader) object(raw []byte) jsonObject {
	members, err := jsonread.Object(nil, raw)
	if err != nil {
		r.fail(err)
	}
	o := make(jsonObject, len(members))
	for _, m := range members {
		o[string(m.Name)] = m.Raw
	}
	return o
}

// member is a part of an object, which has to be there.
func (r *jsonReader) member(o jsonObject, name string) []byte {
	raw, ok := o[name]
	if !ok {
		r.fail(errJSONMember)
	}
	return raw
}

// list reads each element of an array.
func (r *jsonReader) list(raw []byte, one func(raw []byte)) {
	if err := jsonread.List(raw, one); err != nil {
		r.fail(err)
	}
}

func (r *jsonReader) text(raw []byte) []byte {
	text, ok := jsonread.Text(raw)
	if !ok {
		r.fail(errJSONType)
	}
	return text
}

// value reads a text by the method of a value. It takes a function, since with
// [encoding.TextUnmarshaler] the linker keeps the UnmarshalText of every type that
// there is, such as the parser of package time.
func (r *jsonReader) value(raw []byte, unmarshal func(text []byte) error) {
	if text := r.text(raw); r.err == nil {
		if err := unmarshal(text); err != nil {
			r.fail(err)
		}
	}
}

func (r *jsonReader) number(raw []byte, bits int) uint64 {
	n, err := strconv.ParseUint(string(raw), 10, bits)
	if err != nil {
		r.fail(errJSONType)
	}
	return n
}

// texts reads an array of texts that nobody needs.
func (r *jsonReader) texts(raw []byte) {
	r.list(raw, func(raw []byte) { r.text(raw) })
}

func (r *jsonReader) timestamp(raw []byte) {
	var t crypto.Timestamp
	r.value(raw, t.UnmarshalText)
}

// peerJSON is what is used of a record.
type peerJSON struct {
	domain     []byte
	message    []byte
	signatures []crypto.Signature
}

func (r *jsonReader) peer(text []byte) (p peerJSON) {
	o := r.object(text)
	p.domain = r.text(r.member(o, "routing_domain"))
	r.list(r.member(o, "node_ids"), func(raw []byte) {
		var id crypto.NodeID
		r.value(raw, id.UnmarshalText)
	})
	r.nodeInfo(r.member(o, "node_info"))
	r.list(r.member(o, "node_info_message"), func(raw []byte) {
		p.message = append(p.message, byte(r.number(raw, 8)))
	})
	r.list(r.member(o, "signatures"), func(raw []byte) {
		var s crypto.Signature
		r.value(raw, s.UnmarshalText)
		p.signatures = append(p.signatures, s)
	})
	return p
}

func (r *jsonReader) nodeInfo(raw []byte) {
	o := r.object(raw)
	r.timestamp(r.member(o, "timestamp"))
	r.texts(r.member(o, "envelope_support"))
	r.list(r.member(o, "crypto_info_list"), func(raw []byte) { r.object(raw) })
	r.texts(r.member(o, "capabilities"))
	r.reach(o)
	r.list(r.member(o, "relay_info_list"), func(raw []byte) {
		o := r.object(raw)
		r.timestamp(r.member(o, "timestamp"))
		r.texts(r.member(o, "node_ids"))
		r.reach(o)
		r.text(r.member(o, "relay_kind"))
		r.mtus(o)
	})
	r.mtus(o)
}

func (r *jsonReader) reach(o jsonObject) {
	r.number(r.member(o, "outbound_protocols"), 32)
	r.number(r.member(o, "address_types"), 32)
	r.list(r.member(o, "dial_info_detail_list"), func(raw []byte) {
		o := r.object(raw)
		r.text(r.member(o, "class"))
		o = r.object(r.member(o, "dial_info"))
		r.text(r.member(o, "kind"))
		o = r.object(r.member(o, "socket_address"))
		r.number(r.member(o, "port"), 16)
		for _, raw := range r.object(r.member(o, "address")) {
			var a netip.Addr
			r.value(raw, a.UnmarshalText)
		}
	})
}

func (r *jsonReader) mtus(o jsonObject) {
	raw, ok := o["receive_mtus"]
	if !ok || bytes.Equal(raw, []byte("null")) {
		return
	}
	for _, raw := range r.object(raw) {
		if !bytes.Equal(raw, []byte("null")) {
			r.number(raw, 16)
		}
	}
}

// DecodePeerInfoJSON reads one record. All members must be there and parse, but
// only routing_domain, node_info_message and signatures are used: the first
// fills Domain, the others are checked as those of any PeerInfo. Signatures are
// not verified.
func (d Decoder) DecodePeerInfoJSON(text []byte) (*PeerInfo, error) {
	const field = "peerInfo JSON"
	var r jsonReader
	j := r.peer(text)
	if r.err != nil {
		return nil, &Error{Protocol, field, r.err.Error()}
	}
	domain := PublicInternet
	switch string(j.domain) {
	case LocalNetwork.String():
		domain = LocalNetwork
	case PublicInternet.String():
	default:
		return nil, &Error{Protocol, field, "unknown routing domain"}
	}
	var signatures crypto.Group[crypto.Signature]
	for _, sig := range j.signatures {
		signatures = signatures.Add(d.Kinds, sig)
	}
	if len(signatures) > MaxCryptoKinds {
		return nil, &Error{Ignore, field, "too many signatures"}
	}
	p, err := d.start().newPeerInfo(j.message, signatures, field)
	if err != nil {
		return nil, err
	}
	p.Domain = domain
	return p, nil
}

// DecodePeerInfosJSON reads the answer of a bootstrap server. The text must be
// a JSON array; records in it that do not decode are skipped.
func (d Decoder) DecodePeerInfosJSON(text []byte) ([]*PeerInfo, error) {
	peers := []*PeerInfo{}
	err := jsonread.List(text, func(one []byte) {
		if p, err := d.DecodePeerInfoJSON(one); err == nil {
			peers = append(peers, p)
		}
	})
	if err != nil {
		return nil, &Error{Protocol, "peerInfo JSON", err.Error()}
	}
	return peers, nil
}
