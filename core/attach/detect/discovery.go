package detect

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// outcome is what the discovery of one group came to.
type outcome struct {
	candidates int          // validators known
	external   []netip.Addr // addresses that we were seen at, each once
	found      bool         // class and addr are set
	class      wire.DialInfoClass
	addr       netip.AddrPort
	err        error // nil: we were seen
}

// discovery finds out the address of one group (spec 04 §9.3).
type discovery struct {
	cfg     *Config
	group   *Group
	log     *slog.Logger
	samples []sample // sorted, at least leastAnswers of them
}

// sample is where a node saw us.
type sample struct {
	node *routing.Entry
	addr netip.AddrPort
}

func (d *discovery) run(ctx context.Context) (o outcome) {
	candidates := d.cfg.Validators(maxCandidates, only(d.group.Transport()))
	o.candidates = len(candidates)
	if len(candidates) < leastAnswers {
		o.err = ErrStarved
		return o
	}
	d.ask(ctx, candidates)
	if len(d.samples) < leastAnswers {
		o.err = fmt.Errorf("%s: %d of %d nodes answered", d.group.Transport(), len(d.samples), len(candidates))
		return o
	}
	for _, s := range d.samples {
		if !slices.Contains(o.external, s.addr.Addr()) {
			o.external = append(o.external, s.addr.Addr())
		}
	}
	o.class, o.addr, o.found = d.classify(ctx)
	if ctx.Err() != nil { // the backstop: what is missing might be the better half
		return outcome{candidates: o.candidates, err: context.Cause(ctx)}
	}
	if o.found {
		d.log.Debug("public address detected", "address", o.addr.String(), "class", o.class.String())
	} else {
		d.log.Debug("no public address that can be reached", "address", d.samples[0].addr.String())
	}
	return o
}

// ask collects where the candidates see us (step 1). It stops at the number
// wanted; when all have been heard and there are fewer, they have to do.
func (d *discovery) ask(ctx context.Context, candidates []*routing.Entry) {
	ctx, cancel := context.WithCancel(ctx)
	answers := make(chan sample, len(candidates))
	var all guard.Group
	defer all.Wait()
	defer cancel()
	for _, e := range candidates {
		all.Go(func() {
			addr, err := d.cfg.Asker.External(ctx, e, d.group.Transport())
			if err != nil && ctx.Err() == nil {
				d.log.Debug("own address not told", "err", err)
			}
			answers <- sample{e, netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}
		})
	}
	for range candidates {
		s := <-answers
		if !d.plausible(s.addr) {
			continue
		}
		if d.samples = append(d.samples, s); len(d.samples) == min(wantAnswers, len(candidates)) {
			break
		}
	}
	sorting.Stable(d.samples, func(a, b sample) int {
		return cmp.Or(a.addr.Addr().Compare(b.addr.Addr()),
			cmp.Compare(d.translated(a), d.translated(b)),
			cmp.Compare(a.addr.Port(), b.addr.Port()))
	})
}

// plausible reports whether an address could be our public one at all.
func (d *discovery) plausible(a netip.AddrPort) bool {
	return a.Port() != 0 && routing.IsGlobal(a.Addr()) && wire.AddressTypeOf(a.Addr()) == d.group.Family
}

// translated is 0 for a sample with the port that we listen on, else 1.
func (d *discovery) translated(s sample) int {
	if s.addr.Port() == d.group.Port {
		return 0
	}
	return 1
}

// test is one way to get a result.
type test func(ctx context.Context) (class wire.DialInfoClass, found bool)

// classify runs the tests of steps 2 to 4 at once and takes the first result in
// their order; the others are then ended.
func (d *discovery) classify(ctx context.Context) (class wire.DialInfoClass, addr netip.AddrPort, found bool) {
	type attempt struct {
		at   netip.AddrPort
		test test
	}
	var attempts []attempt
	mapped := d.mapPort(ctx)
	add := func(at netip.AddrPort, t test) {
		if at != mapped { // it would repeat the test of the mapping
			attempts = append(attempts, attempt{at, t})
		}
	}
	if mapped.IsValid() {
		attempts = append(attempts, attempt{mapped, d.each(mapped, wire.ClassMapped)})
	}
	first := d.samples[0]
	if own, ok := d.onInterface(); ok {
		add(own, d.noNAT(own))
	} else if !d.symmetric() {
		if first.addr.Port() != d.group.Port { // sorted: then no sample has it
			forwarded := netip.AddrPortFrom(first.addr.Addr(), d.group.Port)
			add(forwarded, d.each(forwarded, wire.ClassDirect))
		}
		add(first.addr, d.fullCone)
		attempts = append(attempts, attempt{first.addr, d.restricted})
	}

	testing, cancel := context.WithCancel(ctx)
	type verdict struct {
		class wire.DialInfoClass
		found bool
	}
	verdicts := make([]chan verdict, len(attempts))
	var all guard.Group
	for i, a := range attempts {
		verdicts[i] = make(chan verdict, 1)
		all.Go(func() {
			class, found := a.test(testing)
			verdicts[i] <- verdict{class, found}
		})
	}
	for i, a := range attempts {
		if v := <-verdicts[i]; v.found {
			class, addr, found = v.class, a.at, true
			break
		}
	}
	cancel()
	all.Wait()
	if mapped.IsValid() && ctx.Err() == nil && (!found || class != wire.ClassMapped) {
		d.cfg.Mapper.Unmap(ctx, d.group.port()) // it was of no use
	}
	return class, addr, found
}

// mapPort has the port passed on by the gateway (step 2); zero: it is not.
func (d *discovery) mapPort(ctx context.Context) netip.AddrPort {
	if d.cfg.Mapper == nil {
		return netip.AddrPort{}
	}
	at, err := d.cfg.Mapper.Map(ctx, d.group.port())
	switch {
	case err != nil:
		d.log.Debug("port not mapped", "err", err)
		return netip.AddrPort{}
	case !d.plausible(at): // the gateway is itself behind another NAT
		d.log.Debug("port mapped to no public address", "address", at.String())
		d.cfg.Mapper.Unmap(ctx, d.group.port())
		return netip.AddrPort{}
	}
	return at
}

// onInterface is the address of ours that others see, if it is on an interface:
// there is no NAT. The port is the one that we listen on, whatever was seen.
func (d *discovery) onInterface() (netip.AddrPort, bool) {
	for _, s := range d.samples {
		if slices.Contains(d.cfg.Interfaces, s.addr.Addr()) {
			return netip.AddrPortFrom(s.addr.Addr(), d.group.Port), true
		}
	}
	return netip.AddrPort{}, false
}

// symmetric reports whether the NAT shows different nodes different addresses:
// more than one, or no port twice.
func (d *discovery) symmetric() bool {
	count := map[netip.AddrPort]int{}
	most := 0
	for _, s := range d.samples {
		if s.addr.Addr() != d.samples[0].addr.Addr() {
			return true
		}
		count[s.addr]++
		most = max(most, count[s.addr])
	}
	return most < 2
}

// each is the test whether anybody that a node picks can dial an address.
func (d *discovery) each(at netip.AddrPort, class wire.DialInfoClass) test {
	return func(ctx context.Context) (wire.DialInfoClass, bool) {
		return class, d.validateEach(ctx, at) == Reached
	}
}

// noNAT is the test of step 3: if nobody comes through there is a packet filter.
func (d *discovery) noNAT(at netip.AddrPort) test {
	return func(ctx context.Context) (wire.DialInfoClass, bool) {
		switch d.validateEach(ctx, at) {
		case Reached:
			return wire.ClassDirect, true
		case NotReached:
			return wire.ClassBlocked, true
		}
		return 0, false
	}
}

// fullCone is the test whether a node that we never spoke to comes through the NAT
// (step 4).
func (d *discovery) fullCone(ctx context.Context) (wire.DialInfoClass, bool) {
	return wire.ClassFullConeNAT, d.validateRepeated(ctx, d.samples[0].node, true) == Reached
}

// restricted is the test whether a node that we did speak to comes through from
// another port of its own (step 4).
func (d *discovery) restricted(ctx context.Context) (wire.DialInfoClass, bool) {
	switch d.validateRepeated(ctx, d.samples[1].node, false) {
	case Reached:
		return wire.ClassAddressRestrictedNAT, true
	case NotReached:
		return wire.ClassPortRestrictedNAT, true
	}
	return 0, false
}

// validateEach asks all who answered at once and takes the best verdict.
func (d *discovery) validateEach(ctx context.Context, at netip.AddrPort) (best Verdict) {
	ctx, cancel := context.WithCancel(ctx)
	verdicts := make(chan Verdict, len(d.samples))
	var all guard.Group
	defer all.Wait()
	defer cancel()
	di := dialInfo(d.group.Protocols[0], at, d.cfg.WSPath)
	for _, s := range d.samples {
		all.Go(func() { verdicts <- d.cfg.Asker.Validate(ctx, s.node, di, true) })
	}
	for range d.samples {
		if best = max(best, <-verdicts); best == Reached {
			break
		}
	}
	return best
}

// validateRepeated asks one node about the first address that was seen, as often
// as the configuration wants.
func (d *discovery) validateRepeated(ctx context.Context, node *routing.Entry, redirect bool) (best Verdict) {
	di := dialInfo(d.group.Protocols[0], d.samples[0].addr, d.cfg.WSPath)
	for range 1 + d.cfg.RestrictedNATRetries {
		if best = max(best, d.cfg.Asker.Validate(ctx, node, di, redirect)); best == Reached || ctx.Err() != nil {
			break
		}
	}
	return best
}
