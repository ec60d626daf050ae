package config

// What differs from other platforms (spec 07 §6.1, §6.3).
const (
	minConnections = 16
	maxConnections = 64
	ownBackend     = "IndexedDb" // the protected store that there is
)
