package bind

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
)

// of is the schema of a type; one with a name in the API is a definition.
func (b *schemaBuilder) of(t reflect.Type) node {
	switch t {
	case reflect.TypeFor[null]():
		return node{"type": "null"}
	case reflect.TypeFor[jsonapi.Bytes]():
		return node{"type": "string", "contentEncoding": "base64url"}
	case reflect.TypeFor[jsonapi.OperationID]():
		return node{"type": "string", "format": "OperationId"}
	case reflect.TypeFor[crypto.Kind]():
		return b.define("CryptoKind", func() node { return node{"type": "string"} })
	case reflect.TypeFor[jsonapi.SafetySelection]():
		return b.define("SafetySelection", func() node {
			return node{"oneOf": []node{
				onlyField("Unsafe", b.of(reflect.TypeFor[jsonapi.Sequencing]())), onlyField("Safe", b.of(reflect.TypeFor[jsonapi.SafetySpec]())),
			}}
		})
	case reflect.TypeFor[jsonapi.Target]():
		return b.define("Target", func() node {
			return node{"oneOf": []node{onlyField("NodeId", node{"type": "string"}), onlyField("RouteId", node{"type": "string"})}}
		})
	case reflect.TypeFor[jsonapi.DHTSchema]():
		return b.define("DHTSchema", func() node {
			return node{"oneOf": []node{
				variant("kind", string(jsonapi.DFLT), b.of(reflect.TypeFor[jsonapi.DHTSchemaDFLT]())),
				variant("kind", string(jsonapi.SMPL), b.of(reflect.TypeFor[jsonapi.DHTSchemaSMPL]())),
			}}
		})
	case reflect.TypeFor[jsonapi.VeilidAPIError]():
		return b.define("VeilidAPIError", apiErrorSchema)
	case reflect.TypeFor[jsonapi.ValueSeqNum]():
		return b.define("ValueSeqNum", func() node { return orNullNode(unsigned(reflect.Uint32)) })
	case reflect.TypeFor[jsonapi.ValueSubkeyRangeSet]():
		return b.define("ValueSubkeyRangeSet", func() node {
			pair := node{
				"type": "array", "minItems": 2, "maxItems": 2,
				"prefixItems": []node{unsigned(reflect.Uint32), unsigned(reflect.Uint32)},
			}
			return node{"type": "array", "items": pair}
		})
	case reflect.TypeFor[jsonapi.VeilidConfig]():
		return b.define("VeilidConfig", func() node { return b.object(t) })
	}
	if names := namesOf(reflect.Zero(t).Interface()); names != nil {
		return b.define(t.Name(), func() node { return node{"type": "string", "enum": names} })
	}
	switch {
	case isText(t) && t.Kind() == reflect.Uint64: // the numbers that are texts
		return b.define(t.Name(), func() node { return node{"type": "string"} })
	case isText(t): // a key or the like
		return node{"type": "string", "format": textName(t)}
	}
	switch t.Kind() {
	case reflect.Bool:
		return node{"type": "boolean"}
	case reflect.String:
		return node{"type": "string"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return unsigned(t.Kind())
	case reflect.Slice:
		return node{"type": "array", "items": b.of(t.Elem())}
	case reflect.Struct:
		return b.define(definitionName(t), func() node { return b.object(t) })
	}
	panic(fmt.Sprintf("bind: no schema for %v", t)) // a bug, which the tests of the schema find
}

// isText reports whether a type marshals as a text.
func isText(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]())
}

// textName is what the text of a type is, such as PublicKey. The types of keys are
// made of one, with a role each.
func textName(t reflect.Type) string {
	name := t.Name()
	if _, role, ok := strings.Cut(name, "["); ok {
		role = strings.TrimSuffix(role[strings.LastIndexByte(role, '.')+1:], "Role]")
		return strings.ToUpper(role[:1]) + role[1:]
	}
	return name
}

// definitionName is the name that a type has in the API. Those of package config
// are named for their place in it.
func definitionName(t reflect.Type) string {
	switch t.PkgPath() {
	case reflect.TypeFor[config.Config]().PkgPath():
		return "VeilidConfig" + t.Name()
	case "": // the empty object of the configuration
		return "VeilidConfigAttachment"
	}
	return t.Name()
}

// define notes a definition, unless it is known, and refers to it.
func (b *schemaBuilder) define(name string, make func() node) node {
	if _, known := b.defs[name]; !known {
		b.defs[name] = nil // ends a circle
		b.defs[name] = make()
	}
	return ref(name)
}

func unsigned(k reflect.Kind) node {
	n := node{"type": "integer", "format": k.String(), "minimum": 0}
	switch k {
	case reflect.Uint8:
		n["maximum"] = 255
	case reflect.Uint16:
		n["maximum"] = 65535
	}
	return n
}

// onlyField is an object of one field.
func onlyField(name string, value node) node {
	return node{"type": "object", "properties": node{name: value}, "required": []string{name}, "additionalProperties": false}
}

func apiErrorSchema() node {
	var kinds []node
	for _, kind := range jsonapi.ErrorKind("").Values() {
		n := variant("kind", string(kind), nil)
		for _, field := range kind.Fields() {
			n["properties"].(node)[field] = node{"type": "string"}
		}
		n["required"] = append([]string{"kind"}, kind.Fields()...)
		kinds = append(kinds, n)
	}
	return node{"oneOf": kinds}
}

// object is the schema of a struct.
func (b *schemaBuilder) object(t reflect.Type) node {
	properties, required := node{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		ft, nullable := f.Type, false
		if ft.Kind() == reflect.Pointer {
			ft, nullable = ft.Elem(), true
		}
		optional := nullable || f.Tag.Get("api") == "optional" || f.Tag.Get("voile") != ""
		// What package config keeps as plain texts has a narrower type in the API.
		switch {
		case ft == reflect.TypeFor[json.RawMessage]():
			ft, nullable = reflect.TypeFor[jsonapi.VeilidConfigInternal](), true
		case t == reflect.TypeFor[config.Network]() && name == "address_types":
			ft = reflect.TypeFor[[]jsonapi.VeilidConfigAddressType]()
		case t == reflect.TypeFor[config.ProtectedStore]() && name == "backend":
			// A server takes a configuration without it, from clients of 0.5.6.
			ft, optional = reflect.TypeFor[jsonapi.VeilidConfigProtectedStoreBackend](), false
		}
		n := b.of(ft)
		if nullable {
			n = orNullNode(n)
		}
		properties[name] = n
		if !optional {
			required = append(required, name)
		}
	}
	slices.Sort(required)
	return node{"type": "object", "properties": properties, "required": required}
}

// namesOf are the values of an enumeration; nil: the type is none.
func namesOf(v any) []string {
	switch v := v.(type) {
	case jsonapi.AttachmentState:
		return texts(v.Values())
	case jsonapi.Stability:
		return texts(v.Values())
	case jsonapi.Sequencing:
		return texts(v.Values())
	case jsonapi.DHTReportScope:
		return texts(v.Values())
	case jsonapi.VeilidLogLevel:
		return texts(v.Values())
	case jsonapi.VeilidAppLifecycleState:
		return texts(v.Values())
	case jsonapi.VeilidConfigAddressType:
		return texts(v.Values())
	case jsonapi.VeilidConfigProtectedStoreBackend:
		return texts(v.Values())
	}
	return nil
}

func texts[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}
