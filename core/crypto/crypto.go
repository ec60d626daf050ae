package crypto

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/voile-net/voile/core/crypto/lru"
)

// DefaultDHCacheSize is the number of key agreements remembered (spec 01 §4.3).
const DefaultDHCacheSize = 4096

// Config chooses the cryptosystems of a node. The zero value is a good one.
type Config struct {
	// Kinds to enable, the best first. nil: DefaultKinds.
	Kinds Kinds
	// Rand is the one source of random bytes. nil: the system's. Any other is read
	// under a lock, so that it need not be safe for concurrent use.
	Rand io.Reader
	// DHCacheSize in entries. 0: DefaultDHCacheSize.
	DHCacheSize int
	// VerifyTables is the number of public keys, the busiest, whose signatures are
	// verified faster at the price of 8 KB each, and 64 KB once. 0:
	// DefaultVerifyTables. Below 0: none.
	VerifyTables int
}

// Crypto is the set of enabled cryptosystems with their shared cache.
// Methods may be called from any goroutine.
type Crypto struct {
	kinds   Kinds
	systems []System // in the order of kinds

	mu      sync.Mutex // guards dh, dhStats
	dh      *lru.Cache[dhKey, SharedSecret]
	dhStats DHStats
}

// DHStats count what the cache of key agreements did since the start.
type DHStats struct {
	Hits    uint64 // agreements that were remembered
	Misses  uint64 // that were computed
	Evicted uint64 // forgotten, those not used for longest first, since there were too many
}

// dhKey names a pair of keys by a digest, so that the cache holds no secret key. It is
// SHA-256 because that, unlike BLAKE3 here, leaves its input on the stack.
type dhKey struct {
	kind   Kind
	digest [sha256.Size]byte
}

// New enables the cryptosystems of cfg. A kind that does not exist is
// [ErrUnsupported].
func New(cfg Config) (*Crypto, error) {
	kinds := slices.Clone(cfg.Kinds)
	if kinds == nil {
		kinds = DefaultKinds()
	}
	var source io.Reader = rand.Reader
	if cfg.Rand != nil && cfg.Rand != rand.Reader {
		source = &lockedReader{r: cfg.Rand}
	}
	size := cfg.DHCacheSize
	if size == 0 {
		size = DefaultDHCacheSize
	}
	tables := cfg.VerifyTables
	if tables == 0 {
		tables = DefaultVerifyTables
	}
	c := &Crypto{
		kinds: kinds,
		dh:    lru.New(size, func(_ dhKey, s *SharedSecret) { s.Zero() }),
	}
	for i, k := range kinds {
		if slices.Contains(kinds[:i], k) {
			return nil, fmt.Errorf("crypto kind %s is enabled twice", k)
		}
		switch k {
		case KindVLD0:
			c.systems = append(c.systems, newVLD0(source, tables))
		case KindNONE:
			c.systems = append(c.systems, &none{random{source}})
		default:
			return nil, fmt.Errorf("%w: %s", ErrUnsupported, k)
		}
	}
	if len(c.systems) == 0 {
		return nil, fmt.Errorf("%w: none is enabled", ErrUnsupported)
	}
	return c, nil
}

// Kinds lists what is enabled, the best first. The caller must not change it.
func (c *Crypto) Kinds() Kinds { return c.kinds }

// Best is the preferred cryptosystem.
func (c *Crypto) Best() System { return c.systems[0] }

// Get finds a cryptosystem, or fails with [ErrUnsupported].
func (c *Crypto) Get(kind Kind) (System, error) {
	for i, k := range c.kinds {
		if k == kind {
			return c.systems[i], nil
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrUnsupported, kind)
}

// CachedDH is ComputeDH of the kind that both keys have, remembered. Errors as
// ComputeDH, and [ErrUnsupported] or [KindError] for keys that do not fit.
func (c *Crypto) CachedDH(public PublicKey, secret SecretKey) (SharedSecret, error) {
	sys, err := c.Get(public.Kind)
	if err != nil {
		return SharedSecret{}, err
	}
	if err := secret.check(public.Kind); err != nil {
		return SharedSecret{}, err
	}
	var b [2 * ValueSize]byte
	copy(b[:], public.Value[:])
	copy(b[ValueSize:], secret.value[:])
	key := dhKey{public.Kind, sha256.Sum256(b[:])}
	clear(b[:])

	c.mu.Lock()
	if s := c.dh.Get(key); s != nil {
		known := *s
		c.dhStats.Hits++
		c.mu.Unlock()
		return known, nil
	}
	c.mu.Unlock()
	s, err := sys.ComputeDH(public, secret) // slow: not under the lock
	if err != nil {
		return SharedSecret{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dhStats.Misses++
	if before := c.dh.Len(); c.dh.Peek(key) == nil { // else somebody was faster
		c.dh.Put(key, s)
		if c.dh.Len() == before {
			c.dhStats.Evicted++
		}
	}
	return s, nil
}

// DHStats is a snapshot.
func (c *Crypto) DHStats() DHStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dhStats
}

// Forget wipes the remembered key agreements, at the end of a node's life or of a key's.
func (c *Crypto) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dh.Clear()
}

// VerifySignatures checks every signature with every key of its kind, as far as the
// kind is enabled (spec 01 §3). valid is false as soon as one does not verify. Else
// verified holds the keys that did; it may be empty, and then nothing was
// verified. A key that is no point is an error.
func (c *Crypto) VerifySignatures(keys []PublicKey, data []byte, signatures []Signature) (verified Group[PublicKey], valid bool, err error) {
	for _, sig := range signatures {
		sys, err := c.Get(sig.Kind)
		if err != nil {
			continue
		}
		for _, key := range keys {
			if key.Kind != sig.Kind {
				continue
			}
			ok, err := sys.Verify(key, data, sig)
			if err != nil || !ok {
				return nil, false, err
			}
			verified = verified.Add(c.kinds, key)
		}
	}
	return verified, true, nil
}

// GenerateSignatures signs with every pair whose kind is enabled, in their order; the
// others are left out (spec 01 §3).
func (c *Crypto) GenerateSignatures(data []byte, pairs []KeyPair) ([]Signature, error) {
	var signatures []Signature
	for _, pair := range pairs {
		sys, err := c.Get(pair.KindOf())
		if err != nil {
			continue
		}
		sig, err := sys.Sign(pair, data)
		if err != nil {
			return nil, err
		}
		signatures = append(signatures, sig)
	}
	return signatures, nil
}

// lockedReader serializes the reads of a source that a caller supplied.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return io.ReadFull(l.r, b)
}

// random is the part of a cryptosystem that reads random bytes.
type random struct{ source io.Reader }

func (r random) RandomBytes(b []byte) error {
	if _, err := io.ReadFull(r.source, b); err != nil {
		return fmt.Errorf("random source: %w", err)
	}
	return nil
}

func (r random) RandomNonce() (n Nonce, err error) {
	err = r.RandomBytes(n[:])
	return n, err
}
