package indexeddb

import (
	"bytes"
	"encoding/binary"

	"github.com/voile-net/voile/platform"
)

// bucketKey is the key of a bucket and the prefix of the keys of its rows.
func bucketKey(b platform.Bucket) []byte {
	key := append([]byte(b.Database), 0)
	return binary.BigEndian.AppendUint32(key, b.Column)
}

// parseBucketKey is the inverse of bucketKey.
func parseBucketKey(key []byte) (b platform.Bucket, ok bool) {
	name, column, found := bytes.Cut(key, []byte{0})
	if !found || len(column) != 4 {
		return platform.Bucket{}, false
	}
	b = platform.Bucket{Database: string(name), Column: binary.BigEndian.Uint32(column)}
	return b, b.Check() == nil
}

// rowKey is the key of a row.
func rowKey(b platform.Bucket, key []byte) []byte { return append(bucketKey(b), key...) }

// after is the first key behind all that begin with a prefix that has a byte other
// than 0xFF, which every key of a bucket has: the NUL.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] != 0xFF {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}
