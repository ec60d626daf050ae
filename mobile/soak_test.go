//go:build linux && !race

package mobile

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/internal/loopback"
)

// What a phone gives: an app in the background lives on 64 MB, an extension of iOS is
// killed at 50, so that a node that does nothing must be well below that.
const (
	budget     = 64 << 20
	idleBudget = 40 << 20
	crowdSize  = 1000
	soakConfig = "VOILE_TEST_SOAK_CONFIG" // set in the child: its configuration
)

// soakTime is a minute, or what VOILE_SOAK says, such as 10m.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("VOILE_SOAK")
	if text == "" {
		return time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("VOILE_SOAK: %v", err)
	}
	return d
}

// The memory of a process with a node that was told of a budget: below 40 MB when
// idle, below 64 MB with a thousand peers that come, ask and answer, and an app that is
// called, writes and reads records and stores rows all the time.
func TestMemoryBudget(t *testing.T) {
	if config := os.Getenv(soakConfig); config != "" {
		soakChild(t, config)
		return
	}
	if testing.Short() {
		t.Skip("SKIP: takes a minute")
	}
	record := loopback.Network(t, 5)
	port := loopback.FreePort(t)
	config, err := json.Marshal(loopback.Config("phone", port, record))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemoryBudget$")
	cmd.Env = append(os.Environ(), soakConfig+"="+string(config))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close() // which ends it
		if err := cmd.Wait(); err != nil {
			t.Errorf("the process: %v", err)
		}
	}()
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	// say reads a line of the child that begins with a word.
	say := func(word string) string {
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), word+" "); ok {
				return rest
			}
		}
		t.Fatalf("the process ended before %q: %v", word, lines.Err())
		return ""
	}
	var id crypto.NodeID
	if err := id.UnmarshalText([]byte(say("id"))); err != nil {
		t.Fatal(err)
	}
	blob, err := hex.DecodeString(say("route"))
	if err != nil {
		t.Fatal(err)
	}

	idle := watch(t, cmd.Process.Pid, 10*time.Second, nil)
	t.Logf("idle: %s", idle)
	if idle.last > idleBudget {
		t.Errorf("idle, %d KiB are resident, want at most %d", idle.last>>10, idleBudget>>10)
	}

	people := newCrowd(t, crowdSize, "a test")
	people.surround(id, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)), 10*time.Second)
	fmt.Fprintln(stdin, "work")
	friend, err := core.Start(t.Context(), loopback.Config("friend", loopback.FreePort(t), record), core.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer friend.Close()
	if err := friend.Attach(); err != nil {
		t.Fatal(err)
	}
	if err := friend.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	to, err := friend.ImportPrivateRoute(blob)
	if err != nil {
		t.Fatal(err)
	}
	calls, failed := 0, 0
	message := bytes.Repeat([]byte("x"), 30000)
	busy := watch(t, cmd.Process.Pid, soakTime(t), func() {
		calls++
		if reply, err := friend.Call(t.Context(), to, message); err != nil || len(reply) != len(message) {
			failed++
		}
	})
	fmt.Fprintln(stdin, "count")
	var counts struct{ Entries, Rows, Values, Failures int }
	if err := json.Unmarshal([]byte(say("counts")), &counts); err != nil {
		t.Fatal(err)
	}
	t.Logf("busy: %s; %s; %d calls of 30 kB each way, %d failed; %+v", busy, people, calls, failed, counts)
	if busy.most > budget {
		t.Errorf("%d KiB were resident, want at most %d", busy.most>>10, budget>>10)
	}
	// The protocol's buckets hold about 500 of 1000 peers with ids at random.
	if counts.Entries < 400 || calls == 0 || failed > calls/5 || counts.Values == 0 || counts.Rows == 0 || people.heard.Load() == 0 {
		t.Errorf("too little happened: %+v, %d of %d calls failed", counts, failed, calls)
	}
}

// use is resident memory in bytes.
type use struct{ last, most int64 }

func (u use) String() string {
	return fmt.Sprintf("%d KiB resident at the end, %d at most", u.last>>10, u.most>>10)
}

// watch measures a process for a time, and does something over and over meanwhile.
func watch(t *testing.T, pid int, during time.Duration, do func()) (u use) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(during); time.Now().Before(end); {
		if do != nil {
			do()
		}
		<-tick.C
		u.last = resident(t, pid)
		u.most = max(u.most, u.last)
	}
	return u
}

func resident(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// echo answers calls with what they say.
type echo struct{ session func() *Session }

func (e echo) OnAnswer([]byte) error { return nil }

func (e echo) OnUpdate(message []byte) error {
	line, parts, err := parseMessage(message)
	if err != nil {
		return err
	}
	var u struct {
		Kind   string
		CallID string `json:"call_id"`
	}
	if err := json.Unmarshal(line, &u); err != nil || u.Kind != "AppCall" {
		return err
	}
	_, err = e.session().Begin(appendMessage(nil, fmt.Appendf(nil, `{"op":"AppCallReply","call_id":%q,"message":"#0"}`, u.CallID), parts), e)
	return err
}

// soakChild is the app: it keeps a node on a budget, answers calls, and once told to
// work, writes and reads records and rows until its input ends.
func soakChild(t *testing.T, config string) {
	n, err := Start(config, &Options{Directory: t.TempDir(), MemoryLimit: budget, ProtectedStore: &app{secrets: map[string]string{}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closes(t, n)
	ready := make(chan *Session, 1)
	s := open(t, n, echo{func() *Session { s := <-ready; ready <- s; return s }})
	ready <- s
	must := func(line string, parts ...string) answer {
		for range 60 {
			a := do(t, s, line, parts...)
			if a.Error == nil {
				return a
			}
			if a.Error.Kind != "TryAgain" {
				t.Fatalf("%s: %+v", line, a.Error)
			}
			time.Sleep(500 * time.Millisecond) // the network is not ready yet
		}
		t.Fatalf("%s: not possible for 30 seconds", line)
		return answer{}
	}
	must(`{"op":"Attach"}`)
	must(`{"op":"WaitForAttachmentCondition","condition":{"opt_public_internet_ready":true},"timeout_ms":60000}`)
	route := must(`{"op":"NewPrivateRoute"}`)
	fmt.Printf("id %s\nroute %x\n", n.instance.Node().ID(), route.parts[0])

	context := must(`{"op":"NewRoutingContext"}`)
	table := must(`{"op":"OpenTableDb","name":"rows","column_count":1}`)
	record := must(`{"op":"RoutingContext","rc_id":` + string(context.Value) + `,"rc_op":"CreateDhtRecord","kind":"VLD0","schema":{"kind":"DFLT","o_cnt":8}}`)
	var descriptor struct{ Key string }
	if err := json.Unmarshal(record.Value, &descriptor); err != nil {
		t.Fatal(err)
	}
	input := make(chan string)
	go func() {
		defer close(input)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			input <- lines.Text()
		}
	}()
	if <-input != "work" {
		return
	}
	var counts struct{ Entries, Rows, Values, Failures int }
	value := strings.Repeat("v", 20000)
	for i := 0; ; i++ {
		select {
		case word, more := <-input:
			if !more {
				return
			}
			if word == "count" {
				metrics, err := n.instance.Node().Metrics()
				if err != nil {
					t.Fatal(err)
				}
				for _, entries := range metrics.Entries {
					counts.Entries += entries
				}
				text, err := json.Marshal(counts)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Printf("counts %s\n", text)
			}
			continue
		default:
		}
		row := do(t, s, `{"op":"TableDb","db_id":`+string(table.Value)+`,"db_op":"Store","col":0,"key":"#0","value":"#1"}`, strconv.Itoa(i%500), value)
		if row.Error == nil {
			counts.Rows++
		}
		set := do(t, s, fmt.Sprintf(`{"op":"RoutingContext","rc_id":%s,"rc_op":"SetDhtValue","key":%q,"subkey":%d,"data":"#0"}`, context.Value, descriptor.Key, i%8), value)
		get := do(t, s, fmt.Sprintf(`{"op":"RoutingContext","rc_id":%s,"rc_op":"GetDhtValue","key":%q,"subkey":%d,"force_refresh":true}`, context.Value, descriptor.Key, i%8))
		for _, a := range []answer{set, get} {
			if a.Error == nil {
				counts.Values++
			} else {
				counts.Failures++
			}
		}
		time.Sleep(100 * time.Millisecond) // steady, not as fast as it can
	}
}
