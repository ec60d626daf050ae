package bind

import "context"

// The binary path: bytes of applications beside the line instead of base64 in it,
// for skins whose callers have bytes (C, Java, JavaScript). Everything else is as
// in the line.
//
// Where the line has a text of base64 for a payload, it may have "#N" instead: the
// bytes of index N of the list beside it. '#' is no character of base64url, so a
// line of either sort is understood. Requests take it in these parameters:
//
//	message, data, blob, value, key of a table, body, associated_data, aad,
//	plaintext, sealed, domain, password, salt
//
// Answers have it in the value of AppCall, of the ciphers, of Load, Delete and
// GetKeys, of LoadUserSecret and of RandomBytes, and in data and blob of a value
// or a route; updates in message and data. Keys, nonces and signatures are texts
// on both paths.

// blobMark begins a text that refers to bytes beside the line.
const blobMark = '#'

// ParseBinary is as [Client.Parse] for a line that may refer to blobs. The list
// and the bytes belong to the call from then on, which may change them; a skin
// makes the one copy that is needed. An error as of Parse; one blob may be
// referred to once.
func (c *Client) ParseBinary(line []byte, blobs [][]byte) (*Call, error) {
	for i := range blobs {
		if blobs[i] == nil {
			blobs[i] = []byte{}
		}
	}
	return c.parse(line, blobs, true)
}

// RunBinary is as [Call.Run], with the bytes of the answer beside the line. They
// are the caller's.
func (call *Call) RunBinary(ctx context.Context, dst []byte) (response []byte, blobs [][]byte) {
	value, err := call.do(ctx)
	e := encoder{line: dst, binary: true}
	e.response(call, value, err)
	return e.line, e.blobs
}
