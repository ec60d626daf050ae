package route

import (
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// charges is a net with a safety route, a reply route, and an imported route.
type charges struct {
	*net
	safety, reply, far crypto.RouteID
	via                Via
	target             Target
}

func newCharges(t testing.TB) *charges {
	t.Helper()
	n := newNet(t, 6, nil)
	c := &charges{net: n}
	c.safety = n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered})
	c.reply = n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered})
	pr := n.remoteRoute(t, n.others[0], n.others[1], "far")
	blob, err := wire.EncodeRouteBlob([]*wire.PrivateRoute{pr})
	if err != nil {
		t.Fatal(err)
	}
	if c.far, err = n.store.ImportBlob(blob, start); err != nil {
		t.Fatal(err)
	}
	c.target = Target{Route: pr}
	c.via = Via{
		Safety: n.info(t, c.safety).Keys[0], Reply: n.info(t, c.reply).Keys[0], Remote: pr.PublicKey, Ordering: Ordered,
	}
	return c
}

func (c *charges) remote(t testing.TB) RemoteInfo {
	t.Helper()
	for _, r := range c.store.Remotes(start) {
		if r.ID == c.far {
			return r
		}
	}
	t.Fatal("the imported route is gone")
	return RemoteInfo{}
}

func TestSendEvents(t *testing.T) {
	c := newCharges(t)
	if !c.store.SendFailed(c.via, start) {
		t.Error("nothing charged")
	}
	if got := [3]int{c.info(t, c.safety).FailedToSend, c.remote(t).FailedToSend, c.info(t, c.reply).FailedToSend}; got != [3]int{1, 0, 0} {
		t.Errorf("failed sends %v: only the safety route is charged", got)
	}
	unsafe := c.via
	unsafe.Safety = c.us.pair.Public // the stub is no route
	c.store.SendFailed(unsafe, start)
	if got := c.remote(t).FailedToSend; got != 1 {
		t.Errorf("%d failed sends of the remote route", got)
	}
	suppressed := c.via
	suppressed.Suppressed = true
	c.store.SendFailed(suppressed, start)
	if got := c.info(t, c.safety).FailedToSend; got != 1 {
		t.Errorf("%d failed sends after one that does not count", got)
	}
	if !c.store.Sent(c.via, 100, start) {
		t.Error("nothing charged")
	}
	s, r := c.info(t, c.safety), c.remote(t)
	if s.Sent != 100 || s.FailedToSend != 0 || r.Sent != 100 || r.FailedToSend != 0 {
		t.Errorf("after sending: %+v, %+v", s.Measured, r.Measured)
	}
	if c.store.Sent(Via{Safety: c.us.pair.Public, Remote: c.others[3].pair.Public}, 1, start) {
		t.Error("a route was charged for what went to a node")
	}
}

func TestLostEvents(t *testing.T) {
	c := newCharges(t)
	c.store.QuestionLost(c.via, c.target, start, 1, start)
	if s, r, f := c.info(t, c.safety), c.info(t, c.reply), c.remote(t); s.Lost != 1 || r.Lost != 1 || f.Lost != 1 {
		t.Errorf("lost %d, %d, %d", s.Lost, r.Lost, f.Lost)
	}
	same := c.via
	same.Reply = same.Safety
	c.store.QuestionLost(same, c.target, start, 1, start)
	if s := c.info(t, c.safety); s.Lost != 2 {
		t.Errorf("lost %d: counted twice for being the reply route too", s.Lost)
	}
	for _, v := range []Via{{Safety: c.via.Safety, Loopback: true}, {Safety: c.via.Safety, Suppressed: true}} {
		c.store.QuestionLost(v, c.target, start, 1, start)
	}
	if s := c.info(t, c.safety); s.Lost != 2 {
		t.Errorf("lost %d after what does not count", s.Lost)
	}
	c.store.AnswerReceived(c.via, c.target, 10, time.Second, start.Add(time.Second))
	if s, r, f := c.info(t, c.safety), c.info(t, c.reply), c.remote(t); s.Lost+r.Lost+f.Lost != 0 || s.LastValid.IsZero() || s.Answers != 1 || s.Rcvd != 10 {
		t.Errorf("after an answer: %+v, %+v, %+v", s.Measured, r.Measured, f.Measured)
	}
	// Questions to five destinations kill the route, but not those that were sent
	// before an answer that came.
	for i := range 5 {
		c.store.QuestionLost(c.via, Target{Node: c.others[i].info}, start, 1, start.Add(2*time.Second))
	}
	if c.info(t, c.safety).Dead {
		t.Error("killed by questions that are older than an answer")
	}
	if !c.store.Lost(Target{Node: c.others[4].info}) || c.store.Lost(Target{Node: c.others[5].info}) {
		t.Error("who lost a question is not known")
	}
	c.store.AnswerReceived(c.via, c.target, 10, time.Second, start.Add(3*time.Second))
	for i := range 5 {
		c.store.QuestionLost(c.via, Target{Node: c.others[i].info}, start.Add(4*time.Second), 1, start.Add(9*time.Second))
	}
	if !c.info(t, c.safety).Dead {
		t.Error("five destinations have lost questions and the route lives")
	}
}

// The loss mark of a destination goes with the next answer from it.
func TestLossMarks(t *testing.T) {
	c := newCharges(t)
	key, err := c.store.DestinationKey(c.target)
	if err != nil {
		t.Fatal(err)
	}
	lost := func() bool {
		epoch := c.store.lossEpoch(c.target)
		c.store.mu.Lock()
		defer c.store.mu.Unlock()
		return c.store.routes[c.safety].stats.lostTo(key, epoch)
	}
	if lost() {
		t.Error("lost before any question")
	}
	c.store.QuestionLost(c.via, c.target, start, 1, start)
	if !lost() {
		t.Error("no mark")
	}
	c.store.SetOnline(true) // no change
	if !lost() {
		t.Error("the mark goes without a change")
	}
	c.store.SetOnline(false)
	if lost() {
		t.Error("the mark holds after going offline")
	}
	c.store.QuestionLost(c.via, c.target, start, 1, start)
	c.store.AnswerReceived(c.via, c.target, 1, time.Second, start)
	if lost() {
		t.Error("the mark holds after an answer")
	}
}

func TestLossMemoryIsBounded(t *testing.T) {
	var o orderingStats
	key := crypto.PublicKey{Kind: crypto.KindVLD0}
	for i := range 1000 {
		key.Value[0], key.Value[1] = byte(i), byte(i>>8)
		o.addLost(key, 0)
		o.mark(key, lossEpoch{online: uint64(i / 500)})
	}
	if len(o.lost) > maxLost || len(o.marks) > maxMarks {
		t.Errorf("%d lost, %d marks", len(o.lost), len(o.marks))
	}
	// Marks of another time make room for those of now.
	if e := o.marks[crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte{0xF4, 0x01}}]; e.online != 1 {
		t.Errorf("the first mark of the new time is missing: %+v", e)
	}
}

func TestLatencies(t *testing.T) {
	c := newCharges(t)
	direct := c.via
	direct.Remote = c.others[4].pair.Public
	c.store.AnswerReceived(direct, Target{Node: c.others[4].info}, 1, 400*time.Millisecond, start)
	if s, r := c.info(t, c.safety).Latency, c.info(t, c.reply).Latency; s != 200*time.Millisecond || r != s {
		t.Errorf("to a node: %v and %v, want half each", s, r)
	}
	c.store.AnswerReceived(c.via, c.target, 1, time.Second, start)
	if got := c.remote(t).Latency; got != 600*time.Millisecond {
		t.Errorf("to a route: %v, want what is left", got)
	}
	if got := c.info(t, c.safety).Latency; got != 200*time.Millisecond {
		t.Errorf("the safety route has now %v", got)
	}
	c.store.AnswerReceived(c.via, c.target, 1, time.Millisecond, start)
	if got := c.remote(t).Latency; got != 300*time.Millisecond {
		t.Errorf("a sample below zero counts as %v", got)
	}
	var r latencyRing
	for i := range 120 {
		r.add(time.Duration(i))
	}
	if got, want := r.average(), time.Duration(70+119)/2; got != want {
		t.Errorf("average of the last 50 is %d, want %d", got, want)
	}
}

func TestReceivedEvents(t *testing.T) {
	c := newCharges(t)
	c.store.Arrived(Arrival{Path: SafetyRouted, RouteKey: c.via.Reply}, wire.TCP, 10, start)
	if c.info(t, c.reply).Rcvd != 0 {
		t.Error("counted although it came to the node")
	}
	c.store.Arrived(Arrival{Path: PrivateRouted, RouteKey: c.via.Reply, SafetyKey: c.via.Remote}, wire.TCP, 10, start)
	if i := c.info(t, c.reply); i.Rcvd != 10 || !i.LastValid.Equal(start) || i.NeedsTest {
		t.Errorf("%+v", i)
	}
	if r := c.remote(t); r.Rcvd != 10 || !r.LastValid.IsZero() {
		t.Errorf("the sender's route: %+v", r)
	}
	// Over the other ordering it proves nothing for the one the route is made for.
	c.store.Received(c.via.Safety, zeroKey, Unordered, 10, start)
	if !c.info(t, c.safety).NeedsTest {
		t.Error("proved by datagrams")
	}
}
