package fragment

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

var (
	peer = netip.MustParseAddrPort("44.81.0.12:5150")
	t0   = time.Unix(1700000000, 0)
)

func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// add gives datagrams to r and returns copies of the messages that came out.
func add(t *testing.T, r *Reassembler, now time.Time, from netip.AddrPort, ds ...[]byte) (out [][]byte) {
	t.Helper()
	for _, d := range ds {
		before := bytes.Clone(d)
		m, ok, err := r.Add(now, from, d)
		if err != nil {
			t.Fatalf("Add: %v", err)
		}
		if !bytes.Equal(d, before) {
			t.Fatal("Add changed its input")
		}
		if ok {
			out = append(out, bytes.Clone(m.Data))
			r.Release(m)
		}
	}
	return out
}

func TestReassembleVectors(t *testing.T) {
	for _, v := range vectors(t) {
		var ds [][]byte
		for _, d := range v.Datagrams {
			ds = append(ds, unhex(t, d))
		}
		want := unhex(t, v.Expect.Message)
		r := NewReassembler()
		if got := add(t, r, t0, peer, ds...); len(got) != 1 || !bytes.Equal(got[0], want) {
			t.Errorf("%s: in order: %d messages", v.Name, len(got))
		}
		slices.Reverse(ds)
		if got := add(t, r, t0, peer, ds...); len(got) != 1 || !bytes.Equal(got[0], want) {
			t.Errorf("%s: reversed: %d messages", v.Name, len(got))
		}
		if r.Pending() != 0 {
			t.Errorf("%s: %d left", v.Name, r.Pending())
		}
		if len(ds) > 1 {
			for skip := range ds {
				r := NewReassembler()
				if got := add(t, r, t0, peer, slices.Delete(slices.Clone(ds), skip, skip+1)...); len(got) != 0 {
					t.Errorf("%s: message without datagram %d", v.Name, skip)
				}
			}
		}
	}
}

func TestAnyOrder(t *testing.T) {
	msg := random(1, MaxMessage)
	ds := split(Append(nil, 9, msg, 700), 700)
	r := NewReassembler()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		rng.Shuffle(len(ds), func(i, j int) { ds[i], ds[j] = ds[j], ds[i] })
		if got := add(t, r, t0, peer, ds...); len(got) != 1 || !bytes.Equal(got[0], msg) {
			t.Fatalf("seed %d: %d messages", seed, len(got))
		}
	}
}

func TestWholeMessage(t *testing.T) {
	r := NewReassembler()
	d := Append(nil, 0, []byte("BOOT"), 1200)
	m, ok, err := r.Add(t0, peer, d)
	if !ok || err != nil || string(m.Data) != "BOOT" || m.Datagram != 12 {
		t.Errorf("%q, datagram %d, %v, %v", m.Data, m.Datagram, ok, err)
	}
	two := split(Append(nil, 1, make([]byte, 20), 18), 18)
	r.Add(t0, peer, two[0])
	if m, ok, _ := r.Add(t0, peer, two[1]); !ok || m.Datagram != 0 {
		t.Errorf("message in two datagrams: %v, datagram %d", ok, m.Datagram)
	}
}

func TestRestarts(t *testing.T) {
	msg := random(2, 30)
	ds := split(Append(nil, 5, msg, 18), 18) // three of 10
	r := NewReassembler()
	if got := add(t, r, t0, peer, ds[0], ds[1], ds[1], ds[2]); len(got) != 0 {
		t.Error("a duplicated fragment did not restart the message")
	}
	if got := add(t, r, t0, peer, ds[0]); len(got) != 1 || !bytes.Equal(got[0], msg) {
		t.Error("the message was not finished after the restart")
	}
	longer := split(Append(nil, 5, random(3, 40), 18), 18)
	if got := add(t, r, t0, peer, ds[0], longer[1], ds[1], ds[2]); len(got) != 0 {
		t.Error("another total length did not restart the message")
	}
	if got := add(t, r, t0, peer, ds[0]); len(got) != 1 || !bytes.Equal(got[0], msg) {
		t.Error("the message was not finished after its length changed and changed back")
	}
}

func TestRemotesAreApart(t *testing.T) {
	other := netip.AddrPortFrom(peer.Addr(), peer.Port()+1)
	ds := split(Append(nil, 5, random(2, 20), 18), 18)
	r := NewReassembler()
	if got := append(add(t, r, t0, peer, ds[0]), add(t, r, t0, other, ds[1])...); len(got) != 0 {
		t.Error("fragments of two ports made one message")
	}
}

func remoteAt(i int) netip.AddrPort {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x2c000000+uint32(i))
	return netip.AddrPortFrom(netip.AddrFrom4(b), 5150)
}

func TestLimits(t *testing.T) {
	first := func(seq uint16, n int) []byte {
		return split(Append(nil, seq, make([]byte, n), n/2+HeaderSize+1), n/2+HeaderSize+1)[0]
	}

	t.Run("remotes", func(t *testing.T) {
		r := NewReassembler()
		for i := range MaxRemotes {
			add(t, r, t0, remoteAt(i), first(0, 100))
		}
		late := split(Append(nil, 0, make([]byte, 20), 18), 18)
		if got := add(t, r, t0, remoteAt(MaxRemotes), late...); len(got) != 0 || r.Pending() != MaxRemotes {
			t.Errorf("beyond the limit: %d messages, %d pending", len(got), r.Pending())
		}
		if got := add(t, r, t0, remoteAt(MaxRemotes), Append(nil, 0, []byte("BOOT"), 1200)); len(got) != 1 {
			t.Error("a message of one fragment was dropped")
		}
		// The slots come back by age, whoever sends.
		if got := add(t, r, t0.Add(MaxAge+1), remoteAt(MaxRemotes), late...); len(got) != 1 || r.Pending() != 0 {
			t.Errorf("after the age: %d messages, %d pending", len(got), r.Pending())
		}
	})
	t.Run("assemblies", func(t *testing.T) {
		r := NewReassembler()
		msgs := make([][][]byte, MaxAssemblies+1)
		for i := range msgs {
			msgs[i] = split(Append(nil, uint16(i), random(uint64(i), 20), 18), 18)
			add(t, r, t0, peer, msgs[i][0])
		}
		if r.Pending() != MaxAssemblies {
			t.Errorf("%d pending, want %d", r.Pending(), MaxAssemblies)
		}
		if got := add(t, r, t0, peer, msgs[1][1]); len(got) != 1 {
			t.Error("the second oldest is gone")
		}
		if got := add(t, r, t0, peer, msgs[0][1]); len(got) != 0 {
			t.Error("the oldest is still there")
		}
	})
	t.Run("bytes", func(t *testing.T) {
		r := NewReassembler()
		for seq := range uint16(6) {
			add(t, r, t0, peer, first(seq, 60000))
		}
		if want := MaxBuffered / 60000; r.Pending() != want {
			t.Errorf("%d pending, want %d", r.Pending(), want)
		}
	})
	t.Run("age", func(t *testing.T) {
		ds := split(Append(nil, 0, make([]byte, 20), 18), 18)
		for _, tt := range []struct {
			after time.Duration
			whole bool
		}{{MaxAge, true}, {MaxAge + time.Millisecond, false}} {
			r := NewReassembler()
			add(t, r, t0, peer, ds[0])
			if got := add(t, r, t0.Add(tt.after), peer, ds[1]); (len(got) == 1) != tt.whole {
				t.Errorf("after %v: whole %v, want %v", tt.after, !tt.whole, tt.whole)
			}
		}
		r := NewReassembler()
		add(t, r, t0, peer, ds[0])
		if r.Purge(t0.Add(MaxAge + 1)); r.Pending() != 0 {
			t.Error("Purge left an old assembly")
		}
	})
}

// FuzzReassemble feeds datagrams cut out of the input, with their lengths in
// front. A message that comes out must be made of bytes that went in.
func FuzzReassemble(f *testing.F) {
	pack := func(ds [][]byte) (b []byte) {
		for _, d := range ds {
			b = binary.BigEndian.AppendUint16(b, uint16(len(d)))
			b = append(b, d...)
		}
		return b
	}
	for _, v := range vectors(f)[:4] {
		var ds [][]byte
		for _, d := range v.Datagrams {
			ds = append(ds, unhex(f, d))
		}
		f.Add(pack(ds))
	}
	small := split(Append(nil, 3, []byte("abcdefghijkl"), 12), 12)
	f.Add(pack(small))
	f.Add(pack([][]byte{small[2], small[0], small[0], small[1], small[2]}))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReassembler()
		now, total := t0, 0
		for len(in) >= 2 {
			n := min(int(binary.BigEndian.Uint16(in)), len(in)-2)
			d := in[2 : 2+n : 2+n]
			in = in[2+n:]
			now = now.Add(time.Duration(n) * time.Millisecond)
			m, ok, err := r.Add(now, peer, d)
			total += len(d)
			if ok {
				if err != nil || len(m.Data) == 0 || len(m.Data) > total {
					t.Fatalf("message of %d bytes out of %d, %v", len(m.Data), total, err)
				}
				r.Release(m)
			}
			if r.Pending() > MaxAssemblies {
				t.Fatalf("%d pending", r.Pending())
			}
			if rem := r.remotes[peer]; rem != nil {
				buffered := 0
				for a := rem.oldest; a != nil; a = a.next {
					buffered += int(a.total)
				}
				if buffered != rem.buffered || buffered > MaxBuffered {
					t.Fatalf("buffered %d, counted %d", buffered, rem.buffered)
				}
			}
		}
		if r.Purge(now.Add(MaxAge + 1)); r.Pending() != 0 || r.oldest != nil || r.newest != nil || len(r.remotes) != 0 {
			t.Fatal("Purge left something")
		}
	})
}

func BenchmarkReassemble(b *testing.B) {
	for _, size := range []int{16 << 10, 32 << 10} {
		b.Run(map[int]string{16 << 10: "16KiB", 32 << 10: "32KiB"}[size], func(b *testing.B) {
			r := NewReassembler()
			msg := make([]byte, size)
			var buf []byte
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				buf = Append(buf[:0], uint16(i), msg, 1200)
				whole := 0
				for rest := buf; len(rest) > 0; {
					d := rest[:min(1200, len(rest))]
					rest = rest[len(d):]
					if m, ok, _ := r.Add(t0, peer, d); ok {
						whole++
						r.Release(m)
					}
				}
				if whole != 1 {
					b.Fatal("not whole")
				}
			}
		})
	}
}
