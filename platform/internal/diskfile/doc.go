// Package diskfile is what stores in files have in common: a lock that keeps a
// second process out, and replacing a file so that a crash leaves the old one
// or the new one, whole. It imports package platform only.
package diskfile
