package envelope

// MessageKind is what an unframed message is by its first bytes (spec 02 §8).
type MessageKind uint8

const (
	Empty       MessageKind = iota // no bytes: ignore
	Short                          // fewer than 4 bytes: the sender pays
	BootstrapV0                    // "BOOT", a bootstrap request (spec 02 §13.4)
	BootstrapV1                    // "B01T", a bootstrap request (spec 02 §13.5)
	OutOfBand                      // "RCP0", a receipt out of band (spec 02 §11)
	Sealed                         // anything else is to be parsed as an envelope
)

// The magics of the messages that are not envelopes. A bootstrap request is these 4
// bytes; what follows them is ignored.
const (
	MagicBootstrapV0 = "BOOT"
	MagicBootstrapV1 = "B01T" // the second character is a zero
	MagicReceipt     = "RCP0"
	MagicEnvelope    = "ENV0"
)

// Classify looks at the first 4 bytes of a message.
func Classify(msg []byte) MessageKind {
	switch {
	case len(msg) == 0:
		return Empty
	case len(msg) < 4:
		return Short
	}
	switch string(msg[:4]) {
	case MagicBootstrapV0:
		return BootstrapV0
	case MagicBootstrapV1:
		return BootstrapV1
	case MagicReceipt:
		return OutOfBand
	}
	return Sealed
}

func (k MessageKind) String() string {
	switch k {
	case Empty:
		return "empty"
	case Short:
		return "short"
	case BootstrapV0:
		return MagicBootstrapV0
	case BootstrapV1:
		return MagicBootstrapV1
	case OutOfBand:
		return MagicReceipt
	}
	return MagicEnvelope
}
