package core

import "slices"

// APIVersion is the version of the protocol's API that is spoken here, which clients
// compare with their own. The version of Voile is another matter.
const APIVersion = "0.5.8"

// Features are those build features of the original that hold here.
func Features() []string {
	list := []string{"app-lifecycle", "default", "enable-crypto-vld0"}
	if DebugAPI {
		list = slices.Insert(list, 1, "debug-api")
	}
	return list
}
