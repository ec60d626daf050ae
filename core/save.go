package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/platform"
)

// Names of the values in columnNode.
const (
	nameRoutes  = "routes"
	nameRecords = "bootstrap_records"
	nameRestore = "restore_point"
)

// validity says what the stored routing table belongs to (spec 04 §4).
func (n *Node) validity() routing.Validity {
	t := &n.settings().Network.RoutingTable
	password := ""
	if p := n.settings().Network.NetworkKeyPassword; p != nil {
		password = string(*p)
	}
	return n.table.ValidityOf(t.Bootstrap, t.BootstrapKeys, t.BootstrapRecords, password)
}

// load reads the routing table and the routes of the last run. State that does
// not read is an error: it is never taken for an empty one.
func (n *Node) load(ctx context.Context) error {
	now := time.Now()
	type row struct{ key, value []byte }
	var rows []row
	err := n.state.Walk(ctx, columnTable, func(key, value []byte) error {
		rows = append(rows, row{key, value})
		return nil
	})
	if err != nil {
		return fmt.Errorf("routing table: %w", err)
	}
	loaded, ok := n.table.Load(func(yield func([]byte, []byte) bool) {
		for _, r := range rows {
			if !yield(r.key, r.value) {
				return
			}
		}
	}, n.validity(), now)
	if !ok && len(rows) > 0 {
		var gone []change
		for _, r := range rows {
			gone = append(gone, change{columnTable, r.key, nil})
		}
		if err := n.put(ctx, gone); err != nil {
			return fmt.Errorf("routing table: %w", err)
		}
		n.log.Info("stored routing table belongs to another network or identity and was dropped")
	}
	if text, err := n.value(ctx, nameRecords); err != nil {
		return fmt.Errorf("bootstrap records: %w", err)
	} else if text != nil {
		if err := n.records.UnmarshalJSON(text); err != nil {
			return &platform.CorruptError{Name: nameRecords, Err: err}
		}
	}
	data, err := n.value(ctx, nameRoutes)
	if err != nil {
		return fmt.Errorf("routes: %w", err)
	}
	if data != nil {
		if err := n.routes.Load(data); err != nil {
			return &platform.CorruptError{Name: nameRoutes, Err: err}
		}
	}
	if n.restorePoint, err = n.value(ctx, nameRestore); err != nil {
		return fmt.Errorf("restore point: %w", err)
	}
	n.log.Info("state loaded", "peers", loaded)
	return nil
}

// save writes what has changed of the routing table, and the routes.
func (n *Node) save(ctx context.Context) error {
	n.saving.Lock()
	defer n.saving.Unlock()
	var changes []change
	n.table.Save(n.saveAll, n.validity(), time.Now(), func(key, value []byte) {
		changes = append(changes, change{columnTable, key, value})
	})
	records, err := n.records.MarshalJSON()
	if err != nil {
		return err
	}
	changes = append(changes,
		change{columnNode, []byte(nameRoutes), n.routes.Save()},
		change{columnNode, []byte(nameRecords), records},
		change{columnNode, []byte(nameRestore), n.attach.RestorePoint()})
	err = n.put(ctx, changes)
	n.saveAll = err != nil // rows that were not stored are lost to the table
	if errors.Is(err, platform.ErrNoSpace) {
		return fmt.Errorf("no space left for the node's state; it goes on without: %w", err)
	}
	return err
}

// ids are the node ids of the node, the best first.
func (n *Node) ids() []crypto.NodeID { return append([]crypto.NodeID(nil), n.table.NodeIDs()...) }
