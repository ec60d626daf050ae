// Package check is the checks of the Dart package that need no Dart: that every file
// parses and is formatted, that names are declared where they are used, that the
// functions, structures and constants of the C interface are those of the headers and
// of the built library, and that operations, fields and values of the JSON API are
// those of package bind's schema. There is nothing in it but tests; they may import
// what they compare with.
package check
