// Package block reserves the interface of the block store: data named by its hash,
// kept by whoever wants to supply it.
//
// Nothing implements it yet, and nothing pretends to. The schema has the questions
// SupplyBlock and FindBlock, but they are not part of the protocol that 0.5.8 nodes
// speak (spec 03 §1.5): like them, this node leaves such questions unanswered. The
// section block_store of the configuration is read and has no effect.
//
// The package may import core/crypto.
package block
