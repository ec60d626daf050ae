// Package platformtest is the contracts of package platform as tests. Every
// adapter runs them, the ones in memory included; each sentence of a contract
// is a subtest. It imports platform only.
package platformtest
