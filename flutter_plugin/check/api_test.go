package check

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// member is a member of a class of the original's Dart package, 0.5.2.
type member struct {
	Class, Member, Type, Params string
	Getter                      bool
}

// TestMembers looks for every member of the original's classes, with the parameters
// that it has there. More parameters are allowed if they are optional.
func TestMembers(t *testing.T) {
	content, err := os.ReadFile("testdata/dart_api.json")
	if err != nil {
		t.Fatal(err)
	}
	var members []member
	if err := json.Unmarshal(content, &members); err != nil {
		t.Fatal(err)
	}
	if len(members) < 100 {
		t.Fatalf("%d members were read", len(members))
	}
	where := map[string]string{
		"Veilid": "veilid", "VeilidRoutingContext": "routing_context", "VeilidDHTTransaction": "dht_transaction",
		"VeilidTableDB": "table_db", "VeilidTableDBTransaction": "table_db", "VeilidCryptoSystem": "crypto_system",
	}
	// Names that stand for types which the original writes out.
	short := strings.NewReplacer("ToEncodable?", "Object?Function(Object?nonEncodable)?", "Reviver?", "Object?Function(Object?key,Object?value)?")
	sources := files(t)
	for _, m := range members {
		list := body(t, tokens(sources["lib/src/"+where[m.Class]+".dart"]), "class", m.Class)
		i := declaration(list, m)
		if i < 0 {
			t.Errorf("%s has no %s", m.Class, m.Member)
			continue
		}
		if m.Params == "" || m.Getter {
			continue
		}
		want := tokens(m.Params)
		if got := result(list, i); got != strings.ReplaceAll(join(tokens(m.Type)), "static ", "") {
			t.Errorf("%s.%s gives %s, want %s", m.Class, m.Member, got, m.Type)
		}
		gotAt, gotNamed := parameters(list[i+2:closing(list, i+1)], short)
		wantAt, wantNamed := parameters(want[1:len(want)-1], short)
		if !slices.Equal(gotAt, wantAt) {
			t.Errorf("%s.%s has the parameters %q, want %q", m.Class, m.Member, gotAt, wantAt)
		}
		for _, p := range wantNamed {
			if !slices.Contains(gotNamed, p) {
				t.Errorf("%s.%s has the named parameters %q, want %q", m.Class, m.Member, gotNamed, p)
			}
		}
		for _, p := range gotNamed {
			if !slices.Contains(wantNamed, p) && strings.HasPrefix(p, "required ") {
				t.Errorf("%s.%s requires %q, which the original does not have", m.Class, m.Member, p)
			}
		}
	}
}

// declaration finds a member among those of its class.
func declaration(list []token, m member) int {
	depth := 0
	for i, tok := range list {
		if tok.kind == symbol {
			switch tok.text {
			case "{", "(", "[":
				depth++
			case "}", ")", "]":
				depth--
			}
			continue
		}
		if depth > 0 || tok.kind != word || tok.text != m.Member || i == 0 || i+1 == len(list) {
			continue
		}
		after := list[i+1].text
		switch {
		case m.Params == "" || m.Getter: // a getter or a field
			if after == "=" || after == ";" || after == "{" {
				return i
			}
		case after == "(" && (list[i-1].kind == word || endsType(list, i-1)):
			return i
		}
	}
	return -1
}

// result is the type before the name at i.
func result(list []token, i int) string {
	start := i
	for depth := 0; start > 0; start-- {
		switch before := list[start-1]; {
		case before.text == ">" && list[max(0, start-2)].text != "=":
			depth++
		case before.text == "<":
			depth--
		case depth == 0 && before.kind == symbol && before.text != "?":
			return join(list[start:i])
		case depth == 0 && start < i && before.kind == word && list[start].kind == word:
			return join(list[start:i])
		}
	}
	return join(list[start:i])
}

// parameters gives those with a place, and the named ones with their defaults.
func parameters(list []token, short *strings.Replacer) (at, named []string) {
	for _, p := range split(list) {
		if p[0].text == "{" {
			for _, n := range split(p[1 : len(p)-1]) {
				named = append(named, short.Replace(join(n)))
			}
			continue
		}
		at = append(at, short.Replace(join(p)))
	}
	return at, named
}
