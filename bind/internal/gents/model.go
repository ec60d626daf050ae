package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/voile-net/voile/bind/jsonapi"
)

// model is the API as TypeScript sees it.
type model struct {
	texts      []string // names of texts: keys and the like
	enums      []enum
	structs    []structure
	operations []operation
	updates    []update

	docs docs
	defs map[string]*schema
	asks map[string]bool // definitions that requests have
	seen map[string]bool // texts
}

type enum struct {
	name   string
	doc    string
	values []string
}

// structure is an interface, or a union of some.
type structure struct {
	name   string
	doc    string
	fields []field
	// variants, when there are any, take the place of the fields for the types; the
	// fields are those of all of them, for the tables.
	variants [][]field
}

type field struct {
	name, wire string
	doc        string
	typ        string // TypeScript
	shape      string // see web/src/codec.ts
	optional   bool
	nullable   bool
}

type operation struct {
	name   string // "Attach", "RoutingContext.AppCall"
	params []field
	typ    string // of the result
	shape  string
}

type update struct{ kind, typ string }

// renamed are the definitions whose names here are not those there without the
// prefix Veilid.
var renamed = map[string]string{
	"VeilidConfigConfig":                "Config",
	"VeilidState":                       "NodeState",
	"VeilidStateAttachment":             "AttachmentStatus",
	"VeilidStateNetwork":                "NetworkStatus",
	"VeilidStateConfig":                 "ConfigStatus",
	"VeilidStateAttachmentCondition":    "AttachmentCondition",
	"VeilidLog":                         "LogEntry",
	"VeilidAppMessage":                  "AppMessage",
	"VeilidAppCall":                     "AppCall",
	"VeilidAppLifecycleState":           "AppLifecycleState",
	"VeilidConfigProtectedStoreBackend": "ProtectedStoreBackend",
	"VeilidConfigAddressType":           "AddressType",
}

// written are definitions that have a form of their own here.
var written = []string{
	"VeilidAPIError", "VeilidUpdate", "Response", "ValueSeqNum", "ValueSubkeyRangeSet", "CryptoKind",
	"Timestamp", "TimestampDuration", "ByteCount", "NodeCount",
}

func nameOf(def string) string {
	if n := renamed[def]; n != "" {
		return n
	}
	n := strings.TrimPrefix(def, "Veilid")
	n = strings.ReplaceAll(n, "KEM", "Kem")
	if strings.HasSuffix(n, "ID") {
		n = strings.TrimSuffix(n, "ID") + "Id"
	}
	return n
}

// camel is the name of a field here.
func camel(wire string) string {
	var b strings.Builder
	for i, part := range strings.Split(wire, "_") {
		r := []rune(part)
		if i == 0 {
			r[0] = unicode.ToLower(r[0])
		} else {
			r[0] = unicode.ToUpper(r[0])
		}
		b.WriteString(string(r))
	}
	return b.String()
}

func newModel(request, message *schema, d docs) *model {
	m := &model{docs: d, defs: maps.Clone(message.Defs), asks: map[string]bool{}, seen: map[string]bool{}}
	maps.Copy(m.defs, request.Defs)
	for name := range request.Defs {
		m.asks[name] = true
	}
	m.addOperations(request, message)
	for _, u := range message.Defs["VeilidUpdate"].OneOf {
		typ := "object"
		if u.Ref != "" {
			typ = nameOf(u.ref())
		}
		m.updates = append(m.updates, update{u.constOf("kind"), typ})
	}
	for _, name := range slices.Sorted(maps.Keys(m.defs)) {
		d := m.defs[name]
		switch {
		case slices.Contains(written, name), isFamilyDef(name):
		case d.Enum != nil:
			m.enums = append(m.enums, enum{nameOf(name), m.docs[name], d.Enum})
		case d.OneOf != nil:
			m.structs = append(m.structs, m.union(name, d))
		default:
			m.structs = append(m.structs, structure{name: nameOf(name), doc: m.docs[name], fields: m.fields(name, d, m.asks[name])})
		}
	}
	m.texts = slices.Sorted(maps.Keys(m.seen))
	return m
}

// isFamilyDef reports whether a definition is of the operations on objects.
func isFamilyDef(def string) bool {
	for _, f := range jsonapi.Family("").Values() {
		if def == string(f)+"Request" || def == string(f)+"Response" {
			return true
		}
	}
	return false
}

// union is a type of several objects.
func (m *model) union(name string, d *schema) structure {
	s := structure{name: nameOf(name), doc: m.docs[name]}
	for _, v := range d.OneOf {
		var fields []field
		if v.Ref != "" { // an object told apart by a constant
			kind := v.constOf("kind")
			fields = append(fields, field{name: "kind", wire: "kind", typ: fmt.Sprintf("%q", kind)})
			fields = append(fields, m.fields(v.ref(), m.defs[v.ref()], true)...)
		} else {
			fields = m.fields(name, v, true)
		}
		s.variants = append(s.variants, fields)
		for _, f := range fields {
			if !slices.ContainsFunc(s.fields, func(g field) bool { return g.name == f.name }) {
				s.fields = append(s.fields, f)
			}
		}
	}
	return s
}

// fields are those of an object. asked: it is given by callers, who may leave out
// what is not required; what a node gives has all fields. def is the definition that
// the object is; "": none.
func (m *model) fields(def string, d *schema, asked bool) []field {
	var list []field
	for wire, p := range d.Properties {
		if p.Const != "" {
			continue
		}
		inner, nullable := p.notNull()
		if inner.ref() == "ValueSeqNum" {
			nullable = true
		}
		f := field{name: camel(wire), wire: wire, nullable: nullable, doc: m.docs[def+"."+wire]}
		f.optional = !slices.Contains(d.Required, wire) && (asked || !nullable)
		f.typ, f.shape = m.of(inner)
		if wire == "m_key" { // a key as text, which no blob stands for
			f.typ, f.shape = "string", "member"
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	return list
}

// of is the TypeScript type and the shape of a schema.
func (m *model) of(s *schema) (typ, shape string) {
	if inner, nullable := s.notNull(); nullable {
		typ, shape = m.of(inner)
		return typ + " | null", shape
	}
	switch {
	case s.Ref != "":
		switch name := s.ref(); name {
		case "Timestamp", "TimestampDuration", "ByteCount", "NodeCount":
			return nameOf(name), "decimal"
		case "CryptoKind":
			return "CryptoKind", ""
		case "ValueSeqNum":
			return "number", ""
		case "ValueSubkeyRangeSet":
			return "SubkeyRange[]", ""
		default:
			if m.defs[name].Enum != nil {
				return nameOf(name), ""
			}
			return nameOf(name), "@" + nameOf(name)
		}
	case s.ContentEncoding != "":
		return "Uint8Array", "bytes"
	case s.is("string") && s.Format != "":
		m.seen[nameOf(s.Format)] = true
		return nameOf(s.Format), ""
	case s.is("array"):
		typ, shape = m.of(s.Items)
		if s.Items.ref() == "ValueSeqNum" {
			typ += " | null"
		}
		if shape != "" {
			shape = "[]" + shape
		}
		if strings.Contains(typ, " ") {
			typ = "(" + typ + ")"
		}
		return typ + "[]", shape
	case s.is("integer"):
		return "number", ""
	case len(s.Type) == 1:
		return s.Type[0], ""
	}
	panic(fmt.Sprintf("no TypeScript for %+v", *s)) // a form of schema that is new to this program
}

// addOperations joins what requests take with what their answers give.
func (m *model) addOperations(request, message *schema) {
	results := map[string]*schema{}
	eachOperation(message.Defs["Response"].OneOf, message.Defs, func(name string, s *schema) { results[name] = s })
	eachOperation(request.OneOf, request.Defs, func(name string, s *schema) {
		o := operation{name: name, params: m.fields("", s, true), typ: "void", shape: "void"}
		if r := results[name]; r != nil {
			o.typ, o.shape = m.result(r)
		}
		m.operations = append(m.operations, o)
	})
	slices.SortFunc(m.operations, func(a, b operation) int { return cmp.Compare(a.name, b.name) })
}

// eachOperation calls f with each operation of a request or a response.
func eachOperation(list []*schema, defs map[string]*schema, f func(name string, s *schema)) {
	for _, s := range list {
		op := s.constOf("op")
		if s.Ref == "" {
			f(op, s)
			continue
		}
		_, opField := jsonapi.Family(op).Fields()
		for _, sub := range defs[s.ref()].OneOf {
			if name := sub.constOf(opField); name != jsonapi.InvalidID {
				f(op+"."+name, sub)
			}
		}
	}
}

func (m *model) result(s *schema) (typ, shape string) {
	value := s.Properties["value"]
	for _, form := range s.AnyOf {
		if v := form.Properties["value"]; v != nil {
			value = v
		}
	}
	switch {
	case value != nil && value.is("null"):
		return "void", "void"
	case value != nil:
		return m.of(value)
	case s.Properties["major"] != nil:
		return "Version", ""
	}
	return "void", "void"
}
