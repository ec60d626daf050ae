package wrappers

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
)

// form is how a type looks in JSON and in the other languages.
type form int

const (
	formText    form = iota // a plain text
	formBool                //
	formUint                // a number of 8, 16 or 32 bits, or a size
	formDecimal             // a number of 64 bits, a text in JSON
	formLong                // a number of 64 bits, a number in JSON
	formBytes               // bytes of the application
	formName                // a text with a type of its own: a key, an id
	formSeq                 // a sequence number, null for none
	formRanges              // subkeys as pairs of numbers
	formRaw                 // JSON as it is
	formEnum
	formStruct
	formUnion // a type with a form of its own, written by hand
	formList
)

// typ is a type of the API.
type typ struct {
	form form
	name string // of formName, formEnum, formStruct, formUnion, and of decimals with a type of their own
	elem *typ   // of formList
}

// text types by the Go type that stands for them. Secret ones do not print.
type textType struct {
	name, doc string
	secret    bool
}

func textTypes() map[reflect.Type]textType {
	return map[reflect.Type]textType{
		reflect.TypeFor[crypto.Kind]():              {"CryptoKind", "a cryptosystem, such as VLD0", false},
		reflect.TypeFor[crypto.PublicKey]():         {"PublicKey", "the public half of a signing key pair", false},
		reflect.TypeFor[crypto.SecretKey]():         {"SecretKey", "the secret half of a signing key pair", true},
		reflect.TypeFor[jsonapi.SecretKey]():        {"SecretKey", "", true},
		reflect.TypeFor[crypto.KeyPair]():           {"KeyPair", "a signing key pair: kind, public key and secret key", true},
		reflect.TypeFor[jsonapi.KeyPair]():          {"KeyPair", "", true},
		reflect.TypeFor[crypto.SharedSecret]():      {"SharedSecret", "a symmetric key", true},
		reflect.TypeFor[jsonapi.SharedSecret]():     {"SharedSecret", "", true},
		reflect.TypeFor[crypto.EncapsulationKey]():  {"EncapsulationKey", "the public key that boxes are sealed for", false},
		reflect.TypeFor[jsonapi.DecapsulationKey](): {"DecapsulationKey", "the secret key that opens sealed boxes", true},
		reflect.TypeFor[crypto.DecapsulationKey]():  {"DecapsulationKey", "", true},
		reflect.TypeFor[jsonapi.KEMKeyPair]():       {"KemKeyPair", "a key pair for sealed boxes", true},
		reflect.TypeFor[crypto.Signature]():         {"Signature", "a signature", false},
		reflect.TypeFor[crypto.HashDigest]():        {"HashDigest", "a hash of 32 bytes", false},
		reflect.TypeFor[crypto.Nonce]():             {"Nonce", "24 bytes that a cipher must not see twice with one key", false},
		reflect.TypeFor[crypto.NodeID]():            {"NodeId", "the id of a node", false},
		reflect.TypeFor[crypto.RouteID]():           {"RouteId", "the id of a private route", false},
		reflect.TypeFor[crypto.MemberID]():          {"MemberId", "the id of a writer in a schema", false},
		reflect.TypeFor[jsonapi.RecordKey]():        {"RecordKey", "the key of a record, with its encryption key if it has one: whoever has that can read the values", true},
		reflect.TypeFor[crypto.RecordKey]():         {"RecordKey", "", true},
		reflect.TypeFor[config.Secret]():            {"Secret", "a text that does not print", true},
	}
}

// decimalTypes are numbers of 64 bits with a type of their own; "": a plain number.
func decimalTypes() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[crypto.Timestamp]():         "Timestamp",
		reflect.TypeFor[crypto.TimestampDuration](): "TimestampDuration",
		reflect.TypeFor[jsonapi.OperationID]():      "OperationId",
		reflect.TypeFor[jsonapi.ByteCount]():        "",
		reflect.TypeFor[jsonapi.NodeCount]():        "",
	}
}

// field is a field of a struct, or a parameter.
type field struct {
	wire, name string
	typ        *typ
	nullable   bool // may be null or missing
	// fallback: it may be missing and then has the zero value of its language.
	fallback bool
	doc      string
}

type structType struct {
	name, doc   string
	fields      []field
	read, write bool   // it comes in answers; it goes into requests
	config      bool   // a part of the configuration, which apps change in place
	update      string // kind of the update that it is; "": none
}

// hasBytes reports whether a field is bytes.
func (s *structType) hasBytes() bool {
	for _, f := range s.fields {
		if f.typ.form == formBytes {
			return true
		}
	}
	return false
}

type enumType struct {
	name, doc string
	values    []string
}

// model is everything that the wrappers are made of.
type model struct {
	docs       docs
	structs    []*structType
	enums      []*enumType
	ops        []operation
	updates    []*structType
	byName     map[string]*structType
	enumByName map[string]*enumType
}

type operation struct {
	bind.Operation
	method string // in the other languages
	doc    string
	params []field
	object string // type of the handle that it gives; "": none
	result *typ   // nil: nothing, or fields
	null   bool   // the result may be null
	fields *structType
}

// objects are the operations that give handles.
func objects() map[string]string {
	return map[string]string{
		".GetCryptoSystem": "CryptoSystem", ".NewRoutingContext": "RoutingContext", ".OpenTableDb": "TableDb",
		".TransactDhtRecords": "DhtTransaction", "TableDb.Transact": "TableDbTransaction",
		"RoutingContext.WithDefaultSafety": "RoutingContext", "RoutingContext.WithSafety": "RoutingContext", "RoutingContext.WithSequencing": "RoutingContext",
	}
}

// newModel reads the API. A type or an operation that nobody has described here is
// an error.
func newModel(root string) (*model, error) {
	m := &model{byName: map[string]*structType{}, enumByName: map[string]*enumType{}}
	var err error
	if m.docs, err = readDocs(root); err != nil {
		return nil, err
	}
	gives := objects()
	for _, o := range bind.Operations() {
		full := string(o.Family) + "." + o.Name
		op := operation{Operation: o, method: lowerFirst(o.Name), doc: operationDocs()[full], object: gives[full]}
		if op.doc == "" {
			return nil, fmt.Errorf("%s has no documentation", full)
		}
		delete(gives, full)
		for _, p := range o.Params {
			t, err := m.typeOf(p.Type, false, true)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", full, p.Name, err)
			}
			op.params = append(op.params, field{wire: p.Name, name: camel(p.Name), typ: t, nullable: !p.Required})
		}
		switch {
		case op.object != "" && o.Result.Type != reflect.TypeFor[uint32]():
			return nil, fmt.Errorf("%s gives %v, no handle", full, o.Result.Type)
		case op.object != "" || o.Result.None():
		case o.Result.Fields != nil:
			t, err := m.typeOf(o.Result.Fields, true, false)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", full, err)
			}
			op.fields = m.byName[t.name]
		default:
			if op.result, err = m.typeOf(o.Result.Type, true, false); err != nil {
				return nil, fmt.Errorf("%s: %w", full, err)
			}
			op.null = o.Result.Nullable
		}
		m.ops = append(m.ops, op)
	}
	for name := range gives {
		return nil, fmt.Errorf("there is no operation %s", name)
	}
	for _, kind := range jsonapi.UpdateKind("").Values() {
		if kind == jsonapi.UpdateShutdown {
			continue
		}
		t, err := m.typeOf(reflect.TypeOf(kind.New()).Elem(), true, false)
		if err != nil {
			return nil, fmt.Errorf("update %s: %w", kind, err)
		}
		s := m.byName[t.name]
		s.update = string(kind)
		m.updates = append(m.updates, s)
	}
	// The parts of the types that are written by hand.
	for _, part := range []reflect.Type{reflect.TypeFor[jsonapi.SafetySpec](), reflect.TypeFor[jsonapi.DHTSchemaSMPLMember]()} {
		if _, err := m.typeOf(part, true, true); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// typeOf is the type of a value that is read, written or both.
func (m *model) typeOf(t reflect.Type, read, write bool) (*typ, error) {
	if text, ok := textTypes()[t]; ok {
		return &typ{form: formName, name: text.name}, nil
	}
	if name, ok := decimalTypes()[t]; ok {
		return &typ{form: formDecimal, name: name}, nil
	}
	switch t {
	case reflect.TypeFor[jsonapi.Bytes]():
		return &typ{form: formBytes}, nil
	case reflect.TypeFor[jsonapi.ValueSeqNum]():
		return &typ{form: formSeq}, nil
	case reflect.TypeFor[jsonapi.ValueSubkeyRangeSet]():
		return &typ{form: formRanges}, nil
	case reflect.TypeFor[json.RawMessage]():
		return &typ{form: formRaw}, nil
	case reflect.TypeFor[jsonapi.DHTSchema](), reflect.TypeFor[jsonapi.SafetySelection](), reflect.TypeFor[jsonapi.Target]():
		return &typ{form: formUnion, name: t.Name()}, nil
	}
	if values := namesOf(t); values != nil {
		if m.enumByName[t.Name()] == nil {
			e := &enumType{name: t.Name(), doc: m.docs.of(t), values: values}
			m.enums, m.enumByName[e.name] = append(m.enums, e), e
		}
		return &typ{form: formEnum, name: t.Name()}, nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return &typ{form: formBool}, nil
	case reflect.String:
		return &typ{form: formText}, nil
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint:
		return &typ{form: formUint}, nil
	case reflect.Uint64:
		return &typ{form: formLong}, nil
	case reflect.Slice:
		elem, err := m.typeOf(t.Elem(), read, write)
		return &typ{form: formList, elem: elem}, err
	case reflect.Struct:
		return m.structOf(t, read, write)
	}
	return nil, fmt.Errorf("no form for %v", t)
}

func (m *model) structOf(t reflect.Type, read, write bool) (*typ, error) {
	name := t.Name()
	inConfig := t.PkgPath() == reflect.TypeFor[config.Config]().PkgPath()
	if inConfig {
		name = "VeilidConfig" + strings.TrimPrefix(name, "Config")
	}
	s := m.byName[name]
	if s != nil && (s.read || !read) && (s.write || !write) {
		return &typ{form: formStruct, name: name}, nil
	}
	if s == nil {
		s = &structType{name: name, doc: m.docs.of(t), config: inConfig}
		m.structs, m.byName[name] = append(m.structs, s), s
	}
	s.read, s.write = s.read || read, s.write || write
	s.fields = nil
	for i := range t.NumField() {
		f := t.Field(i)
		ft, nullable := f.Type, false
		if ft.Kind() == reflect.Pointer {
			ft, nullable = ft.Elem(), true
		}
		if ft.Kind() == reflect.Struct && ft.NumField() == 0 {
			continue // an object without anything in it
		}
		wire, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		ft2, err := m.typeOf(ft, read, write)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", name, wire, err)
		}
		optional := f.Tag.Get("api") == "optional" || f.Tag.Get("voile") != ""
		to := field{wire: wire, name: camel(wire), typ: ft2, nullable: nullable, doc: m.docs.field(t, f.Name)}
		switch ft2.form {
		case formSeq: // null already says that there is none
			to.nullable = false
		case formRaw:
			to.nullable = true
		case formEnum, formStruct, formDecimal, formUnion:
			to.nullable = nullable || optional
		default:
			to.fallback = optional && !nullable
		}
		s.fields = append(s.fields, to)
	}
	return &typ{form: formStruct, name: name}, nil
}

// namesOf are the values of an enumeration; nil: the type is none.
func namesOf(t reflect.Type) []string {
	method := reflect.Zero(t).MethodByName("Values")
	if t.Kind() != reflect.String || !method.IsValid() {
		return nil
	}
	list := method.Call(nil)[0]
	values := make([]string, list.Len())
	for i := range values {
		values[i] = list.Index(i).String()
	}
	return values
}

// camel writes snake_case as camelCase.
func camel(snake string) string {
	words := strings.Split(snake, "_")
	for i := range words[1:] {
		words[i+1] = upperFirst(words[i+1])
	}
	return strings.Join(words, "")
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// constant writes CamelCase as CAMEL_CASE.
func constant(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && unicode.IsUpper(r) && !unicode.IsUpper(rune(s[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}

// wrap breaks a text into lines of a width.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
