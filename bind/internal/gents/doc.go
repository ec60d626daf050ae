// Gents writes the TypeScript types of the API, web/src/generated/api.ts: one
// interface for each type of bind's schema, and the tables by which web/ turns
// camelCase objects with bytes into lines of the API and back (spec 07 §5).
//
//	go run ./bind/internal/gents -o web/src/generated/api.ts
//
// A test says that the committed file is what this writes. The package may import
// bind.
package main
