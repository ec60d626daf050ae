// Package hostcallback makes adapters of what the app around the node answers: a
// [Store] of secrets for Android's Keystore and iOS's Keychain, which only the app
// can reach, and [Network] for the facts of the network, which Android denies to
// everyone but the app (spec 01 §8.1, spec 04 §2.2).
//
// What an app answers comes from outside: it is checked, has limits, and its errors
// are told apart by the word they begin with.
//
// It imports platform and platform/netinfo.
package hostcallback
