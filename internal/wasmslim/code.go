package main

import (
	"encoding/binary"
	"fmt"
)

// Instructions that the rewriting looks at, as the WebAssembly specification
// numbers them.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opI32Load      = 0x28
	opI32Load8U    = 0x2d
	opI64Load32U   = 0x35
	opI32Store     = 0x36
	opI64Store     = 0x37
	opI32Store8    = 0x3a
	opI64Store32   = 0x3e
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Eqz       = 0x45
	opI32Eq        = 0x46
	opI32LtU       = 0x49
	opI32GtU       = 0x4b
	opI32LeU       = 0x4d
	opI32GeU       = 0x4f
	opI64Eqz       = 0x50
	opI64Eq        = 0x51
	opI64Ne        = 0x52
	opI64GeU       = 0x5a
	opF64Ge        = 0x66
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI32And       = 0x71
	opI32Or        = 0x72
	opI32Xor       = 0x73
	opI32Shl       = 0x74
	opI32ShrU      = 0x76
	opI64Add       = 0x7c
	opI32WrapI64   = 0xa7
	opI64ExtendU   = 0xad
	opI64Extend32S = 0xc4
	opPrefix       = 0xfc // of the two-byte instructions
	prefixSatLast  = 7    // saturating conversions are 0 to this
	prefixCopy     = 10
	prefixFill     = 11

	typeNone = 0x40
	typeI32  = 0x7f
	typeI64  = 0x7e
)

const (
	maxLocals = 1 << 12
	maxDepth  = 1 << 17 // blocks in each other
)

// instr is an instruction. a and b are its operands in their order.
type instr struct {
	op    byte
	a, b  int64
	table []uint32 // of br_table, the default last
}

// body is the code of a function.
type body struct {
	params []byte // their types
	locals []byte // the declarations, as they were
	kinds  []byte // types of parameters and locals, by number
	code   []instr
}

func parseBody(b, params []byte) (*body, error) {
	f := &body{params: params, kinds: params[:len(params):len(params)]}
	r := &reader{b: b}
	for range r.u32() {
		n, kind := r.u32(), r.byte()
		if r.err != nil {
			return nil, r.err
		}
		if n > maxLocals || len(f.kinds)+int(n) > maxLocals {
			return nil, fmt.Errorf("%w: a function of more than %d locals", errModule, maxLocals)
		}
		for range n {
			f.kinds = append(f.kinds, kind)
		}
	}
	f.locals = b[:len(b)-len(r.b)]
	for len(r.b) > 0 {
		in := instr{op: r.byte()}
		switch op := in.op; {
		case op == opBlock || op == opLoop || op == opIf || op == opI32Const || op == opI64Const:
			in.a = r.signed()
		case op == opBr || op == opBrIf || op == opCall || op >= opLocalGet && op <= opGlobalSet:
			in.a = int64(r.u32())
		case op == opMemorySize || op == opMemoryGrow:
			in.a = int64(r.byte())
		case op == opCallIndirect || op >= opI32Load && op <= opI64Store32:
			in.a, in.b = int64(r.u32()), int64(r.u32())
		case op == opBrTable:
			n := r.u32()
			if int(n) > len(r.b) {
				return nil, fmt.Errorf("%w: a br_table of %d entries", errModule, n)
			}
			for range n + 1 {
				in.table = append(in.table, r.u32())
			}
		case op == opF32Const:
			in.a = int64(binary.LittleEndian.Uint32(r.fixed(4)))
		case op == opF64Const:
			in.a = int64(binary.LittleEndian.Uint64(r.fixed(8)))
		case op == opPrefix:
			in.a = int64(r.u32())
			switch {
			case in.a <= prefixSatLast:
			case in.a == prefixCopy:
				in.b = int64(r.byte()) | int64(r.byte())<<8
			case in.a == prefixFill:
				in.b = int64(r.byte())
			default:
				return nil, fmt.Errorf("%w: instruction %#x %d", errModule, op, in.a)
			}
		case op <= opNop, op == opElse, op == opEnd, op == opReturn, op == opDrop, op == opSelect, op >= opI32Eqz && op <= opI64Extend32S:
		default:
			return nil, fmt.Errorf("%w: instruction %#x", errModule, op)
		}
		f.code = append(f.code, in)
	}
	return f, r.err
}

// fixed reads n bytes, or as many zeros after an error.
func (r *reader) fixed(n int) []byte {
	if b := r.bytes(n); b != nil {
		return b
	}
	return make([]byte, n)
}

func (f *body) encode() []byte {
	out := append([]byte(nil), f.locals...)
	for _, in := range f.code {
		out = append(out, in.op)
		switch op := in.op; {
		case op == opBlock || op == opLoop || op == opIf || op == opI32Const || op == opI64Const:
			out = appendSigned(out, in.a)
		case op == opBr || op == opBrIf || op == opCall || op >= opLocalGet && op <= opGlobalSet:
			out = binary.AppendUvarint(out, uint64(in.a))
		case op == opMemorySize || op == opMemoryGrow:
			out = append(out, byte(in.a))
		case op == opCallIndirect || op >= opI32Load && op <= opI64Store32:
			out = binary.AppendUvarint(out, uint64(in.a))
			out = binary.AppendUvarint(out, uint64(in.b))
		case op == opBrTable:
			out = binary.AppendUvarint(out, uint64(len(in.table)-1))
			for _, depth := range in.table {
				out = binary.AppendUvarint(out, uint64(depth))
			}
		case op == opF32Const:
			out = binary.LittleEndian.AppendUint32(out, uint32(in.a))
		case op == opF64Const:
			out = binary.LittleEndian.AppendUint64(out, uint64(in.a))
		case op == opPrefix:
			out = binary.AppendUvarint(out, uint64(in.a))
			switch in.a {
			case prefixCopy:
				out = append(out, byte(in.b), byte(in.b>>8))
			case prefixFill:
				out = append(out, byte(in.b))
			}
		}
	}
	return out
}

// effect is how many values in takes from the stack and leaves on it; ok is false
// for what changes the flow of control, or calls.
func (in instr) effect() (takes, leaves int, ok bool) {
	switch op := in.op; {
	case op == opNop:
		return 0, 0, true
	case op == opLocalGet, op == opGlobalGet, op == opMemorySize, op >= opI32Const && op <= opF64Const:
		return 0, 1, true
	case op == opLocalSet, op == opGlobalSet, op == opDrop:
		return 1, 0, true
	case op == opLocalTee, op == opMemoryGrow, op >= opI32Load && op <= opI64Load32U, op == opI32Eqz, op == opI64Eqz:
		return 1, 1, true
	case op >= opI32Store && op <= opI64Store32:
		return 2, 0, true
	case op == opSelect:
		return 3, 1, true
	case op > opI32Eqz && op <= opF64Ge: // comparisons
		return 2, 1, true
	case unary(op):
		return 1, 1, true
	case op > opF64Ge && op < opI32WrapI64: // arithmetic
		return 2, 1, true
	case op >= opI32WrapI64 && op <= opI64Extend32S: // conversions
		return 1, 1, true
	case op == opPrefix && in.a <= prefixSatLast:
		return 1, 1, true
	case op == opPrefix:
		return 3, 0, true
	}
	return 0, 0, false
}

// unary reports arithmetic of one operand: counting bits; signs, roundings and
// roots of both kinds of floating-point numbers.
func unary(op byte) bool {
	return op >= 0x67 && op <= 0x69 || op >= 0x79 && op <= 0x7b || op >= 0x8b && op <= 0x91 || op >= 0x99 && op <= 0x9f
}
