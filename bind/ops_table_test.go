package bind_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/voile-net/voile/bind"
)

// Tables and secrets answer word for word as the original does: nothing in them
// depends on the node.
func TestStoreTranscripts(t *testing.T) {
	for _, name := range []string{"tabledb", "secrets"} {
		t.Run(name, func(t *testing.T) {
			api := bind.New(detached(t).Node, bind.Options{})
			clients := map[string]*bind.Client{}
			for _, r := range transcript(t, name) {
				if strings.Contains(r.Request, `"DeleteTableDb"`) && strings.Contains(r.Request, `"routing_table"`) {
					continue // our own tables are not among those of applications
				}
				if r.Name == "delete after its disconnect" {
					clients["c3"].Close()
				}
				c := clients[r.Conn]
				if c == nil {
					c = api.NewClient()
					clients[r.Conn] = c
				}
				got, closed := ask(t.Context(), c, r.Request)
				if want := *r.Response; closed || ordered(t, got) != ordered(t, want) {
					t.Errorf("%s: %.300s\ngot  %.400s\nwant %.400s", r.Name, r.Request, got, want)
				}
			}
		})
	}
}

// ordered is an answer with the texts of a list in their order, since stores
// list in none.
func ordered(t *testing.T, response string) string {
	answer, _ := decode(t, response).(map[string]any)
	if list, ok := answer["value"].([]any); ok {
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return fmt.Sprint(answer)
}

// A client that is gone leaves no table open, and nothing of a transaction.
func TestTablesOfAClientThatIsGone(t *testing.T) {
	api := bind.New(detached(t).Node, bind.Options{})
	gone, other := api.NewClient(), api.NewClient()
	for _, request := range []string{
		`{"op":"OpenTableDb","name":"t","column_count":1}`,
		`{"op":"TableDb","db_id":1,"db_op":"Transact"}`,
		`{"op":"TableDbTransaction","tx_id":1,"tx_op":"Store","col":0,"key":"AA","value":"AA"}`,
		`{"op":"TableDb","db_id":1,"db_op":"Transact"}`,
		`{"op":"TableDb","db_id":1,"db_op":"Release"}`,
	} {
		if v := mustAsk(t, gone, request); v["error"] != nil {
			t.Fatalf("%s: %v", request, v)
		}
	}
	if n := gone.Objects(); n != 2 {
		t.Errorf("%d objects, want the two transactions", n)
	}
	if v := mustAsk(t, other, `{"op":"DeleteTableDb","name":"t"}`); v["error"] == nil {
		t.Errorf("a table with an open transaction was deleted: %v", v)
	}
	gone.Close()
	if n := gone.Objects(); n != 0 {
		t.Errorf("%d objects after Close", n)
	}
	mustAsk(t, other, `{"op":"OpenTableDb","name":"t","column_count":1}`)
	if v := mustAsk(t, other, `{"op":"TableDb","db_id":1,"db_op":"GetKeys","col":0}`); fmt.Sprint(v["value"]) != "[]" {
		t.Errorf("keys after a transaction that was not committed: %v", v)
	}
	mustAsk(t, other, `{"op":"TableDb","db_id":1,"db_op":"Release"}`)
	// A call that comes too late opens nothing that would stay open.
	if v := mustAsk(t, gone, `{"op":"OpenTableDb","name":"t","column_count":1}`); v["error"] == nil {
		t.Errorf("a closed client opened a table: %v", v)
	}
	if v := mustAsk(t, other, `{"op":"DeleteTableDb","name":"t"}`); v["value"] != true {
		t.Errorf("delete: %v, want true", v)
	}
}

// Of calls that end one transaction at the same time, one does; no other object
// is freed and none stays.
func TestTransactionEndsOnce(t *testing.T) {
	c := newClient(t)
	mustAsk(t, c, `{"op":"OpenTableDb","name":"t","column_count":1}`)
	for range 50 {
		mustAsk(t, c, `{"op":"TableDb","db_id":1,"db_op":"Transact"}`)
		mustAsk(t, c, `{"op":"TableDbTransaction","tx_id":1,"tx_op":"Store","col":0,"key":"AA","value":"AA"}`)
		var ends sync.WaitGroup
		for _, end := range []string{"Commit", "Rollback", "Commit"} {
			ends.Go(func() { ask(t.Context(), c, `{"op":"TableDbTransaction","tx_id":1,"tx_op":"`+end+`"}`) })
		}
		ends.Wait()
		if n := c.Objects(); n != 1 {
			t.Fatalf("%d objects, want the table alone", n)
		}
	}
	mustAsk(t, c, `{"op":"TableDb","db_id":1,"db_op":"Release"}`)
	if v := mustAsk(t, c, `{"op":"DeleteTableDb","name":"t"}`); v["value"] != true {
		t.Errorf("delete: %v, want true", v)
	}
}

// Operations on a node that is closed say so, or that the object is gone.
func TestTablesAfterClose(t *testing.T) {
	node := detached(t)
	c := bind.New(node.Node, bind.Options{}).NewClient()
	t.Cleanup(c.Close)
	mustAsk(t, c, `{"op":"OpenTableDb","name":"t","column_count":1}`)
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{
		`{"op":"OpenTableDb","name":"t","column_count":1}`, `{"op":"DeleteTableDb","name":"t"}`,
		`{"op":"RenameTableDb","old_name":"t","new_name":"u"}`, `{"op":"ListUserSecrets"}`,
		`{"op":"TableDb","db_id":1,"db_op":"Load","col":0,"key":"AA"}`,
	} {
		v := mustAsk(t, c, request)
		if e, _ := v["error"].(map[string]any); e["kind"] != "NotInitialized" {
			t.Errorf("%s: %v, want NotInitialized", request, v)
		}
	}
	if v := mustAsk(t, c, `{"op":"TableDb","db_id":1,"db_op":"Transact"}`); v["db_op"] != "InvalidId" {
		t.Errorf("Transact: %v, want InvalidId", v)
	}
}

// A connection that ends holds nothing any more, at once, even where nothing is
// written by which the server would notice that nobody reads.
func TestTablesOfAConnectionThatEnds(t *testing.T) {
	withServer(t, bind.ServerOptions{}, func(t *testing.T, s *bind.Server) {
		gone, other := dial(t, s), dial(t, s)
		defer other.close()
		gone.value(1, `"op":"OpenTableDb","name":"t","column_count":1`)
		if v := other.ask(1, `"op":"DeleteTableDb","name":"t"`); v["error"] == nil {
			t.Errorf("an open table was deleted: %v", v)
		}
		gone.close()
		synctest.Wait()
		if v := other.value(2, `"op":"DeleteTableDb","name":"t"`); v != true {
			t.Errorf("delete: %v, want true", v)
		}
	})
}
