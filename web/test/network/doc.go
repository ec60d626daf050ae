// Network is a private network of native nodes on the loopback interface for the
// tests of web/, which run in Node. It prints one line of JSON when it is ready,
//
//	{"networkKey": "…", "bootstrap": ["0|0|…"], "friend": "…"}
//
// and ends when its standard input does. friend is a private route, in base64url, to
// a node that answers calls with what they say, and messages with a call to the
// private route in them.
//
// The package may import core.
package main
