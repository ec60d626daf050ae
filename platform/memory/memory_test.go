package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/memory"
	"github.com/voile-net/voile/platform/platformtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProtectedStore(t *testing.T) {
	platformtest.ProtectedStore(t, func(*testing.T) platformtest.Secrets { return memory.NewProtectedStore() })
}

func TestKeyValueStore(t *testing.T) {
	platformtest.KeyValueStore(t, func(*testing.T) platform.KeyValueStore { return memory.NewKeyValueStore() })
}

func BenchmarkGet(b *testing.B) {
	s := memory.NewKeyValueStore()
	at, key := platform.Bucket{Database: "t"}, []byte("key")
	if err := s.Update(b.Context(), func(tx platform.Tx) error {
		if err := tx.CreateBucket(at); err != nil {
			return err
		}
		return tx.Put(at, key, make([]byte, 64))
	}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.View(b.Context(), func(tx platform.Tx) error { _, err := tx.Get(at, key); return err }); err != nil {
			b.Fatal(err)
		}
	}
}
