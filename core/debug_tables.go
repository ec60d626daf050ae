//go:build !nodebugapi

package core

import (
	"context"
	"fmt"
	"strings"
	"time"

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
	since, all := db.IOStats()
	fmt.Fprintf(&b, "Table info for '%s':\nTable Name: %s\nOwner: %s\nColumn Count: %d\n", t.Name, t.Stored, whose, t.Columns)
	fmt.Fprintf(&b, "IO Stats (since previous query):\n%sIO Stats (overall):\n%sColumns:\n", indent(ioText(&since), 4), indent(ioText(&all), 4))
	for c := range t.Columns {
		keys, size, err := db.Size(ctx, c)
		if err != nil {
			return "", tableError(err)
		}
		fmt.Fprintf(&b, "Column %d:\n  Key Count: %d\n  Size: %s (%d bytes)\n", c, keys, bytesText(size), size)
	}
	return b.String(), nil
}

// ioText shows what was done with a table. The store has no cache, and deletes rows one
// by one.
func ioText(s *table.IOStats) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Started:          %s\nSpan:             %s\nTransactions:     %6d\nReads:            %6d\nCache reads:      %6d\nWrites:           %6d\n",
		s.Started.UTC().Format(time.RFC3339Nano), seconds(s.Span), s.Transactions, s.Reads, 0, s.Writes)
	fmt.Fprintf(&b, "Bytes read:       %6s\nCache bytes read: %6s\nBytes written:    %6s\nDeletes:          %6d\nPrefix deletes:   %6d\n",
		bytesText(s.BytesRead), bytesText(0), bytesText(s.BytesWritten), s.Deletes, 0)
	if len(s.WriteSizes) > 0 {
		b.WriteString("Write size buckets:\n")
	}
	for _, c := range s.WriteSizes {
		fmt.Fprintf(&b, "  %6d: %6d\n", c.Size, c.Count)
	}
	if len(s.TransactionSizes) > 0 {
		b.WriteString("Transaction write size buckets:\n")
	}
	for _, c := range s.TransactionSizes {
		fmt.Fprintf(&b, "  %6d: %6d  %dus\n", c.Size, c.Count, c.Took.Microseconds())
	}
	return b.String()
}
