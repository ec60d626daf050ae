package jsonapi

// The enumerations (spec 07 §1). Their Values are all names, in the order of the
// original; the schema is made of them.

// AttachmentState is how well a node is attached; it says nothing about readiness.
type AttachmentState string

// Attachment states, from the least to the most.
const (
	Detached       AttachmentState = "Detached"
	Detaching      AttachmentState = "Detaching"
	Attaching      AttachmentState = "Attaching"
	AttachedWeak   AttachmentState = "AttachedWeak"
	AttachedFair   AttachmentState = "AttachedFair"
	AttachedGood   AttachmentState = "AttachedGood"
	AttachedStrong AttachmentState = "AttachedStrong"
	AttachedFull   AttachmentState = "AttachedFull"
)

// Values are all states, from the least to the most.
func (AttachmentState) Values() []AttachmentState {
	return []AttachmentState{Detached, Detaching, Attaching, AttachedWeak, AttachedFair, AttachedGood, AttachedStrong, AttachedFull}
}

// Attached reports whether the state is one of the five that begin with Attached.
func (s AttachmentState) Attached() bool {
	switch s {
	case AttachedWeak, AttachedFair, AttachedGood, AttachedStrong, AttachedFull:
		return true
	}
	return false
}

// Stability is what a route is chosen for. Empty: Reliable.
type Stability string

// Stabilities.
const (
	LowLatency Stability = "LowLatency"
	Reliable   Stability = "Reliable"
)

// Values are all stabilities.
func (Stability) Values() []Stability { return []Stability{LowLatency, Reliable} }

// Sequencing is whether messages need to keep their order. Empty: PreferOrdered.
type Sequencing string

// Sequencings. NoPreference of 0.5.2 is PreferUnordered since.
const (
	PreferUnordered Sequencing = "PreferUnordered"
	PreferOrdered   Sequencing = "PreferOrdered"
	EnsureOrdered   Sequencing = "EnsureOrdered"
)

// Values are all sequencings.
func (Sequencing) Values() []Sequencing {
	return []Sequencing{PreferUnordered, PreferOrdered, EnsureOrdered}
}

// DHTReportScope is what an inspection of a record looks at (spec 07 §2.3).
type DHTReportScope string

// Scopes.
const (
	ScopeLocal     DHTReportScope = "Local"
	ScopeSyncGet   DHTReportScope = "SyncGet"
	ScopeSyncSet   DHTReportScope = "SyncSet"
	ScopeUpdateGet DHTReportScope = "UpdateGet"
	ScopeUpdateSet DHTReportScope = "UpdateSet"
)

// Values are all scopes.
func (DHTReportScope) Values() []DHTReportScope {
	return []DHTReportScope{ScopeLocal, ScopeSyncGet, ScopeSyncSet, ScopeUpdateGet, ScopeUpdateSet}
}

// VeilidLogLevel is the level of a line of the log.
type VeilidLogLevel string

// Levels of the log.
const (
	LogError VeilidLogLevel = "Error"
	LogWarn  VeilidLogLevel = "Warn"
	LogInfo  VeilidLogLevel = "Info"
	LogDebug VeilidLogLevel = "Debug"
	LogTrace VeilidLogLevel = "Trace"
)

// Values are all levels, the gravest first.
func (VeilidLogLevel) Values() []VeilidLogLevel {
	return []VeilidLogLevel{LogError, LogWarn, LogInfo, LogDebug, LogTrace}
}

// VeilidAppLifecycleState is whether the user sees the application.
type VeilidAppLifecycleState string

// States of the application.
const (
	Active     VeilidAppLifecycleState = "Active"
	Background VeilidAppLifecycleState = "Background"
)

// Values are all states of the application.
func (VeilidAppLifecycleState) Values() []VeilidAppLifecycleState {
	return []VeilidAppLifecycleState{Active, Background}
}

// DHTSchemaKind is the sort of a schema.
type DHTSchemaKind string

// Sorts of schemas.
const (
	DFLT DHTSchemaKind = "DFLT" // the owner writes all subkeys
	SMPL DHTSchemaKind = "SMPL" // members have subkeys of their own
)

// Values are all sorts.
func (DHTSchemaKind) Values() []DHTSchemaKind { return []DHTSchemaKind{DFLT, SMPL} }

// VeilidConfigAddressType is a family of addresses.
type VeilidConfigAddressType string

// Families of addresses.
const (
	IPV4 VeilidConfigAddressType = "IPV4"
	IPV6 VeilidConfigAddressType = "IPV6"
)

// Values are both families.
func (VeilidConfigAddressType) Values() []VeilidConfigAddressType {
	return []VeilidConfigAddressType{IPV4, IPV6}
}

// VeilidConfigProtectedStoreBackend is where a browser keeps secrets; elsewhere it
// is PlatformDefault.
type VeilidConfigProtectedStoreBackend string

// Backends of the protected store.
const (
	PlatformDefault  VeilidConfigProtectedStoreBackend = "PlatformDefault"
	LocalStorage     VeilidConfigProtectedStoreBackend = "LocalStorage"
	IndexedDB        VeilidConfigProtectedStoreBackend = "IndexedDb"
	ExtensionStorage VeilidConfigProtectedStoreBackend = "ExtensionStorage"
)

// Values are all backends.
func (VeilidConfigProtectedStoreBackend) Values() []VeilidConfigProtectedStoreBackend {
	return []VeilidConfigProtectedStoreBackend{PlatformDefault, LocalStorage, IndexedDB, ExtensionStorage}
}
