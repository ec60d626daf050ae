package crypto

import (
	"errors"
	"sync"
	"testing"
)

type signed struct {
	pair      KeyPair
	data      []byte
	good, bad Signature
}

func signedBy(t testing.TB, pair KeyPair, data []byte) signed {
	sig, err := newVLD0(nil, 0).Sign(pair, data)
	if err != nil {
		t.Fatal(err)
	}
	bad := sig
	bad.Value[40] ^= 1
	return signed{pair, data, sig, bad}
}

func verify(t testing.TB, v *vld0, s signed) {
	if ok, err := v.Verify(s.pair.Public, s.data, s.good); !ok || err != nil {
		t.Errorf("Verify = %v, %v", ok, err)
	}
}

func hasTable(v *vld0, s signed) bool { return v.keys.busy.Peek(s.pair.Public.Value) != nil }

// TestTableIsEarned: by good signatures, and no bad one is taken before or after.
func TestTableIsEarned(t *testing.T) {
	v := newVLD0(nil, 2)
	s := signedBy(t, pairFromSeed(0), cheezburger)
	refuse := func() {
		t.Helper()
		for range 2 * firstTable {
			if ok, err := v.Verify(s.pair.Public, s.data, s.bad); ok || err != nil {
				t.Fatalf("Verify of a bad signature = %v, %v", ok, err)
			}
		}
	}
	for i := range firstTable {
		refuse()
		if hasTable(v, s) {
			t.Fatalf("a table after %d good signatures", i)
		}
		verify(t, v, s)
	}
	if !hasTable(v, s) {
		t.Fatalf("no table after %d good signatures", firstTable)
	}
	refuse()
	verify(t, v, s)
	if allocs := testing.AllocsPerRun(100, func() { verify(t, v, s) }); allocs != 0 {
		t.Errorf("Verify with a table allocates %v times", allocs)
	}
	if _, err := v.Verify(PublicKey{Kind: KindVLD0, Value: [32]byte{2}}, s.data, s.good); !errors.Is(err, ErrPoint) {
		t.Errorf("Verify with no point: %v, want ErrPoint", err)
	}
}

// TestTablesAreBounded: by their number, and so is the work for them when more keys are
// busy than can have one.
func TestTablesAreBounded(t *testing.T) {
	const limit, rounds = 2, 500
	v := newVLD0(nil, limit)
	var all []signed
	for i := range byte(limit + 1) {
		all = append(all, signedBy(t, pairFromSeed(i), cheezburger))
	}
	made, had := 0, map[int]bool{}
	for range rounds {
		for i, s := range all {
			verify(t, v, s)
			for j, s := range all {
				if has := hasTable(v, s); has != had[j] {
					if had[j] = has; has && i == j {
						made++
					}
				}
			}
		}
		if n := v.keys.busy.Len(); n > limit {
			t.Fatalf("%d tables, want at most %d", n, limit)
		}
	}
	// A key that lost its table needs 8, 16, 32, 64, 128, 256 good signatures for others.
	if most := len(all) * 7; made < limit || made > most {
		t.Errorf("%d tables were made in %d rounds, want at most %d", made, rounds, most)
	}
}

func TestNoTables(t *testing.T) {
	c, err := New(Config{VerifyTables: -1})
	if err != nil {
		t.Fatal(err)
	}
	v := c.Best().(*vld0)
	s := signedBy(t, pairFromSeed(0), cheezburger)
	for range 2 * firstTable {
		verify(t, v, s)
	}
	if v.keys.busy != nil || v.keys.known.Len() != 1 {
		t.Errorf("%d keys remembered, tables %v", v.keys.known.Len(), v.keys.busy != nil)
	}
}

// TestVerifyConcurrently has tables made, used and lost from many goroutines at once.
func TestVerifyConcurrently(t *testing.T) {
	const keys, limit, workers, rounds = 6, 3, 8, 40
	v := newVLD0(nil, limit)
	var all []signed
	for i := range byte(keys) {
		all = append(all, signedBy(t, pairFromSeed(i), sequence(i, 100)))
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds * keys {
				s := all[(i+i/keys*w)%keys]
				verify(t, v, s)
				if ok, err := v.Verify(s.pair.Public, s.data, s.bad); ok || err != nil {
					t.Errorf("Verify of a bad signature = %v, %v", ok, err)
				}
			}
		})
	}
	wg.Wait()
	if n := v.keys.busy.Len(); n != limit {
		t.Errorf("%d tables, want %d", n, limit)
	}
}
