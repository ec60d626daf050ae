package x25519

import (
	"errors"

	"filippo.io/edwards25519/field"
)

// Size is how many bytes a scalar and a coordinate have.
const Size = 32

// basepoint is the u coordinate of the base point, and a24 what the ladder multiplies
// with: (486662 + 2) / 4 (RFC 7748 §4.1, §5, for the order of the steps below).
const (
	basepoint = 9
	a24       = 121666
)

// ErrLowOrder says that a product is zero: the point is of low order, and anybody
// knows the product.
var ErrLowOrder = errors.New("a point of low order")

// Multiply returns the u coordinate of the scalar times the point with the u
// coordinate given. It clamps a copy of the scalar. Of u it ignores the highest bit,
// and takes what is above the prime modulo the prime. A product of zero is
// ErrLowOrder.
func Multiply(scalar, u *[Size]byte) (product [Size]byte, err error) {
	product = multiply(scalar, u)
	var bits byte
	for _, b := range product {
		bits |= b
	}
	if bits == 0 {
		return product, ErrLowOrder
	}
	return product, nil
}

// Public returns the u coordinate of the scalar times the base point.
func Public(scalar *[Size]byte) [Size]byte { return multiply(scalar, &[Size]byte{basepoint}) }

// ladder is what a multiplication computes with.
type ladder struct {
	scalar                 [Size]byte
	x1, x2, z2, x3, z3     field.Element
	sum, difference, a, aa field.Element
}

func multiply(scalar, u *[Size]byte) (product [Size]byte) {
	var l ladder
	l.scalar = *scalar
	l.scalar[0] &= 248
	l.scalar[31] &= 127
	l.scalar[31] |= 64
	l.x1.SetBytes(u[:]) // fails for another length alone
	l.x2.One()
	l.x3.Set(&l.x1)
	l.z3.One()
	swap := 0
	for at := 254; at >= 0; at-- {
		bit := int(l.scalar[at/8]>>(at%8)) & 1
		l.swap(swap ^ bit)
		swap = bit
		l.step()
	}
	l.swap(swap)
	l.z2.Invert(&l.z2)
	l.x2.Multiply(&l.x2, &l.z2)
	copy(product[:], l.x2.Bytes())
	l = ladder{}
	return product
}

// swap exchanges the two points if condition is 1, and not if it is 0.
func (l *ladder) swap(condition int) {
	l.x2.Swap(&l.x3, condition)
	l.z2.Swap(&l.z3, condition)
}

// step doubles the point 2 and adds it to the point 3; their difference is the
// point 1.
func (l *ladder) step() {
	l.sum.Add(&l.x3, &l.z3)
	l.difference.Subtract(&l.x3, &l.z3)
	l.a.Add(&l.x2, &l.z2)
	l.aa.Subtract(&l.x2, &l.z2)
	l.difference.Multiply(&l.difference, &l.a)
	l.sum.Multiply(&l.sum, &l.aa)
	l.a.Square(&l.a)
	l.aa.Square(&l.aa)

	l.x3.Add(&l.difference, &l.sum)
	l.x3.Square(&l.x3)
	l.z3.Subtract(&l.difference, &l.sum)
	l.z3.Square(&l.z3)
	l.z3.Multiply(&l.z3, &l.x1)

	l.x2.Multiply(&l.a, &l.aa)
	l.a.Subtract(&l.a, &l.aa)
	l.z2.Mult32(&l.a, a24)
	l.z2.Add(&l.z2, &l.aa)
	l.z2.Multiply(&l.z2, &l.a)
}
