// Package config is the configuration of a node: a struct shaped like the
// VeilidConfig tree of the protocol's implementations (spec 07 §6.1), its
// defaults in one function, and a validation that names the bad key by its path.
//
// A configuration is a plain value. Nothing in the project reads a setting by
// name at the point of use. The package may import core/crypto, core/jsonread and
// core/wire.
package config
