// Package encfile is a [platform.ProtectedStore] in one encrypted file: for
// machines without a keyring (servers, containers) and where its use was
// chosen by configuration (spec 01 §8.1).
//
// With a password the file is as safe as the password. Without one its key is
// random and lies in a file beside it, private to the owner: that keeps secrets
// out of careless copies of one file, not from someone who reads both.
//
// Nothing here detects that an older file was put back.
// It imports platform, internal/diskfile and golang.org/x/crypto.
package encfile
