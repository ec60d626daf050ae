package table

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/platform/memory"
)

// line is one line of a transcript.
type line struct {
	Name, Conn, Request, Response string
}

// request has the parameters of all operations.
type request struct {
	Op      string
	ID      json.Number
	Name    string
	OldName string `json:"old_name"`
	NewName string `json:"new_name"`
	Columns uint32 `json:"column_count"`
	DBID    int    `json:"db_id"`
	DBOp    string `json:"db_op"`
	TxID    int    `json:"tx_id"`
	TxOp    string `json:"tx_op"`
	Col     uint32
	Key     string
	Value   string
}

// deviations are lines that we answer in another way, and why.
var deviations = map[string]any{
	// The reference has its own table of that name open. Ours are elsewhere, as
	// spec 07 §2.6 advises: this one is the application's.
	`{"id":28,"op":"DeleteTableDb","name":"routing_table"}`: true,
}

var longRun = regexp.MustCompile(`<(.)\*(\d+)>`)

func transcript(t *testing.T, name string) []line {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	expand := func(s string) string {
		return longRun.ReplaceAllStringFunc(s, func(run string) string {
			m := longRun.FindStringSubmatch(run)
			n, _ := strconv.Atoi(m[2])
			return strings.Repeat(m[1], n)
		})
	}
	var lines []line
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		l.Request, l.Response = expand(l.Request), expand(l.Response)
		lines = append(lines, l)
	}
	return lines
}

// client is a connection: the objects behind its ids.
type client struct {
	dbs map[int]*DB
	txs map[int]*Tx
}

// nextID is the lowest that is free.
func nextID[T any](m map[int]T) int {
	id := 1
	for ; ; id++ {
		if _, taken := m[id]; !taken {
			return id
		}
	}
}

// noValue is the answer of an operation without one, invalid that of an unknown id.
type (
	noValue struct{}
	invalid struct{}
)

func TestTranscriptOfTables(t *testing.T) {
	s := openStore(t, memory.NewKeyValueStore())
	clients := make(map[string]*client)
	played := 0
	for _, l := range transcript(t, "tabledb.jsonl") {
		if l.Name == "delete after its disconnect" {
			for _, db := range clients["c3"].dbs {
				shut(t, db)
			}
		}
		c := clients[l.Conn]
		if c == nil {
			c = &client{make(map[int]*DB), make(map[int]*Tx)}
			clients[l.Conn] = c
		}
		value, err := c.play(t, s, l)
		compare(t, l, value, err)
		played++
	}
	if played != 133 {
		t.Errorf("played %d lines, want 133", played)
	}
}

func (c *client) play(t *testing.T, s *Store, l line) (any, error) {
	var r request
	if err := json.Unmarshal([]byte(l.Request), &r); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	switch r.Op {
	case "OpenTableDb":
		db, err := s.OpenDB(ctx, r.Name, r.Columns)
		if err != nil {
			return nil, err
		}
		id := nextID(c.dbs)
		c.dbs[id] = db
		return id, nil
	case "DeleteTableDb":
		return pass(s.Delete(ctx, r.Name))
	case "RenameTableDb":
		return nil, s.Rename(ctx, r.OldName, r.NewName)
	case "TableDb":
		return c.playDB(t, &r)
	case "TableDbTransaction":
		return c.playTx(t, &r)
	}
	t.Fatalf("unknown operation %q", r.Op)
	return nil, nil
}

func (c *client) playDB(t *testing.T, r *request) (any, error) {
	ctx := t.Context()
	db := c.dbs[r.DBID]
	if db == nil {
		return invalid{}, nil
	}
	switch r.DBOp {
	case "Release":
		delete(c.dbs, r.DBID)
		return noValue{}, db.Close()
	case "GetColumnCount":
		return db.ColumnCount(), nil
	case "GetKeys":
		keys, err := db.Keys(ctx, r.Col)
		texts := []string{}
		for _, key := range keys {
			texts = append(texts, crypto.EncodeBase64(key))
		}
		return texts, err
	case "Transact":
		tx, err := db.Transact()
		id := nextID(c.txs)
		c.txs[id] = tx
		return id, err
	case "Store":
		return nil, db.Store(ctx, r.Col, decode(t, r.Key), decode(t, r.Value))
	case "Load":
		return optional(db.Load(ctx, r.Col, decode(t, r.Key)))
	case "Delete":
		return optional(db.Delete(ctx, r.Col, decode(t, r.Key)))
	}
	t.Fatalf("unknown operation %q", r.DBOp)
	return nil, nil
}

func (c *client) playTx(t *testing.T, r *request) (any, error) {
	tx := c.txs[r.TxID]
	if tx == nil {
		return invalid{}, nil
	}
	switch r.TxOp {
	case "Store":
		return nil, tx.Store(r.Col, decode(t, r.Key), decode(t, r.Value))
	case "Delete":
		return nil, tx.Delete(r.Col, decode(t, r.Key))
	case "Commit":
		delete(c.txs, r.TxID)
		return nil, tx.Commit(t.Context())
	case "Rollback":
		delete(c.txs, r.TxID)
		return noValue{}, tx.Rollback()
	}
	t.Fatalf("unknown operation %q", r.TxOp)
	return nil, nil
}

func TestTranscriptOfSecrets(t *testing.T) {
	s, err := openStore(t, memory.NewKeyValueStore()).Secrets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	played := 0
	for _, l := range transcript(t, "secrets.jsonl") {
		value, err := playSecret(t, s, l)
		compare(t, l, value, err)
		played++
	}
	if played != 35 {
		t.Errorf("played %d lines, want 35", played)
	}
}

func playSecret(t *testing.T, s *Secrets, l line) (any, error) {
	var r request
	if err := json.Unmarshal([]byte(l.Request), &r); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	switch r.Op {
	case "SaveUserSecret":
		return pass(s.Save(ctx, r.Key, decode(t, r.Value)))
	case "LoadUserSecret":
		return optional(s.Load(ctx, r.Key))
	case "RemoveUserSecret":
		return pass(s.Remove(ctx, r.Key))
	case "ListUserSecrets":
		return pass(s.List(ctx))
	case "DeleteAllUserSecrets":
		return nil, s.DeleteAll(ctx)
	}
	t.Fatalf("unknown operation %q", r.Op)
	return nil, nil
}

func pass[T any](v T, err error) (any, error) { return v, err }

func optional(value []byte, found bool, err error) (any, error) {
	if !found {
		return nil, err
	}
	return crypto.EncodeBase64(value), err
}

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := crypto.DecodeBase64(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compare checks an answer against that of the real node.
func compare(t *testing.T, l line, value any, err error) {
	t.Helper()
	want := make(map[string]any)
	if e := json.Unmarshal([]byte(l.Response), &want); e != nil {
		t.Fatal(e)
	}
	if v, ok := deviations[l.Request]; ok {
		delete(want, "error")
		want["value"] = v
	}
	got := make(map[string]any)
	switch {
	case err != nil:
		got["error"] = apiError(t, err)
	case value == any(invalid{}):
		op := "db_op"
		if want["op"] == "TableDbTransaction" {
			op = "tx_op"
		}
		got[op] = "InvalidId"
	case value != any(noValue{}):
		got["value"] = value
	}
	text, e := json.Marshal(got)
	if e != nil {
		t.Fatal(e)
	}
	got = make(map[string]any)
	if e := json.Unmarshal(text, &got); e != nil {
		t.Fatal(e)
	}
	for _, k := range []string{"type", "id", "op", "db_id", "tx_id", "db_op", "tx_op"} {
		if want[k] != "InvalidId" {
			delete(want, k)
		}
	}
	sortLists(got)
	sortLists(want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %.200s\ngot  %.200v\nwant %.200v", l.Name, l.Request, got, want)
	}
}

// apiError is what the API makes of an error (spec 07 §3).
func apiError(t *testing.T, err error) map[string]string {
	t.Helper()
	var name *NameError
	var column *ColumnError
	var grow *GrowError
	var reserved *ReservedError
	switch {
	case errors.As(err, &name):
		return map[string]string{"kind": "InvalidArgument", "context": "table name is invalid", "argument": "table", "value": name.Name}
	case err == ErrNoColumns:
		return map[string]string{"kind": "InvalidArgument", "context": err.Error(), "argument": "column_count", "value": "0"}
	case errors.As(err, &reserved):
		return map[string]string{"kind": "InvalidArgument", "context": err.Error(), "argument": "key", "value": reserved.Key}
	case errors.As(err, &column), errors.As(err, &grow), err == ErrStillOpen, err == ErrExists, err == ErrNotFound, err == ErrCompleted:
		return map[string]string{"kind": "Generic", "message": err.Error()}
	}
	t.Errorf("an error that the API does not know: %v", err)
	return nil
}

// sortLists: lists come in no particular order.
func sortLists(m map[string]any) {
	if list, ok := m["value"].([]any); ok {
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	}
}
