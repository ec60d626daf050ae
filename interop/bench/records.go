//go:build linux && !android

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/voile-net/voile/interop/api"
	"github.com/voile-net/voile/interop/lab"
)

// RecordLoad is what operations on records take, one at a time.
type RecordLoad struct {
	SetP50, SetP99 time.Duration // of 1 KiB, until the network has it
	GetP50, GetP99 time.Duration // from the network, by another node
}

// recordRounds is how many sets and gets are measured.
const recordRounds = 300

// recordLoad writes a record on one node and reads it on the other.
func (b *bench) recordLoad(ctx context.Context) (r RecordLoad, err error) {
	from, closeFrom, err := contextOf(ctx, b.from)
	if err != nil {
		return r, err
	}
	defer closeFrom()
	to, closeTo, err := contextOf(ctx, b.to)
	if err != nil {
		return r, err
	}
	defer closeTo()
	record, err := from.CreateDHTRecord(ctx, api.Schema{Kind: "DFLT", OwnerCount: 1})
	if err != nil {
		return r, err
	}
	data := make([]byte, 1<<10)
	var sets, gets []time.Duration
	for i := range recordRounds {
		data[0], data[1] = byte(i), byte(i>>8)
		began := time.Now()
		if newer, err := from.SetDHTValue(ctx, record.Key, 0, data); err != nil || newer != nil {
			return r, fmt.Errorf("set %d of a record: newer value %v, %w", i, newer != nil, err)
		}
		sets = append(sets, time.Since(began))
		if i == 0 {
			if _, err := to.OpenDHTRecord(ctx, record.Key, ""); err != nil {
				return r, err
			}
		}
		began = time.Now()
		if _, err := to.GetDHTValue(ctx, record.Key, 0, true); err != nil {
			return r, fmt.Errorf("get %d of a record: %w", i, err)
		}
		gets = append(gets, time.Since(began))
	}
	slices.Sort(sets)
	slices.Sort(gets)
	return RecordLoad{percentile(sets, 50), percentile(sets, 99), percentile(gets, 50), percentile(gets, 99)}, nil
}

// contextOf makes a connection to a node and a routing context.
func contextOf(ctx context.Context, n lab.Node) (rc *api.RoutingContext, end func() error, err error) {
	conn, err := n.Host().Dial(ctx, "tcp", apiAddress)
	if err != nil {
		return nil, nil, err
	}
	c := api.New(conn)
	if rc, err = c.NewRoutingContext(ctx); err != nil {
		c.Close()
		return nil, nil, err
	}
	return rc, c.Close, nil
}
