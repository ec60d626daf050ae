//go:build interop && linux && !android

package interop

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/interop/lab"
	"golang.org/x/sync/errgroup"
)

const (
	answerTime = 30 * time.Second // for one answer or update; an app call nobody answers takes 5 s
	settleTime = 30 * time.Second // for an answer that was TryAgain to become another
)

// exchange is one step of a script: a request line and its answer, or an update,
// or both. Texts "$name" in the request stand for what an earlier exchange saved.
type exchange struct {
	name    string
	on      string            // connection, opened at its first use: to the subject, or if it begins with "partner" to that node; "": "main"
	alone   bool              // on a connection of its own, closed afterwards
	request string            // one line; "": none is sent
	save    map[string]string // variables by the path of their value in the answer, such as "value.key"
	later   bool              // the answer is taken by another exchange
	answer  string            // takes the answer to the later exchange of this name
	update  string            // kind of the update that is waited for, after the answer if there is one
	state   string            // of an Attachment update that is waited for; "": any
	keep    map[string]string // as save, of the update
	retry   bool              // ask again while the answer is TryAgain: the network may not have settled
	loose   bool              // values differ from node to node: only their shapes are compared
}

// outcome is what a node did in one exchange.
type outcome struct {
	Answer any // the line, decoded; nil: none was asked for
	Update any // the line, decoded; nil: none was asked for
	Closed bool
	Silent bool // something that was asked for did not come
}

// conversation runs a script with one node.
type conversation struct {
	subject, partner lab.Node
	conns            map[string]*wire
	vars             map[string]json.RawMessage
	open             map[string]uint32 // request ids of later exchanges
	nextID           uint32
}

// anyID stands for the answer to a line whose number we did not choose.
const anyID = ^uint32(0)

// errSilent is that nothing came in time.
var errSilent = errors.New("silence")

func newConversation(subject, partner lab.Node) *conversation {
	return &conversation{subject, partner, map[string]*wire{}, map[string]json.RawMessage{}, map[string]uint32{}, 0}
}

// close gives up all connections. The variables stay.
func (c *conversation) close() {
	for name, w := range c.conns {
		w.conn.Close()
		delete(c.conns, name)
	}
}

func (c *conversation) run(ctx context.Context, script []exchange) (map[string]outcome, error) {
	outcomes := make(map[string]outcome, len(script))
	for _, e := range script {
		o, err := c.exchange(ctx, e)
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", describe(c.subject), e.name, err)
		}
		outcomes[e.name] = o
	}
	return outcomes, nil
}

func (c *conversation) exchange(ctx context.Context, e exchange) (o outcome, err error) {
	w, err := c.connection(ctx, e)
	if err != nil {
		return o, err
	}
	if e.alone {
		defer w.conn.Close()
	}
	switch {
	case e.request != "":
		o.Answer, err = c.ask(w, e)
		for end := time.Now().Add(settleTime); e.retry && errorKind(o.Answer) == "TryAgain" && time.Now().Before(end); {
			if err := ctx.Err(); err != nil {
				return o, err
			}
			time.Sleep(500 * time.Millisecond)
			o.Answer, err = c.ask(w, e)
		}
	case e.answer != "":
		o.Answer, err = w.answer(c.open[e.answer])
	}
	if err == nil {
		err = c.store(o.Answer, e.save)
	}
	if err == nil && e.update != "" {
		if o.Update, err = w.update(e.update, e.state); err == nil {
			err = c.store(o.Update, e.keep)
		}
	}
	o.Closed, o.Silent = errors.Is(err, io.EOF), errors.Is(err, errSilent)
	if o.Closed || o.Silent {
		err = nil
	}
	return o, err
}

func (c *conversation) connection(ctx context.Context, e exchange) (*wire, error) {
	name, node := e.on, c.subject
	if strings.HasPrefix(name, "partner") {
		node = c.partner
	}
	if w := c.conns[name]; w != nil && !e.alone {
		return w, nil
	}
	conn, err := node.Host().Dial(ctx, "tcp", "127.0.0.1:5959")
	if err != nil {
		return nil, err
	}
	w := newWire(conn)
	if !e.alone {
		c.conns[name] = w
	}
	return w, nil
}

// ask sends a request and waits for its answer, unless that is wanted later.
func (c *conversation) ask(w *wire, e exchange) (any, error) {
	line := e.request
	for name, value := range c.vars {
		line = strings.ReplaceAll(line, `"$`+name+`"`, string(value))
	}
	id := anyID
	if rest, ok := strings.CutPrefix(line, `{"op"`); ok { // a line of another form is sent as it is
		c.nextID++
		id = c.nextID
		line = fmt.Sprintf(`{"id":%d,"op"%s`, id, rest)
	}
	if _, err := io.WriteString(w.conn, line+"\n"); err != nil {
		return nil, io.EOF
	}
	if e.later {
		c.open[e.name] = id
		return nil, nil
	}
	return w.answer(id)
}

func (c *conversation) store(message any, paths map[string]string) error {
	for name, path := range paths {
		v := message
		for key := range strings.SplitSeq(path, ".") {
			object, _ := v.(map[string]any)
			if v = object[key]; v == nil {
				return fmt.Errorf("no %s in %v", path, message)
			}
		}
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		c.vars[name] = text
	}
	return nil
}

// wire is one connection, line by line.
type wire struct {
	conn    net.Conn
	lines   *bufio.Reader
	updates []map[string]any // not waited for yet
	answers []map[string]any
}

func newWire(conn net.Conn) *wire { return &wire{conn: conn, lines: bufio.NewReaderSize(conn, 64<<10)} }

func (w *wire) answer(id uint32) (any, error) {
	return w.next(&w.answers, func(m map[string]any) bool { return id == anyID || m["id"] == json.Number(fmt.Sprint(id)) })
}

func (w *wire) update(kind, state string) (any, error) {
	return w.next(&w.updates, func(m map[string]any) bool { return m["kind"] == kind && (state == "" || m["state"] == state) })
}

// next takes a message from a list that lines are read into until one fits.
func (w *wire) next(list *[]map[string]any, fits func(map[string]any) bool) (any, error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, err
	}
	for {
		if i := slices.IndexFunc(*list, fits); i >= 0 {
			m := (*list)[i]
			*list = slices.Delete(*list, i, i+1)
			return m, nil
		}
		line, err := w.lines.ReadBytes('\n')
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return nil, errSilent
		case err != nil: // also a reset, where what we sent was not read to its end
			return nil, io.EOF
		}
		m, err := decodeLine(line)
		if err != nil {
			return nil, err
		}
		if m["type"] == "Update" {
			w.updates = append(w.updates, m)
		} else {
			w.answers = append(w.answers, m)
		}
	}
}

func decodeLine(line []byte) (m map[string]any, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("line %.200q: %w", line, err)
	}
	return m, nil
}

func errorKind(answer any) string {
	m, _ := answer.(map[string]any)
	e, _ := m["error"].(map[string]any)
	kind, _ := e["kind"].(string)
	return kind
}

// The same lines to a real node and to a Voile node, attached and detached: every
// answer and update has the same keys, types and errors, and the same values where
// they follow from the request.
func TestAPISideBySide(t *testing.T) {
	l := newLab(t, "api")
	real := addFull(t, l, lab.Real, 4, lab.Settings{})
	voile := addFull(t, l, lab.Voile, 3, lab.Settings{})
	startReady(t, readyTime, l.Nodes()...)
	// The partner is the same for both, so that what differs is theirs.
	conversations := []*conversation{newConversation(real[3], real[1]), newConversation(voile[2], real[1])}
	for _, part := range []struct {
		name   string
		script []exchange
	}{
		{"local", localScript()},
		{"lines", lineScript()},
		{"debug", debugScript()},
		{"attached", attachedScript()},
		{"detached", detachedScript()},
	} {
		t.Run(part.name, func(t *testing.T) {
			var outcomes [2]map[string]outcome
			var group errgroup.Group
			for i, c := range conversations {
				group.Go(func() (err error) {
					outcomes[i], err = c.run(t.Context(), part.script)
					c.close()
					return err
				})
			}
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
			for _, e := range part.script {
				compare(t, e, outcomes[0][e.name], outcomes[1][e.name])
			}
		})
	}
}

//go:embed testdata/operations.txt
var operations string

// Every operation of the API is in the scripts.
func TestScriptsAreComplete(t *testing.T) {
	asked := map[string]bool{
		"Control": true, // of the server program, which the real node of the laboratory is not
	}
	names := map[string]bool{}
	for _, script := range [][]exchange{localScript(), lineScript(), debugScript(), attachedScript(), detachedScript()} {
		clear(names)
		for _, e := range script {
			if names[e.name] {
				t.Errorf("two exchanges are called %q", e.name)
			}
			names[e.name] = true
			var request map[string]any
			if json.Unmarshal([]byte(e.request), &request) != nil {
				continue // meant to be bad
			}
			op, _ := request["op"].(string)
			for _, sub := range []string{"rc_op", "db_op", "tx_op", "dhttx_op", "cs_op"} {
				if s, ok := request[sub].(string); ok {
					op += "." + s
				}
			}
			asked[op] = true
		}
	}
	var missing []string
	for op := range strings.Lines(operations) {
		if op = strings.TrimSpace(op); !asked[op] {
			missing = append(missing, op)
		}
	}
	if len(missing) > 0 {
		t.Errorf("not asked: %s; asked: %v", strings.Join(missing, " "), slices.Sorted(maps.Keys(asked)))
	}
}
