package route

import (
	"errors"
	"fmt"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

func (n *net) blob(t testing.TB, name string) []byte {
	t.Helper()
	blob, err := wire.EncodeRouteBlob([]*wire.PrivateRoute{n.remoteRoute(t, n.others[0], n.others[1], name)})
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func TestImportFaults(t *testing.T) {
	n := newNet(t, 2, nil)
	good := n.blob(t, "far")
	if _, err := n.store.ImportBlob(append(append([]byte(nil), good...), "more"...), start); err != nil {
		t.Errorf("bytes behind the last route: %v", err)
	}
	noHop, err := wire.EncodePrivateRoute(&wire.PrivateRoute{PublicKey: n.others[0].pair.Public})
	if err != nil {
		t.Fatal(err)
	}
	strange := *n.remoteRoute(t, n.others[0], n.others[1], "far")
	strange.PublicKey.Kind = crypto.KindNONE
	kind, err := wire.EncodeRouteBlob([]*wire.PrivateRoute{&strange})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		blob []byte
		want error
	}{
		{"nothing", nil, ErrBlobEmpty},
		{"no routes", []byte{0}, ErrBlobKinds},
		{"four routes", append([]byte{4}, good[1:]...), ErrBlobCount},
		{"more than there are", append([]byte{2}, good[1:]...), ErrBlobDecode},
		{"noise", []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, ErrBlobDecode},
		{"no first hop", append([]byte{1}, noHop...), ErrBlobDecode},
		{"a kind that is not enabled", kind, ErrBlobKinds},
	} {
		if _, err := n.store.ImportBlob(tt.blob, start); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	for i := range good {
		if _, err := n.store.ImportBlob(good[:i], start); err == nil {
			t.Fatalf("the first %d of %d bytes import", i, len(good))
		}
	}
	n.table.invalid[n.others[1].id] = true
	if _, err := n.store.ImportBlob(n.blob(t, "other"), start); !errors.Is(err, ErrBlobFirstHop) {
		t.Errorf("an entry hop without public dial info: %v", err)
	}
}

// The form of 0.5.2, whose entry hop is an id, imports too.
func TestImportByID(t *testing.T) {
	e := &example{t: t}
	n := newNet(t, 1, nil)
	readJSON(t, "worked-example.json", e)
	for i := range 2 {
		id, err := n.store.ImportBlob(e.value("published blob", i), start)
		if err != nil || id.String() != "VLD0:ZlPbr84S476m7o4KTrSpe5bA3Y6r88nf2SBJCseQTjo" {
			t.Errorf("value %d: %v, %v", i, id, err)
		}
	}
}

func TestRemoteCache(t *testing.T) {
	n := newNet(t, 2, func(c *Config) { c.RemoteRoutes = 3 })
	var ids []crypto.RouteID
	for i := range 3 {
		id, err := n.store.ImportBlob(n.blob(t, fmt.Sprint(i)), start)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	first, err := n.store.RemoteRoute(ids[0], seconds(200))
	if err != nil {
		t.Fatal(err)
	}
	// Importing again touches and does not replace.
	if _, err := n.store.ImportBlob(n.blob(t, "1"), seconds(250)); err != nil {
		t.Fatal(err)
	}
	if id, ok := n.store.RouteIDOf(first.PublicKey, seconds(300)); !ok || id != ids[0] {
		t.Errorf("by its key: %v, %t", id, ok)
	}
	if _, err := n.store.RemoteRoute(ids[2], seconds(300)); !errors.Is(err, ErrUnknownRoute) {
		t.Errorf("after 5 minutes without use: %v", err)
	}
	if _, err := n.store.RemoteRoute(ids[1], seconds(549)); err != nil {
		t.Errorf("the one that was imported again: %v", err)
	}
	if change := n.store.TakeChange(); change != nil {
		t.Errorf("expiry is told of: %+v", change)
	}
	// An expired one is replaced by a new import, with fresh statistics.
	if _, err := n.store.ImportBlob(n.blob(t, "2"), seconds(550)); err != nil {
		t.Fatal(err)
	}
	again, err := n.store.RemoteRoute(ids[2], seconds(550))
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := n.store.RouteIDOf(again.PublicKey, seconds(550)); !ok || id != ids[2] {
		t.Errorf("the key index is lost: %v, %t", id, ok)
	}
	if change := n.store.TakeChange(); change != nil {
		t.Errorf("a replacement is told of: %+v", change)
	}
	// A fourth pushes out what was not used for longest, and that is told.
	if _, err := n.store.ImportBlob(n.blob(t, "3"), seconds(551)); err != nil {
		t.Fatal(err)
	}
	if change := n.store.TakeChange(); change == nil || len(change.DeadRemote) != 1 || change.DeadRemote[0] != ids[0] {
		t.Errorf("change %+v", change)
	}
	if _, ok := n.store.RouteIDOf(first.PublicKey, seconds(551)); ok {
		t.Error("the key of the one pushed out is still known")
	}
}

func TestExport(t *testing.T) {
	n := newNet(t, 6, nil)
	if _, err := n.store.ExportBlob(crypto.RouteID{}, true); !errors.Is(err, ErrUnknownRoute) {
		t.Errorf("unknown: %v", err)
	}
	for hops := 1; hops <= 4; hops++ {
		id := n.allocate(t, AllocateRequest{HopCount: hops, Ordering: Ordered})
		short, err := n.store.ExportBlob(id, true)
		if err != nil {
			t.Fatal(err)
		}
		long, err := n.store.ExportBlob(id, false)
		if err != nil {
			t.Fatal(err)
		}
		if len(short) >= len(long) {
			t.Errorf("%d hops: optimized %d bytes, full %d", hops, len(short), len(long))
		}
		// A node may import its own route.
		if got, err := n.store.ImportBlob(long, start); err != nil || got != id {
			t.Errorf("%d hops: imported %v, %v, want %v", hops, got, err, id)
		}
	}
	id := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered})
	delete(n.table.known, n.info(t, id).Hops[0])
	if _, err := n.store.ExportBlob(id, true); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a hop that is not known any more: %v", err)
	}
	n.table.own = nil
	if _, err := n.store.ExportBlob(id, true); !errors.Is(err, ErrTryAgain) {
		t.Errorf("unpublished: %v", err)
	}
}
