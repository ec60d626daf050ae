package core

import (
	"context"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/dht"
	"github.com/voile-net/voile/core/wire"
)

// Types of the distributed store (spec 06).
type (
	// Schema says how many subkeys a record has and who may write them. Make one
	// with [DFLT] or [SMPL].
	Schema = dht.Schema
	// Member is a writer of an SMPL record, with a number of subkeys.
	Member = dht.Member
	// Record describes an open record. Its Key, if it has an encryption key in it,
	// lets whoever has it read the values; OwnerSecret lets write them.
	Record = dht.RecordDescriptor
	// Value is the content of a subkey: at most 32768 bytes, decrypted.
	Value = dht.Value
	// Scope says what [Context.InspectRecord] compares.
	Scope = dht.Scope
	// Report is what an inspection found.
	Report = dht.Report
	// SetOptions are the options of [Context.SetValue].
	SetOptions = dht.SetOptions
	// OpenOptions are the options of [Context.OpenRecord].
	OpenOptions = dht.OpenOptions
	// SubkeyRange is a range of subkeys, both ends included.
	SubkeyRange = wire.SubkeyRange
)

// What an inspection compares.
const (
	ScopeLocal     = dht.ScopeLocal
	ScopeSyncGet   = dht.ScopeSyncGet
	ScopeSyncSet   = dht.ScopeSyncSet
	ScopeUpdateGet = dht.ScopeUpdateGet
	ScopeUpdateSet = dht.ScopeUpdateSet
)

const (
	// NeverWritten is the sequence number of a subkey without a value.
	NeverWritten uint32 = wire.SeqNone
	// AnyNumber of changes is what a watch without a count asks for.
	AnyNumber uint32 = 0xFFFFFFFF
)

// ValueChange comes when subkeys of a watched record have changed. No subkeys: the
// watch is over. Value is that of the only subkey, if it came along; else read it.
type ValueChange dht.ValueChange

func (ValueChange) update() {}

// DFLT is the schema of a record that its owner alone writes, 1 to 1024 subkeys.
func DFLT(subkeys uint16) Schema { return dht.DFLT(subkeys) }

// SMPL is the schema of a record with several writers: the owner's subkeys come
// first, then each member's, at most 1024 in all.
func SMPL(ownerSubkeys uint16, members ...Member) Schema { return dht.SMPL(ownerSubkeys, members...) }

// MemberOf is a writer with a number of subkeys.
func MemberOf(key crypto.PublicKey, subkeys uint16) Member {
	return Member{Key: dht.MemberKey(key.Value), Count: subkeys}
}

// RecordKey computes the key of the record of a schema and owner, which need not
// exist. encryption: nil for one whose values are not encrypted. Errors:
// InvalidArgument for a schema that is not valid, Generic for a kind that is not
// supported.
func (n *Node) RecordKey(schema Schema, owner crypto.PublicKey, encryption *crypto.SharedSecret) (crypto.RecordKey, error) {
	if err := n.usable(); err != nil {
		return crypto.RecordKey{}, err
	}
	sys, err := n.crypto.Get(owner.Kind)
	if err != nil {
		return crypto.RecordKey{}, errorf(Generic, err, "unsupported crypto kind")
	}
	var key crypto.SharedSecret
	if encryption != nil {
		key = *encryption
	}
	k, err := dht.RecordKeyOf(sys, owner, schema, key)
	return k, recordError(err)
}

// CreateRecord makes a record, open with its owner as the writer; owner nil: one is
// made, returned as Owner and OwnerSecret. Nothing goes over the network before the
// first write: then the values, encrypted with the key's encryption key, the owner's
// public key and the schema are stored on about five nodes near the record key, and
// on this device. The context's safety hides this node in all questions on the
// record (spec 06 §14).
//
// Errors: Generic for a kind that is not supported, InvalidArgument for a schema
// beyond the limits or with one of this node's ids as a member, ParseError for an
// owner whose keys do not belong together.
func (c Context) CreateRecord(ctx context.Context, kind crypto.Kind, schema Schema, owner *crypto.KeyPair) (Record, error) {
	if err := c.node.usable(); err != nil {
		return Record{}, err
	}
	r, err := c.node.dht.client.Create(ctx, kind, schema, owner, c.selection())
	return r, recordError(err)
}

// OpenRecord opens a record, for writing as writer, nil: for reading. One that is
// not on this device is looked for in the network, up to ten seconds; one that is
// gets compared with the network in the background, and what the network has lost is
// written again, unless the options say otherwise.
//
// Errors: TryAgain while the node is not ready, KeyNotFound if nobody has it.
func (c Context) OpenRecord(ctx context.Context, key crypto.RecordKey, writer *crypto.KeyPair, o OpenOptions) (Record, error) {
	if err := c.node.usable(); err != nil {
		return Record{}, err
	}
	r, err := c.node.dht.client.Open(ctx, key, writer, o, c.selection())
	return r, recordError(err)
}

// CloseRecord ends the use of a record, its watch included. The copy on this device
// stays, and values that wait to be written are still written.
func (c Context) CloseRecord(ctx context.Context, key crypto.RecordKey) error {
	if err := c.node.usable(); err != nil {
		return err
	}
	return recordError(c.node.dht.client.CloseRecord(ctx, key))
}

// DeleteRecord closes a record and removes it from this device, with values that
// wait to be written. What other nodes keep lives on there until they need the room.
func (c Context) DeleteRecord(ctx context.Context, key crypto.RecordKey) error {
	if err := c.node.usable(); err != nil {
		return err
	}
	return recordError(c.node.dht.client.Delete(ctx, key))
}

// GetValue reads a subkey: the copy of this device, or with refresh, or without a
// copy, the newest that three nodes agree on, up to ten seconds. nil: it was never
// written. The value is the caller's.
//
// Errors: InvalidArgument for a record that is not open and a subkey outside its
// schema, TryAgain when the network is needed and not ready or does not agree,
// Generic for a value that cannot be decrypted with the key.
func (c Context) GetValue(ctx context.Context, key crypto.RecordKey, subkey uint32, refresh bool) (*Value, error) {
	if err := c.node.usable(); err != nil {
		return nil, err
	}
	v, err := c.node.dht.client.Get(ctx, key, subkey, refresh)
	return v, recordError(err)
}

// SetValue writes a subkey, at most 32768 bytes and a MiB in the whole record, and
// waits until five nodes have it, up to ten seconds. nil: it is written; a value: the
// network has a newer one, and ours was not written. Offline, or if too few nodes
// answer, it is kept on this device and written in the background, also after a
// restart, unless the options forbid that: then the error is TryAgain.
//
// Errors: InvalidArgument for a record that is not open and a subkey outside its
// schema, Generic for a writer who may not, or a value that is too large.
func (c Context) SetValue(ctx context.Context, key crypto.RecordKey, subkey uint32, data []byte, o SetOptions) (*Value, error) {
	if err := c.node.usable(); err != nil {
		return nil, err
	}
	v, err := c.node.dht.client.Set(ctx, key, subkey, data, o)
	return v, recordError(err)
}

// WatchValues asks for a [ValueChange] for each change of subkeys that another node
// makes; no ranges: all. It replaces an earlier watch. expires: zero for never;
// count: how many changes, 0xFFFFFFFF for any number, 0 to cancel. It returns at
// once; true: something is watched. Nodes near the record learn which subkeys are
// watched, and by whom only if the context hides nothing.
func (c Context) WatchValues(ctx context.Context, key crypto.RecordKey, ranges []SubkeyRange, expires time.Time, count uint32) (bool, error) {
	if err := c.node.usable(); err != nil {
		return false, err
	}
	on, err := c.node.dht.client.Watch(ctx, key, ranges, expires, count)
	return on, recordError(err)
}

// CancelWatch takes subkeys out of a watch, no ranges: all. true: something is still
// watched.
func (c Context) CancelWatch(ctx context.Context, key crypto.RecordKey, ranges []SubkeyRange) (bool, error) {
	if err := c.node.usable(); err != nil {
		return false, err
	}
	on, err := c.node.dht.client.CancelWatch(ctx, key, ranges)
	return on, recordError(err)
}

// InspectRecord compares sequence numbers of subkeys, no ranges: all of them,
// on this device and, but for ScopeLocal, in the network (spec 06 §11).
func (c Context) InspectRecord(ctx context.Context, key crypto.RecordKey, ranges []SubkeyRange, scope Scope) (Report, error) {
	if err := c.node.usable(); err != nil {
		return Report{}, err
	}
	r, err := c.node.dht.client.Inspect(ctx, key, ranges, scope)
	return r, recordError(err)
}

// FlushRecord waits until nothing of a record waits to be written to the network;
// false: the time was over. A negative limit is none.
func (c Context) FlushRecord(ctx context.Context, key crypto.RecordKey, limit time.Duration) (bool, error) {
	if err := c.node.usable(); err != nil {
		return false, err
	}
	done, err := c.node.dht.client.Flush(ctx, key, limit)
	return done, recordError(err)
}

// RecordTransaction is a set of reads and writes of several records that are
// committed together. It ends with Commit or Rollback; Release is a Rollback that
// does not wait. The network ends it ten seconds after this node is gone.
type RecordTransaction struct{ tx *dht.Transaction }

// Transact begins a transaction over open records, 1 to 32. Who signs for a record
// is its writer, else signer; nil: a key of this run. Errors: TryAgain while not
// ready, with writes of the records still waiting, or if fewer than five nodes take
// part; MissingArgument and InvalidArgument for the keys.
func (n *Node) Transact(ctx context.Context, keys []crypto.RecordKey, signer *crypto.KeyPair) (*RecordTransaction, error) {
	if err := n.usable(); err != nil {
		return nil, err
	}
	tx, err := n.dht.client.Begin(ctx, keys, signer)
	if err != nil {
		return nil, recordError(err)
	}
	return &RecordTransaction{tx}, nil
}

// Extend takes more open records into the transaction, which keeps those that it
// has. Who signs for the new ones is their writer, else signer; nil: the signer of
// the beginning. Errors are those of [Node.Transact]; after one the transaction is
// as it was.
func (t *RecordTransaction) Extend(ctx context.Context, keys []crypto.RecordKey, signer *crypto.KeyPair) error {
	return recordError(t.tx.Extend(ctx, keys, signer))
}

// Get reads a subkey as it was when the transaction began.
func (t *RecordTransaction) Get(ctx context.Context, key crypto.RecordKey, subkey uint32) (*Value, error) {
	v, err := t.tx.Get(ctx, key, subkey)
	return v, recordError(err)
}

// Set writes a subkey with the commit. A value: the network has a newer one, and
// ours will not be written.
func (t *RecordTransaction) Set(ctx context.Context, key crypto.RecordKey, subkey uint32, data []byte, o SetOptions) (*Value, error) {
	v, err := t.tx.Set(ctx, key, subkey, data, o)
	return v, recordError(err)
}

// Inspect gives the sequence numbers as they were when the transaction began.
func (t *RecordTransaction) Inspect(ctx context.Context, key crypto.RecordKey, ranges []SubkeyRange, scope Scope) (Report, error) {
	r, err := t.tx.Inspect(ctx, key, ranges, scope)
	return r, recordError(err)
}

// Commit writes everything, all or none. Errors: TryAgain when others were faster or
// too few nodes took part: nothing is written then.
func (t *RecordTransaction) Commit(ctx context.Context) error { return recordError(t.tx.Commit(ctx)) }

// Rollback writes nothing.
func (t *RecordTransaction) Rollback(ctx context.Context) error {
	return recordError(t.tx.Rollback(ctx))
}

// Release ends a transaction that was not committed, in the background.
func (t *RecordTransaction) Release() { t.tx.Release() }

// NewKeyPair makes a key pair of the best kind, such as that of a writer. The node
// does not keep it.
func (n *Node) NewKeyPair() (crypto.KeyPair, error) {
	if err := n.usable(); err != nil {
		return crypto.KeyPair{}, err
	}
	pair, err := n.crypto.Best().GenerateKeyPair()
	return pair, apiError(err)
}
