//go:build !js

package indexeddb

import (
	"bytes"
	"slices"
	"testing"

	"github.com/voile-net/voile/platform"
)

func TestKeys(t *testing.T) {
	inOrder := []platform.Bucket{
		{Database: "a", Column: 0}, {Database: "a", Column: 1}, {Database: "a", Column: 256}, {Database: "a", Column: 1<<32 - 1},
		{Database: "a\x01", Column: 0}, {Database: "ab", Column: 0}, {Database: "ÿ", Column: 7},
	}
	var keys [][]byte
	for _, b := range inOrder {
		key := bucketKey(b)
		if got, ok := parseBucketKey(key); !ok || got != b {
			t.Errorf("%v comes back as %v, %t", b, got, ok)
		}
		keys = append(keys, key, rowKey(b, []byte{0}), rowKey(b, []byte("\xff\xff")))
		for _, key := range [][]byte{{0}, {0xFF, 0xFF, 0xFF}} {
			if row := rowKey(b, key); bytes.Compare(row, bucketKey(b)) <= 0 || bytes.Compare(row, after(bucketKey(b))) >= 0 {
				t.Errorf("the row %x of %v is not in its range", key, b)
			}
		}
	}
	if !slices.IsSortedFunc(keys, bytes.Compare) {
		t.Errorf("not in order: %x", keys)
	}
	for _, bad := range []string{"", "a", "a\x00", "a\x00\x00\x00\x00", "a\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x00", "\xff\x00\x00\x00\x00\x00"} {
		if b, ok := parseBucketKey([]byte(bad)); ok {
			t.Errorf("%q is read as %v", bad, b)
		}
	}
}

func FuzzBucketKey(f *testing.F) {
	f.Add([]byte("name\x00\x00\x00\x00\x07"))
	f.Fuzz(func(t *testing.T, key []byte) {
		if b, ok := parseBucketKey(key); ok && !bytes.Equal(bucketKey(b), key) {
			t.Errorf("%x is read as %v, which is %x", key, b, bucketKey(b))
		}
	})
}
