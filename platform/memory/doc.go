// Package memory keeps a [platform.ProtectedStore] and a [platform.KeyValueStore]
// in the memory of the process: for tests, for simulations and for nodes that
// leave nothing behind. Both keep the whole contract, except that a crash
// forgets everything. It imports platform only.
package memory
