//go:build !nodebugapi

package core

import (
	"context"
	"fmt"
	"strings"

	"github.com/voile-net/voile/core/table"
)

// Commands about the encrypted tables.

func debugTableList(n *Node, ctx context.Context, _ []string) (string, error) {
	list, err := n.tables.List(ctx)
	if err != nil {
		return "", tableError(err)
	}
	own, err := n.tables.ListOwn(ctx)
	if err != nil {
		return "", tableError(err)
	}
	var b strings.Builder
	b.WriteString("TableStore tables:\n")
	for _, t := range own {
		fmt.Fprintf(&b, "%s (%s, of the node)\n", t.Name, t.Stored)
	}
	for _, t := range list {
		fmt.Fprintf(&b, "%s (%s)\n", t.Name, t.Stored)
	}
	return b.String(), nil
}

// debugTableInfo looks for the application's table of a name, then for the node's.
// One that does not exist is not made.
func debugTableInfo(n *Node, ctx context.Context, args []string) (string, error) {
	name := args[0]
	list, err := n.tables.List(ctx)
	if err != nil {
		return "", tableError(err)
	}
	own, err := n.tables.ListOwn(ctx)
	if err != nil {
		return "", tableError(err)
	}
	for _, group := range []struct {
		tables []table.Info
		open   func(context.Context, string, uint32) (*table.DB, error)
		whose  string
	}{{list, n.tables.OpenDB, "application"}, {own, n.tables.OpenOwn, "node"}} {
		for _, t := range group.tables {
			if t.Name != name {
				continue
			}
			db, err := group.open(ctx, name, t.Columns)
			if err != nil {
				return "", tableError(err)
			}
			defer db.Close()
			return tableText(ctx, db, t, group.whose)
		}
	}
	return fmt.Sprintf("Table info for '%s':\nNot found\n", name), nil
}

func tableText(ctx context.Context, db *table.DB, t table.Info, whose string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "Table info for '%s':\nTable Name: %s\nOwner: %s\nColumn Count: %d\nColumns:\n", t.Name, t.Stored, whose, t.Columns)
	for c := range t.Columns {
		var keys int
		var size uint64
		err := db.Walk(ctx, c, func(key, value []byte) error {
			keys++
			size += uint64(len(key) + len(value))
			return nil
		})
		if err != nil {
			return "", tableError(err)
		}
		fmt.Fprintf(&b, "Column %d:\n  Key Count: %d\n  Size: %s (%d bytes)\n", c, keys, bytesText(size), size)
	}
	return b.String(), nil
}
