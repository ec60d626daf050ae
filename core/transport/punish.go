package transport

// Reason says what an address or a node was punished for (spec 02 §7.2).
type Reason uint8

const (
	ShortPacket                    Reason = iota // IP: message of 1 to 3 bytes
	InvalidFraming                               // IP: bad TCP frame or WebSocket protocol error on an accepted connection
	FailedToDecodeEnvelope                       // IP
	FailedToDecryptEnvelopeBody                  // node
	FailedToDecodeOperation                      // node
	WrongSenderPeerInfo                          // node
	FailedToRegisterSenderPeerInfo               // node
	Manual                                       // either: by the operator
)

// String returns the name of the specification.
func (r Reason) String() string {
	names := [...]string{
		"ShortPacket", "InvalidFraming", "FailedToDecodeEnvelope", "FailedToDecryptEnvelopeBody",
		"FailedToDecodeOperation", "WrongSenderPeerInfo", "FailedToRegisterSenderPeerInfo", "Manual",
	}
	if int(r) < len(names) {
		return names[r]
	}
	return "invalid"
}
