package wire

import (
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire/internal/capn"
)

// Tag bytes behind the message of a safety layer (spec 03 §2.1 layer 6).
const (
	tagRouteHop     = 0
	tagPrivateRoute = 1
)

// SafetyLayer is what a hop finds when it opens its layer of a safety route:
// exactly one of the two.
type SafetyLayer struct {
	Hop   *RouteHop     // the next safety hop; its Next is set
	Route *PrivateRoute // the safety part is over
}

// Layers arrive encrypted inside routes, where nothing is punished: whatever is
// wrong with one is of class Ignore (spec 05 §20). The returned values own
// their memory.

// DecodeSafetyLayer decodes the plaintext of a safety layer, tag byte included.
func (d Decoder) DecodeSafetyLayer(plain []byte) (SafetyLayer, error) {
	const field = "safetyLayer"
	if len(plain) == 0 {
		return SafetyLayer{}, &Error{Ignore, field, "empty"}
	}
	message, tag := plain[:len(plain)-1], plain[len(plain)-1]
	switch tag {
	case tagRouteHop:
		h, err := d.DecodeRouteHop(message)
		if err != nil {
			return SafetyLayer{}, err
		}
		if h.Next == nil {
			return SafetyLayer{}, &Error{Ignore, field, "safety hop without a next one"}
		}
		return SafetyLayer{Hop: h}, nil
	case tagPrivateRoute:
		r, err := d.DecodePrivateRoute(message)
		if err != nil {
			return SafetyLayer{}, err
		}
		return SafetyLayer{Route: r}, nil
	}
	return SafetyLayer{}, &Error{Ignore, field, "unknown tag"}
}

// DecodeRouteHop decodes a packed RouteHop, the plaintext of a private layer.
func (d Decoder) DecodeRouteHop(packed []byte) (*RouteHop, error) {
	h, _, err := openLayer(d.start(), packed, "routeHop", (*decoding).routeHop)
	return h, err
}

// DecodePrivateRoute decodes a packed PrivateRoute.
func (d Decoder) DecodePrivateRoute(packed []byte) (*PrivateRoute, error) {
	r, _, err := openLayer(d.start(), packed, "privateRoute", (*decoding).privateRoute)
	return r, err
}

func openLayer[T any](d *decoding, packed []byte, field string, read func(*decoding, capn.Struct, string) (*T, error)) (v *T, rest []byte, err error) {
	rest, err = d.main.OpenPacked(packed, &d.limit)
	if err != nil {
		return nil, nil, &Error{Ignore, field, err.Error()}
	}
	if v, err = read(d, d.main.Root(), field); err == nil {
		err = intact(&d.main, field)
	}
	if err != nil {
		return nil, nil, &Error{Ignore, field, err.Error()}
	}
	return v, rest, nil
}

// EncodeSafetyLayer returns the plaintext of a safety layer with its tag byte.
func EncodeSafetyLayer(l SafetyLayer) ([]byte, error) {
	switch {
	case (l.Hop == nil) == (l.Route == nil):
		return nil, unfit("safetyLayer", "not one of hop and route")
	case l.Route != nil:
		packed, err := EncodePrivateRoute(l.Route)
		return append(packed, tagPrivateRoute), err
	case l.Hop.Next == nil:
		return nil, unfit("safetyLayer", "safety hop without a next one")
	}
	packed, err := EncodeRouteHop(l.Hop)
	return append(packed, tagRouteHop), err
}

// EncodeRouteHop returns the packed RouteHop, the plaintext of a private layer.
func EncodeRouteHop(h *RouteHop) ([]byte, error) {
	if err := h.check("routeHop"); err != nil {
		return nil, err
	}
	b := capn.NewBuilder(h.size())
	putRouteHop(b.Root(1, 2), h)
	return finishPacked(b)
}

// EncodePrivateRoute returns the packed PrivateRoute.
func EncodePrivateRoute(r *PrivateRoute) ([]byte, error) {
	if err := r.check("privateRoute"); err != nil {
		return nil, err
	}
	b := capn.NewBuilder(r.size())
	putPrivateRoute(b.Root(1, 2), r)
	return finishPacked(b)
}

// EncodeRouteBlob joins the routes of one route set, one per kind, to the blob
// that is given to others (spec 05 §13.3). They are to be in key order.
func EncodeRouteBlob(routes []*PrivateRoute) ([]byte, error) {
	if len(routes) == 0 || len(routes) > MaxCryptoKinds {
		return nil, unfit("routeBlob", "not 1 to 3 routes")
	}
	blob := []byte{byte(len(routes))}
	for _, r := range routes {
		packed, err := EncodePrivateRoute(r)
		if err != nil {
			return nil, err
		}
		blob = append(blob, packed...)
	}
	return blob, nil
}

// DecodeRouteBlob takes a blob apart, sorts the routes by public key and
// requires that each begins with a hop. Bytes after the last are ignored
// (spec 05 §13.3).
func (d Decoder) DecodeRouteBlob(blob []byte) ([]*PrivateRoute, error) {
	const field = "routeBlob"
	if len(blob) == 0 || blob[0] == 0 || blob[0] > MaxCryptoKinds {
		return nil, &Error{Ignore, field, "not 1 to 3 routes"}
	}
	routes := make([]*PrivateRoute, blob[0])
	rest, state := blob[1:], d.start()
	for i := range routes {
		var err error
		if routes[i], rest, err = openLayer(state, rest, field, (*decoding).privateRoute); err != nil {
			return nil, err
		}
		if routes[i].FirstHop == nil {
			return nil, &Error{Ignore, field, "route without a first hop"}
		}
	}
	sorting.By(routes, func(a, b *PrivateRoute) int { return a.PublicKey.Compare(b.PublicKey, d.Kinds) })
	return routes, nil
}
