package routing

// failingRun is how many losses or failed sends in a row make a transport Failing,
// and a node missing (spec 04 §5.2, §10.1).
const failingRun = 3

// counters is one row of the accounts of an entry. They are kept for the node, for
// each ordering, and for each transport that we dialled (spec 04 §5.3).
//
// steadySince and lossSince are in excused time: the clock without the time that
// was our own fault, see [Table.Excuse].
type counters struct {
	lastSeen     stamp // anything received
	lastQuestion stamp // we asked
	lastAnswer   stamp
	steadySince  stamp // first answer of the unbroken run; 0: none
	lossSince    stamp // first loss since the last answer, excused time; 0: none
	lostAt       stamp // the same, by the clock
	answers      uint32
	lost         uint32 // answers lost in a row
	failed       uint32 // sends failed in a row
	unreachable  uint32 // sends without a contact method in a row
	sent         uint32
	received     uint32
}

// excused is a moment by the clock and in excused time.
type excused struct{ now, own stamp }

func (c *counters) sentOne(at excused, question bool) {
	c.sent++
	c.failed, c.unreachable = 0, 0
	if question {
		c.lastQuestion = at.now
	}
}

func (c *counters) receivedOne(at excused) {
	c.received++
	c.lastSeen = at.now
}

func (c *counters) answered(at excused) {
	c.received++
	c.answers++
	c.lastSeen, c.lastAnswer = at.now, at.now
	if c.steadySince == 0 {
		c.steadySince = at.own
	}
	c.lost, c.lossSince, c.lostAt = 0, 0, 0
}

func (c *counters) lostOne(at excused) {
	c.lost++
	if c.lossSince == 0 {
		c.lossSince, c.lostAt = at.own, at.now
	}
	c.steadySince = 0
}

// failing is the condition of a transport that contact methods should avoid.
func (c *counters) failing() bool { return c.lost >= failingRun || c.failed >= failingRun }

// revive forgets what counts against the node (spec 04 §5.3, last row). What was
// received stays, so that it does not look like a node never seen.
func (c *counters) revive() {
	*c = counters{lastSeen: c.lastSeen, lastQuestion: c.lastQuestion, lastAnswer: c.lastAnswer}
}

// State is how far an entry can be trusted to answer (spec 04 §5.2). It runs from
// StatePunished = 0 to StateReliable: a forgotten field never looks good.
type State uint8

const (
	StatePunished State = iota
	StateDead
	StateMissing
	StateInitial
	StateUnreliable
	StateReliable
)

// MaybeLive is Missing or better.
func (s State) MaybeLive() bool { return s >= StateMissing }

// Live is Initial or better.
func (s State) Live() bool { return s >= StateInitial }

// Responsive is Unreliable or better.
func (s State) Responsive() bool { return s >= StateUnreliable }

// String names the state.
func (s State) String() string {
	names := [...]string{"punished", "dead", "missing", "initial", "unreliable", "reliable"}
	if int(s) < len(names) {
		return names[s]
	}
	return "invalid"
}

// Reason says why an entry has its state, in the words of spec 04 §13.
type Reason uint8

const (
	ReasonPunished Reason = iota
	ReasonExcessiveUnreachable
	ReasonExcessiveSendFailures
	ReasonNeverSeenLostQuestions
	ReasonSteadyLostQuestions
	ReasonFailedToSend
	ReasonLostQuestions
	ReasonNoAnswerSteadily
	ReasonUnreliableAnswer
	ReasonReliable
)

// String is the name of spec 04 §13.
func (r Reason) String() string {
	names := [...]string{"punished", "excessive_unreachable", "excessive_send_failures",
		"never_seen_lost_questions", "steady_lost_questions", "failed_to_send", "lost_questions",
		"no_answer_steadily", "unreliable_answer", "reliable"}
	if int(r) < len(names) {
		return names[r]
	}
	return "invalid"
}

const (
	steadyToTrust = 12 * rpcTimeout // of answers, before an entry is reliable
	steadyLoss    = 12 * rpcTimeout // of losses, before an entry is dead
)

// viability is what the contact methods of one ordering come down to: which
// transports a send starts on, and whether it could go another way than directly.
type viability struct {
	some      bool
	allDirect bool
	firstHops transportSet
}

// sendFailures reports that everything this ordering could use fails.
func (v viability) sendFailures(transports *[transportCount]counters) bool {
	if !v.some || !v.allDirect {
		return false
	}
	for i := range transports {
		if v.firstHops&(1<<i) != 0 && !transports[i].failing() {
			return false
		}
	}
	return true
}

// accounts is everything the state of an entry is judged by.
type accounts struct {
	punished  bool
	node      counters
	ordering  [orderingCount]counters
	transport [transportCount]counters
	viable    [orderingCount]viability
}

// state evaluates the accounts; the first rule that holds wins (spec 04 §5.2).
func (a *accounts) state(at excused) (State, Reason) {
	if a.punished {
		return StatePunished, ReasonPunished
	}
	if a.node.unreachable > 0 {
		return StateDead, ReasonExcessiveUnreachable
	}
	usable, failing := 0, 0
	for o := range a.viable {
		if a.viable[o].some {
			usable++
			if a.viable[o].sendFailures(&a.transport) {
				failing++
			}
		}
	}
	switch {
	case usable > 0 && failing == usable:
		return StateDead, ReasonExcessiveSendFailures
	case a.node.lastSeen == 0 && a.node.lost >= failingRun:
		return StateDead, ReasonNeverSeenLostQuestions
	case a.node.lastSeen != 0 && a.node.lossSince != 0 && a.node.lossSince.since(at.own) >= steadyLoss:
		return StateDead, ReasonSteadyLostQuestions
	case failing > 0:
		return StateMissing, ReasonFailedToSend
	case a.node.lost >= failingRun:
		return StateMissing, ReasonLostQuestions
	}
	steady := false
	for o := range a.ordering {
		since := a.ordering[o].steadySince
		if since == 0 {
			continue
		}
		steady = true
		if since.since(at.own) < steadyToTrust {
			return StateUnreliable, ReasonUnreliableAnswer
		}
	}
	if !steady {
		return StateInitial, ReasonNoAnswerSteadily
	}
	return StateReliable, ReasonReliable
}

// revive makes a dead or missing entry an initial one (spec 04 §5.3). The counters
// of transports go too, or the first rule of the state would keep it dead.
func (a *accounts) revive() {
	a.node.revive()
	for i := range a.ordering {
		a.ordering[i].revive()
	}
	for i := range a.transport {
		a.transport[i].lost, a.transport[i].failed = 0, 0
		a.transport[i].lossSince, a.transport[i].lostAt = 0, 0
	}
}
