package lzma

// The format's parameters: how many bits of the byte before a literal, and of the
// address of a symbol, choose its probabilities.
const (
	LiteralBits = 3
	PosBits     = 3
	posStates   = 1 << PosBits
)

// Where the probabilities are. All trees begin with index 1, which leaves their place
// 0 for other use. The format does not say; a decoder of another layout reads the same.
const (
	StateShift = 5 // of the probabilities of a state:
	IsMatch    = 0 // with the position's bits
	IsRep0Long = posStates
	IsRep      = 2 * posStates
	IsRep0     = IsRep + 1
	IsRep1     = IsRep + 2
	IsRep2     = IsRep + 3

	Lengths    = states << StateShift
	RepLengths = Lengths + lengthSize
	Slots      = RepLengths + lengthSize // a tree for each of four lengths
	SlotBits   = 6
	Distances  = Slots + 4<<SlotBits // a reverse tree for each slot below AlignSlot, and the one of low bits at its place
	Literals   = Distances + 15<<DistanceShift
	Size       = Literals + LiteralSize<<LiteralBits

	// Of lengths: whether it is no short one and, at the first place of the middle
	// trees, whether it is a long one.
	LengthMiddle = posStates << 3
	LengthHigh   = 2 * LengthMiddle
	lengthSize   = LengthHigh + 256

	DistanceShift = 5
	LiteralSize   = 0x300
)

// The states: what the symbols before were. Literals lead to lower ones.
const (
	states     = 12
	FirstMatch = 7 // the symbol before was no literal
)

const (
	MinLength = 2
	maxLength = 273
	AlignSlot = 14 // from here on the low four bits of a distance have probabilities of their own
	AlignBits = 4

	ProbabilityBits = 11
	Half            = 1 << (ProbabilityBits - 1)
	MoveBits        = 5
)

// afterLiteral is the state that a literal leaves.
func afterLiteral(state uint8) uint8 {
	switch {
	case state < 4:
		return 0
	case state < 10:
		return state - 3
	}
	return state - 6
}

// What a symbol that is no literal makes of the state: after a literal, and after
// another one.
const (
	ToMatch         = 7
	ToRep           = 8 // repeats more than a byte
	toShortRep      = ToRep + 1
	MatchAfterMatch = 10
	RepAfterMatch   = 11
)

// after is the state that a symbol leaves which is no literal.
func after(state, to uint8) uint8 {
	switch {
	case state < FirstMatch:
		return to
	case to == ToMatch:
		return MatchAfterMatch
	}
	return RepAfterMatch
}
