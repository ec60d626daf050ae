package bind

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/voile-net/voile/bind/jsonapi"
)

// The schemas of the API's lines (JSON Schema 2020-12), made of the operations and
// of the types of package jsonapi. They have the form that the original's have, so
// that a client generated from one understands the other (spec 07 §5.7, §5.9).

// Names of schemas.
const (
	SchemaRequest     = "Request"     // what a client sends
	SchemaRecvMessage = "RecvMessage" // what it receives
)

// SchemaNames are the names that [Schema] knows.
func SchemaNames() []string { return []string{SchemaRequest, SchemaRecvMessage} }

// Schema is the text of a schema. An unknown name is the *core.Error that the
// request for it gets.
func Schema(name string) (string, error) {
	b := schemaBuilder{api: &API{ops: table{}}, defs: node{}}
	b.api.addOps()
	var top node
	switch name {
	case SchemaRequest:
		top = b.request()
	case SchemaRecvMessage:
		top = b.recvMessage()
	default:
		return "", invalidArgument("invalid schema", "schema", name)
	}
	top["$schema"], top["title"], top["$defs"] = "https://json-schema.org/draft/2020-12/schema", name, b.defs
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(top)
	return text.String(), err
}

// node is one schema.
type node = map[string]any

func constant(value string) node { return node{"type": "string", "const": value} }
func ref(name string) node       { return node{"$ref": "#/$defs/" + name} }

// orNullNode is what may be null as well.
func orNullNode(n node) node {
	if t, ok := n["type"].(string); ok {
		n = maps.Clone(n)
		n["type"] = []string{t, "null"}
		return n
	}
	return node{"anyOf": []node{n, {"type": "null"}}}
}

// schemaBuilder collects the definitions that a schema refers to.
type schemaBuilder struct {
	api  *API
	defs node
}

// variant is one of several objects, told apart by the constant value of a field.
func variant(field, value string, more node) node {
	n := node{"type": "object", "properties": node{field: constant(value)}, "required": []string{field}}
	maps.Copy(n, more)
	return n
}

// request is the schema of a request line.
func (b *schemaBuilder) request() node {
	var ops []node
	for _, name := range slices.Sorted(maps.Keys(b.api.ops)) {
		o := b.api.ops[name]
		if o.family == nil {
			p := b.declared(func(p *params) { o.decode(p) })
			ops = append(ops, b.withParams("op", name, p))
			continue
		}
		var subs []node
		for _, sub := range slices.Sorted(maps.Keys(o.family.ops)) {
			p := b.declared(func(p *params) { o.family.ops[sub].decode(p) })
			subs = append(subs, b.withParams(o.family.opField, sub, p))
		}
		def := name + "Request"
		b.defs[def] = node{
			"type": "object", "properties": node{o.family.idField: b.of(reflect.TypeFor[uint32]())},
			"required": []string{o.family.idField}, "oneOf": subs,
		}
		ops = append(ops, variant("op", name, ref(def)))
	}
	id := b.of(reflect.TypeFor[uint32]())
	id["default"] = 0
	return node{
		"description": "One request of a client; the answer has the same id.",
		"type":        "object", "properties": node{"id": id}, "oneOf": ops,
	}
}

// declared runs a decode to learn of its parameters.
func (b *schemaBuilder) declared(decode func(*params)) (list []param) {
	decode(&params{declared: &list})
	return list
}

func (b *schemaBuilder) withParams(field, name string, list []param) node {
	properties, required := node{field: constant(name)}, []string{field}
	for _, p := range list {
		n := b.of(p.json)
		if p.nullable {
			n = orNullNode(n)
		}
		properties[p.name] = n
		if p.required {
			required = append(required, p.name)
		}
	}
	return node{"type": "object", "properties": properties, "required": required}
}

// recvMessage is the schema of a line of a server.
func (b *schemaBuilder) recvMessage() node {
	b.response()
	b.update()
	return node{
		"description": "One line of a server: the answer to a request, or an update.",
		"oneOf":       []node{variant("type", "Response", ref("Response")), variant("type", "Update", ref("VeilidUpdate"))},
	}
}

func (b *schemaBuilder) response() {
	var ops []node
	for _, name := range slices.Sorted(maps.Keys(b.api.ops)) {
		o := b.api.ops[name]
		if o.family == nil {
			ops = append(ops, b.withResult("op", name, o.result))
			continue
		}
		subs := []node{variant(o.family.opField, jsonapi.InvalidID, nil)}
		for _, sub := range slices.Sorted(maps.Keys(o.family.ops)) {
			subs = append(subs, b.withResult(o.family.opField, sub, o.family.ops[sub].result))
		}
		def := name + "Response"
		b.defs[def] = node{
			"type": "object", "properties": node{o.family.idField: b.of(reflect.TypeFor[uint32]())},
			"required": []string{o.family.idField}, "oneOf": subs,
		}
		ops = append(ops, variant("op", name, ref(def)))
	}
	b.defs["Response"] = node{
		"type": "object", "properties": node{"id": b.of(reflect.TypeFor[uint32]())}, "required": []string{"id"}, "oneOf": ops,
	}
}

func (b *schemaBuilder) withResult(field, name string, r result) node {
	n := variant(field, name, nil)
	properties := n["properties"].(node)
	switch {
	case r.beside != nil:
		fields := b.object(r.beside)
		maps.Copy(properties, fields["properties"].(node))
		n["required"] = append([]string{field}, fields["required"].([]string)...)
		return n
	case r.json == nil:
		return n
	}
	value := b.of(r.json)
	if r.nullable {
		value = orNullNode(value)
	}
	if !r.failing {
		properties["value"] = value
		n["required"] = []string{field, "value"}
		return n
	}
	n["anyOf"] = []node{
		{"type": "object", "properties": node{"value": value}, "required": []string{"value"}},
		{"type": "object", "properties": node{"error": b.of(reflect.TypeFor[jsonapi.VeilidAPIError]())}, "required": []string{"error"}},
	}
	return n
}

func (b *schemaBuilder) update() {
	var kinds []node
	for _, kind := range jsonapi.UpdateKind("").Values() {
		var fields node
		if kind != jsonapi.UpdateShutdown {
			fields = b.of(reflect.TypeOf(kind.New()).Elem())
		}
		kinds = append(kinds, variant("kind", string(kind), fields))
	}
	b.defs["VeilidUpdate"] = node{"oneOf": kinds}
}
