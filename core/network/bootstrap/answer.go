package bootstrap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/jsonread"
	"github.com/voile-net/voile/core/wire"
)

// The two requests (spec 02 §8). Only the first four bytes of a message count.
const (
	RequestV0 = "BOOT"
	RequestV1 = "B01T"
)

// MaxAnswer is the largest answer: one message of any transport.
const MaxAnswer = 65507

// maxAnswerPeers bounds the peers taken from one answer; a server picks 12
// per kind (spec 02 §13.4), and the smallest peer info as JSON has some hundred
// bytes.
const maxAnswerPeers = 128

// ErrAnswer: a reply to BOOT or B01T that is not of its form.
var ErrAnswer = errors.New("malformed bootstrap answer")

// ErrTooLarge: an answer that does not fit one message.
var ErrTooLarge = errors.New("bootstrap answer too large")

// AnswerV1 is the answer to B01T (spec 02 §13.5).
type AnswerV1 struct {
	Records []string
	Peers   []*wire.PeerInfo
}

// AppendV0 appends the answer to BOOT: a JSON array of peer infos, `[]` for
// none (spec 02 §13.4). Peers that do not fit any more are left out.
func AppendV0(dst []byte, peers []*wire.PeerInfo) []byte {
	start := len(dst)
	for n := len(peers); ; n-- {
		dst = wire.AppendPeerInfosJSON(dst[:start], peers[:n])
		if len(dst)-start <= MaxAnswer || n == 0 {
			return dst
		}
	}
}

// AppendV1 appends the answer to B01T: the members in this order, no white
// space (spec 02 §13.5). Peers that do not fit any more are left out; records
// that do not fit are [ErrTooLarge].
func AppendV1(dst []byte, a AnswerV1) ([]byte, error) {
	start := len(dst)
	dst = append(dst, `{"records":[`...)
	for i, r := range a.Records {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONString(dst, r)
	}
	dst = append(dst, `],"peers":`...)
	head := len(dst)
	for n := len(a.Peers); ; n-- {
		dst = append(wire.AppendPeerInfosJSON(dst[:head], a.Peers[:n]), '}')
		switch {
		case len(dst)-start <= MaxAnswer:
			return dst, nil
		case n == 0:
			return dst[:start], ErrTooLarge
		}
	}
}

// appendJSONString escapes what JSON demands and nothing more, as the original
// does; encoding/json would also escape <, > and &.
func appendJSONString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// ParseV0 reads an answer to BOOT. Peers that do not verify are left out; a
// text that does not parse as a whole is [ErrAnswer] (spec 02 §13.6).
func ParseV0(c *crypto.Crypto, text []byte) ([]*wire.PeerInfo, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	return verifiedPeers(c, text)
}

// ParseV1 reads an answer to B01T likewise. The records are not parsed.
func ParseV1(c *crypto.Crypto, text []byte) (AnswerV1, error) {
	if err := checkText(text); err != nil {
		return AnswerV1{}, err
	}
	members, err := jsonread.Object(nil, text)
	if err != nil {
		return AnswerV1{}, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	var rawRecords, rawPeers []byte
	for _, m := range members {
		switch string(m.Name) {
		case "records":
			rawRecords = m.Raw
		case "peers":
			rawPeers = m.Raw
		}
	}
	if rawRecords == nil || rawPeers == nil {
		return AnswerV1{}, fmt.Errorf("%w: a member is missing", ErrAnswer)
	}
	var a AnswerV1
	if a.Records, err = readTexts(rawRecords); err != nil {
		return AnswerV1{}, fmt.Errorf("%w: records: %w", ErrAnswer, err)
	}
	if a.Peers, err = verifiedPeers(c, rawPeers); err != nil {
		return AnswerV1{}, err
	}
	return a, nil
}

var errNoText = errors.New("not a list of texts")

// readTexts reads an array of texts.
func readTexts(raw []byte) ([]string, error) {
	texts := []string{}
	all := true
	err := jsonread.List(raw, func(raw []byte) {
		text, ok := jsonread.Text(raw)
		all = all && ok
		texts = append(texts, string(text))
	})
	if err == nil && !all {
		err = errNoText
	}
	if err != nil {
		return nil, err
	}
	return texts, nil
}

func checkText(text []byte) error {
	switch {
	case len(text) > MaxAnswer:
		return fmt.Errorf("%w: %d bytes", ErrAnswer, len(text))
	case !utf8.Valid(text):
		return fmt.Errorf("%w: not UTF-8", ErrAnswer)
	}
	return nil
}

func verifiedPeers(c *crypto.Crypto, text []byte) ([]*wire.PeerInfo, error) {
	all, err := wire.Decoder{Kinds: c.Kinds()}.DecodePeerInfosJSON(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if len(all) > maxAnswerPeers {
		all = all[:maxAnswerPeers]
	}
	return slices.DeleteFunc(all, func(p *wire.PeerInfo) bool { return VerifyPeer(c, p) != nil }), nil
}
