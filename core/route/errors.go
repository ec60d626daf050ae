package route

import "errors"

// What a failed operation means for the caller. None of them ever punishes a peer
// (spec 05 §20): a message that came through a route has no known author.
var (
	// ErrInvalid: a message that is wrong in some way. It is dropped.
	ErrInvalid = errors.New("invalid route message")
	// ErrUnavailable: a message that asks for a service we do not offer now. It is
	// dropped.
	ErrUnavailable = errors.New("service unavailable")
	// ErrTryAgain: there is no route, or not enough nodes for one, at this time.
	ErrTryAgain = errors.New("not possible at this time")
	// ErrUnreachable: the destination cannot be named: its peer info or its key of
	// the kind in use is missing.
	ErrUnreachable = errors.New("no way to the destination")
	// ErrUnknownRoute: no route has this id or key.
	ErrUnknownRoute = errors.New("unknown route")
)

// Errors of arguments.
var (
	// ErrHopCount: a route of no hops.
	ErrHopCount = errors.New("a route has at least one hop")
	// ErrTooManyHops: a route that is longer than the configuration allows.
	ErrTooManyHops = errors.New("a route longer than the largest hop count")
	// ErrKinds: no crypto kind, an unsupported one, or one twice.
	ErrKinds = errors.New("crypto kinds of a route")
)

// Errors of blobs (spec 05 §13.3).
var (
	// ErrBlobEmpty: no bytes at all.
	ErrBlobEmpty = errors.New("empty route blob")
	// ErrBlobCount: more routes than there are crypto kinds.
	ErrBlobCount = errors.New("too many routes in a blob")
	// ErrBlobKinds: no route of a supported kind in the blob.
	ErrBlobKinds = errors.New("no compatible crypto kind in a route blob")
	// ErrBlobDecode: the blob is cut off or malformed.
	ErrBlobDecode = errors.New("malformed route blob")
	// ErrBlobFirstHop: a route whose first hop cannot be dialled from the public internet.
	ErrBlobFirstHop = errors.New("route without a usable first hop")
)

// Errors of stored content.
var (
	// ErrContent: the stored routes cannot be read.
	ErrContent = errors.New("malformed stored routes")
)
