package bind

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
)

// Options are what the host of an API adds to it.
type Options struct {
	// Control does the requests that concern the host program (spec 07 §5.7), all
	// but EmitSchema; it may block until ctx ends. nil: every one is a Generic
	// "unknown control message".
	Control func(ctx context.Context, args []string) (string, error)
	// Schema does EmitSchema: it is [Schema]. nil: that is an unknown control message
	// too, and the program is smaller by what makes schemas.
	Schema func(name string) (string, error)
	Logger *slog.Logger // nil: no log
	// Passwords is how many may be hashed at once, each in 19 MiB; 0: two.
	Passwords int
	// Panic is told of an operation that panicked; its caller gets an Internal error
	// in any case. nil: the log alone has it.
	Panic func(value any, stack []byte)
}

// API is the operations of one node, for any number of clients. Methods may be
// called from any goroutine.
type API struct {
	node  *core.Node
	opts  Options
	log   *slog.Logger
	ops   table
	clock *crypto.Clock
	// params are those that no request is read into at the moment.
	params sync.Pool // of *params
	// contexts collects the operations on routing contexts, which are of two files.
	contexts methods[core.Context]
	// crypto does the operations on keys; it shares nothing with the node.
	crypto *crypto.Crypto
}

// New makes the API of a node. It does not own the node.
func New(node *core.Node, opts Options) *API {
	a := &API{node: node, opts: opts, log: opts.Logger, ops: table{}, clock: crypto.NewClock()}
	a.params.New = func() any { return new(params) }
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if a.crypto, err = crypto.New(crypto.Config{}); err != nil {
		panic("bind: the default cryptosystems: " + err.Error()) // a bug
	}
	a.addOps()
	return a
}

// addOps fills the table. Nothing here needs the node.
func (a *API) addOps() {
	a.addNodeOps()
	a.addRouteOps()
	a.addContextOps()
	a.addCryptoOps()
	a.addRecordOps()
	a.addRecordTransactionOps()
	a.addTableOps()
	a.addSecretOps()
}

// Client is one user of the API, with the objects it has made. Its calls may run
// at the same time.
type Client struct {
	api       *API
	contexts  handles[core.Context]
	systems   handles[crypto.System]
	tables    handles[*core.Table]
	tableTxs  handles[*core.TableTransaction]
	recordTxs handles[*core.RecordTransaction]
}

// NewClient makes a client without objects.
func (a *API) NewClient() *Client { return &Client{api: a} }

// Close releases the objects of the client: tables are closed, transactions
// rolled back. Records stay open, since they belong to the node. Calls that still
// run end as if they had been made before, but leave no object behind.
func (c *Client) Close() {
	c.contexts.close()
	c.systems.close()
	for _, tx := range c.recordTxs.close() {
		tx.Release()
	}
	for _, tx := range c.tableTxs.close() {
		tx.Rollback()
	}
	for _, db := range c.tables.close() {
		db.Close()
	}
}

// Objects counts the objects that the client holds.
func (c *Client) Objects() int {
	return c.contexts.count() + c.systems.count() + c.tables.count() + c.tableTxs.count() + c.recordTxs.count()
}

// maxKeptMembers is how many fields a request may have for its room to be used
// again.
const maxKeptMembers = 64

// Parse reads one request. It keeps nothing of line. An error means that the
// line is not a request: the client must be disconnected without an answer (spec
// 07 §5.2).
func (c *Client) Parse(line []byte) (*Call, error) { return c.parse(line, nil, false) }

func (c *Client) parse(line []byte, blobs [][]byte, binary bool) (*Call, error) {
	p := c.api.params.Get().(*params)
	p.blobs, p.binary = blobs, binary
	call, err := c.api.ops.read(c, p, line)
	if cap(p.members) <= maxKeptMembers {
		clear(p.members) // parts of the line, which is the caller's
		*p = params{members: p.members[:0]}
		c.api.params.Put(p)
	}
	return call, err
}

// Run does what was asked and appends the response, without a line end, to dst.
// It may block until ctx ends. A call is run once.
func (call *Call) Run(ctx context.Context, dst []byte) (response []byte) {
	value, err := call.do(ctx)
	e := encoder{line: dst}
	e.response(call, value, err)
	return e.line
}

// do runs the operation. A panic is a bug, which costs this call and not the
// process.
func (call *Call) do(ctx context.Context) (value any, err error) {
	defer func() {
		if r := recover(); r != nil {
			stack := debug.Stack()
			if p, ok := r.(*guard.Panic); ok {
				r, stack = p.Value, p.Stack
			}
			call.client.api.log.Error("operation panicked", "op", call.name(), "err", fmt.Sprint(r), "stack", string(stack))
			if told := call.client.api.opts.Panic; told != nil {
				told(r, stack)
			}
			err = &core.Error{Kind: core.Internal, Message: "bug in " + call.name()}
		}
	}()
	if call.onObject != nil {
		return call.onObject(ctx, call.client, call.object)
	}
	return call.run(ctx, call.client)
}

// name is the operation as in the spec, such as "RoutingContext.Safety".
func (call *Call) name() string {
	if call.family == nil {
		return call.op
	}
	return call.op + "." + call.sub
}
