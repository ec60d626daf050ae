package bind

import (
	"maps"
	"reflect"
	"slices"

	"github.com/voile-net/voile/bind/jsonapi"
)

// Operation describes an operation for generators of code: what [Schema] says, with
// Go's types, which tell apart what is a text in JSON: a public key, a secret, bytes
// of the application.
type Operation struct {
	Family jsonapi.Family // of the object that it is on; "": none
	Name   string
	Params []Param // in the order of their declaration
	Result Result
}

// Param is a parameter of an operation.
type Param struct {
	Name string
	Type reflect.Type
	// Required: it must be there. Nullable: it may be null as well as missing.
	Required, Nullable bool
}

// Result is what an operation answers with.
type Result struct {
	Type     reflect.Type // of the value; nil: it has none, see Fields
	Nullable bool
	Fields   reflect.Type // a struct whose fields stand beside the operation; nil: none
	Failing  bool         // there is an error form
}

// None reports whether an operation succeeds without anything to give.
func (r Result) None() bool {
	return r.Fields == nil && (r.Type == nil || r.Type == reflect.TypeFor[null]())
}

// Operations lists all operations, those on no object first, by their names. The
// list is the caller's.
func Operations() []Operation {
	b := schemaBuilder{api: &API{ops: table{}}, defs: node{}}
	b.api.addOps()
	var plain, onObjects []Operation
	for _, name := range slices.Sorted(maps.Keys(b.api.ops)) {
		o := b.api.ops[name]
		if o.family == nil {
			plain = append(plain, Operation{Name: name, Params: exported(b.declared(func(p *params) { o.decode(p) })), Result: o.result.exported()})
			continue
		}
		for _, sub := range slices.Sorted(maps.Keys(o.family.ops)) {
			s := o.family.ops[sub]
			onObjects = append(onObjects, Operation{
				Family: o.family.name, Name: sub,
				Params: exported(b.declared(func(p *params) { s.decode(p) })), Result: s.result.exported(),
			})
		}
	}
	return append(plain, onObjects...)
}

func exported(list []param) []Param {
	all := make([]Param, len(list))
	for i, p := range list {
		all[i] = Param{Name: p.name, Type: p.json, Required: p.required, Nullable: p.nullable}
	}
	return all
}

func (r result) exported() Result {
	return Result{Type: r.json, Nullable: r.nullable, Fields: r.beside, Failing: r.failing}
}
