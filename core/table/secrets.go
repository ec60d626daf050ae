package table

import (
	"context"
	"slices"

	"github.com/voile-net/voile/core/sorting"
)

// secretsTable is the node's own table of the application's secrets.
const secretsTable = "user_secrets"

// reserved are the names that the node itself uses in the protected store
// (spec 01 §8.1).
var reserved = [...]string{DeviceKeyName, "_test_key"}

// Secrets are the secrets of an application, by any name but those of the node
// (spec 07 §5.5). They are rows of a table, under the device key, which the
// device's protected store holds: few of those can list what they hold, and most
// end at some KiB.
type Secrets struct{ db *DB }

// Secrets opens the secrets of the application.
func (s *Store) Secrets(ctx context.Context) (*Secrets, error) {
	db, err := s.OpenOwn(ctx, secretsTable, 1)
	if err != nil {
		return nil, err
	}
	return &Secrets{db}, nil
}

// Save sets a secret; existed tells that it replaced one. Errors, here and below:
// [ReservedError], those of [DB].
func (s *Secrets) Save(ctx context.Context, name string, secret []byte) (existed bool, err error) {
	if err := checkSecretName(name); err != nil {
		return false, err
	}
	return s.db.put(ctx, 0, []byte(name), secret, true)
}

// Load gives a secret; false: there is none of that name. One that was found is
// not nil.
func (s *Secrets) Load(ctx context.Context, name string) (secret []byte, found bool, err error) {
	if err := checkSecretName(name); err != nil {
		return nil, false, err
	}
	return s.db.Load(ctx, 0, []byte(name))
}

// Remove deletes a secret; false: there was none.
func (s *Secrets) Remove(ctx context.Context, name string) (existed bool, err error) {
	if err := checkSecretName(name); err != nil {
		return false, err
	}
	old, existed, err := s.db.Delete(ctx, 0, []byte(name))
	clear(old)
	return existed, err
}

// List gives the names, in their order.
func (s *Secrets) List(ctx context.Context) ([]string, error) {
	keys, err := s.db.Keys(ctx, 0)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = string(key)
	}
	sorting.Ordered(names)
	return names, nil
}

// DeleteAll removes all of them at once. One that is saved meanwhile may stay.
func (s *Secrets) DeleteAll(ctx context.Context) error {
	keys, err := s.db.Keys(ctx, 0)
	if err != nil {
		return err
	}
	tx, err := s.db.Transact()
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err = tx.Delete(0, key); err != nil {
			break
		}
	}
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		_ = tx.Rollback() // cannot fail: nobody else has it
	}
	return err
}

// Close releases the table. It may be called twice.
func (s *Secrets) Close() error { return s.db.Close() }

func checkSecretName(name string) error {
	if slices.Contains(reserved[:], name) {
		return &ReservedError{name}
	}
	return nil
}
