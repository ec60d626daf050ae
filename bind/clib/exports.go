package main

// #include "bridge.h"
import "C"

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
	"unsafe"

	"github.com/voile-net/voile/bind/clib/abi"
	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/core/config"
)

// library is what the loaded library is: C has functions and no objects, so this is
// the one place that has to have a variable.
var library = abi.New(version())

// release is the version of a build for others, set by the linker.
var release string

func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// fail keeps the details of an error for the calling thread and is its code.
func fail(err error) C.int32_t {
	if err == nil {
		return C.int32_t(instance.OK)
	}
	text := abi.AppendError(nil, err)
	C.vi_set_error((*C.char)(unsafe.Pointer(unsafe.SliceData(text))), C.size_t(len(text)))
	return C.int32_t(abi.CodeOf(err))
}

// guard makes a panic an error. It is deferred by every exported function that can
// fail.
func guard(code *C.int32_t) {
	if v := recover(); v != nil {
		*code = fail(abi.Panicked(fmt.Sprintf("%v\n%s", v, debug.Stack())))
	}
}

func callerOf(c C.vi_caller) abi.Caller {
	return abi.Caller{Session: abi.Handle(c.session), Adapter: c.adapter != 0}
}

// text is memory of the caller, which must not be kept or changed.
func text(name string, p *C.char, size C.size_t, limit int) ([]byte, error) {
	switch {
	case uint64(size) > uint64(limit):
		return nil, abi.TooLarge(name+"_size", uint64(size), uint64(limit))
	case size == 0:
		return nil, nil
	case p == nil:
		return nil, abi.NullPointer(name)
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), int(size)), nil
}

// payload copies blobs of the caller.
func payload(p *C.voile_bytes, count C.size_t) ([][]byte, error) {
	switch {
	case uint64(count) > abi.MaxBlobs:
		return nil, abi.TooLarge("blob_count", uint64(count), abi.MaxBlobs)
	case count == 0:
		return nil, nil
	case p == nil:
		return nil, abi.NullPointer("blobs")
	}
	blobs := unsafe.Slice(p, int(count))
	list := make([][]byte, len(blobs))
	var total uint64
	for i, b := range blobs {
		size := uint64(b.size)
		if total += size; size > abi.MaxPayload || total > abi.MaxPayload {
			return nil, abi.TooLarge("the size of blobs", max(size, total), abi.MaxPayload)
		}
		if size > 0 && b.data == nil {
			return nil, abi.NullPointer("data of blobs")
		}
		list[i] = append([]byte{}, unsafe.Slice((*byte)(unsafe.Pointer(b.data)), int(size))...)
	}
	return list, nil
}

// statics are texts that C may keep, made when they are first asked for. The memory
// is C's, so that its leak checkers find the way to it.
type statics struct {
	mu    sync.Mutex
	index map[string]C.int
}

var texts = statics{index: map[string]C.int{}}

func (s *statics) get(key string, text func() string) *C.char {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.index[key]
	if !ok {
		i = C.vi_keep(C.CString(text()))
		s.index[key] = i
	}
	return C.vi_kept(i)
}

//export vi_go_version
func vi_go_version() *C.char { return texts.get("version", library.Version) }

//export vi_go_now
func vi_go_now() C.uint64_t { return C.uint64_t(time.Now().UnixMicro()) }

//export vi_go_default_config
func vi_go_default_config() *C.char {
	return texts.get("config", func() string {
		text, err := json.Marshal(config.Default())
		if err != nil {
			return "{}" // a bug; a test reads it
		}
		return string(text)
	})
}

// codeInfo describes a code; what is unknown has a number that no code has.
func codeInfo(code C.int32_t) instance.CodeInfo {
	for _, info := range instance.Codes() {
		if info.Code == instance.Code(code) {
			return info
		}
	}
	return instance.CodeInfo{Code: -1, Name: "Unknown", Text: "This version does not know the code."}
}

//export vi_go_code_name
func vi_go_code_name(code C.int32_t) *C.char {
	info := codeInfo(code)
	return texts.get("name "+info.Name, func() string { return info.Name })
}

//export vi_go_code_text
func vi_go_code_text(code C.int32_t) *C.char {
	info := codeInfo(code)
	return texts.get("text "+info.Name, func() string { return info.Text })
}

//export vi_go_count
func vi_go_count(counts *C.voile_counts) (code C.int32_t) {
	defer guard(&code)
	if counts == nil {
		return fail(abi.NullPointer("counts"))
	}
	if counts.size != C.size_t(unsafe.Sizeof(*counts)) {
		return fail(abi.ABIMismatch(uint64(counts.size), uint64(unsafe.Sizeof(*counts)), "the size of voile_counts"))
	}
	c := library.Count()
	counts.nodes, counts.sessions, counts.calls = C.int64_t(c.Nodes), C.int64_t(c.Sessions), C.int64_t(c.Calls)
	counts.events = C.int64_t(c.Events) + C.vi_blocks()
	counts.goroutines, counts.heap_bytes = C.int64_t(c.Goroutines), C.int64_t(c.HeapBytes)
	counts.allocated_bytes = C.int64_t(c.AllocatedBytes)
	return 0
}

//export vi_go_node_start
func vi_go_node_start(from C.vi_caller, o *C.voile_options, cfg *C.char, size C.size_t, node *C.voile_handle) (code C.int32_t) {
	defer guard(&code)
	if node == nil {
		return fail(abi.NullPointer("node"))
	}
	*node = 0
	options, err := optionsOf(o)
	if err != nil {
		return fail(err)
	}
	line, err := text("config", cfg, size, abi.MaxConfig)
	if err != nil {
		return fail(err)
	}
	h, err := library.StartNode(context.Background(), options, line, callerOf(from))
	*node = C.voile_handle(h)
	return fail(err)
}

//export vi_go_node_close
func vi_go_node_close(from C.vi_caller, node C.voile_handle) (code C.int32_t) {
	defer guard(&code)
	return fail(library.CloseNode(abi.Handle(node), callerOf(from)))
}

//export vi_go_node_list
func vi_go_node_list(nodes *C.voile_handle, capacity C.size_t, count *C.size_t) (code C.int32_t) {
	defer guard(&code)
	if count == nil {
		return fail(abi.NullPointer("count"))
	}
	*count = 0
	if nodes == nil && capacity > 0 {
		return fail(abi.NullPointer("nodes"))
	}
	list := library.Nodes()
	*count = C.size_t(len(list))
	n := min(uint64(capacity), uint64(len(list)))
	if n == 0 {
		return 0
	}
	room := unsafe.Slice(nodes, int(n))
	for i := range room {
		room[i] = C.voile_handle(list[i])
	}
	return 0
}

//export vi_go_node_network_changed
func vi_go_node_network_changed(from C.vi_caller, node C.voile_handle) (code C.int32_t) {
	defer guard(&code)
	return fail(library.NetworkChanged(abi.Handle(node), callerOf(from)))
}

//export vi_go_node_set_network
func vi_go_node_set_network(from C.vi_caller, node C.voile_handle, facts *C.char, size C.size_t) (code C.int32_t) {
	defer guard(&code)
	line, err := text("facts", facts, size, abi.MaxConfig)
	if err != nil {
		return fail(err)
	}
	return fail(library.SetNetwork(abi.Handle(node), line, callerOf(from)))
}

//export vi_go_node_set_foreground
func vi_go_node_set_foreground(from C.vi_caller, node C.voile_handle, on C.int32_t) (code C.int32_t) {
	defer guard(&code)
	return fail(library.SetForeground(abi.Handle(node), on != 0, callerOf(from)))
}

//export vi_go_node_set_log_level
func vi_go_node_set_log_level(from C.vi_caller, node C.voile_handle, level C.int32_t) (code C.int32_t) {
	defer guard(&code)
	return fail(library.SetLogLevel(abi.Handle(node), abi.Level(level), callerOf(from)))
}

//export vi_go_session_open
func vi_go_session_open(from C.vi_caller, node C.voile_handle, events C.voile_event_fn, user unsafe.Pointer, session *C.voile_handle) (code C.int32_t) {
	defer guard(&code)
	if session == nil {
		return fail(abi.NullPointer("session"))
	}
	h, err := library.OpenSession(abi.Handle(node), abi.SessionOptions{Deliver: callback(events, user)}, callerOf(from))
	*session = C.voile_handle(h)
	return fail(err)
}

//export vi_go_session_close
func vi_go_session_close(from C.vi_caller, session C.voile_handle) (code C.int32_t) {
	defer guard(&code)
	return fail(library.CloseSession(abi.Handle(session), callerOf(from)))
}

//export vi_go_session_poll
func vi_go_session_poll(from C.vi_caller, session C.voile_handle, timeout C.int32_t, event **C.voile_event) (code C.int32_t) {
	defer guard(&code)
	if event == nil {
		return fail(abi.NullPointer("event"))
	}
	*event = nil
	e, err := library.Poll(abi.Handle(session), time.Duration(timeout)*time.Millisecond, callerOf(from))
	if err != nil {
		return fail(err)
	}
	block, err := blockOf(&e)
	if err != nil {
		return fail(err)
	}
	*event = &block.event
	return 0
}

//export vi_go_session_wake_fd
func vi_go_session_wake_fd(from C.vi_caller, session C.voile_handle, fd *C.int32_t) (code C.int32_t) {
	defer guard(&code)
	if fd == nil {
		return fail(abi.NullPointer("fd"))
	}
	n, err := library.WakeDescriptor(abi.Handle(session), callerOf(from))
	*fd = C.int32_t(n)
	return fail(err)
}

//export vi_go_call
func vi_go_call(from C.vi_caller, session C.voile_handle, line *C.char, size C.size_t, blobs *C.voile_bytes, count C.size_t, tag C.uint64_t, done C.voile_event_fn, user unsafe.Pointer, call *C.voile_handle) (code C.int32_t) {
	defer guard(&code)
	if call != nil {
		*call = 0
	}
	request, err := text("line", line, size, abi.MaxLine)
	if err != nil {
		return fail(err)
	}
	bytes, err := payload(blobs, count)
	if err != nil {
		return fail(err)
	}
	c, err := library.NewCall(abi.Handle(session), abi.CallOptions{Tag: uint64(tag), Done: callback(done, user)}, callerOf(from))
	if err != nil {
		return fail(err)
	}
	if call != nil {
		*call = C.voile_handle(c.Handle())
	}
	return fail(c.Begin(request, bytes))
}

//export vi_go_call_sync
func vi_go_call_sync(from C.vi_caller, session C.voile_handle, line *C.char, size C.size_t, blobs *C.voile_bytes, count C.size_t, timeout C.uint32_t, answer **C.voile_event) (code C.int32_t) {
	defer guard(&code)
	if answer == nil {
		return fail(abi.NullPointer("answer"))
	}
	*answer = nil
	request, err := text("line", line, size, abi.MaxLine)
	if err != nil {
		return fail(err)
	}
	bytes, err := payload(blobs, count)
	if err != nil {
		return fail(err)
	}
	e, err := library.CallSync(abi.Handle(session), request, bytes, time.Duration(timeout)*time.Millisecond, callerOf(from))
	if err != nil {
		return fail(err)
	}
	block, err := blockOf(&e)
	if err != nil {
		return fail(err)
	}
	*answer = &block.event
	return C.int32_t(e.Code)
}

//export vi_go_call_cancel
func vi_go_call_cancel(from C.vi_caller, call C.voile_handle) (code C.int32_t) {
	defer guard(&code)
	return fail(library.CancelCall(abi.Handle(call), callerOf(from)))
}
