//go:build !js

package bbolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/voile-net/voile/platform"
)

// sample makes a file with small pages and everything the format knows: branch
// pages, overflow, inline buckets, buckets with pages, free pages.
func sample(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sample.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: minPageSize, NoSync: true, NoGrowSync: true, FreelistType: bolt.FreelistMapType})
	if err != nil {
		t.Fatal(err)
	}
	fill := func(from, to, size int) func(tx *bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			database, err := tx.CreateBucketIfNotExists([]byte("database"))
			if err != nil {
				return err
			}
			for column := range uint32(3) {
				b, err := database.CreateBucketIfNotExists(columnName(column))
				if err != nil {
					return err
				}
				for n := from; n < to>>(3*column); n++ {
					if err := b.Put(fmt.Appendf(nil, "key%04d", n), bytes.Repeat([]byte{byte(n)}, size)); err != nil {
						return err
					}
				}
			}
			return nil
		}
	}
	for _, f := range []func(tx *bolt.Tx) error{writeFormat, fill(0, 60, 40), fill(10, 12, 3000), fill(20, 90, 10), func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("database")).Bucket(columnName(0))
		for n := 30; n < 50; n++ {
			if err := b.Delete(fmt.Appendf(nil, "key%04d", n)); err != nil {
				return err
			}
		}
		return nil
	}} {
		if err := db.Update(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func check(file []byte) error {
	_, err := checkFile(bytes.NewReader(file), int64(len(file)))
	return err
}

// walkAll opens a file that passed the check and touches all of it with bbolt,
// for reading and for writing. It returns what bbolt did not like.
func walkAll(t testing.TB, file []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "walk.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), path, Options{})
	if err != nil {
		return err
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	return s.Update(context.Background(), func(tx platform.Tx) error {
		names, err := tx.Databases()
		if err != nil {
			return err
		}
		for _, name := range names {
			if (platform.Bucket{Database: name}).Check() != nil {
				continue
			}
			columns, err := tx.Columns(name)
			if err != nil && !errors.Is(err, platform.ErrNoBucket) {
				return err
			}
			for _, column := range columns {
				b := platform.Bucket{Database: name, Column: column}
				if _, err := tx.Size(b); err != nil && !errors.Is(err, platform.ErrNoBucket) {
					return err
				}
				if err := tx.Put(b, []byte("key0015x"), make([]byte, 2000)); err != nil && !errors.Is(err, platform.ErrNoBucket) {
					return err
				}
			}
		}
		return nil
	})
}

func TestCheckAcceptsWhatBoltWrites(t *testing.T) {
	file := sample(t)
	full, err := checkFile(bytes.NewReader(file), int64(len(file)))
	if err != nil || !full {
		t.Fatalf("checkFile = %t, %v; want true", full, err)
	}
	if err := walkAll(t, file); err != nil {
		t.Fatal(err)
	}
}

// TestCheckFindsDamage changes single bytes of the structure, one at a time.
func TestCheckFindsDamage(t *testing.T) {
	file := sample(t)
	c := &checker{file: bytes.NewReader(file), size: int64(len(file))}
	if err := c.readMeta(); err != nil {
		t.Fatal(err)
	}
	pageAt := func(flags uint16, more func(p []byte) bool) int {
		for at := 2 * minPageSize; at < int(c.pages)*minPageSize; at += minPageSize {
			id := uint64(at / minPageSize)
			p := file[at:]
			if binary.NativeEndian.Uint64(p) == id && binary.NativeEndian.Uint16(p[8:]) == flags && more(p) && (flags == flagFreelist) == (id == c.freelist) && reachable(t, file, id) {
				return at
			}
		}
		t.Fatalf("no page of kind %#x in the sample", flags)
		return 0
	}
	any := func([]byte) bool { return true }
	branch, leaf, freelist := pageAt(flagBranch, any), pageAt(flagLeaf, func(p []byte) bool { return binary.NativeEndian.Uint16(p[10:]) > 3 }), pageAt(flagFreelist, any)
	nested := pageAt(flagLeaf, func(p []byte) bool {
		return binary.NativeEndian.Uint32(p[16:]) == flagBucket && binary.NativeEndian.Uint64(p[16+binary.NativeEndian.Uint32(p[20:])+binary.NativeEndian.Uint32(p[24:]):]) > 1
	})
	bucketValue := nested + pageHead + int(binary.NativeEndian.Uint32(file[nested+20:])+binary.NativeEndian.Uint32(file[nested+24:]))
	for _, damage := range []struct {
		name string
		at   int
		to   byte
	}{
		{"branch: id", branch, 0xEE},
		{"branch: kind", branch + 8, 0x40},
		{"branch: count", branch + 11, 0xFF},
		{"branch: no elements", branch + 10, 0},
		{"branch: overflow", branch + 15, 0x7F},
		{"branch: position of a key", branch + pageHead + 3, 0xFF},
		{"branch: size of a key", branch + pageHead + 7, 0xFF},
		{"branch: child out of range", branch + pageHead + 14, 0x01},
		{"branch: child is the root of all", branch + pageHead + 8, 0},
		{"branch: child is itself", branch + pageHead + 8, byte(branch / minPageSize)},
		{"leaf: kind", leaf + 8, flagFreelist},
		{"leaf: count", leaf + 11, 0x10},
		{"leaf: flags of an element", leaf + pageHead, 0x02},
		{"leaf: position of a key", leaf + pageHead + 7, 0x01},
		{"leaf: size of a key", leaf + pageHead + 11, 0x80},
		{"leaf: size of a value", leaf + pageHead + 14, 0x10},
		{"leaf: order of keys", leaf + pageHead + int(binary.NativeEndian.Uint32(file[leaf+20:])), 0xFF},
		{"bucket: root out of range", bucketValue + 6, 0x01},
		{"bucket: root is a meta page", bucketValue, 1},
		{"freelist: kind", freelist + 8, flagLeaf},
		{"freelist: count", freelist + 11, 0x20},
		{"freelist: id out of range", freelist + pageHead + 6, 0xFF},
		{"freelist: a page in use", freelist + pageHead, byte(leaf / minPageSize)},
		{"freelist: a meta page", freelist + pageHead, 1},
	} {
		changed := bytes.Clone(file)
		changed[damage.at] = damage.to
		if err := check(changed); err == nil {
			t.Errorf("%s: not found", damage.name)
		}
	}
	for n := 0; n < int(c.pages)*minPageSize; n += 64 {
		if check(file[:n]) == nil {
			t.Fatalf("cut to %d bytes: not found", n)
		}
	}
}

// reachable reports whether the check reads page id.
func reachable(t *testing.T, file []byte, id uint64) bool {
	changed := bytes.Clone(file)
	changed[id*minPageSize+5] = 0xAA // in its own id
	return check(changed) != nil
}

// TestCheckFallsBackToTheOlderMeta: a crash may tear the meta page that was
// being written, never the other one.
func TestCheckFallsBackToTheOlderMeta(t *testing.T) {
	file := sample(t)
	for id := range 2 {
		torn := bytes.Clone(file)
		clear(torn[id*minPageSize+40 : id*minPageSize+80])
		if err := check(torn); err != nil {
			t.Errorf("meta page %d torn: %v", id, err)
		}
	}
	clear(file[:2*minPageSize])
	if check(file) == nil {
		t.Error("both meta pages gone: not found")
	}
}

// TestDamageNeverPanics: whatever is damaged, a store opens with an error, or
// works, or fails with an error.
func TestDamageNeverPanics(t *testing.T) {
	file := sample(t)
	const seed = 11
	rnd := rand.New(rand.NewPCG(seed, seed))
	found := 0
	for range 400 {
		changed := bytes.Clone(file)
		for range 1 + rnd.IntN(4) {
			page := 2 + rnd.IntN(len(file)/minPageSize-2)
			changed[page*minPageSize+rnd.IntN(minPageSize)] = byte(rnd.IntN(256))
		}
		if check(changed) != nil {
			found++
		} else if err := walkAll(t, changed); err != nil {
			var corrupt *platform.CorruptError
			if !errors.As(err, &corrupt) {
				t.Errorf("seed %d: %v, want none or a CorruptError", seed, err)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d of 400 damaged files were found", found)
	}
}

// FuzzCheckFile: what passes the check bbolt can open, walk and write to
// without a panic of its own. The fuzzer changes a good file at three places.
func FuzzCheckFile(f *testing.F) {
	file := sample(f)
	f.Add(uint32(0), uint64(0), uint32(0), uint64(0), uint32(0), uint64(0), uint32(0))
	f.Add(uint32(5000), uint64(3), uint32(9000), uint64(1<<40), uint32(17), uint64(9), uint32(3))
	f.Fuzz(func(t *testing.T, at1 uint32, v1 uint64, at2 uint32, v2 uint64, at3 uint32, v3 uint64, cut uint32) {
		changed := bytes.Clone(file)
		for _, c := range []struct {
			at uint32
			v  uint64
		}{{at1, v1}, {at2, v2}, {at3, v3}} {
			binary.NativeEndian.PutUint64(changed[int(c.at)%(len(changed)-8):], c.v)
		}
		for id := range 2 { // honest checksums let the changes through
			m := changed[id*minPageSize+pageHead:]
			sum := fnv.New64a()
			sum.Write(m[:56])
			binary.NativeEndian.PutUint64(m[56:], sum.Sum64())
		}
		changed = changed[:len(changed)-int(cut)%len(changed)]
		if check(changed) != nil {
			return
		}
		if err := walkAll(t, changed); err != nil {
			var corrupt *platform.CorruptError
			if errors.As(err, &corrupt) && corrupt.Err.Error() != "a file of another program" && !bytes.Contains([]byte(corrupt.Err.Error()), []byte("unknown format")) {
				t.Fatalf("passed the check, but: %v", err)
			}
		}
	})
}
