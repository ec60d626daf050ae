// Package bbolt is a [platform.KeyValueStore] in one file, on go.etcd.io/bbolt:
// a B+tree with copy-on-write pages, so that a crash leaves the last committed
// state. There is no bbolt for browsers: under GOOS=js the package is empty.
//
// bbolt trusts its file: a damaged page makes it panic, read outside the file
// or ask for all memory. So this package reads the file itself before bbolt
// does (check.go), and turns what still happens later into errors. What it can
// not see is a change inside a value: values carry no checksum.
//
// It imports platform, internal/diskfile, internal/guard and bbolt.
package bbolt
