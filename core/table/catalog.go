package table

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/platform"
)

// MaxName is the limit for the name of a database, in bytes. The API has none;
// this one keeps a name from being a place for data.
const MaxName = 4096

// tableID tells one table from all that ever were, also under the same name.
type tableID [16]byte

// database is the table's name in the store below.
func (id tableID) database() string { return tablePrefix + hex.EncodeToString(id[:]) }

// record is the value of a row of a catalog.
type record struct {
	id      tableID
	columns uint32 // at least 1
}

const recordSize = 20

func (r record) append(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(append(dst, r.id[:]...), r.columns)
}

func parseRecord(b []byte) (record, error) {
	if len(b) != recordSize {
		return record{}, fmt.Errorf("record of %d bytes", len(b))
	}
	r := record{tableID(b), binary.BigEndian.Uint32(b[len(tableID{}):])}
	if r.columns == 0 {
		return record{}, errors.New("record of a table without columns")
	}
	return r, nil
}

// Info describes a database.
type Info struct {
	Name    string
	Stored  string // its name in the store below
	Columns uint32
}

// OpenDB opens an application's database, or makes it. columns is what the handle
// may use; a database that has fewer grows, if it is not open, and one that has
// more keeps them. A database may be open several times. Errors: [NameError],
// [ErrNoColumns], [GrowError].
func (s *Store) OpenDB(ctx context.Context, name string, columns uint32) (*DB, error) {
	return s.openDB(ctx, spaceApplication, name, columns)
}

// OpenOwn is OpenDB for a database of the node itself. It has nothing to do with
// a database that an application calls the same.
func (s *Store) OpenOwn(ctx context.Context, name string, columns uint32) (*DB, error) {
	return s.openDB(ctx, spaceOwn, name, columns)
}

func (s *Store) openDB(ctx context.Context, sp space, name string, columns uint32) (*DB, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if columns == 0 {
		return nil, ErrNoColumns
	}
	if err := s.enterNaming(ctx); err != nil {
		return nil, err
	}
	defer s.leaveNaming()
	r, exists, err := s.lookup(ctx, sp, name)
	if err != nil {
		return nil, fmt.Errorf("open table %q: %w", name, err)
	}
	if db, err := s.handle(r.id, columns); db != nil || err != nil {
		return db, err
	}
	if !exists {
		if err := s.sys.RandomBytes(r.id[:]); err != nil {
			return nil, fmt.Errorf("open table %q: %w", name, err)
		}
	}
	if r.columns < columns {
		r.columns = columns
		c, err := s.entry(sp, name, r)
		if err == nil {
			err = s.writer.write(ctx, c)
		}
		if err != nil {
			return nil, fmt.Errorf("open table %q: %w", name, err)
		}
	}
	t := &table{
		store: s, id: r.id, database: r.id.database(), columns: r.columns,
		cells: newCells(s.sys, &s.key, r.id), name: name, refs: 1,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.io = s.io[t.id]; t.io == nil {
		t.io = newIOCounters(time.Now())
		s.io[t.id] = t.io
	}
	s.open[t.id] = t
	return &DB{table: t, columns: columns}, nil
}

// handle gives another handle of a table that is open; nil: it is not.
func (s *Store) handle(id tableID, columns uint32) (*DB, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.open[id]
	switch {
	case t == nil:
		return nil, nil
	case columns > t.columns:
		return nil, &GrowError{Have: t.columns, Want: columns}
	}
	t.refs++
	return &DB{table: t, columns: columns}, nil
}

// Delete removes an application's database; false: there is none of that name.
// Errors: [NameError], [ErrStillOpen].
func (s *Store) Delete(ctx context.Context, name string) (deleted bool, err error) {
	if err := checkName(name); err != nil {
		return false, err
	}
	if err := s.enterNaming(ctx); err != nil {
		return false, err
	}
	defer s.leaveNaming()
	r, exists, err := s.lookup(ctx, spaceApplication, name)
	if err != nil {
		return false, fmt.Errorf("delete table %q: %w", name, err)
	}
	if !exists {
		return false, nil
	}
	s.mu.Lock()
	open := s.open[r.id] != nil // only openDB changes that to true
	s.mu.Unlock()
	if open {
		return false, ErrStillOpen
	}
	row, err := s.catalog.name(uint32(spaceApplication), []byte(name))
	if err != nil {
		return false, err
	}
	err = s.writer.update(ctx, func(tx platform.Tx) error {
		// A table without rows may have no database.
		if err := tx.DeleteDatabase(r.id.database()); err != nil && !errors.Is(err, platform.ErrNoBucket) {
			return err
		}
		return tx.Delete(spaceApplication.bucket(), row)
	})
	if err != nil {
		return false, fmt.Errorf("delete table %q: %w", name, err)
	}
	s.mu.Lock()
	delete(s.io, r.id)
	s.mu.Unlock()
	return true, nil
}

// Rename gives an application's database another name, also while it is open:
// handles stay what they are. Errors: [NameError], [ErrExists], [ErrNotFound].
func (s *Store) Rename(ctx context.Context, oldName, newName string) error {
	if err := checkName(oldName); err != nil {
		return err
	}
	if err := checkName(newName); err != nil {
		return err
	}
	if err := s.enterNaming(ctx); err != nil {
		return err
	}
	defer s.leaveNaming()
	const sp = spaceApplication
	_, taken, err := s.lookup(ctx, sp, newName)
	if err != nil {
		return fmt.Errorf("rename table %q: %w", oldName, err)
	}
	if taken {
		return ErrExists
	}
	r, exists, err := s.lookup(ctx, sp, oldName)
	if err != nil {
		return fmt.Errorf("rename table %q: %w", oldName, err)
	}
	if !exists {
		return ErrNotFound
	}
	oldRow, err := s.catalog.name(uint32(sp), []byte(oldName))
	if err != nil {
		return fmt.Errorf("rename table %q: %w", oldName, err)
	}
	c, err := s.entry(sp, newName, r)
	if err == nil {
		err = s.writer.write(ctx, change{bucket: sp.bucket(), name: oldRow}, c)
	}
	if err != nil {
		return fmt.Errorf("rename table %q: %w", oldName, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.open[r.id]; t != nil {
		t.name = newName
	}
	return nil
}

// List describes the databases of applications, in the order of their names.
func (s *Store) List(ctx context.Context) ([]Info, error) { return s.list(ctx, spaceApplication) }

// ListOwn describes the databases of the node itself likewise.
func (s *Store) ListOwn(ctx context.Context) ([]Info, error) { return s.list(ctx, spaceOwn) }

func (s *Store) list(ctx context.Context, sp space) ([]Info, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.running.Done()
	rows, err := readRows(ctx, s.kv, sp.bucket(), platform.Range{}, noLimit)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	list := make([]Info, 0, len(rows))
	for _, row := range rows {
		name, err := s.catalog.openName(uint32(sp), row.name)
		if err != nil {
			return nil, s.corruptCatalog(err)
		}
		r, err := s.openRecord(row.name, row.cell)
		if err != nil {
			return nil, err
		}
		list = append(list, Info{Name: string(name), Stored: r.id.database(), Columns: r.columns})
	}
	sorting.By(list, func(a, b Info) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// enterNaming is enter, and waits for other methods that deal with names; call
// leaveNaming at the end.
func (s *Store) enterNaming(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	select {
	case s.naming <- struct{}{}:
		return nil
	case <-ctx.Done():
		s.running.Done()
		return ctx.Err()
	}
}

func (s *Store) leaveNaming() {
	<-s.naming
	s.running.Done()
}

func (s *Store) lookup(ctx context.Context, sp space, name string) (r record, exists bool, err error) {
	row, err := s.catalog.name(uint32(sp), []byte(name))
	if err != nil {
		return record{}, false, err
	}
	cell, err := readRow(ctx, s.kv, sp.bucket(), row)
	if cell == nil || err != nil {
		return record{}, false, err
	}
	r, err = s.openRecord(row, cell)
	return r, err == nil, err
}

func (s *Store) openRecord(row, cell []byte) (record, error) {
	value, err := s.catalog.open(row, cell)
	if err != nil {
		return record{}, s.corruptCatalog(err)
	}
	r, err := parseRecord(value)
	if err != nil {
		return record{}, s.corruptCatalog(err)
	}
	return r, nil
}

func (s *Store) corruptCatalog(err error) error {
	return &platform.CorruptError{Name: s.name, Err: fmt.Errorf("catalog of tables: %w", err)}
}

// entry is the row of a catalog.
func (s *Store) entry(sp space, name string, r record) (change, error) {
	row, err := s.catalog.name(uint32(sp), []byte(name))
	if err != nil {
		return change{}, err
	}
	cell, err := s.catalog.seal(row, r.append(nil))
	return change{sp.bucket(), row, cell}, err
}

func (sp space) bucket() platform.Bucket {
	return platform.Bucket{Database: controlDatabase, Column: uint32(sp)}
}

// checkName is the rule for names (spec 07 §2.6). What a letter or digit is comes
// from the reference: Unicode's Alphabetic, and the numbers of every kind.
func checkName(name string) error {
	if len(name) > MaxName || !utf8.ValidString(name) {
		return &NameError{name}
	}
	for _, r := range name {
		if r != '_' && r != '-' && !alphabetic(r) && !unicode.IsNumber(r) {
			return &NameError{name}
		}
	}
	return nil
}

func alphabetic(r rune) bool {
	return unicode.IsLetter(r) ||
		unicode.In(r, unicode.Other_Alphabetic, unicode.Other_Lowercase, unicode.Other_Uppercase)
}
