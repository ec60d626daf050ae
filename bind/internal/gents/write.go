package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/voile-net/voile/bind/jsonapi"
)

const head = `// Written by bind/internal/gents from bind's schema; do not edit: make generate.

/** Four letters that name a cryptosystem. */
export type CryptoKind = "VLD0" | (string & {});
/** Microseconds since the Unix epoch; exact until the year 2255. */
export type Timestamp = number;
/** Microseconds. */
export type TimestampDuration = number;
/** Bytes, or bytes per second. */
export type ByteCount = number;
/** A number of nodes. */
export type NodeCount = number;
/** First and last subkey, both inclusive. */
export type SubkeyRange = [first: number, last: number];
/** The version of the API that a node speaks. */
export interface Version { major: number; minor: number; patch: number }
`

// about says what the texts are.
var about = map[string]string{
	"DecapsulationKey": "A secret key that opens sealed boxes, `VLD0:` and 32 bytes in base64url. A secret.",
	"EncapsulationKey": "A public key that boxes are sealed for, `VLD0:` and 32 bytes in base64url.",
	"HashDigest":       "A BLAKE3 hash, `VLD0:` and 32 bytes in base64url.",
	"KemKeyPair":       "`VLD0:`, an encapsulation key, `:`, its decapsulation key. A secret.",
	"KeyPair":          "`VLD0:`, a public key, `:`, its secret key. A secret.",
	"MemberId":         "The id by which a schema names a writer, `VLD0:` and 32 bytes in base64url.",
	"NodeId":           "The id of a node, `VLD0:` and 32 bytes in base64url.",
	"Nonce":            "24 bytes in base64url, used once with a key.",
	"OperationId":      "The id of a call that waits for its answer: a decimal number of 64 bits as text.",
	"PublicKey":        "An Ed25519 public key, `VLD0:` and 32 bytes in base64url.",
	"RecordKey":        "The key of a record, `VLD0:` and 32 bytes in base64url; who may read has `:` and the encryption key behind it.",
	"RouteId":          "The id of a private route, `VLD0:` and 32 bytes in base64url.",
	"SecretKey":        "An Ed25519 secret key, `VLD0:` and 32 bytes in base64url. A secret.",
	"SharedSecret":     "A symmetric key, `VLD0:` and 32 bytes in base64url. A secret.",
	"Signature":        "An Ed25519ph signature, `VLD0:` and 64 bytes in base64url.",
}

func write(m *model) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(head)
	for _, name := range m.texts {
		if about[name] == "" {
			return nil, fmt.Errorf("nothing says what %s is", name)
		}
		fmt.Fprintf(&b, "/** %s */\nexport type %s = string;\n", about[name], name)
	}
	b.WriteString("\n")
	for _, e := range m.enums {
		writeDoc(&b, "", e.doc)
		fmt.Fprintf(&b, "export type %s = %s;\n", e.name, quoted(e.values, " | "))
	}
	writeErrors(&b)
	for _, s := range m.structs {
		writeStructure(&b, s)
	}
	writeUpdates(&b, m.updates)
	writeOperations(&b, m.operations)
	writeTables(&b, m)
	return b.Bytes(), nil
}

func writeDoc(b *bytes.Buffer, indent, text string) {
	if text != "" {
		fmt.Fprintf(b, "%s/** %s */\n", indent, text)
	}
}

func quoted(list []string, between string) string {
	q := make([]string, len(list))
	for i, s := range list {
		q[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(q, between)
}

func writeErrors(b *bytes.Buffer) {
	var names []string
	b.WriteString("\n/** The fields of an error, by its kind. */\nexport interface ErrorFields {\n")
	for _, k := range jsonapi.ErrorKind("").Values() {
		names = append(names, string(k))
		var fields []string
		for _, f := range k.Fields() {
			fields = append(fields, f+": string")
		}
		fmt.Fprintf(b, "  %s: { %s };\n", k, strings.Join(fields, "; "))
	}
	fmt.Fprintf(b, "}\n/** What went wrong. The set is closed. */\nexport type ErrorKind = keyof ErrorFields;\n/** All kinds of errors. */\nexport const errorKinds: readonly ErrorKind[] = [%s];\n", quoted(names, ", "))
}

func (f field) declaration() string {
	mark, typ := "", f.typ
	if f.optional {
		mark = "?"
		typ += " | undefined"
	}
	if f.nullable {
		typ += " | null"
	}
	return f.name + mark + ": " + typ
}

func declarations(fields []field) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.declaration()
	}
	return strings.Join(list, "; ")
}

func writeStructure(b *bytes.Buffer, s structure) {
	b.WriteString("\n")
	writeDoc(b, "", s.doc)
	if s.variants == nil {
		fmt.Fprintf(b, "export interface %s {\n", s.name)
		for _, f := range s.fields {
			writeDoc(b, "  ", f.doc)
			fmt.Fprintf(b, "  %s;\n", f.declaration())
		}
		b.WriteString("}\n")
		return
	}
	fmt.Fprintf(b, "export type %s =\n", s.name)
	for i, v := range s.variants {
		end := "\n"
		if i == len(s.variants)-1 {
			end = ";\n"
		}
		fmt.Fprintf(b, "  | { %s }%s", declarations(v), end)
	}
}

func writeUpdates(b *bytes.Buffer, updates []update) {
	b.WriteString("\n/** The updates of a node, by their kind. */\nexport interface Updates {\n")
	for _, u := range updates {
		typ := " & " + u.typ
		if u.typ == "object" {
			typ = ""
		}
		fmt.Fprintf(b, "  %s: { kind: %[1]q }%s;\n", u.kind, typ)
	}
	b.WriteString("}\n/** The sort of an update. */\nexport type UpdateKind = keyof Updates;\n/** Something that a node tells without being asked. */\nexport type Update = Updates[UpdateKind];\n")
}

func writeOperations(b *bytes.Buffer, list []operation) {
	b.WriteString("\n/** Every operation: its parameters and its result. */\nexport interface Operations {\n")
	for _, o := range list {
		params := "{}"
		if len(o.params) > 0 {
			params = "{ " + declarations(o.params) + " }"
		}
		fmt.Fprintf(b, "  %q: { params: %s; result: %s };\n", o.name, params, o.typ)
	}
	b.WriteString("}\n/** The name of an operation. */\nexport type OperationName = keyof Operations;\n")
}

// entry is a field in a table: its shape, and its name on the line unless that is
// the name with underscores.
func (f field) entry() string {
	if camel(f.wire) == f.name && strings.ToLower(f.wire) == f.wire {
		return fmt.Sprintf("%s: %q", f.name, f.shape)
	}
	return fmt.Sprintf("%s: [%q, %q]", f.name, f.shape, f.wire)
}

func entries(fields []field) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.entry()
	}
	return "{ " + strings.Join(list, ", ") + " }"
}

func writeTables(b *bytes.Buffer, m *model) {
	b.WriteString(`
/** How one field stands on a line: its shape, and its name there if that is not its own with underscores. */
export type FieldShape = string | readonly [shape: string, wire: string];
/** The fields of the types. */
export const types: Readonly<Record<string, Readonly<Record<string, FieldShape>>>> = {
`)
	for _, s := range m.structs {
		fmt.Fprintf(b, "  %s: %s,\n", s.name, entries(s.fields))
	}
	b.WriteString("};\n/** The types of the updates; empty: no fields. */\nexport const updateTypes: Readonly<Record<UpdateKind, string>> = {\n")
	for _, u := range m.updates {
		if u.typ == "object" {
			u.typ = ""
		}
		fmt.Fprintf(b, "  %s: %q,\n", u.kind, u.typ)
	}
	b.WriteString("};\n/** The parameters and the shape of the result of the operations. */\nexport const operations: Readonly<Record<OperationName, { readonly params: Readonly<Record<string, FieldShape>>; readonly result: string }>> = {\n")
	for _, o := range m.operations {
		fmt.Fprintf(b, "  %q: { params: %s, result: %q },\n", o.name, entries(o.params), o.shape)
	}
	b.WriteString("};\n/** The fields that name an object and the operation on it, by group. */\nexport const families: Readonly<Record<string, readonly [id: string, op: string]>> = {\n")
	for _, f := range jsonapi.Family("").Values() {
		id, op := f.Fields()
		fmt.Fprintf(b, "  %s: [%q, %q],\n", f, id, op)
	}
	b.WriteString("};\n")
}
