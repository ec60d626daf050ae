//go:build !js

package mobile

import "sync"

// ProtectedStore keeps a few small secrets where the device keeps its own; the app
// implements it, with Android's Keystore or Apple's Keychain. The wrappers bring
// both. One call comes at a time, from any thread; it may block. What it throws is
// an error of the node; a text that begins with "Locked" says that the device was
// not unlocked yet and that the node should be started later (TryAgain).
type ProtectedStore interface {
	// Load gives a value, or null (or nothing) for a name that has none.
	Load(name string) ([]byte, error)
	// Save replaces what was there. The value is 1 to 65537 bytes. When it returns, a
	// crash loses nothing.
	Save(name string, value []byte) error
	// Remove forgets a name; one without a value is no error.
	Remove(name string) error
}

// NetworkSource tells the facts of the device's network: Android denies them to
// everyone but the app. FactsJSON is called often, one call at a time, from any
// thread; hostcallback.ParseFacts has the form of what it gives.
type NetworkSource interface {
	FactsJSON() (string, error)
}

// UpdateListener gets the updates of a session, in order and one at a time, from a
// thread that is not the main one. While it runs no further update comes; what
// other applications send is then held up, and lost after two seconds. What it
// throws is logged. It must not close the session or the node.
type UpdateListener interface {
	OnUpdate(message []byte) error
}

// AnswerListener gets the answer to a request, once, from a thread that is not the
// main one. What it throws is logged. It must not close the session or the node.
type AnswerListener interface {
	OnAnswer(message []byte) error
}

// CrashListener is told of a bug of the library, once: the node closes itself then.
// The report has the stacks of Go, for whoever mends it. It must not call back.
type CrashListener interface {
	OnCrash(report string) error
}

// Options are what an app gives to its node. The zero value keeps nothing when the
// node ends.
type Options struct {
	// Directory is a folder of the app, which the node makes if it is not there. The
	// folders of the configuration that are left out are in it. Empty: there are none.
	// It belongs where backups do not look: its data cannot be read elsewhere.
	Directory string
	// MemoryLimit is how many bytes the process may take, as far as the node can keep
	// to it; 0: no limit. An iOS extension has 50 MB: give it 40 << 20.
	MemoryLimit int64
	// LogLevel makes Log updates of that level and above: "Error", "Warn", "Info",
	// "Debug" or "Trace". Empty: none.
	LogLevel string
	// ProtectedStore has the device's secrets. nil: the configuration's folder, in a
	// file that it must allow (allow_insecure_fallback, always_use_insecure_storage).
	ProtectedStore ProtectedStore
	// Network tells of the network. nil: the system is asked, which fails on Android.
	Network NetworkSource
	// Crash is told of bugs. nil: the log alone is.
	Crash CrashListener
}

// NewOptions makes empty options.
func NewOptions() *Options { return &Options{} }

// Cancellation ends calls early: those that it was given to and those that it will
// be given to. They fail, or are answered, with Timeout.
type Cancellation struct {
	mu   sync.Mutex
	done chan struct{} // made when somebody needs it
	over bool
}

// NewCancellation makes one that has not been used.
func NewCancellation() *Cancellation { return &Cancellation{} }

// Cancel ends the calls. It may be called at any time, from any thread, and twice.
func (c *Cancellation) Cancel() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.over = true
	if c.done != nil {
		close(c.done)
	}
}

// wait is closed after Cancel.
func (c *Cancellation) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.over {
			close(c.done)
		}
	}
	return c.done
}
