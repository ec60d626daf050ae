package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/client"
)

const (
	maxEvents  = 10000 // lines that can be scrolled back to
	maxSeen    = 64    // ids that completion offers
	bandwidths = 120   // seconds of traffic that are kept
)

// panes say what is on the screen besides the command line.
type panes uint8

const (
	both panes = iota
	peersOnly
	eventsOnly
	paneChoices
)

// order is what peers are sorted by.
type order uint8

const (
	byTraffic order = iota
	byPing
	byAddress
	byID
	orders
)

var orderNames = [orders]string{"traffic", "ping", "address", "id"}

// dialer makes a client of a server; no addresses: the default ones.
type dialer func(addresses []client.Address) *client.Client

// Screen is the console on a terminal. It changes in Update only, which the program
// calls from one goroutine.
type Screen struct {
	ctx  context.Context
	dial dialer
	now  func() time.Time
	sym  symbols
	look look

	client *client.Client // nil: disconnected on purpose
	sub    *client.Subscription

	width, height int

	address    string // of the server; "": never connected
	connected  bool
	problem    string // why not
	retryAt    time.Time
	version    string
	attachment *client.AttachmentState // nil: not known
	network    *client.NetworkState    // nil: not known
	attachedAt time.Time               // when attachment came
	down, up   []uint64                // bytes of the last seconds

	panes     panes
	order     order
	peersFrom int // first peer that is shown

	events  []event
	back    int // rows that are below the screen; 0: the newest line is seen
	hidden  map[string]bool
	level   jsonapi.VeilidLogLevel // the least grave one that is shown; "": no log
	filter  string                 // lines must contain it, whatever the case; "": all
	helpOn  bool
	running int // commands without an answer

	edit       editor
	filtering  bool   // the editor is for the filter
	typed      string // the command line meanwhile
	history    *history
	language   language
	candidates []string
	candidate  int // that was inserted; -1: none
	candStart  int // where candidates begin in the line
	seen       []string
}

// NewScreen makes a screen. Close it when it is not used any more.
func newScreen(ctx context.Context, dial dialer, addresses []client.Address, h *history, sym symbols, l look) *Screen {
	s := &Screen{
		ctx: ctx, dial: dial, now: time.Now, sym: sym, look: l, width: 80, height: 24, history: h,
		language: newLanguage(""), hidden: map[string]bool{}, level: jsonapi.LogInfo, candidate: -1,
	}
	if dial != nil {
		s.connect(addresses)
	}
	return s
}

func (s *Screen) connect(addresses []client.Address) {
	s.client = s.dial(addresses)
	s.sub = s.client.Subscribe(client.SubscribeOptions{})
	s.problem = "connecting"
}

// Messages of the screen.
type (
	updateMsg struct {
		sub    *client.Subscription
		update client.Update
	}
	infoMsg struct { // after a connection was made
		sub     *client.Subscription
		state   *client.State
		version string
		help    string
	}
	learnMsg  struct{ name, help string }
	resultMsg struct {
		text string
		err  error
	}
	tickMsg struct{}
)

// Init starts to listen.
func (s *Screen) Init() tea.Cmd { return tea.Batch(s.listen(), s.tick()) }

// listen waits for the next update.
func (s *Screen) listen() tea.Cmd {
	sub, ctx := s.sub, s.ctx
	if sub == nil {
		return nil
	}
	return func() tea.Msg {
		u, err := sub.Next(ctx)
		if err != nil {
			return nil
		}
		return updateMsg{sub, u}
	}
}

// tick looks at the clock from time to time: a server of a detached node says
// nothing by itself.
func (s *Screen) tick() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return tickMsg{} })
}

// Update takes a message.
func (s *Screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch m := msg.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = m.Width, m.Height
	case tea.KeyPressMsg:
		return s, s.key(m)
	case tea.PasteMsg:
		s.edit.insert(m.Content)
		s.changed()
	case updateMsg:
		if m.sub != s.sub { // of a server that we have left
			return s, nil
		}
		return s, tea.Batch(s.update(m.update), s.listen())
	case infoMsg:
		if m.sub == s.sub {
			return s, s.informed(m)
		}
	case learnMsg:
		s.language = s.language.learn(m.name, m.help)
	case resultMsg:
		s.result(m)
	case tickMsg:
		return s, s.tick()
	}
	return s, nil
}

// update takes what the node or the connection tells.
func (s *Screen) update(u client.Update) tea.Cmd {
	switch u := u.(type) {
	case *client.Connected:
		s.connected, s.problem, s.address = true, "", u.Address.String()
		s.note("connected to " + s.address)
		return s.askInfo()
	case *client.Disconnected:
		s.lost(u)
	case *client.AttachmentState:
		if s.attachment == nil || s.attachment.State != u.State || s.attachment.PublicInternetReady != u.PublicInternetReady {
			s.note(attachmentText(u))
		}
		s.attachment, s.attachedAt = u, s.now()
		if u.State == jsonapi.Detached { // nobody tells of peers any more
			s.network, s.down, s.up = nil, nil, nil
		}
	case *client.NetworkState:
		s.network = u
		s.down, s.up = pushed(s.down, uint64(u.BpsDown)), pushed(s.up, uint64(u.BpsUp))
		s.peersFrom = max(0, min(s.peersFrom, len(u.Peers)-1))
	case *client.Log:
		s.add(eventsOf(kindLog, u.LogLevel, s.now(), u.Message))
		if u.Backtrace != nil {
			s.add(eventsOf(kindLog, u.LogLevel, time.Time{}, *u.Backtrace))
		}
	default:
		if text, about := describe(u); text != "" && !s.hidden[about] {
			s.note(text)
		}
	}
	return nil
}

func (s *Screen) lost(u *client.Disconnected) {
	problem := strings.ReplaceAll(safe(u.Err.Error()), "\n", "; ")
	var dial *client.DialError
	if errors.As(u.Err, &dial) && !strings.Contains(problem, "; ") { // the address is there already
		s.address, problem = dial.Address.String(), safe(dial.Reason())
	}
	if s.connected || s.problem == "connecting" { // told once, not at each attempt
		s.note("not connected: " + problem)
	}
	s.connected, s.problem, s.retryAt = false, problem, s.now().Add(u.RetryIn)
	s.attachment, s.network, s.down, s.up = nil, nil, nil, nil
}

// askInfo asks a new server for what the screen shows.
func (s *Screen) askInfo() tea.Cmd {
	c, sub, ctx := s.client, s.sub, s.ctx
	if c == nil {
		return nil
	}
	return func() tea.Msg {
		// What cannot be had is left blank; a lost connection tells itself.
		m := infoMsg{sub: sub}
		m.state, _ = c.GetState(ctx)
		m.version, _ = c.VeilidVersionString(ctx)
		m.help, _ = c.Debug(ctx, "help")
		return m
	}
}

func (s *Screen) informed(m infoMsg) tea.Cmd {
	s.version = safe(m.version)
	if m.state != nil {
		s.attachment, s.attachedAt, s.network = &m.state.Attachment, s.now(), &m.state.Network
	}
	if m.help == "" {
		return nil
	}
	s.language = newLanguage(m.help)
	var asks []tea.Cmd
	for _, name := range s.language.unknown() {
		c, ctx := s.client, s.ctx
		asks = append(asks, func() tea.Msg {
			help, err := c.Debug(ctx, "help "+name)
			if err != nil {
				return nil
			}
			return learnMsg{name, help}
		})
	}
	return tea.Batch(asks...)
}

func pushed(list []uint64, v uint64) []uint64 {
	if list = append(list, v); len(list) > bandwidths {
		list = list[len(list)-bandwidths:]
	}
	return list
}

// note adds a line about something that has happened.
func (s *Screen) note(text string) { s.add(eventsOf(kindNotice, "", s.now(), text)) }

// add adds lines at the end. Who reads further up stays there.
func (s *Screen) add(list []event) {
	for _, e := range list {
		s.events = append(s.events, e)
		if s.back > 0 && s.shows(e) {
			s.back += len(s.rows(e))
		}
		s.remember(e.text)
	}
	if over := len(s.events) - maxEvents; over > maxEvents/10 { // not one by one
		s.events = slices.Clone(s.events[over:])
	}
}

var idText = regexp.MustCompile(`VLD0:[A-Za-z0-9_-]{43}(:[A-Za-z0-9_-]{43})?`)

// remember keeps the ids in a line for completion.
func (s *Screen) remember(text string) {
	for _, id := range idText.FindAllString(text, 8) {
		if i := slices.Index(s.seen, id); i >= 0 {
			s.seen = slices.Delete(s.seen, i, i+1)
		}
		s.seen = append(s.seen, id)
	}
	if over := len(s.seen) - maxSeen; over > 0 {
		s.seen = slices.Delete(s.seen, 0, over)
	}
}

// ids are what may stand for an argument.
func (s *Screen) ids(argument string) (list []string) {
	peers := func(before string) {
		if s.network != nil {
			for _, p := range s.network.Peers {
				for _, id := range p.NodeIDs {
					list = append(list, before+id.String())
				}
			}
		}
	}
	switch argument {
	case "node", "relay", "target":
		peers("")
	case "destination":
		peers("")
		for _, id := range slices.Backward(s.seen) {
			list = append(list, "#"+id)
		}
	case "route", "key", "writer":
		for _, id := range slices.Backward(s.seen) {
			list = append(list, id)
		}
		parts := 1 // of the sort that comes first: a route has one, the others two
		if argument != "route" {
			parts = 2
		}
		slices.SortStableFunc(list, func(a, b string) int {
			return cmp.Compare(abs(strings.Count(a, ":")-parts), abs(strings.Count(b, ":")-parts))
		})
	}
	return list
}

func abs(n int) int { return max(n, -n) }

// shows reports whether a line passes the filters.
func (s *Screen) shows(e event) bool {
	if e.kind == kindLog && (s.level == "" || severity(e.level) > severity(s.level)) {
		return false
	}
	return s.filter == "" || strings.Contains(strings.ToLower(e.text), strings.ToLower(s.filter))
}

func (s *Screen) result(m resultMsg) {
	s.running = max(0, s.running-1)
	if m.err != nil {
		s.add(eventsOf(kindFailure, "", s.now(), reason(m.err)))
		return
	}
	if strings.TrimSpace(m.text) != "" {
		s.add(eventsOf(kindOutput, "", time.Time{}, m.text))
	}
}

// peers are those of the network in the order chosen.
func (s *Screen) peers() []client.Peer {
	if s.network == nil {
		return nil
	}
	list := slices.Clone(s.network.Peers)
	traffic := func(p client.Peer) uint64 {
		return uint64(p.PeerStats.Transfer.Down.Average) + uint64(p.PeerStats.Transfer.Up.Average)
	}
	ping := func(p client.Peer) uint64 {
		if p.PeerStats.Latency == nil {
			return ^uint64(0) // at the end
		}
		return uint64(p.PeerStats.Latency.Average)
	}
	id := func(p client.Peer) string {
		if len(p.NodeIDs) == 0 {
			return ""
		}
		return p.NodeIDs[0].String()
	}
	slices.SortStableFunc(list, func(a, b client.Peer) int {
		c := 0
		switch s.order {
		case byTraffic:
			c = cmp.Compare(traffic(b), traffic(a))
		case byPing:
			c = cmp.Compare(ping(a), ping(b))
		case byAddress:
			c = cmp.Compare(a.PeerAddress, b.PeerAddress)
		}
		return cmp.Or(c, cmp.Compare(id(a), id(b)))
	})
	return list
}

// run runs a line that was typed.
func (s *Screen) run(line string) tea.Cmd {
	if err := s.history.add(line); err != nil {
		s.add(eventsOf(kindFailure, "", s.now(), err.Error()))
		s.history.path = "" // once is enough
	}
	line = strings.TrimSpace(line)
	s.back, s.filter = 0, "" // what comes back is to be seen
	if line == "" {
		return nil
	}
	s.add(eventsOf(kindCommand, "", s.now(), line))
	own, args, isOwn := splitCommand(line)
	if isOwn {
		if err := checkArguments(own, args); err != nil {
			s.result(resultMsg{err: err})
			return nil
		}
		if cmd, done := s.runHere(own.Name, args); done {
			return cmd
		}
	}
	if s.client == nil {
		s.result(resultMsg{err: usage("disconnected; connect [ADDRESS] connects again")})
		return nil
	}
	c, ctx := s.client, s.ctx
	s.running++
	return func() tea.Msg {
		text, err := execute(ctx, c, line)
		return resultMsg{text, err}
	}
}

// runHere runs the commands that are about the screen.
func (s *Screen) runHere(name string, args []string) (cmd tea.Cmd, done bool) {
	switch name {
	case "exit", "quit":
		return tea.Quit, true
	case "clear":
		s.events, s.back = nil, 0
	case "enable", "disable":
		s.hidden[args[0]] = name == "disable"
		s.note(args[0] + " " + name + "d")
	case "log":
		s.setLevel(args)
	case "disconnect":
		return s.leave(), true
	case "connect":
		return s.reconnect(args), true
	default:
		return nil, false
	}
	return nil, true
}

// setLevel changes which lines of the log are shown.
func (s *Screen) setLevel(args []string) {
	if len(args) == 1 {
		switch args[0] {
		case "off", "hide":
			s.level = ""
		case "show":
			s.level = jsonapi.LogInfo
		default: // a level: see checkArguments
			s.level = jsonapi.VeilidLogLevel(strings.ToUpper(args[0][:1]) + args[0][1:])
		}
	}
	s.note("log shown: " + s.levelName())
}

func (s *Screen) levelName() string {
	if s.level == "" {
		return "off"
	}
	return strings.ToLower(string(s.level))
}

// leave ends the connection.
func (s *Screen) leave() tea.Cmd {
	c, sub := s.client, s.sub
	if c == nil {
		return nil
	}
	s.lost(&client.Disconnected{Err: usage("disconnected")})
	s.client, s.sub, s.retryAt = nil, nil, time.Time{}
	return func() tea.Msg {
		sub.Close()
		c.Close()
		return nil
	}
}

// reconnect connects at once, or to another server.
func (s *Screen) reconnect(args []string) tea.Cmd {
	if len(args) == 0 && s.client != nil {
		if s.connected {
			s.note("connected to " + s.address + " already")
		}
		s.client.Reconnect()
		return nil
	}
	var addresses []client.Address
	if len(args) == 1 {
		a, err := client.ParseAddress(args[0])
		if err != nil {
			s.result(resultMsg{err: err})
			return nil
		}
		addresses = []client.Address{a}
	}
	leave := s.leave()
	s.connect(addresses)
	return tea.Batch(leave, s.listen())
}

// Close ends the connection and waits for it.
func (s *Screen) Close() {
	if s.client != nil {
		s.sub.Close()
		s.client.Close()
	}
}

// changed is called when the line was edited.
func (s *Screen) changed() {
	s.candidates, s.candidate = nil, -1
	s.history.stay()
	if s.filtering {
		s.filter, s.back = s.edit.text(), 0
	}
}

// retryIn says when the next attempt is; "" if that is not known.
func (s *Screen) retryIn() string {
	if s.retryAt.IsZero() {
		return ""
	}
	left := s.retryAt.Sub(s.now()).Round(time.Second)
	if left <= 0 {
		return "trying"
	}
	return fmt.Sprintf("next attempt in %s", span(left))
}
