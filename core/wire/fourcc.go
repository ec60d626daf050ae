package wire

import "github.com/voile-net/voile/core/wire/internal/capn"

// FourCC values of the schema (spec 03 §1.4); the index is our ordinal.
var (
	protocolCodes  = [...]uint32{UDP: 0x70554450, TCP: 0x70544350, WS: 0x705f5753, WSS: 0x70575353}
	addressCodes   = [...]uint32{IPv6: 0x69705636, IPv4: 0x69705634}
	classCodes     = [...]uint32{0x64696344, 0x6469634d, 0x64696346, 0x64696342, 0x64696341, 0x64696350}
	sequencingCode = [...]uint32{PreferUnordered: 0x73714e50, PreferOrdered: 0x7371504f, EnsureOrdered: 0x7371454f}
	relayKindCodes = [...]uint32{RelayInbound: 0x726b4942, RelayOutbound: 0x726b4f42}
)

// ordinal finds a code that came off the wire; ok is false for an unknown one.
func ordinal[T ~uint8](codes []uint32, code uint32) (v T, ok bool) {
	for i, c := range codes {
		if c == code {
			return T(i), true
		}
	}
	return 0, false
}

// readSet reads a set given as a list of codes; unknown ones are skipped. WSS is
// unknown here, as in a default build of the other implementation.
func readSet[S, T ~uint8](codes []uint32, l capn.List) (set S) {
	for i := range l.Len() {
		if v, ok := ordinal[T](codes, l.Uint32(i)); ok {
			set |= 1 << v
		}
	}
	return set
}

// writeSet writes a set as a list of codes in the order of ordinals.
func writeSet[S ~uint8](s capn.StructBuilder, slot int, codes []uint32, set S) {
	n := 0
	for i := range codes {
		n += int(set >> i & 1)
	}
	l := s.Uint32s(slot, n)
	n = 0
	for i, code := range codes {
		if set>>i&1 != 0 {
			l.Uint32(n, code)
			n++
		}
	}
}
