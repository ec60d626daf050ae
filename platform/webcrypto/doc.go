// Package webcrypto keeps secrets in a browser: a [platform.ProtectedStore] (spec 01
// §8.1). It is compiled for GOOS=js only.
//
// Each secret is sealed with AES-GCM under a key of 256 bits that the browser has
// made and does not give out (extractable: false): neither this package nor any
// script of the page can read it. Key and secrets lie in an IndexedDB database; the
// name of a secret is bound to it. What that is worth: a copy of the secrets alone
// opens nothing, and nothing can be carried away to be opened elsewhere by a script.
// A script that runs in the page can ask the browser to open them there, as this
// package does, and somebody with the profile of the browser has what the browser
// has; a page cannot do better.
//
// The browser has Web Crypto only where the page came by https or from the machine
// itself. It imports platform, its internal packages and
// github.com/hack-pad/go-indexeddb.
package webcrypto
