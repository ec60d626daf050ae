package core

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/dht"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// watchPing is how often the nodes that hold our watches are asked for a sign of
// life (spec 06 §1.1, active-watch keepalive).
const watchPing = 10 * time.Second

// recordParts is the node's share in the distributed store: the records of others
// that it serves, and our own.
type recordParts struct {
	databases []interface{ Close() error }
	remote    *dht.Store
	local     *dht.Store
	server    *dht.Server
	client    *dht.Client

	stop context.CancelFunc
	work sync.WaitGroup
}

// openStores opens the two record stores in the encrypted tables.
func (n *Node) openStores(ctx context.Context) error {
	d := &n.cfg.Network.DHT
	open := func(name string, cfg dht.StoreConfig) (*dht.Store, error) {
		db, err := n.tables.OpenOwn(ctx, name, dht.Columns)
		if err != nil {
			return nil, errorWith(name, err)
		}
		n.dht.databases = append(n.dht.databases, db)
		cfg.Tables, cfg.Kinds = dht.TableDB{DB: db}, n.crypto.Kinds()
		return dht.OpenStore(ctx, cfg)
	}
	var err error
	n.dht.local, err = open("local_records", dht.StoreConfig{
		CacheSubkeys: int(d.LocalSubkeyCacheSize), CacheBytes: int64(d.LocalMaxSubkeyCacheMemoryMB) << 20,
	})
	if err != nil {
		return err
	}
	n.dht.remote, err = open("remote_records", dht.StoreConfig{
		CacheSubkeys: int(d.RemoteSubkeyCacheSize), CacheBytes: int64(d.RemoteMaxSubkeyCacheMemoryMB) << 20,
		MaxRecords: int(d.RemoteMaxRecords), MaxBytes: int64(d.RemoteMaxStorageSpaceMB) << 20,
	})
	return err
}

// buildServer makes the side that answers other nodes.
func (n *Node) buildServer() {
	limits := dht.StockLimits()
	limits.RPCTimeout = n.opts.Tuning.RPCTimeout
	n.dht.server = dht.NewServer(dht.ServerConfig{
		Crypto: n.crypto, Store: n.dht.remote, Nearby: dht.TableNearby{Table: n.table},
		Notifier: lateNotifier{n}, Watcher: lateWatcher{n}, Limits: limits,
	})
}

// lateNotifier and lateWatcher stand for parts that are made after the server.
type (
	lateNotifier struct{ n *Node }
	lateWatcher  struct{ n *Node }
)

func (l lateNotifier) SendValueChanged(ctx context.Context, way rpc.Destination, c *wire.ValueChanged) error {
	return dht.RPCNotifier{RPC: l.n.rpc}.SendValueChanged(ctx, way, c)
}

func (l lateWatcher) ValueChanged(ctx context.Context, c *wire.ValueChanged, reporter crypto.NodeID) error {
	return l.n.dht.client.ValueChanged(ctx, c, reporter)
}

// buildClient makes the side that applications use.
func (n *Node) buildClient(identity []crypto.KeyPair) (err error) {
	own := make([]crypto.PublicKey, len(identity))
	for i, pair := range identity {
		own[i] = pair.Public
	}
	limits := dht.StockClientLimits()
	limits.RPCTimeout = n.opts.Tuning.RPCTimeout
	n.dht.client, err = dht.NewClient(dht.ClientConfig{
		Crypto: n.crypto, Store: n.dht.local, Identity: own, Limits: limits,
		Nodes: dht.RPCNodes{
			RPC: n.rpc, Table: n.table, Routes: n.routes,
			Online: n.recordsOnline,
			Punish: func(e *routing.Entry) { n.network.PunishNode(e.BestID(), transport.FailedToDecodeOperation) },
		},
		Changed: func(c dht.ValueChange) { n.updates.publish(ValueChange(c)) },
		Logger:  n.log,
		Panic:   n.opts.Panic,
	})
	return err
}

// recordsOnline is the readiness gate of spec 06 §1.3.
func (n *Node) recordsOnline() bool { return n.attach.Status().PublicInternetReady }

// startRecords begins the background work on records.
func (n *Node) startRecords() {
	ctx, cancel := context.WithCancel(context.Background())
	n.dht.stop = cancel
	every := func(interval time.Duration, do func(ctx context.Context, now time.Time)) {
		guard.Handler(n.opts.Panic).Go(&n.dht.work, func() {
			tick := time.NewTicker(interval)
			defer tick.Stop()
			for {
				select {
				case now := <-tick.C:
					do(ctx, now)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	every(time.Second, func(ctx context.Context, now time.Time) {
		if err := errors.Join(n.dht.client.Tick(ctx, now), n.dht.server.Tick(ctx, now)); err != nil && ctx.Err() == nil {
			n.log.Error("records not written", "err", err)
		}
	})
	every(time.Second, func(ctx context.Context, now time.Time) {
		if n.recordsOnline() {
			n.dht.server.Notify(ctx, now)
		}
	})
	every(watchPing, func(ctx context.Context, _ time.Time) {
		if !n.recordsOnline() {
			return
		}
		var pings guard.Group
		for _, id := range n.dht.client.WatchNodes() {
			if e := n.table.Lookup(id); e != nil {
				pings.Go(func() { _, _ = n.rpc.Status(ctx, rpc.Node(e, wire.PreferOrdered)) }) // the table keeps the result
			}
		}
		pings.Wait()
	})
}

// closeRecords ends all work on records and writes what is not written yet.
func (n *Node) closeRecords() {
	if n.dht.stop != nil {
		n.dht.stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	if n.dht.client != nil {
		errs = append(errs, n.dht.client.Close(ctx))
	}
	n.dht.work.Wait()
	for _, s := range []*dht.Store{n.dht.local, n.dht.remote} {
		if s != nil {
			errs = append(errs, s.Close(ctx))
		}
	}
	for _, db := range n.dht.databases {
		errs = append(errs, db.Close())
	}
	n.dht.databases = nil
	if err := errors.Join(errs...); err != nil {
		n.log.Warn("record stores not closed", "err", err)
	}
}

// recordError maps what an operation on records fails with: the kinds are those of
// this package (spec 07 §3).
func recordError(err error) error {
	var e *dht.ClientError
	var schema *dht.SchemaError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &schema):
		return &Error{Kind: InvalidArgument, Context: schema.Context, Argument: schema.Argument, Value: schema.Value, Err: err}
	case errors.As(err, &e):
		return &Error{
			Kind: ErrorKind(e.Kind), Message: e.Message, Context: e.Context, Argument: e.Argument,
			Value: e.Value, Key: e.Key, Err: err,
		}
	}
	return apiError(err)
}

func (c Context) selection() route.SafetySelection { return route.Safe(c.safety) }
