package monitor

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/transport"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixed is a node with these metrics; nil: it has ended.
type fixed struct{ m *core.Metrics }

func (f *fixed) Metrics() (core.Metrics, error) {
	if f.m == nil {
		return core.Metrics{}, errors.New("ended")
	}
	return *f.m, nil
}

func start(t *testing.T, source Source) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(l, func(host string) bool { return !strings.Contains(host, "evil") }, slog.New(slog.DiscardHandler))
	if source != nil {
		s.Start(source, func() int { return 3 })
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		s.Close()
	})
	return s
}

func get(t *testing.T, s *Server, path string, change func(*http.Request)) (code int, text string) {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := http.NewRequest("GET", "http://"+s.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

func TestHealth(t *testing.T) {
	waiting := core.Metrics{Attachment: core.AttachmentStatus{State: attach.Attaching, Stage: "NeedsPeers"}}
	ready := core.Metrics{Attachment: core.AttachmentStatus{State: attach.AttachedGood, PublicInternetReady: true}}
	for _, tt := range []struct {
		name          string
		source        *fixed
		health, ready int
		status        string // of readiness
	}{
		{"waiting", &fixed{&waiting}, 200, 503, "waiting"},
		{"ready", &fixed{&ready}, 200, 200, "ok"},
		{"ended", &fixed{}, 503, 503, "ended"},
	} {
		s := start(t, tt.source)
		if code, text := get(t, s, "/healthz", nil); code != tt.health {
			t.Errorf("%s: health %d: %s", tt.name, code, text)
		}
		code, text := get(t, s, "/readyz", nil)
		var v status
		if err := json.Unmarshal([]byte(text), &v); err != nil || code != tt.ready || v.Status != tt.status {
			t.Errorf("%s: readiness %d: %s", tt.name, code, text)
		}
	}
	start(t, nil) // closed before its start
}

func TestMetrics(t *testing.T) {
	m := core.Metrics{
		Attachment: core.AttachmentStatus{State: attach.AttachedGood, LivePeers: 12, Uptime: 90 * time.Second},
		Entries:    map[routing.State]int{routing.StateReliable: 5},
		Answered:   7, Lost: 2,
		Handling:    rpc.Timings{ByKind: []rpc.KindTiming{{Name: "StatusQ", Count: 60, Latency: routing.Latency{Average: 1500}}}},
		DHCache:     crypto.DHStats{Hits: 30, Misses: 4, Evicted: 1},
		Traffic:     network.Traffic{Down: 1000},
		Transport:   transport.Stats{TCP: transport.Counters{BytesSent: 77}},
		Connections: map[string]int{"TCP": 4},
	}
	m.RemoteRecords.Records = 9
	s := start(t, &fixed{&m})
	code, text := get(t, s, "/metrics", nil)
	if code != 200 {
		t.Fatalf("%d: %s", code, text)
	}
	for _, line := range []string{
		"voile_up 1", "voile_api_clients 3", "voile_uptime_seconds 90", `voile_attachment_state{state="AttachedGood"} 1`,
		`voile_peers{kind="live"} 12`, `voile_routing_entries{state="` + routing.StateReliable.String() + `"} 5`,
		`voile_rpc_questions_total{outcome="answered"} 7`, `voile_rpc_questions_total{outcome="lost"} 2`,
		`voile_rpc_messages_total{kind="StatusQ"} 60`, `voile_rpc_processing_seconds{kind="StatusQ"} 0.0015`,
		`voile_crypto_dh_cache_total{outcome="hit"} 30`, `voile_crypto_dh_cache_total{outcome="miss"} 4`,
		`voile_traffic_bytes_total{direction="down"} 1000`, `voile_transport_bytes_total{direction="up",protocol="tcp"} 77`,
		`voile_transport_connections{protocol="TCP"} 4`, `voile_dht_records{store="remote"} 9`, "# TYPE voile_rpc_sent_total counter",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	// Each that is described is told, but for what there is none of.
	for _, n := range names() {
		if !strings.Contains(text, "# HELP "+n.name+" "+n.help) {
			t.Errorf("%s is not told", n.name)
		}
	}
	m.Connections = nil
	ended := start(t, &fixed{})
	if _, text := get(t, ended, "/metrics", nil); !strings.Contains(text, "voile_up 0\n") || strings.Contains(text, "voile_peers") {
		t.Errorf("of a node that has ended:\n%s", text)
	}
}

// No web page reads along.
func TestGuard(t *testing.T) {
	s := start(t, &fixed{&core.Metrics{}})
	for name, change := range map[string]func(*http.Request){
		"rebound name": func(r *http.Request) { r.Host = "evil.example" },
		"page":         func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
	} {
		for _, path := range []string{"/metrics", "/healthz"} {
			if code, text := get(t, s, path, change); code != 403 || strings.Contains(text, "voile_") {
				t.Errorf("%s, %s: %d: %s", name, path, code, text)
			}
		}
	}
	if code, _ := get(t, s, "/", nil); code != 404 {
		t.Errorf("/: %d", code)
	}
	if code, _ := get(t, s, "/metrics", func(r *http.Request) { r.Method = "POST" }); code != 405 {
		t.Errorf("POST: %d", code)
	}
}
