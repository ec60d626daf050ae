package core

// APIVersion is the version of the protocol's API that is spoken here, which clients
// compare with their own. The version of Voile is another matter.
const APIVersion = "0.5.8"

// Features are those build features of the original that hold here.
func Features() []string {
	return []string{"app-lifecycle", "debug-api", "default", "enable-crypto-vld0"}
}
