// Package host picks, by operating system, the adapters that a node runs on. It
// is the one place that knows them all; core gets what it needs from here
// through the interfaces of platform.
//
//	               secrets                  tables     network facts  names
//	Linux, macOS,  keyring, else a file     bbolt      the system     the system
//	Windows        if that is allowed
//	iOS            a file, or by the app    bbolt      the system     the system
//	Android        a file, or by the app    bbolt      by the app     the system
//	browser        none here                none here  none           none
//
// What is missing is an error of its Open, platform.ErrUnsupported, never an
// adapter that does nothing. It imports platform, its
// adapters, and core/network/bootstrap for the interface of names.
package host
