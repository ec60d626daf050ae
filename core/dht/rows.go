package dht

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// The form of a store's rows. It is our own (spec 06 §15: format free). All
// integers are little-endian, and kinds are left out: everything in a record is of
// the kind of its key.
//
//	head   key    kind[4] key[32]
//	       value  version[1] touched[8, µs] owner[32] signature[64]
//	              len[2] schema  len[4] detail  count[2] { subkey[2] seq[4] size[2] }*
//	value  key    kind[4] key[32] subkey[4, big-endian]
//	       value  signature[64] ValueData
const (
	rowVersion   = 1
	recordRowKey = 4 + crypto.ValueSize
	valueRowKey  = recordRowKey + 4
	headFixed    = 1 + 8 + crypto.ValueSize + crypto.SignatureSize + 2 + 4 + 2
	entrySize    = 8
	maxSchema    = schemaHead + MaxMembers*memberSize

	// MaxDetail is the most bytes that a store's owner may keep beside a record.
	MaxDetail = 16 << 10
	// rowOverhead is what a row of a table is taken to cost beside its bytes.
	rowOverhead = 64
)

var errRow = errors.New("damaged row")

// entry is what the index knows of a written subkey.
type entry struct {
	seq    uint32
	subkey uint16
	size   uint16 // bytes of its row's value; at most 33 KiB
}

func appendRecordKey(dst []byte, key crypto.OpaqueRecordKey) []byte {
	dst, _ = key.AppendBinary(dst)
	return dst
}

func appendValueKey(dst []byte, p place) []byte {
	return binary.BigEndian.AppendUint32(appendRecordKey(dst, p.key), p.subkey)
}

func parseRecordKey(row []byte) (crypto.OpaqueRecordKey, error) {
	if len(row) != recordRowKey {
		return crypto.OpaqueRecordKey{}, errRow
	}
	return crypto.ParseBytes[crypto.OpaqueRecordKey](row)
}

// headSize is the length of the value of a record's head.
func headSize(d *Descriptor, detail, entries int) int {
	return headFixed + len(d.Signed.SchemaData) + detail + entries*entrySize
}

func appendHead(dst []byte, r *record) []byte {
	le := binary.LittleEndian
	signed := r.descriptor.Signed
	dst = append(dst, rowVersion)
	dst = le.AppendUint64(dst, uint64(r.touched))
	dst = append(dst, signed.Owner.Value[:]...)
	dst = append(dst, signed.Signature.Value[:]...)
	dst = le.AppendUint16(dst, uint16(len(signed.SchemaData)))
	dst = append(dst, signed.SchemaData...)
	dst = le.AppendUint32(dst, uint32(len(r.detail)))
	dst = append(dst, r.detail...)
	dst = le.AppendUint16(dst, uint16(len(r.entries)))
	for _, e := range r.entries {
		dst = le.AppendUint16(dst, e.subkey)
		dst = le.AppendUint32(dst, e.seq)
		dst = le.AppendUint16(dst, e.size)
	}
	return dst
}

// parseHead reads the head of a record in memory of its own. The descriptor was
// verified before it was stored and is not verified again: the rows are below the
// node's own encryption, and its signature is checked by whoever it is sent to.
func parseHead(key crypto.OpaqueRecordKey, row []byte) (*record, error) {
	if len(row) < headFixed || row[0] != rowVersion {
		return nil, errRow
	}
	le := binary.LittleEndian
	signed := &wire.SignedValueDescriptor{
		Owner:     crypto.PublicKey{Kind: key.Kind},
		Signature: crypto.Signature{Kind: key.Kind},
	}
	r := &record{touched: int64(le.Uint64(row[1:]))}
	row = row[9:]
	row = row[copy(signed.Owner.Value[:], row):]
	row = row[copy(signed.Signature.Value[:], row):]

	n := int(le.Uint16(row))
	row = row[2:]
	if n > maxSchema || len(row) < n+4 {
		return nil, errRow
	}
	signed.SchemaData = append([]byte(nil), row[:n]...)
	schema, err := ParseSchema(signed.SchemaData)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRow, err)
	}
	row = row[n:]

	detail := le.Uint32(row)
	row = row[4:]
	if detail > MaxDetail || uint32(len(row)) < detail+2 {
		return nil, errRow
	}
	if detail > 0 {
		r.detail = append([]byte(nil), row[:detail]...)
	}
	row = row[detail:]

	count := int(le.Uint16(row))
	row = row[2:]
	if count > schema.Subkeys() || len(row) != count*entrySize {
		return nil, errRow
	}
	if count > 0 {
		r.entries = make([]entry, count)
	}
	last := -1
	for i := range r.entries {
		b := row[i*entrySize:]
		e := entry{subkey: le.Uint16(b), seq: le.Uint32(b[2:]), size: le.Uint16(b[6:])}
		if int(e.subkey) <= last || int(e.subkey) >= schema.Subkeys() || e.seq == wire.SeqNone {
			return nil, errRow
		}
		last = int(e.subkey)
		r.entries[i] = e
	}
	r.descriptor = &Descriptor{Key: key, Schema: schema, Signed: signed}
	return r, nil
}

func valueRowSize(v *wire.SignedValueData) int { return crypto.SignatureSize + len(v.Blob) }

func appendValueRow(dst []byte, v *wire.SignedValueData) []byte {
	dst = append(dst, v.Signature.Value[:]...)
	return append(dst, v.Blob...)
}

// parseValueRow reads a value in memory of its own.
func parseValueRow(d wire.Decoder, kind crypto.Kind, row []byte) (*wire.SignedValueData, error) {
	if len(row) < crypto.SignatureSize {
		return nil, errRow
	}
	v, err := d.DecodeValueData(row[crypto.SignatureSize:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRow, err)
	}
	v.Signature = crypto.Signature{Kind: kind, Value: [crypto.SignatureSize]byte(row)}
	return v, nil
}
