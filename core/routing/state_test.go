package routing

import (
	"errors"
	"testing"
	"time"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// step is one event in the life of an entry.
type step struct {
	at   float64 // seconds
	what string  // answer, lost, sent, failed, nocontact, message, punish, pardon, excuse
	on   wire.ProtocolType
	want State
	why  Reason
}

// Lives of entries, event by event (spec 04 §5.2, §5.3).
func TestStateLives(t *testing.T) {
	const udp, tcp = wire.UDP, wire.TCP
	for _, c := range []struct {
		name  string
		peer  bool // has a description with UDP and TCP of both families
		steps []step
	}{
		{"new", false, []step{{0, "", udp, StateInitial, ReasonNoAnswerSteadily}}},
		{"never seen, three losses", false, []step{
			{5, "lost", udp, StateInitial, ReasonNoAnswerSteadily},
			{10, "lost", udp, StateInitial, ReasonNoAnswerSteadily},
			{15, "lost", udp, StateDead, ReasonNeverSeenLostQuestions},
		}},
		{"becomes reliable after 60 s on one ordering", false, []step{
			{0, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
			{59, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
			{60, "", udp, StateReliable, ReasonReliable},
		}},
		{"the younger ordering decides", false, []step{
			{0, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
			{30, "answer", tcp, StateUnreliable, ReasonUnreliableAnswer},
			{60, "", udp, StateUnreliable, ReasonUnreliableAnswer},
			{90, "", udp, StateReliable, ReasonReliable},
		}},
		{"one loss costs an ordering its 60 s", false, []step{
			{0, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
			{0, "answer", tcp, StateUnreliable, ReasonUnreliableAnswer},
			{60, "", udp, StateReliable, ReasonReliable},
			{65, "lost", udp, StateReliable, ReasonReliable}, // TCP is still steady
			{70, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
			{129, "", udp, StateUnreliable, ReasonUnreliableAnswer},
			{130, "", udp, StateReliable, ReasonReliable},
		}},
		{"broken off on the only ordering", false, []step{
			{0, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
			{70, "lost", udp, StateInitial, ReasonNoAnswerSteadily},
			{75, "lost", udp, StateInitial, ReasonNoAnswerSteadily},
			{80, "lost", udp, StateMissing, ReasonLostQuestions},
			{85, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
		}},
		{"a minute of losses", false, []step{
			{0, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
			{10, "lost", udp, StateInitial, ReasonNoAnswerSteadily},
			{20, "lost", udp, StateInitial, ReasonNoAnswerSteadily},
			{30, "lost", udp, StateMissing, ReasonLostQuestions},
			{69, "", udp, StateMissing, ReasonLostQuestions},
			{70, "", udp, StateDead, ReasonSteadyLostQuestions},
		}},
		{"our own fault does not count", false, []step{
			{0, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
			{10, "lost", udp, StateInitial, ReasonNoAnswerSteadily},
			{40, "excuse", udp, StateInitial, ReasonNoAnswerSteadily}, // 30 s
			{70, "", udp, StateInitial, ReasonNoAnswerSteadily},
			{100, "", udp, StateDead, ReasonSteadyLostQuestions},
		}},
		{"seen but never answering", false, []step{
			{0, "message", udp, StateInitial, ReasonNoAnswerSteadily},
			{5, "lost", udp, StateInitial, ReasonNoAnswerSteadily},
			{6, "lost", udp, StateInitial, ReasonNoAnswerSteadily},
			{7, "lost", udp, StateMissing, ReasonLostQuestions},
		}},
		{"no contact method", false, []step{
			{0, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
			{1, "nocontact", udp, StateDead, ReasonExcessiveUnreachable},
			{2, "sent", udp, StateInitial, ReasonNoAnswerSteadily},
		}},
		{"punished", false, []step{
			{0, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
			{1, "punish", udp, StatePunished, ReasonPunished},
			{2, "pardon", udp, StateUnreliable, ReasonUnreliableAnswer},
		}},
		{"one ordering fails to send", true, []step{
			{0, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
			{1, "failed", tcp, StateUnreliable, ReasonUnreliableAnswer},
			{2, "failed", tcp, StateUnreliable, ReasonUnreliableAnswer},
			{3, "failed", tcp, StateMissing, ReasonFailedToSend},
			{4, "sent", tcp, StateUnreliable, ReasonUnreliableAnswer},
		}},
		{"all orderings fail to send", true, []step{
			{0, "answer", udp, StateUnreliable, ReasonUnreliableAnswer},
			{1, "failed", tcp, StateUnreliable, ReasonUnreliableAnswer},
			{1, "failed", tcp, StateUnreliable, ReasonUnreliableAnswer},
			{1, "failed", tcp, StateMissing, ReasonFailedToSend},
			{1, "failed", udp, StateMissing, ReasonFailedToSend},
			{1, "failed", udp, StateMissing, ReasonFailedToSend},
			{1, "failed", udp, StateDead, ReasonExcessiveSendFailures},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			tab := w.table(dualStack())
			start(tab, ownEverywhere()...)
			e := w.bare(tab)
			if c.peer {
				e = w.peer(tab, func(n *wire.NodeInfo) {
					n.DialInfo = direct("UDP 45.0.0.1:5150", "TCP 45.0.0.1:5150")
				})
			}
			for i, s := range c.steps {
				now := at(s.at)
				switch p := over(s.on); s.what {
				case "answer":
					e.QuestionSent(p, 1, now)
					e.AnswerReceived(p, 1, time.Millisecond, now)
				case "lost":
					e.AnswerLost(p, now)
				case "sent":
					e.QuestionSent(p, 1, now)
				case "failed":
					e.SendFailed(p)
				case "nocontact":
					e.NoContact()
				case "message":
					e.MessageReceived(p, 1, now)
				case "punish":
					e.SetPunished(true)
				case "pardon":
					e.SetPunished(false)
				case "excuse":
					tab.Excuse(30 * time.Second)
				}
				if got, why := e.StateReason(now); got != s.want || why != s.why {
					t.Errorf("step %d (%s at %v s): %v %v, want %v %v", i, s.what, s.at, got, why, s.want, s.why)
				}
			}
		})
	}
}

func TestLossOnFlowOfThePeer(t *testing.T) {
	w := newWorld(t)
	e := w.bare(w.table(dualStack()))
	always := func(transport.Flow, time.Time) bool { return true }
	p := over(wire.UDP)
	p.Dialled = false
	for range 5 {
		e.AnswerLost(p, at(1))
	}
	if s := e.State(at(1)); s != StateInitial {
		t.Errorf("state %v, want initial: nothing is charged", s)
	}
	if e.AliveFlow(always) {
		t.Error("the flow is not forgotten")
	}
}

func TestReviveByPeerInfo(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	start(tab, ownEverywhere()...)
	info, keys := w.info(), w.keys()
	e, err := tab.RegisterPeer(w.sign(info, keys), RegisterOptions{}, t0)
	if err != nil {
		t.Fatal(err)
	}
	kill := func() {
		t.Helper()
		for range 3 {
			e.AnswerLost(over(wire.UDP), t0)
		}
		if s := e.State(t0); s != StateDead {
			t.Fatalf("state %v, want dead", s)
		}
	}
	register := func(want State) {
		t.Helper()
		if _, err := tab.RegisterPeer(w.sign(info, keys), RegisterOptions{}, t0); err != nil {
			t.Fatal(err)
		}
		if s := e.State(t0); s != want {
			t.Errorf("state %v, want %v", s, want)
		}
	}
	kill()
	register(StateDead) // nothing new
	info.Timestamp++
	register(StateInitial)
	kill()
	register(StateDead)
	tab.Own(wire.PublicInternet).SetDetectedDialInfo(direct("UDP 44.2.0.9:1"))
	register(StateInitial) // once after a change of our own network
	kill()
	register(StateDead)
}

func TestLastFlows(t *testing.T) {
	w := newWorld(t)
	e := w.bare(w.table(dualStack()))
	e.ForgetFlows(AnyDialInfo())
	dead := map[string]bool{}
	alive := func(f transport.Flow, seen time.Time) bool {
		return !dead[f.String()] && (f.Protocol != wire.UDP || at(30).Sub(seen) < UDPFlowLife)
	}
	udp, tcp, ws := flowTo(wire.UDP, "45.0.0.1:1"), flowTo(wire.TCP, "45.0.0.1:2"), flowTo(wire.WS, "45.0.0.1:3")
	e.RecordFlow(tcp, at(20))
	e.RecordFlow(ws, at(25))
	e.RecordFlow(udp, at(28))
	for _, c := range []struct {
		name string
		seq  wire.Sequencing
		f    DialFilter
		want transport.Flow
	}{
		{"newest", wire.PreferUnordered, AnyDialInfo(), udp},
		{"TCP first", wire.PreferOrdered, AnyDialInfo(), tcp},
		{"never UDP", wire.EnsureOrdered, AnyDialInfo(), tcp},
		{"filtered", wire.EnsureOrdered, DialFilter{wire.Protocols(wire.WS), wire.AllAddresses}, ws},
		{"wrong family", wire.PreferUnordered, DialFilter{wire.AllProtocols, wire.Addresses(wire.IPv6)}, transport.Flow{}},
	} {
		if got, _ := e.LastFlow(c.f, c.seq, alive); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	dead[tcp.String()] = true
	if got, _ := e.LastFlow(AnyDialInfo(), wire.PreferOrdered, alive); got != ws {
		t.Errorf("with TCP closed: %v, want %v", got, ws)
	}
	if got, ok := e.FlowTo(wire.DialInfo{Protocol: wire.TCP, Addr: ws.Remote}, alive); !ok || got != ws {
		t.Errorf("FlowTo over the same low-level protocol: %v, want %v", got, ws)
	}
	if _, ok := e.FlowTo(wire.DialInfo{Protocol: wire.UDP, Addr: ws.Remote}, alive); ok {
		t.Error("FlowTo crosses low-level protocols")
	}
	e.RecordFlow(udp, at(10))
	if got, _ := e.LastFlow(AnyDialInfo(), wire.PreferUnordered, alive); got != ws {
		t.Errorf("with UDP silent for 20 s: %v, want %v", got, ws)
	}

	for i := range 6 { // four per transport are kept, newest first
		e.RecordFlow(flowTo(wire.UDP, "45.0.0.1:"+string(rune('1'+i))+"00"), at(29))
	}
	n := 0
	for _, r := range e.flows {
		if r.flow.Protocol == wire.UDP {
			n++
		}
	}
	if n != flowsPerTransport || e.flows[0].flow.Remote.Port() != 600 {
		t.Errorf("%d UDP flows kept, newest %v; want %d, port 600", n, e.flows[0].flow, flowsPerTransport)
	}

	// A flow that was opened is older than what came in meanwhile.
	for _, c := range []struct {
		name string
		came []transport.Flow
		want transport.Flow
	}{
		{"nothing came", nil, tcp},
		{"another flow came", []transport.Flow{ws}, ws},
		{"an answer came on it", []transport.Flow{tcp}, tcp},
	} {
		delete(dead, tcp.String())
		e.ForgetFlows(AnyDialInfo())
		e.RecordFlow(udp, at(29))
		received := e.Received()
		for _, f := range c.came {
			e.RecordFlow(f, at(30))
		}
		e.RecordDialled(tcp, at(30), received)
		if got, _ := e.LastFlow(AnyDialInfo(), wire.PreferUnordered, alive); got != c.want || len(e.flows) < 2 {
			t.Errorf("%s: %v of %d flows, want %v", c.name, got, len(e.flows), c.want)
		}
	}
	e.SetPunished(true)
	e.RecordFlow(tcp, at(30))
	if len(e.flows) != 0 {
		t.Error("a punished entry has flows")
	}
}

// Vector of spec 04 §17: every ping answered at once, ticks of a second.
func TestReliablePingTimes(t *testing.T) {
	first := stampOf(t0)
	c := counters{steadySince: first - stamp(falloffFromThen.Microseconds()), lastQuestion: first, lastAnswer: first}
	var got []int
	for s := 1; s <= 640; s++ {
		now := first + stamp(s)*1e6
		if pingDue(&c, StateReliable, now, 0) {
			got = append(got, s)
			c.lastQuestion = now
		}
	}
	want := []int{10, 20, 40, 80, 160, 280, 400, 520, 640}
	if len(got) != len(want) {
		t.Fatalf("pings at %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("pings at %v, want %v", got, want)
		}
	}
}

func TestPingCandidates(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	o := start(tab, ownEverywhere()...)
	e := w.peer(tab, func(n *wire.NodeInfo) { n.DialInfo = direct("UDP 45.0.0.1:5150", "TCP 45.0.0.1:5150") })
	reasons := func(now time.Time) (list []PingReason, orderings []wire.ProtocolSet) {
		for _, p := range tab.PingCandidates(wire.PublicInternet, now) {
			list, orderings = append(list, p.Reason), append(orderings, p.Filter.Protocols)
		}
		return list, orderings
	}
	expect := func(when float64, want ...PingReason) {
		t.Helper()
		got, _ := reasons(at(when))
		if len(got) != len(want) {
			t.Fatalf("at %v s: %v, want %v", when, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("at %v s: %v, want %v", when, got, want)
			}
		}
	}
	expect(0, PingTiming, PingTiming) // each ordering on its own
	if _, sets := reasons(t0); sets[0] != wire.Protocols(wire.UDP) || sets[1] != wire.Protocols(wire.TCP, wire.WS) {
		t.Errorf("restricted to %b, want UDP and then TCP and WS", sets)
	}
	responsive(e, time.Millisecond, t0)
	expect(0)
	expect(4.9)
	expect(5, PingTiming, PingTiming)
	if changed, err := o.Publish(t0); err != nil || !changed {
		t.Fatalf("Publish: %v %v", changed, err)
	}
	expect(1, PingOldNodeInfo)
	e.SetLastSeenOurs(wire.PublicInternet, o.Published().Info.Timestamp)
	expect(1, PingNoStatus)
	e.SetNodeStatus(wire.PublicInternet)
	expect(1)
	e.SetPunished(true)
	expect(100)
	e.SetPunished(false)

	o.SetSetup(Setup{wire.Protocols(wire.TCP), wire.AllProtocols, wire.AllAddresses})
	expect(5, PingTiming) // on the ordering that is left
}

func TestRegisterErrorText(t *testing.T) {
	err := error(&RegisterError{Reason: ErrSignature, Err: errors.New("why")})
	if !errors.Is(err, ErrSignature) || err.Error() == "" {
		t.Errorf("%v does not tell its reason", err)
	}
}
