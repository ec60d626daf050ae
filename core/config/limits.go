//go:build !js

package config

// What differs in a browser (spec 07 §6.1, §6.3).
const (
	minConnections = 32
	maxConnections = 512
	ownBackend     = "PlatformDefault" // the protected store that there is
)
