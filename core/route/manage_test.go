package route

import (
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

var (
	healthy = Health{Online: true, Datagrams: true, Streams: true}
	failed  = TestResult{Outcome: NoAnswer, Evidence: 1}
	passed  = TestResult{Outcome: Answered}
)

func (p *Plan) tests(id crypto.RouteID) bool {
	return slices.ContainsFunc(p.Test, func(l LoopTest) bool { return l.ID == id })
}

func (p *Plan) keeps(id crypto.RouteID) bool {
	return slices.ContainsFunc(p.Keepalive, func(l LoopTest) bool { return l.ID == id })
}

func seconds(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }

// fill does what a plan wants allocated and answers its tests.
func (n *net) fill(t testing.TB, plan *Plan, now time.Time) {
	t.Helper()
	tests := plan.Test
	for _, w := range plan.Allocate {
		id, err := n.store.Allocate(w.Request(), now)
		if err != nil {
			t.Fatal(err)
		}
		test, err := n.store.TestNow(id, now)
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, test)
	}
	for _, l := range tests {
		n.store.TestDone(l, passed, now)
	}
}

func TestManageFillsPools(t *testing.T) {
	n := newNet(t, 8, nil)
	for _, tt := range []struct {
		name   string
		health Health
		want   []Wanted
	}{
		{"both", healthy, []Wanted{
			{1, Ordered}, {2, Ordered}, {1, Ordered}, {2, Ordered}, {1, Ordered}, {2, Ordered}, {1, Ordered}, {2, Ordered},
			{1, Unordered}, {2, Unordered}, {1, Unordered}, {2, Unordered}, {1, Unordered}, {2, Unordered}, {1, Unordered}, {2, Unordered},
		}},
		{"streams alone", Health{Online: true, Streams: true}, []Wanted{
			{1, Ordered}, {2, Ordered}, {1, Ordered}, {2, Ordered}, {1, Ordered}, {2, Ordered}, {1, Ordered}, {2, Ordered},
		}},
		{"nothing", Health{Online: true}, nil},
	} {
		if got := n.store.Manage(tt.health, start).Allocate; !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if n.store.Ready(false) || n.store.Ready(true) {
		t.Error("ready without routes")
	}
	plan := n.store.Manage(healthy, start)
	n.fill(t, &plan, start)
	if got := n.store.Manage(healthy, start); len(got.Allocate)+len(got.Test)+len(got.Keepalive) != 0 {
		t.Errorf("still to do: %+v", got)
	}
	if !n.store.Ready(false) || n.store.Tested(crypto.KindVLD0, 1) != 4 || n.store.Tested(crypto.KindVLD0, 2) != 4 {
		t.Error("not ready")
	}
	// One ordered route of any length keeps us ready, and does not make us so.
	left := 0
	for _, r := range n.store.Routes(start) {
		if r.Ordering == Ordered && left == 0 {
			left++
		} else if err := n.store.Release(r.ID); err != nil {
			t.Fatal(err)
		}
	}
	if n.store.Ready(false) || !n.store.Ready(true) {
		t.Error("with one route: ready to become, or not to stay")
	}
}

func TestKeepaliveEveryTenSeconds(t *testing.T) {
	n := newNet(t, 4, nil)
	id := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Unordered})
	var at []int
	for s := range 41 {
		plan := n.store.Manage(Health{Online: true}, seconds(s))
		for _, l := range slices.Concat(plan.Test, plan.Keepalive) {
			at = append(at, s)
			if l.ID != id || l.Ordering != Unordered {
				t.Errorf("at %d: %+v", s, l)
			}
			n.store.TestDone(l, passed, seconds(s))
			// Real traffic does not put a loopback off.
			n.store.Received(n.info(t, id).Keys[0], zeroKey, Unordered, 1, seconds(s))
		}
	}
	if want := []int{0, 10, 20, 30, 40}; !slices.Equal(at, want) {
		t.Errorf("loopbacks at %v, want %v", at, want)
	}
}

func TestManageTests(t *testing.T) {
	now := seconds(100)
	fresh := func(a *allocated) { a.stats.per[a.ordering].lastValid = now }
	old := func(a *allocated) { a.stats.per[a.ordering].lastValid = start }
	for _, tt := range []struct {
		name      string
		automatic bool
		hops      int
		change    func(*allocated)
		test      bool
		released  bool
	}{
		{"never validated", true, 1, func(*allocated) {}, true, false},
		{"never validated, of the application", false, 1, func(*allocated) {}, true, false},
		{"proved", true, 1, fresh, false, false},
		{"idle, automatic", true, 1, old, true, false},
		{"idle, automatic, no default length", true, 3, old, false, true},
		{"never validated, no default length", true, 3, func(*allocated) {}, true, false},
		{"idle, of the application", false, 1, old, false, false},
		{"idle, published", false, 1, func(a *allocated) { old(a); a.published = true }, true, false},
		{"lost a question, of the application", false, 1, func(a *allocated) {
			old(a)
			a.retest = true
		}, true, false},
		{"marked", false, 1, func(a *allocated) { a.marked = true }, false, true},
		{"marked and in use", false, 1, func(a *allocated) { a.marked, a.uses = true, 1 }, false, false},
		{"tested shortly before", true, 1, func(a *allocated) { a.tested = now.Add(-14 * time.Second) }, false, false},
		{"tested a while ago", true, 1, func(a *allocated) { a.tested = now.Add(-15 * time.Second) }, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNet(t, 6, nil)
			id := n.allocate(t, AllocateRequest{HopCount: tt.hops, Ordering: Ordered, Automatic: tt.automatic})
			n.with(t, id, tt.change)
			plan := n.store.Manage(healthy, now)
			if got := plan.tests(id); got != tt.test {
				t.Errorf("tested %t", got)
			}
			if got := slices.Contains(plan.Released, id); got != tt.released {
				t.Errorf("released %t", got)
			}
			if _, there := n.store.Info(id, now); there == tt.released {
				t.Errorf("still there %t", there)
			}
			if reported := plan.Change != nil; reported != (tt.released && !tt.automatic) {
				t.Errorf("reported %t", reported)
			}
		})
	}
}

// Of the routes of a cell that need a test the fastest are tested and the others go.
func TestManageKeepsTheFastest(t *testing.T) {
	n := newNet(t, 8, nil)
	var ids []crypto.RouteID
	for i := range 6 {
		id := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered, Automatic: true})
		n.with(t, id, func(a *allocated) {
			valid(a)
			if i > 0 { // the first is not measured
				a.stats.latency.add(time.Duration(10-i) * time.Millisecond)
			}
		})
		ids = append(ids, id)
	}
	plan := n.store.Manage(healthy, seconds(60))
	for i, id := range ids {
		if want := i >= 2; plan.tests(id) != want || slices.Contains(plan.Released, id) == want {
			t.Errorf("route %d: tested %t", i, plan.tests(id))
		}
	}
}

func TestTestOutcomes(t *testing.T) {
	type step struct {
		r     TestResult
		blame bool
	}
	offline, degraded, suppressed := failed, failed, failed
	offline.Offline, degraded.Degraded, suppressed.Suppressed = true, true, true
	weak := TestResult{Outcome: NoAnswer, Evidence: 0.5}
	for _, tt := range []struct {
		name     string
		hops     int
		ordering Ordering
		steps    []step
		dead     bool
		fails    int
	}{
		{"answered", 1, Ordered, []step{{passed, false}}, false, 0},
		{"not sent", 1, Ordered, []step{{TestResult{}, false}}, false, 0},
		{"two failures", 1, Ordered, []step{{failed, true}, {failed, true}}, false, 2},
		{"three failures", 1, Ordered, []step{{failed, true}, {failed, true}, {failed, true}}, true, 3},
		{"three of datagrams", 1, Unordered, []step{{failed, true}, {failed, true}, {failed, true}}, false, 3},
		{"five of datagrams", 1, Unordered, []step{{failed, true}, {failed, true}, {failed, true}, {failed, true}, {failed, true}}, true, 5},
		{"an answer in between", 1, Ordered, []step{{failed, true}, {failed, true}, {passed, false}, {failed, true}}, false, 1},
		{"two hops: nobody is blamed", 2, Ordered, []step{{failed, false}, {failed, false}, {failed, false}}, true, 3},
		{"little evidence", 1, Ordered, []step{{weak, true}, {weak, true}, {weak, true}}, false, 3},
		{"offline", 1, Ordered, []step{{offline, false}, {offline, false}, {offline, false}}, false, 0},
		{"suppressed", 1, Ordered, []step{{suppressed, false}, {suppressed, false}, {suppressed, false}}, false, 0},
		{"put off three times", 1, Ordered, []step{{degraded, false}, {degraded, false}, {degraded, false}}, false, 0},
		{"put off no more", 1, Ordered, []step{{degraded, false}, {degraded, false}, {degraded, false}, {degraded, true}}, false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNet(t, 4, nil)
			id := n.allocate(t, AllocateRequest{HopCount: tt.hops, Ordering: tt.ordering})
			for i, s := range tt.steps {
				blame, ok := n.store.TestDone(LoopTest{id, tt.ordering}, s.r, seconds(i))
				if ok != s.blame || ok && blame != n.info(t, id).Hops[0] {
					t.Errorf("step %d: blame %v, %t", i, blame, ok)
				}
			}
			if info := n.info(t, id); info.Dead != tt.dead || info.FailedTests != tt.fails {
				t.Errorf("dead %t, %d failures", info.Dead, info.FailedTests)
			}
		})
	}
	n := newNet(t, 1, nil)
	if _, ok := n.store.TestDone(LoopTest{}, failed, start); ok {
		t.Error("a route that is gone blames a hop")
	}
}

// A test that failed while the node was degraded is run again as soon as that is over,
// without the usual spacing.
func TestPutOffTestsResume(t *testing.T) {
	n := newNet(t, 4, nil)
	id := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered, Automatic: true})
	degraded := healthy
	degraded.Degraded = true
	if plan := n.store.Manage(degraded, start); !plan.tests(id) {
		t.Fatal("no test")
	}
	result := failed
	result.Degraded = true
	n.store.TestDone(LoopTest{id, Ordered}, result, seconds(5))
	if plan := n.store.Manage(degraded, seconds(6)); plan.tests(id) {
		t.Error("tested while degraded")
	}
	if plan := n.store.Manage(healthy, seconds(7)); !plan.tests(id) {
		t.Error("not resumed")
	}
	if plan := n.store.Manage(healthy, seconds(8)); plan.tests(id) {
		t.Error("resumed twice")
	}
}

func TestManageRemotes(t *testing.T) {
	c := newCharges(t)
	tested := func(at int, h Health) bool {
		plan := c.store.Manage(h, seconds(at))
		return slices.Contains(plan.TestRemote, c.far)
	}
	if !tested(0, healthy) || tested(1, healthy) {
		t.Error("a new import is to be tested once")
	}
	c.store.RemoteTestDone(c.far, passed, seconds(2))
	if tested(31, healthy) || !tested(33, healthy) {
		t.Error("not tested after 30 idle seconds")
	}
	c.store.RemoteTestDone(c.far, TestResult{}, seconds(34)) // not sent
	if tested(40, healthy) || !tested(48, healthy) {
		t.Error("not tested 15 s later")
	}
	degraded := failed
	degraded.Degraded = true
	c.store.RemoteTestDone(c.far, degraded, seconds(50))
	if tested(70, Health{Online: true, Degraded: true}) || !tested(71, healthy) {
		t.Error("not resumed when the node had recovered")
	}
	target, sel, err := c.store.RemoteTest(c.far, seconds(71))
	if err != nil || target.Route.PublicKey != c.via.Remote || sel.HopCount() != 1 {
		t.Errorf("%+v, %+v, %v", target, sel, err)
	}
	c.store.RemoteTestDone(c.far, failed, seconds(76))
	plan := c.store.Manage(healthy, seconds(77))
	if plan.Change == nil || !slices.Equal(plan.Change.DeadRemote, []crypto.RouteID{c.far}) {
		t.Errorf("change %+v", plan.Change)
	}
	if _, _, err := c.store.RemoteTest(c.far, seconds(77)); err == nil {
		t.Error("still there after a failed test")
	}
}

// While the tick runs an imported route does not expire.
func TestManageKeepsRemotes(t *testing.T) {
	c := newCharges(t)
	for s := 0; s < 1000; s += 100 {
		c.store.Manage(healthy, seconds(s))
	}
	if _, err := c.store.RemoteRoute(c.far, seconds(1000)); err != nil {
		t.Error(err)
	}
	if _, err := c.store.RemoteRoute(c.far, seconds(1300)); err == nil {
		t.Error("there after 5 minutes without a tick")
	}
}

func TestRouteChange(t *testing.T) {
	c := newCharges(t)
	auto := c.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered, Automatic: true})
	unborn := c.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered})
	c.store.Forget(unborn)
	for _, id := range []crypto.RouteID{auto, c.safety, c.far} {
		if err := c.store.Release(id); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.store.Release(c.safety); err == nil {
		t.Error("released twice")
	}
	change := c.store.TakeChange()
	if change == nil || !slices.Equal(change.Dead, []crypto.RouteID{c.safety}) || !slices.Equal(change.DeadRemote, []crypto.RouteID{c.far}) {
		t.Errorf("change %+v", change)
	}
	if again := c.store.TakeChange(); again != nil {
		t.Errorf("told again: %+v", again)
	}
}

func TestUseKeepsADeadRoute(t *testing.T) {
	c := newCharges(t)
	done := c.store.Use(c.via.Safety, c.via.Safety, c.via.Remote, zeroKey)
	for range 3 {
		c.store.TestDone(LoopTest{c.safety, Ordered}, failed, start)
	}
	plan := c.store.Manage(healthy, start)
	if slices.Contains(plan.Released, c.safety) {
		t.Error("released while in use")
	}
	if _, ok := c.store.OwnRoute(c.via.Safety); !ok {
		t.Error("cannot receive over it")
	}
	if plan.tests(c.safety) || plan.keeps(c.safety) {
		t.Error("a dead route is tested")
	}
	done()
	if _, ok := c.store.OwnRoute(c.via.Safety); ok {
		t.Error("there after the last use")
	}
}

func TestOwnNodeInfoChanged(t *testing.T) {
	c := newCharges(t)
	n := c.net
	for _, id := range []crypto.RouteID{c.safety, c.reply} {
		c.store.TestDone(LoopTest{id, Ordered}, passed, start)
	}
	if err := c.store.SetPublished(c.safety, true); err != nil {
		t.Fatal(err)
	}
	c.store.AnswerReceived(Via{Remote: c.via.Remote, Ordering: Ordered}, c.target, 1, time.Second, start)
	c.store.OwnNodeInfoChanged(start)
	if i := n.info(t, c.safety); i.Published || !i.LastValid.IsZero() || !i.NeedsTest {
		t.Errorf("published route: %+v", i)
	}
	if i := n.info(t, c.reply); i.LastValid.IsZero() {
		t.Errorf("unpublished route: %+v", i)
	}
	if r := c.remote(t); !r.LastValid.IsZero() || !r.NeedsTest {
		t.Errorf("imported route: %+v", r)
	}
	if err := c.store.SetPublished(crypto.RouteID{}, true); err == nil {
		t.Error("published a route that is not there")
	}
}

func TestProbes(t *testing.T) {
	n := newNet(t, 8, nil)
	id := n.allocate(t, AllocateRequest{HopCount: 2, Ordering: Ordered})
	hops := n.info(t, id).Hops
	cut := n.others[7].id
	n.table.cut[[2]crypto.NodeID{hops[1], cut}] = true
	seen := make(map[crypto.NodeID]bool)
	for range 8 {
		probes, err := n.store.Probes(id, start)
		if err != nil || len(probes) != 3 {
			t.Fatalf("%d probes, %v", len(probes), err)
		}
		for _, p := range probes {
			if slices.Contains(hops, p.NodeIDs[0]) || p.NodeIDs[0] == cut {
				t.Errorf("probe %v", p.NodeIDs[0])
			}
			seen[p.NodeIDs[0]] = true
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d nodes in rotation, want 5", len(seen))
	}
	n.table.candidates = nil
	if probes, err := n.store.Probes(id, start); err != nil || len(probes) != 0 {
		t.Errorf("%d probes, %v", len(probes), err)
	}
	if sel := ProbeSelection(id); sel.HopCount() != 1 || sel.Sequencing() != wire.PreferOrdered {
		t.Errorf("selection %+v", sel)
	}
}

func TestReleaseAutomatic(t *testing.T) {
	n := newNet(t, 6, nil)
	plan := n.store.Manage(healthy, start)
	n.fill(t, &plan, start)
	mine := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered})
	if got := n.store.ReleaseAutomatic(); got != 16 {
		t.Errorf("released %d", got)
	}
	if left := n.store.Routes(start); len(left) != 1 || left[0].ID != mine {
		t.Errorf("left %+v", left)
	}
	n.store.Purge()
	if left := n.store.Routes(start); len(left) != 0 || n.store.TakeChange() != nil {
		t.Error("not purged")
	}
}
