//go:build !js

package mobile

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// alone is a node that listens nowhere and knows nobody.
const alone = `{"program_name":"app","network":{"routing_table":{"bootstrap":[],"bootstrap_keys":[]},
	"protocol":{"udp":{"enabled":false},"tcp":{"listen":false},"ws":{"listen":false}}}}`

func start(t testing.TB, o *Options) *Node {
	t.Helper()
	n, err := Start(alone, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, n) })
	return n
}

func closes(t testing.TB, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func open(t testing.TB, n *Node, l UpdateListener) *Session {
	t.Helper()
	s, err := n.Open(l)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func request(line string, parts ...string) []byte {
	var blobs [][]byte
	for _, p := range parts {
		blobs = append(blobs, []byte(p))
	}
	return appendMessage(nil, []byte(line), blobs)
}

// answer is what every response has.
type answer struct {
	Value json.RawMessage
	Error *struct{ Kind, Message string }
	parts [][]byte
}

// read takes a message apart by its description, not by the code that made it.
func read(t testing.TB, message []byte, err error) (a answer) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var line []byte
	for len(message) > 0 {
		n := binary.BigEndian.Uint32(message)
		part := message[4 : 4+n]
		if message = message[4+n:]; line == nil {
			line = part
			continue
		}
		a.parts = append(a.parts, part)
	}
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return a
}

func do(t testing.TB, s *Session, line string, parts ...string) answer {
	t.Helper()
	message, err := s.Call(request(line, parts...), nil)
	return read(t, message, err)
}

func TestStartErrors(t *testing.T) {
	for _, c := range []struct {
		name, config string
		o            *Options
		code, says   string
	}{
		{"not JSON", "{", nil, "ParseError", "configuration"},
		{"no name", "{}", nil, "Generic", "program_name"},
		{"bytes that are no text", "{\"program_name\": \"\xff\xfe\", \"network\": 7}", nil, "ParseError", "not UTF-8"},
		{"level", alone, &Options{LogLevel: "Loud"}, "InvalidArgument", "Loud"},
		{"memory", alone, &Options{MemoryLimit: -1}, "InvalidArgument", "MemoryLimit"},
		{"store that is locked", alone, &Options{ProtectedStore: locked{}}, "TryAgain", "before first unlock"},
		{"secrets in a file", alone, &Options{Directory: "/dev/null/x"}, "Internal", "store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := Start(c.config, c.o, nil)
			if n != nil || err == nil {
				t.Fatalf("= %v, %v; want an error", n, err)
			}
			e := ErrorOf(err.Error())
			if e.Code() != c.code || !strings.Contains(e.Message(), c.says) || !utf8.ValidString(err.Error()) || e.Error() != err.Error() {
				t.Errorf("%q, want %s that says %q", err, c.code, c.says)
			}
		})
	}
}

type locked struct{}

func (locked) Load(string) ([]byte, error) {
	return nil, errors.New("Locked: before first unlock")
}
func (locked) Save(string, []byte) error { return errors.New("Locked: before first unlock") }
func (locked) Remove(string) error       { return nil }

// Each of the kinds crosses as the text of an error and back.
func TestErrors(t *testing.T) {
	for _, kind := range jsonapi.ErrorKind("").Values() {
		err := fault(fmt.Errorf("starting: %w", &core.Error{Kind: core.ErrorKind(kind), Message: "why \xff", Context: "c", Argument: "a"}))
		if got := ErrorOf(err.Error()); got.Code() != string(kind) || !utf8.ValidString(got.Message()) {
			t.Errorf("%s: %q, %q", kind, got.Code(), got.Message())
		}
	}
	for text, want := range map[string]string{
		"": "Internal", "anything: else": "Internal", "TryAgain": "TryAgain", "TryAgainst: x": "Internal",
	} {
		if got := ErrorOf(text); got.Code() != want {
			t.Errorf("%q: %s, want %s", text, got.Code(), want)
		}
	}
	if err := fault(nil); err != nil {
		t.Error(err)
	}
	if got := (*Error)(nil).Error(); got != "Internal" {
		t.Error(got)
	}
}

// app is a host that keeps secrets and tells of a network.
type app struct {
	mu      sync.Mutex
	secrets map[string]string
	asked   int
}

func (a *app) Load(name string) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return []byte(a.secrets[name]), nil
}

func (a *app) Save(name string, value []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.secrets[name] = string(value)
	return nil
}

func (a *app) Remove(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.secrets, name)
	return nil
}

func (a *app) FactsJSON() (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	return `{"interfaces":[{"name":"lo","up":true,"loopback":true,"addresses":[{"address":"127.0.0.1/8"}]}]}`, nil
}

// What the app keeps is enough to read the tables after a restart.
func TestStores(t *testing.T) {
	a := &app{secrets: map[string]string{}}
	o := &Options{Directory: t.TempDir(), ProtectedStore: a, Network: a}
	n, err := Start(alone, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, n, nil)
	table := do(t, s, `{"op":"OpenTableDb","name":"t","column_count":1}`)
	if a := do(t, s, `{"op":"TableDb","db_id":`+string(table.Value)+`,"db_op":"Store","col":0,"key":"#0","value":"#1"}`, "k", "a value"); a.Error != nil {
		t.Fatal(a.Error)
	}
	n.NetworkChanged()
	n.SetForeground(false)
	n.SetForeground(true)
	if s.Objects() != 1 || s.Calls() != 0 {
		t.Errorf("%d objects, %d calls", s.Objects(), s.Calls())
	}
	closes(t, n)
	if s.Objects() != 0 {
		t.Errorf("%d objects after Close", s.Objects())
	}
	if a := do(t, s, `{"op":"Now"}`); a.Error == nil || a.Error.Kind != "NotInitialized" {
		t.Errorf("a call after Close: %+v", a)
	}
	closes(t, n)
	closes(t, s)
	if len(a.secrets) == 0 {
		t.Error("the app was given no secret")
	}

	if n, err = Start(alone, o, nil); err != nil {
		t.Fatal(err)
	}
	defer closes(t, n)
	s = open(t, n, nil)
	table = do(t, s, `{"op":"OpenTableDb","name":"t","column_count":1}`)
	got := do(t, s, `{"op":"TableDb","db_id":`+string(table.Value)+`,"db_op":"Load","col":0,"key":"#0"}`, "k")
	if len(got.parts) != 1 || string(got.parts[0]) != "a value" {
		t.Errorf("after a restart: %+v", got)
	}
}

// listener collects what it is given.
type listener struct {
	mu   sync.Mutex
	got  []string
	fail func() error // nil: does not
	told chan struct{}
}

func newListener() *listener { return &listener{told: make(chan struct{}, 1024)} }

func (l *listener) take(message []byte) error {
	l.mu.Lock()
	l.got = append(l.got, string(message))
	l.mu.Unlock()
	defer func() { l.told <- struct{}{} }()
	if l.fail != nil {
		return l.fail()
	}
	return nil
}

func (l *listener) OnUpdate(message []byte) error { return l.take(message) }
func (l *listener) OnAnswer(message []byte) error { return l.take(message) }

// What a listener throws, or a panic in it, costs that update alone.
func TestListenerThatFails(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("broken \xff") },
		"panic": func() error { panic("broken") },
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, nil)
			updates, answers := newListener(), newListener()
			updates.fail, answers.fail = fail, fail
			s := open(t, n, updates)
			if _, err := s.Begin(request(`{"op":"Attach"}`), answers); err != nil {
				t.Fatal(err)
			}
			<-answers.told
			<-updates.told
			<-updates.told
			if a := do(t, s, `{"op":"Detach"}`); a.Error != nil {
				t.Error(a.Error)
			}
			closes(t, s)
		})
	}
}

func TestBegin(t *testing.T) {
	s := open(t, start(t, nil), nil)
	done := newListener()
	if _, err := s.Begin(request(`{"op":"Debug","command":"nodeid"}`), done); err != nil {
		t.Fatal(err)
	}
	<-done.told
	if a := read(t, []byte(done.got[0]), nil); a.Error != nil {
		t.Error(a.Error)
	}
	p, err := s.Begin(request(`{"op":"WaitForAttachmentCondition","condition":{"opt_public_internet_ready":true}}`), done)
	if err != nil {
		t.Fatal(err)
	}
	p.Cancel()
	<-done.told
	p.Cancel()
	if a := read(t, []byte(done.got[1]), nil); a.Error == nil || a.Error.Kind != "Timeout" {
		t.Errorf("a cancelled request: %+v", a)
	}
	for name, err := range map[string]error{"no listener": second(s.Begin(request("x"), nil)), "no message": second(s.Begin(nil, done))} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestCancellation(t *testing.T) {
	n := start(t, nil)
	s := open(t, n, nil)
	c := NewCancellation()
	const waits = `{"op":"WaitForAttachmentCondition","condition":{"opt_public_internet_ready":true}}`
	go c.Cancel()
	message, err := s.Call(request(waits), c)
	if a := read(t, message, err); a.Error == nil || a.Error.Kind != "Timeout" {
		t.Errorf("%+v", a)
	}
	c.Cancel()
	message, err = s.Call(request(waits), c)
	if a := read(t, message, err); a.Error == nil || a.Error.Kind != "Timeout" {
		t.Errorf("with one that is used up: %+v", a)
	}
	if n, err := Start(alone, nil, c); err == nil || ErrorOf(err.Error()).Code() != "Timeout" {
		t.Errorf("a start that was cancelled: %v, %v; want Timeout", n, err)
	}
}

// Handles that gobind makes without Start give errors, never a crash.
func TestHandlesMadeByHand(t *testing.T) {
	n, s := &Node{}, &Session{}
	n.NetworkChanged()
	n.SetForeground(true)
	(&Pending{}).Cancel()
	(&Cancellation{}).Cancel()
	for name, err := range map[string]error{
		"Open": second(n.Open(nil)), "StatusJSON": second(n.StatusJSON()),
		"Call": second(s.Call(request("x"), nil)), "Begin": second(s.Begin(request("x"), newListener())),
	} {
		if err == nil || ErrorOf(err.Error()).Code() != "NotInitialized" {
			t.Errorf("%s: %v, want NotInitialized", name, err)
		}
	}
	closes(t, n)
	closes(t, s)
	if s.Objects() != 0 || s.Calls() != 0 {
		t.Error("a session without objects has some")
	}
}

func TestStatus(t *testing.T) {
	n := start(t, nil)
	text, err := n.StatusJSON()
	var status map[string]uint64
	if err != nil || json.Unmarshal([]byte(text), &status) != nil || status["heap_bytes"] == 0 || status["runtime_bytes"] < status["heap_bytes"] || status["goroutines"] == 0 {
		t.Errorf("%s, %v", text, err)
	}
	text, err = DefaultConfig("/data")
	if err != nil || !strings.Contains(text, `"/data/table_store"`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestLogUpdates(t *testing.T) {
	l := newListener()
	n := start(t, &Options{LogLevel: "Trace"})
	s := open(t, n, l)
	if a := do(t, s, `{"op":"Attach"}`); a.Error != nil {
		t.Fatal(a.Error)
	}
	for {
		<-l.told
		l.mu.Lock()
		found := strings.Contains(strings.Join(l.got, "\n"), "attachment changed")
		l.mu.Unlock()
		if found {
			return
		}
	}
}

func BenchmarkCall(b *testing.B) {
	s := open(b, start(b, nil), nil)
	message := request(`{"op":"Now"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Call(message, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// A node starts with any limit, however small.
func TestSmallMemoryLimit(t *testing.T) {
	for _, limit := range []int64{1, 1 << 20, 20 << 20} {
		n, err := Start(alone, &Options{MemoryLimit: limit}, nil)
		if err != nil {
			t.Fatalf("limit %d: %v", limit, err)
		}
		closes(t, n)
	}
}
