// Package table is the encrypted store of the device: databases of numbered
// columns, with handles and transactions, over a [platform.KeyValueStore] and
// under the device encryption key (spec 07 §2.6, spec 01 §8).
//
//   - [DeviceKey] loads or makes the key that everything here is encrypted under.
//   - [Store] checks that the key fits what is stored, and opens, deletes,
//     renames and lists databases by name.
//   - [DB] is a handle of a database: Store, Load, Delete, Keys, KeyCount, Walk.
//   - [Tx] collects writes and commits all of them or none.
//   - [Secrets] are the secrets of an application.
//
// The databases of the node itself have names of their own ([Store.OpenOwn]): an
// application can neither open nor delete them. Which bytes are stored stands at
// the types [Store] and cells; none of it is seen by a peer, so the form is our
// own, except that of the device key.
//
// There is no I/O here but through the KeyValueStore and the ProtectedStore, and
// no goroutine: whoever finds other single writes waiting commits them together
// with its own. Everything may be called from any goroutine. Byte slices are
// copied in both directions.
//
// The package may import core/crypto, core/sorting, platform and lukechampine.com/blake3.
package table
