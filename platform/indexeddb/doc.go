// Package indexeddb keeps tables in IndexedDB: a [platform.KeyValueStore] for
// browsers (spec 01 §8.2). It is compiled for GOOS=js only, but for the form of its
// keys.
//
// One IndexedDB database holds everything, in two object stores: "rows", by the key
// of a row, and "buckets", by the key of a bucket. Keys are binary and sort by their
// bytes, as the contract wants:
//
//	key of a bucket   name 00 column           column: 4 bytes, highest first
//	key of a row      key of the bucket, key
//
// A transaction of IndexedDB ends as soon as its page has turned back to the event
// loop without a pending request. In Go the goroutine that waits for a request goes
// on inside the request's own event, in Chromium and in Firefox, so that the next
// request is in time. But nothing here depends on that. Reads are made in a
// read-only transaction; writes are collected, seen by the reads of their own
// Update, and handed over when the callback has returned: in one read-write
// transaction, without waiting in between, with the durability "strict". Since this
// store is the only one that has the database open, and lets no commit pass a
// running View, a read-only transaction that has ended in between is replaced by
// another one that sees the same.
//
// The only one: a Web Lock named after the database says so, in all tabs and workers
// of an origin; a second Open gets [platform.ErrInUse] at once. The browser gives
// the lock up with the tab. Web Locks exist where the page came by https or from the
// machine itself; elsewhere Open gives [platform.ErrUnsupported].
//
// IndexedDB is reached through github.com/hack-pad/go-indexeddb. It closes a database
// by itself when another tab deletes it or opens a newer version of it; what is done
// with the store from then on gives [ErrGone].
//
// It imports platform, its internal packages and that library.
package indexeddb
