// Package host picks, by operating system, the adapters that a node runs on. It
// is the one place that knows them all; core gets what it needs from here
// through the interfaces of platform.
//
//	               secrets                  tables     network facts
//	Linux, macOS,  keyring, else a file     bbolt      the system
//	Windows        if that is allowed
//	iOS            a file, or by the app    bbolt      the system
//	Android        a file, or by the app    bbolt      by the app
//	browser        none here                none here  none
//
// What is missing is an error of its Open, platform.ErrUnsupported, never an
// adapter that does nothing. It imports platform and its adapters.
package host
