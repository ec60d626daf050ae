package dht

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

func memberKeys(n int, count uint16) []Member {
	list := make([]Member, n)
	for i := range list {
		list[i] = Member{MemberKey{byte(i), byte(i >> 8), 1}, count}
	}
	return list
}

// Spec 06 §3.2, row by row.
func TestSchemaLimits(t *testing.T) {
	twins := append(memberKeys(255, 1), memberKeys(1, 1)...)
	for _, c := range []struct {
		name   string
		schema Schema
		fault  string // context of the error; empty: valid
	}{
		{"DFLT of one subkey", DFLT(1), ""},
		{"DFLT of most", DFLT(1024), ""},
		{"DFLT of none", DFLT(0), "must have at least one subkey"},
		{"DFLT of too many", DFLT(1025), "too many subkeys"},
		{"DFLT with members", Schema{KindDFLT, 1, memberKeys(1, 1)}, "DFLT has no members"},
		{"SMPL of the owner", SMPL(1), ""},
		{"SMPL of a member", SMPL(0, memberKeys(1, 1)...), ""},
		{"SMPL with a member that writes nothing", SMPL(1, memberKeys(1, 0)...), ""},
		{"SMPL of nothing", SMPL(0, memberKeys(1, 0)...), "must have at least one subkey"},
		{"SMPL of most subkeys", SMPL(0, memberKeys(256, 4)...), ""},
		{"SMPL of too many subkeys", SMPL(1, memberKeys(255, 5)...), "too many subkeys"},
		{"SMPL of most members", SMPL(0, memberKeys(256, 1)...), ""},
		{"SMPL of too many members", SMPL(1, memberKeys(257, 0)...), "too many members"},
		{"SMPL of 255 members and the owner", SMPL(1, memberKeys(255, 1)...), ""},
		{"SMPL of 256 members and the owner", SMPL(1, memberKeys(256, 1)...), "too many writers"},
		{"SMPL of 256 members with twins and the owner", SMPL(1, twins...), ""},
		{"SMPL of 256 members that do not write and the owner", SMPL(1, memberKeys(256, 0)...), ""},
		{"unknown kind", Schema{Kind: 0x41424344, OwnerCount: 1}, "unknown kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.schema.Validate()
			parsed, parseErr := ParseSchema(c.schema.Compiled())
			if c.fault == "" {
				if err != nil || parseErr != nil {
					t.Fatalf("got %v and %v, want none", err, parseErr)
				}
				if !bytes.Equal(parsed.Compiled(), c.schema.Compiled()) {
					t.Error("parsed to another schema")
				}
				return
			}
			var se *SchemaError
			if !errors.As(err, &se) || se.Context != c.fault {
				t.Errorf("got %v, want %s", err, c.fault)
			}
			if parseErr == nil {
				t.Error("the compiled form was accepted")
			}
		})
	}
}

func TestSchemaBytes(t *testing.T) {
	key := MemberKey{1, 2, 3}
	for _, c := range []struct {
		name   string
		schema Schema
		want   []byte
	}{
		{"DFLT", DFLT(0x0102), []byte("DFLT\x02\x01")},
		{"SMPL", SMPL(1, Member{key, 0x0203}), append(append([]byte("SMPL\x01\x00"), key[:]...), 3, 2)},
	} {
		if got := c.schema.Compiled(); !bytes.Equal(got, c.want) {
			t.Errorf("%s: %x, want %x", c.name, got, c.want)
		}
	}
}

// Every proper prefix of a schema, and one byte more, is refused; a prefix of a
// whole number of members is a schema of its own.
func TestSchemaCut(t *testing.T) {
	for _, s := range []Schema{DFLT(3), SMPL(1, memberKeys(3, 2)...)} {
		b := s.Compiled()
		for i := range b {
			whole := s.Kind == KindSMPL && i >= schemaHead && (i-schemaHead)%memberSize == 0
			if _, err := ParseSchema(b[:i]); (err == nil) != whole {
				t.Errorf("%v cut to %d bytes: %v", s.Kind, i, err)
			}
		}
		if _, err := ParseSchema(append(b, 0)); err == nil {
			t.Errorf("%v and one byte more was accepted", s.Kind)
		}
	}
}

func FuzzParseSchema(f *testing.F) {
	f.Add(DFLT(1).Compiled())
	f.Add(SMPL(1, memberKeys(3, 2)...).Compiled())
	f.Add([]byte("SMPL"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		s, err := ParseSchema(b)
		if !bytes.Equal(b, before) {
			t.Fatal("ParseSchema changed its input")
		}
		if err != nil {
			return
		}
		if !bytes.Equal(s.Compiled(), b) {
			t.Fatalf("%x became %x", b, s.Compiled())
		}
		if n := s.Subkeys(); n < 1 || n > MaxSubkeys || s.MaxValueSize() > MaxValueSize {
			t.Fatalf("%d subkeys", n)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var again Schema
		if err := json.Unmarshal(text, &again); err != nil || !bytes.Equal(again.Compiled(), b) {
			t.Fatalf("by JSON %s: %v", text, err)
		}
	})
}

// Spec 06 §3.3: who may write which subkey, and how much.
func TestSchemaCheck(t *testing.T) {
	owner := crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte{9}}
	members := []Member{{MemberKey{1}, 2}, {MemberKey{2}, 0}, {MemberKey{1}, 1}, {MemberKey(owner.Value), 1}}
	smpl := SMPL(2, members...) // owner 0 1, first 2 3 4, owner as member 5
	key := func(b byte) crypto.PublicKey { return crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte{b}} }
	for _, c := range []struct {
		name   string
		schema Schema
		subkey uint32
		writer crypto.PublicKey
		size   int
		want   error
	}{
		{"owner in DFLT", DFLT(2), 1, owner, 1, nil},
		{"other in DFLT", DFLT(2), 1, key(1), 1, ErrWriter},
		{"beyond DFLT", DFLT(2), 2, owner, 1, ErrRange},
		{"far beyond DFLT", DFLT(2), 0xFFFFFFFF, owner, 1, ErrRange},
		{"owner in SMPL", smpl, 1, owner, 1, nil},
		{"member in the owner's part", smpl, 1, key(1), 1, ErrWriter},
		{"member in its part", smpl, 3, key(1), 1, nil},
		{"member in its second part", smpl, 4, key(1), 1, nil},
		{"owner in a member's part", smpl, 3, owner, 1, ErrWriter},
		{"member without subkeys", smpl, 3, key(2), 1, ErrWriter},
		{"owner as member", smpl, 5, owner, 1, nil},
		{"beyond SMPL", smpl, 6, owner, 1, ErrRange},
		{"writer of another kind", DFLT(1), 0, crypto.PublicKey{Kind: crypto.KindNONE, Value: owner.Value}, 1, ErrWriter},
		{"member of another kind", smpl, 3, crypto.PublicKey{Kind: crypto.KindNONE, Value: [32]byte{1}}, 1, ErrWriter},
		{"32 subkeys, most", DFLT(32), 0, owner, 32768, nil},
		{"33 subkeys, most", DFLT(33), 0, owner, 31775, nil},
		{"33 subkeys, more", DFLT(33), 0, owner, 31776, ErrTooBig},
		{"1024 subkeys, most", DFLT(1024), 0, owner, 1024, nil},
		{"1024 subkeys, more", DFLT(1024), 0, owner, 1025, ErrTooBig},
		{"one subkey, more", DFLT(1), 0, owner, 32769, ErrTooBig},
		{"wrong writer before too big", DFLT(1), 0, key(1), 32769, ErrWriter},
	} {
		err := c.schema.Check(owner, c.subkey, &wire.ValueData{Writer: c.writer, Data: make([]byte, c.size)})
		if err != c.want {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	for _, c := range []struct {
		name   string
		schema Schema
		signer crypto.PublicKey
		want   bool
	}{
		{"owner", DFLT(1), owner, true},
		{"stranger", DFLT(1), key(1), false},
		{"member", smpl, key(1), true},
		{"member without subkeys", smpl, key(2), true},
		{"owner of another kind", DFLT(1), crypto.PublicKey{Kind: crypto.KindNONE, Value: owner.Value}, false},
	} {
		if got := c.schema.IsMember(owner, MemberIDOf(c.signer)); got != c.want {
			t.Errorf("%s: member %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSchemaJSON(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no count", `{"kind":"DFLT"}`, "o_cnt is missing"},
		{"unknown kind", `{"kind":"XXXX","o_cnt":1}`, "unknown kind"},
		{"no members", `{"kind":"SMPL","o_cnt":1}`, "members are missing"},
		{"member without count", `{"kind":"SMPL","o_cnt":1,"members":[{"m_key":"AAAA"}]}`, "m_cnt is missing"},
		{"member key not base64", `{"kind":"SMPL","o_cnt":1,"members":[{"m_key":"!","m_cnt":1}]}`, "base64"},
		{"short member key", `{"kind":"SMPL","o_cnt":1,"members":[{"m_key":"AAAA","m_cnt":1}]}`, "wrong size"},
		{"count too large", `{"kind":"DFLT","o_cnt":65536}`, "number"},
		{"negative count", `{"kind":"DFLT","o_cnt":-1}`, "number"},
	} {
		s := DFLT(7)
		if err := json.Unmarshal([]byte(c.text), &s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		if s.OwnerCount != 7 {
			t.Errorf("%s: changed the schema", c.name)
		}
	}
	if b, err := json.Marshal(SMPL(1)); err != nil || string(b) != `{"kind":"SMPL","o_cnt":1,"members":[]}` {
		t.Errorf("SMPL without members: %s, %v", b, err)
	}
}
