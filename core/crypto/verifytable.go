package crypto

import (
	"encoding/binary"
	"math/bits"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// The verification of a signature is one sum S·B - k·A (spec 01 §4.6). Doing the
// doublings of both points ahead, once, leaves a third of its work. Everything here
// takes time that depends on the values, so it is for public values alone: never for
// a secret scalar.
//
// A scalar is recoded to signed odd digits with zeros between them: the sum over i of
// digit[i]·2^i. Position i belongs to row i/columns and to column i%columns, and the
// table of a point P holds, for each row, the odd multiples of 2^(row·columns)·P. So
// the sum takes one addition for each digit, and one doubling between columns.
const (
	columns = 16
	rows    = 256 / columns

	// Digits of width w are odd and below 2^(w-1), so there are 2^(w-2) of each sign,
	// and one position in w+1 holds one. Width 4 gives 8 KB for a key.
	keyWidth  = 4
	keyPerRow = 1 << (keyWidth - 2)

	// The base point has one table, of 64 KB.
	baseWidth  = 7
	basePerRow = 1 << (baseWidth - 2)
)

type (
	keyTable  [rows * keyPerRow]addend
	baseTable [rows * basePerRow]addend
)

// addend is an affine point (x, y) in the form that an addition wants.
type addend struct {
	yPlusX, yMinusX, xy2d field.Element // y+x, y-x, 2·d·x·y
	_                     [8]byte       // to 128, two cache lines
}

// newKeyTable makes the table of p, which may be any point of the curve.
func newKeyTable(p *edwards25519.Point) *keyTable {
	t := new(keyTable)
	fillTable(t[:], p)
	return t
}

func newBaseTable() *baseTable {
	t := new(baseTable)
	fillTable(t[:], edwards25519.NewGeneratorPoint())
	return t
}

// fillTable writes rows of odd multiples of p.
func fillTable(table []addend, p *edwards25519.Point) {
	perRow := len(table) / rows
	points := make([]extended, len(table))
	base, twice, odd := new(edwards25519.Point).Set(p), new(edwards25519.Point), new(edwards25519.Point)
	for row := range rows {
		twice.Double(base)
		odd.Set(base)
		for i := range perRow {
			if i > 0 {
				odd.Add(odd, twice)
			}
			points[row*perRow+i].set(odd)
		}
		base.Set(twice)
		for range columns - 1 {
			base.Double(base)
		}
	}

	// All divisions by z in one: with products[i] = z[0]·…·z[i-1], the inverse of the
	// whole product times products[i] is 1/z[i] once the later factors are taken out.
	// No z is zero, since the addition on this curve has no exceptions.
	products := make([]field.Element, len(points))
	all := new(field.Element).One()
	for i := range points {
		products[i].Set(all)
		all.Multiply(all, &points[i].z)
	}
	all.Invert(all)
	twiceD := twiceCurveD()
	for i := len(points) - 1; i >= 0; i-- {
		q, a := &points[i], &table[i]
		var inverse, x, y field.Element
		inverse.Multiply(all, &products[i])
		all.Multiply(all, &q.z)
		x.Multiply(&q.x, &inverse)
		y.Multiply(&q.y, &inverse)
		a.yPlusX.Add(&y, &x)
		a.yMinusX.Subtract(&y, &x)
		a.xy2d.Multiply(&x, &y)
		a.xy2d.Multiply(&a.xy2d, twiceD)
	}
}

// twiceCurveD is 2·d, with d = -121665/121666 of the curve's equation (RFC 8032 §5.1).
func twiceCurveD() *field.Element {
	one := new(field.Element).One()
	d := new(field.Element).Mult32(one, 121666)
	d.Invert(d)
	d.Mult32(d, 121665)
	d.Negate(d)
	return d.Add(d, d)
}

// sumOfTables encodes a·A + b·B for the points of the two tables.
func sumOfTables(a *edwards25519.Scalar, tableA *keyTable, b *edwards25519.Scalar, tableB *baseTable) [ValueSize]byte {
	var digitsA, digitsB digits
	digitsA.recode(a, keyWidth)
	digitsB.recode(b, baseWidth)

	var sum completed
	sum.setIdentity()
	var p extended
	for c := columns - 1; ; c-- {
		for _, term := range digitsA.column(c) {
			p.complete(&sum)
			sum.add(&p, &tableA[term>>1], term&1 != 0)
		}
		for _, term := range digitsB.column(c) {
			p.complete(&sum)
			sum.add(&p, &tableB[term>>1], term&1 != 0)
		}
		p.completeForDouble(&sum)
		if c == 0 {
			return p.encode()
		}
		sum.double(&p)
	}
}

// digits are the digits of a scalar that are not zero, by column: of each its index in
// the table times 2, plus 1 if it is negative.
type digits struct {
	count [columns]uint8
	terms [columns][rows]uint16 // a row has one digit in a column at most
}

func (d *digits) column(c int) []uint16 { return d.terms[c][:d.count[c]] }

// recode sets d, which must be zero, to the digits of s of the given width, 2 to 8.
func (d *digits) recode(s *edwards25519.Scalar, width uint) {
	var words [5]uint64 // the last stays zero: a digit may look beyond the scalar's end
	encoded := s.Bytes()
	for i := range 4 {
		words[i] = binary.LittleEndian.Uint64(encoded[8*i:])
	}
	perRow := uint(1) << (width - 2)
	carry := uint64(0) // what a negative digit below has borrowed from here
	for i := uint(0); i < 256; {
		// The 64 bits from i on. Zeros are skipped, and with a carry ones, which it
		// turns to zeros.
		rest := words[i/64] >> (i % 64)
		if i%64 != 0 {
			rest |= words[i/64+1] << (64 - i%64)
		}
		skip := rest ^ -carry
		if skip&1 == 0 {
			i += uint(bits.TrailingZeros64(skip))
			continue
		}
		value := rest&(1<<width-1) + carry // odd
		term := (i / columns) * perRow * 2
		if value < 1<<(width-1) {
			carry = 0
			term += uint(value>>1) << 1
		} else {
			carry = 1
			term += uint((1<<width-value)>>1)<<1 | 1
		}
		c := i % columns
		d.terms[c][d.count[c]] = uint16(term)
		d.count[c]++
		i += width
	}
}

// extended is a point x/z, y/z with t = x·y/z.
type extended struct{ x, y, z, t field.Element }

func (p *extended) set(q *edwards25519.Point) {
	x, y, z, t := q.ExtendedCoordinates()
	p.x.Set(x)
	p.y.Set(y)
	p.z.Set(z)
	p.t.Set(t)
}

func (p *extended) complete(c *completed) {
	p.completeForDouble(c)
	p.t.Multiply(&c.x, &c.y)
}

// completeForDouble leaves out t, which a doubling and an encoding do not read.
func (p *extended) completeForDouble(c *completed) {
	p.x.Multiply(&c.x, &c.t)
	p.y.Multiply(&c.y, &c.z)
	p.z.Multiply(&c.z, &c.t)
}

// encode is RFC 8032 §5.1.2, always canonical.
func (p *extended) encode() [ValueSize]byte {
	var inverse, x, y field.Element
	inverse.Invert(&p.z)
	x.Multiply(&p.x, &inverse)
	y.Multiply(&p.y, &inverse)
	b := [ValueSize]byte(y.Bytes())
	b[ValueSize-1] |= byte(x.IsNegative() << 7)
	return b
}

// completed is a point x/z, y/t: what a formula gives before its last multiplications.
type completed struct{ x, y, z, t field.Element }

func (c *completed) setIdentity() {
	c.x.Zero()
	c.y.One()
	c.z.One()
	c.t.One()
}

// add is p + q, or p - q, by the formula for a = -1 of Hisil, Wong, Carter and Dawson
// (2008), §3.1, which has no exceptions on this curve.
func (c *completed) add(p *extended, q *addend, negative bool) {
	plus, minus := &q.yPlusX, &q.yMinusX
	if negative { // -(x, y) = (-x, y)
		plus, minus = minus, plus
	}
	var pp, mm, tt, zz field.Element
	pp.Add(&p.y, &p.x)
	pp.Multiply(&pp, plus)
	mm.Subtract(&p.y, &p.x)
	mm.Multiply(&mm, minus)
	tt.Multiply(&p.t, &q.xy2d)
	zz.Add(&p.z, &p.z)
	c.x.Subtract(&pp, &mm)
	c.y.Add(&pp, &mm)
	if negative {
		c.z.Subtract(&zz, &tt)
		c.t.Add(&zz, &tt)
	} else {
		c.z.Add(&zz, &tt)
		c.t.Subtract(&zz, &tt)
	}
}

// double is p + p, from §3.3 of the same paper.
func (c *completed) double(p *extended) {
	var xx, yy, zz, sum field.Element
	xx.Square(&p.x)
	yy.Square(&p.y)
	zz.Square(&p.z)
	zz.Add(&zz, &zz)
	sum.Add(&p.x, &p.y)
	sum.Square(&sum)
	c.y.Add(&yy, &xx)
	c.z.Subtract(&yy, &xx)
	c.x.Subtract(&sum, &c.y)
	c.t.Subtract(&zz, &c.z)
}
