// Package api is a small client of the remote JSON API (spec 07 §5), as much of
// it as the laboratory needs to drive nodes of either kind: state, attachment,
// routing contexts, private routes, application messages and debug commands.
//
// It imports the standard library only.
package api
