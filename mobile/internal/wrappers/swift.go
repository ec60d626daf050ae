package wrappers

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/voile-net/voile/bind/jsonapi"
)

const swiftHead = "// " + note + "\n\nimport Foundation\n\n"

// swiftFiles are the generated files, by name.
func (m *model) swiftFiles() map[string][]byte {
	return map[string][]byte{"Types.swift": m.swiftTypes(), "Operations.swift": m.swiftOperations(), "VoileError.swift": swiftErrors()}
}

// sdoc writes a comment.
func sdoc(b *bytes.Buffer, indent, text string) {
	if text == "" {
		return
	}
	text = strings.NewReplacer("null: ", "nil: ", " null", " nil").Replace(upperFirst(text))
	if strings.HasPrefix(text, "Null: ") {
		text = "nil: " + text[6:]
	}
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	for _, l := range wrap(text, 92-len(indent)) {
		fmt.Fprintf(b, "%s/// %s\n", indent, l)
	}
}

// swiftName is a name that Swift takes for one.
func swiftName(name string) string {
	if slices.Contains([]string{"protocol", "internal", "operator", "default", "extension", "func", "init", "in"}, name) {
		return "`" + name + "`"
	}
	return name
}

func swiftCase(name string) string {
	if strings.ToUpper(name) == name {
		return strings.ToLower(name)
	}
	return swiftName(lowerFirst(name))
}

func (t *typ) swift() string {
	switch t.form {
	case formText, formRaw:
		return "String"
	case formBool:
		return "Bool"
	case formUint:
		return "UInt32"
	case formDecimal, formLong:
		if t.name != "" {
			return t.name
		}
		return "UInt64"
	case formBytes:
		return "Data"
	case formSeq:
		return "UInt32?"
	case formRanges:
		return "[ClosedRange<UInt32>]"
	case formList:
		return "[" + t.elem.swift() + "]"
	}
	return t.name
}

func (t *typ) swiftRead(v string) string {
	switch t.form {
	case formText:
		return v + ".text()"
	case formRaw:
		return v + ".raw()"
	case formBool:
		return v + ".bool()"
	case formUint:
		return v + ".uint()"
	case formLong:
		return v + ".ulongNumber()"
	case formDecimal:
		if t.name != "" {
			return t.name + "(" + number(t.name) + ": " + v + ".ulong())"
		}
		return v + ".ulong()"
	case formBytes:
		return v + ".bytes()"
	case formName:
		return t.name + "(" + v + ".text())"
	case formSeq:
		return v + ".orNull { try $0.uint() }"
	case formRanges:
		return v + ".ranges()"
	case formEnum:
		return v + ".oneOf(" + t.name + ".self)"
	case formList:
		return v + ".list { try " + t.elem.swiftRead("$0") + " }"
	}
	return t.name + "(" + v + ")"
}

func (t *typ) swiftWrite(v string) string {
	switch t.form {
	case formUint, formLong:
		return "NSNumber(value: " + v + ")"
	case formSeq:
		return v + ".map { NSNumber(value: $0) }"
	case formDecimal:
		if t.name != "" {
			v += "." + number(t.name)
		}
		return "String(" + v + ")"
	case formBytes:
		return "base64(" + v + ")"
	case formName:
		return v + ".text"
	case formRanges:
		return "ranges(" + v + ")"
	case formRaw:
		return "raw(" + v + ")"
	case formEnum:
		return v + ".rawValue"
	case formStruct, formUnion:
		return v + ".write()"
	case formList:
		if w := t.elem.swiftWrite("$0"); w != "$0" {
			return v + ".map { " + w + " }"
		}
	}
	return v
}

func (f *field) swiftWriteNullable() string {
	name := swiftName(f.name)
	if !f.nullable {
		return f.typ.swiftWrite(name)
	}
	if w := f.typ.swiftWrite("$0"); w != "$0" {
		return name + ".map { " + w + " }"
	}
	return name
}

func (f *field) swiftType() string {
	if f.nullable && f.typ.form != formSeq {
		return f.typ.swift() + "?"
	}
	return f.typ.swift()
}

func (t *typ) swiftZero() string {
	switch t.form {
	case formText:
		return `""`
	case formBool:
		return "false"
	case formUint:
		return "0"
	case formName:
		return t.name + `("")`
	case formList, formRanges:
		return "[]"
	}
	return "nil"
}

func (m *model) swiftTypes() []byte {
	var b bytes.Buffer
	b.WriteString(swiftHead)
	for _, t := range sortedTexts() {
		sdoc(&b, "", t.doc)
		shown := "text"
		if t.secret {
			shown = `"…"`
		}
		fmt.Fprintf(&b, "public struct %s: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {\n"+
			"    public let text: String\n    public init(_ text: String) { self.text = text }\n"+
			"    public var description: String { %s }\n    public var debugDescription: String { description }\n"+
			"    public var customMirror: Mirror { Mirror(self, children: []) }\n}\n\n", t.name, shown)
	}
	for _, n := range []struct{ name, doc string }{
		{"Timestamp", "Microseconds since 1970"}, {"TimestampDuration", "Microseconds"}, {"OperationId", "Names a call that waits for its reply"},
	} {
		sdoc(&b, "", n.doc)
		fmt.Fprintf(&b, "public struct %s: Hashable, Sendable {\n    public let %s: UInt64\n    public init(%[2]s: UInt64) { self.%[2]s = %[2]s }\n}\n\n", n.name, number(n.name))
	}
	for _, e := range m.enums {
		sdoc(&b, "", e.doc)
		fmt.Fprintf(&b, "public enum %s: String, CaseIterable, Sendable {\n", e.name)
		for _, v := range e.values {
			fmt.Fprintf(&b, "    case %s = %q\n", swiftCase(v), v)
		}
		b.WriteString("}\n\n")
	}
	b.WriteString("/// Something that the node tells without being asked.\npublic enum VeilidUpdate: Equatable, Sendable {\n")
	for _, s := range m.updates {
		sdoc(&b, "    ", s.doc)
		fmt.Fprintf(&b, "    case %s(%s)\n", lowerFirst(s.update), s.name)
	}
	b.WriteString("    /// The last update: the node has closed.\n    case shutdown\n\n    init(_ v: Json) throws {\n        switch try v.field(\"kind\").text() {\n")
	for _, s := range m.updates {
		fmt.Fprintf(&b, "        case %q: self = try .%s(%s(v))\n", s.update, lowerFirst(s.update), s.name)
	}
	b.WriteString("        case \"Shutdown\": self = .shutdown\n        case let kind: throw malformed(\"update of kind \\(kind)\")\n        }\n    }\n}\n")
	for _, s := range m.structs {
		b.WriteByte('\n')
		m.swiftStruct(&b, s)
	}
	return b.Bytes()
}

func (m *model) swiftStruct(b *bytes.Buffer, s *structType) {
	sdoc(b, "", s.doc)
	fmt.Fprintf(b, "public struct %s: Equatable, Sendable {\n", s.name)
	var params []string
	for _, f := range s.fields {
		sdoc(b, "    ", f.doc)
		fmt.Fprintf(b, "    public var %s: %s\n", swiftName(f.name), f.swiftType())
		p := swiftName(f.name) + ": " + f.swiftType()
		switch {
		case f.nullable, f.typ.form == formSeq:
			p += " = nil"
		case f.fallback:
			p += " = " + f.typ.swiftZero()
		}
		params = append(params, p)
	}
	fmt.Fprintf(b, "\n    public init(\n        %s\n    ) {\n", strings.Join(params, ",\n        "))
	for _, f := range s.fields {
		fmt.Fprintf(b, "        self.%s = %s\n", f.name, swiftName(f.name))
	}
	b.WriteString("    }\n")
	if s.read {
		b.WriteString("\n    init(_ v: Json) throws {\n")
		for _, f := range s.fields {
			v := fmt.Sprintf("v.field(%q)", f.wire)
			read := "try " + f.typ.swiftRead(v)
			if f.nullable || f.fallback {
				read = "try " + v + ".orNull { try " + f.typ.swiftRead("$0") + " }"
			}
			if f.fallback {
				read += " ?? " + f.typ.swiftZero()
			}
			fmt.Fprintf(b, "        self.%s = %s\n", f.name, read)
		}
		b.WriteString("    }\n")
	}
	if s.write {
		b.WriteString("\n    func write() -> [String: Any] {\n        var o: [String: Any] = [:]\n")
		for _, f := range s.fields {
			fmt.Fprintf(b, "        o[%q] = %s\n", f.wire, f.swiftWriteNullable())
		}
		b.WriteString("        return o\n    }\n")
	}
	b.WriteString("}\n")
}

func (m *model) swiftOperations() []byte {
	var b bytes.Buffer
	b.WriteString(swiftHead)
	b.WriteString("/// The operations of a node, but for those on objects that it gives: contexts, tables,\n" +
		"/// transactions, cryptosystems. They return when the answer is there; cancelling the task\n" +
		"/// ends the operation. They throw a `VoileError`.\n")
	b.WriteString("extension VoileSession {\n")
	first := true
	for i := range m.ops {
		if o := &m.ops[i]; o.Family == "" {
			if !first {
				b.WriteByte('\n')
			}
			first = false
			m.swiftOperation(&b, o)
		}
	}
	b.WriteString("}\n")
	for _, family := range jsonapi.Family("").Values() {
		idField, opField := family.Fields()
		released := false
		for i := range m.ops {
			released = released || m.ops[i].Family == family && m.ops[i].Name == "Release"
		}
		b.WriteByte('\n')
		doc := familyDocs()[family]
		if released {
			doc += " It is released when nobody refers to it any more."
		}
		sdoc(&b, "", doc)
		fmt.Fprintf(&b, "public final class %s: Sendable {\n    private let caller: Caller\n    private let id: UInt32\n\n", family)
		b.WriteString("    init(_ caller: Caller, _ id: UInt32) {\n        self.caller = caller\n        self.id = id\n    }\n\n")
		if released {
			b.WriteString("    deinit { caller.send(request(\"Release\")) }\n\n")
		}
		fmt.Fprintf(&b, "    private func request(_ operation: String) -> Request {\n        Request(%q, %q, id, %q, operation)\n    }\n", string(family), idField, opField)
		for i := range m.ops {
			if o := &m.ops[i]; o.Family == family {
				b.WriteByte('\n')
				m.swiftOperation(&b, o)
			}
		}
		b.WriteString("}\n")
	}
	return b.Bytes()
}

func (m *model) swiftOperation(b *bytes.Buffer, o *operation) {
	sdoc(b, "    ", o.doc)
	var params []string
	for i := range o.params {
		p := &o.params[i]
		text := swiftName(p.name) + ": " + p.swiftType()
		switch {
		case p.nullable:
			text += " = nil"
		case p.typ.form == formBool:
			text += " = false"
		}
		params = append(params, text)
	}
	request := fmt.Sprintf("request(%q)", o.Name)
	if o.Family == "" {
		request = fmt.Sprintf("Request(%q)", o.Name)
	}
	for i := range o.params {
		p := &o.params[i]
		if p.typ.form == formBytes {
			request += fmt.Sprintf("\n            .bytes(%q, %s)", p.wire, swiftName(p.name))
		} else {
			request += fmt.Sprintf("\n            .put(%q, %s)", p.wire, p.swiftWriteNullable())
		}
	}
	head := "    public func " + o.method + "(" + strings.Join(params, ", ") + ") async throws"
	if len(head) > 100 {
		head = "    public func " + o.method + "(\n        " + strings.Join(params, ",\n        ") + "\n    ) async throws"
	}
	call := "caller.call(" + request + ")"
	switch {
	case o.object != "":
		fmt.Fprintf(b, "%s -> %s {\n        let answer = try await %s\n        return try %[2]s(caller, answer.value.uint())\n    }\n", head, o.object, call)
	case o.fields != nil:
		fmt.Fprintf(b, "%s -> %s {\n        let answer = try await %s\n        return try %[2]s(answer.root)\n    }\n", head, o.fields.name, call)
	case o.result == nil:
		fmt.Fprintf(b, "%s {\n        _ = try await %s\n    }\n", head, call)
	case o.null:
		fmt.Fprintf(b, "%s -> %s? {\n        let answer = try await %s\n        return try answer.value.orNull { try %s }\n    }\n", head, o.result.swift(), call, o.result.swiftRead("$0"))
	default:
		fmt.Fprintf(b, "%s -> %s {\n        let answer = try await %s\n        return try %s\n    }\n", head, o.result.swift(), call, o.result.swiftRead("answer.value"))
	}
}

func swiftErrors() []byte {
	var b bytes.Buffer
	b.WriteString(swiftHead)
	b.WriteString("/// What an operation, or the library, fails with: a case for each kind of the protocol's API,\n/// and one for handles that are no more.\n")
	b.WriteString("public enum VoileError: Error, Equatable, Sendable {\n")
	for _, kind := range jsonapi.ErrorKind("").Values() {
		var params []string
		for _, f := range kind.Fields() {
			params = append(params, f+": String")
		}
		list := ""
		if len(params) > 0 {
			list = "(" + strings.Join(params, ", ") + ")"
		}
		fmt.Fprintf(&b, "    case %s%s\n", swiftError(kind), list)
	}
	b.WriteString("    /// The object was released, or its session has ended.\n    case invalidHandle\n\n" +
		"    /// What went wrong, the same in every language.\n    public var code: ErrorCode {\n        switch self {\n")
	for _, kind := range jsonapi.ErrorKind("").Values() {
		fmt.Fprintf(&b, "        case .%s: return .%[1]s\n", swiftError(kind))
	}
	b.WriteString("        case .invalidHandle: return .invalidHandle\n        }\n    }\n\n    /// The error of an answer.\n    init(_ v: Json) throws {\n        switch try v.field(\"kind\").text() {\n")
	for _, kind := range jsonapi.ErrorKind("").Values() {
		var args []string
		for _, f := range kind.Fields() {
			args = append(args, fmt.Sprintf("%s: v.field(%q).textOrEmpty()", f, f))
		}
		value := "." + swiftError(kind)
		if len(args) > 0 {
			value = "try " + value + "(" + strings.Join(args, ", ") + ")"
		}
		fmt.Fprintf(&b, "        case %q: self = %s\n", string(kind), value)
	}
	b.WriteString("        case let kind: self = .internalError(message: \"error of kind \\(kind)\")\n        }\n    }\n\n" +
		"    /// The error that the library threw: its text begins with the kind.\n    init(kind: String, message: String) {\n        switch kind {\n")
	for _, kind := range jsonapi.ErrorKind("").Values() {
		if kind == jsonapi.Internal {
			continue
		}
		var args []string
		for i, f := range kind.Fields() {
			if i == 0 {
				args = append(args, f+": message")
			} else {
				args = append(args, f+`: ""`)
			}
		}
		value := "." + swiftError(kind)
		if len(args) > 0 {
			value += "(" + strings.Join(args, ", ") + ")"
		}
		fmt.Fprintf(&b, "        case %q: self = %s\n", string(kind), value)
	}
	b.WriteString("        default: self = .internalError(message: message)\n        }\n    }\n}\n")
	return b.Bytes()
}

func swiftError(kind jsonapi.ErrorKind) string {
	if kind == jsonapi.Internal {
		return "internalError"
	}
	return lowerFirst(string(kind))
}
