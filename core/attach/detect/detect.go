package detect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// Why a detection found nothing. Both pass: it is tried again at the next tick
// (spec 04 §9.6).
var (
	// ErrStarved: too few nodes are known that could tell.
	ErrStarved = errors.New("too few nodes to detect the public address with")
	// ErrFailed: there were enough, but nobody told an address.
	ErrFailed = errors.New("public address not detected")
)

// Numbers of a detection (spec 04 §9.2, §9.3).
const (
	backstop      = 60 * time.Second // for the whole of it
	maxCandidates = 20               // validators asked, per group
	wantAnswers   = 5                // of them, or all if there are fewer
	leastAnswers  = 2                // one node alone is not believed
)

// Verdict is what a test of an address said.
type Verdict uint8

const (
	NoVerdict  Verdict = iota // the request was not sent, or ctx ended
	NotReached                // the receipt expired
	Reached                   // the receipt came back
)

// Asker asks other nodes about our addresses. Methods block until they know, a
// timeout of their own passes or ctx ends, and are called from many goroutines.
type Asker interface {
	// External asks a node where it sees us: a StatusQ over exactly this transport
	// and a new flow, since the flows of it that e has are forgotten before.
	External(ctx context.Context, e *routing.Entry, t routing.Transport) (netip.AddrPort, error)
	// Validate asks a node to dial an address of ours, or with redirect to have
	// another node do so (spec 04 §9.4).
	Validate(ctx context.Context, e *routing.Entry, di wire.DialInfo, redirect bool) Verdict
}

// Config is one detection. What has no "nil" or "0" in its comment is required.
type Config struct {
	Groups []Group
	WSPath string // of our WebSocket listener
	// Static are the families of configured public dial info; 0: none.
	Static wire.AddressSet
	// Interfaces are the addresses of all running interfaces.
	Interfaces []netip.Addr
	// Validators gives up to n live validators with dial info that the filter
	// selects, fastest first (routing.Table.Validators).
	Validators func(n int, filter routing.DialFilter) []*routing.Entry
	Asker      Asker
	Mapper     PortMapper // nil: no port is mapped
	// RestrictedNATRetries is how often the tests of a NAT are repeated; 0: never.
	RestrictedNATRetries int
	Logger               *slog.Logger // nil: no log
}

// Result is what a detection found.
type Result struct {
	// DialInfo is what goes beside the static dial info; sorted, no duplicates.
	// Groups behind a symmetric NAT, or that nobody tested, have none.
	DialInfo []wire.DialInfoDetail
	// Families are those seen from outside, and those of Config.Static.
	Families wire.AddressSet
	// External are the addresses that we were seen at, each once.
	External []netip.Addr

	short []counted // groups with fewer validators than would be asked
}

// counted is how many validators a transport had.
type counted struct {
	transport  routing.Transport
	candidates int
}

// MoreValidators reports whether there were too few validators for some group and
// more are known now: detect again (spec 04 §9.1). validators is as in [Config].
func (r *Result) MoreValidators(validators func(n int, filter routing.DialFilter) []*routing.Entry) bool {
	return slices.ContainsFunc(r.short, func(c counted) bool {
		return len(validators(wantAnswers, only(c.transport))) > c.candidates
	})
}

// only selects one transport.
func only(t routing.Transport) routing.DialFilter {
	return routing.DialFilter{Protocols: wire.Protocols(t.Protocol), Families: wire.Addresses(t.Family)}
}

// Run detects the addresses of all groups at once. It blocks for up to a minute
// and leaves no goroutine behind. Errors: [ErrStarved], [ErrFailed], and what ends
// ctx. With an error the result says only whom to wait for
// ([Result.MoreValidators]).
func Run(ctx context.Context, cfg Config) (Result, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(parent, backstop)
	defer cancel()

	var all guard.Group
	if cfg.Mapper != nil && len(cfg.Groups) > 0 {
		all.Go(func() { cfg.Mapper.Prepare(ctx) })
	}
	outcomes := make([]outcome, len(cfg.Groups))
	for i := range cfg.Groups {
		all.Go(func() {
			d := discovery{cfg: &cfg, group: &cfg.Groups[i], log: cfg.Logger.With("transport", cfg.Groups[i].Transport().String())}
			outcomes[i] = d.run(ctx)
		})
	}
	all.Wait()
	if parent.Err() != nil {
		return Result{}, context.Cause(parent)
	}
	return apply(&cfg, outcomes)
}

// apply puts the outcomes of the groups together (spec 04 §9.6).
func apply(cfg *Config, outcomes []outcome) (Result, error) {
	r := Result{Families: cfg.Static}
	seen, starved := len(cfg.Groups) == 0, true
	for i := range outcomes {
		g, o := &cfg.Groups[i], &outcomes[i]
		if o.candidates < wantAnswers {
			r.short = append(r.short, counted{g.Transport(), o.candidates})
		}
		if o.err != nil {
			starved = starved && errors.Is(o.err, ErrStarved)
			continue
		}
		seen = true
		r.Families |= wire.Addresses(g.Family)
		for _, a := range o.external {
			if !slices.Contains(r.External, a) {
				r.External = append(r.External, a)
			}
		}
		if !o.found {
			continue
		}
		for _, p := range g.Protocols {
			r.DialInfo = append(r.DialInfo, wire.DialInfoDetail{Class: o.class, DialInfo: dialInfo(p, o.addr, cfg.WSPath)})
		}
	}
	if !seen {
		r = Result{short: r.short}
		if starved {
			return r, ErrStarved
		}
		return r, failure(outcomes)
	}
	sorting.By(r.DialInfo, wire.DialInfoDetail.Compare)
	r.DialInfo = slices.Compact(r.DialInfo)
	return r, nil
}

// failure names what went wrong first, beside starvation.
func failure(outcomes []outcome) error {
	for i := range outcomes {
		if err := outcomes[i].err; !errors.Is(err, ErrStarved) {
			return fmt.Errorf("%w: %w", ErrFailed, err)
		}
	}
	return ErrFailed
}
