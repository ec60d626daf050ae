package crypto

import (
	"sync"

	"filippo.io/edwards25519"

	"github.com/voile-net/voile/core/crypto/lru"
)

const (
	// DefaultVerifyTables is the number of public keys with a table, 8 KB each, so
	// 2 MB when all are in use. A node hears most from far fewer.
	DefaultVerifyTables = 256

	// knownKeys is the number of other public keys kept decoded, 200 bytes each.
	knownKeys = 4096

	// A table costs as much as one verification and saves most of each later one. Many
	// keys sign once or twice only, those of values for instance. A key that lost its
	// table must sign twice as often for the next, so that more busy keys than there are
	// tables do not cost more than having none.
	firstTable = 4       // good signatures until a key gets its table
	rareTable  = 1 << 20 // the most that is asked of any
)

// verifier is a public key made ready. All but seen never changes.
type verifier struct {
	minusA edwards25519.Point
	small  bool      // the order of A
	table  *keyTable // of minusA; nil: none

	due  int // good signatures that give it a table
	seen int // good signatures without one; under the lock of verifyKeys
}

// newVerifier decodes a public key, or fails with [ErrPoint].
func newVerifier(public [ValueSize]byte) (*verifier, error) {
	v := &verifier{due: firstTable}
	if _, err := v.minusA.SetBytes(public[:]); err != nil {
		return nil, ErrPoint
	}
	by8 := new(edwards25519.Point).MultByCofactor(&v.minusA)
	v.small = by8.Equal(edwards25519.NewIdentityPoint()) == 1
	v.minusA.Negate(&v.minusA)
	return v, nil
}

// verifyKeys remembers the public keys that signed something, and the busy ones with a
// table. Methods may be called from any goroutine.
type verifyKeys struct {
	base func() *baseTable // made at the first call

	mu    sync.Mutex                             // guards what follows
	known *lru.Cache[[ValueSize]byte, *verifier] // without a table
	busy  *lru.Cache[[ValueSize]byte, *verifier] // with one; nil: tables are off
}

// newVerifyKeys keeps at most the given number of tables; less than 1 turns them off.
func newVerifyKeys(tables int) *verifyKeys {
	k := &verifyKeys{
		base:  sync.OnceValue(newBaseTable),
		known: lru.New[[ValueSize]byte, *verifier](knownKeys, nil),
	}
	if tables > 0 {
		k.busy = lru.New(tables, func(public [ValueSize]byte, v **verifier) {
			k.known.Put(public, &verifier{minusA: (*v).minusA, due: min(2*(*v).due, rareTable)})
		})
	}
	return k
}

// get finds a key or decodes it, or fails with [ErrPoint].
func (k *verifyKeys) get(public [ValueSize]byte) (*verifier, error) {
	if v := k.find(public); v != nil {
		return v, nil
	}
	return newVerifier(public)
}

// find returns nil for a key that is not remembered.
func (k *verifyKeys) find(public [ValueSize]byte) *verifier {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.busy != nil {
		if v := k.busy.Get(public); v != nil {
			return *v // a copy: the slot may be another's once the lock is open
		}
	}
	if v := k.known.Get(public); v != nil {
		return *v
	}
	return nil
}

// proved tells of a good signature by a key without a table. Only such keys are
// remembered, since remembering one may push another out. The call that makes the
// count full makes the table too.
func (k *verifyKeys) proved(public [ValueSize]byte, v *verifier) {
	if !k.count(public, v) {
		return
	}
	busy := &verifier{minusA: v.minusA, due: v.due, table: newKeyTable(&v.minusA)} // slow: not under the lock
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known.Remove(public)
	if k.busy.Peek(public) == nil {
		k.busy.Put(public, busy)
	}
}

// count reports whether the key shall get its table now.
func (k *verifyKeys) count(public [ValueSize]byte, v *verifier) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.busy != nil && k.busy.Peek(public) != nil {
		return false // another call was faster
	}
	if known := k.known.Peek(public); known != nil {
		v = *known
	} else {
		k.known.Put(public, v)
	}
	v.seen++
	return k.busy != nil && v.seen == v.due
}
