package main

// #include <string.h>
// #include "bridge.h"
import "C"

import (
	"time"
	"unsafe"

	"github.com/voile-net/voile/bind/clib/abi"
	"github.com/voile-net/voile/bind/instance"
)

// The limits of voile.h are those of package abi; a difference does not compile.
var _ = [1]struct{}{}[(abi.MaxLine-C.VOILE_MAX_LINE)|(abi.MaxConfig-C.VOILE_MAX_CONFIG)|(abi.MaxBlobs-C.VOILE_MAX_BLOBS)|
	(abi.MaxPayload-C.VOILE_MAX_PAYLOAD)|(abi.MaxSecret-C.VOILE_MAX_SECRET)|(abi.MinMemory-C.VOILE_MIN_MEMORY)]

// blockOf copies an event into memory that C frees: once, and each byte once.
func blockOf(e *abi.Event) (*C.vi_block, error) {
	size := len(e.Line) + 1
	for _, b := range e.Blobs {
		size += len(b)
	}
	block := C.vi_block_new(C.size_t(len(e.Blobs)), C.size_t(size))
	if block == nil {
		return nil, abi.NoMemory(uint64(size))
	}
	list := unsafe.Add(unsafe.Pointer(block), unsafe.Sizeof(*block))
	blobs := unsafe.Slice((*C.voile_bytes)(list), len(e.Blobs))
	room := unsafe.Slice((*byte)(unsafe.Add(list, uintptr(len(e.Blobs))*unsafe.Sizeof(C.voile_bytes{}))), size)
	out := &block.event
	out._type, out.code, out.session, out.tag = C.int32_t(e.Type), C.int32_t(e.Code), C.voile_handle(e.Session), C.uint64_t(e.Tag)
	out.line, out.line_size = (*C.char)(unsafe.Pointer(&room[0])), C.size_t(len(e.Line))
	n := copy(room, e.Line)
	room[n] = 0
	room = room[n+1:]
	if len(blobs) > 0 {
		out.blobs, out.blob_count = &blobs[0], C.size_t(len(blobs))
	}
	for i, b := range e.Blobs {
		blobs[i] = C.voile_bytes{}
		if len(b) > 0 {
			blobs[i] = C.voile_bytes{(*C.uint8_t)(unsafe.Pointer(&room[0])), C.size_t(len(b))}
			room = room[copy(room, b):]
		}
	}
	return block, nil
}

// callback gives events to a function of the host; nil for none. An event for which
// there is no memory is lost, and its code says so.
func callback(f C.voile_event_fn, user unsafe.Pointer) func(*abi.Event) {
	if f == nil {
		return nil
	}
	return func(e *abi.Event) {
		block, err := blockOf(e)
		if err != nil {
			short := abi.Event{Type: e.Type, Code: instance.NoMemory, Session: e.Session, Tag: e.Tag}
			if block, err = blockOf(&short); err != nil {
				return
			}
		}
		C.vi_call_event(f, user, block)
		C.vi_block_free(block)
	}
}

// optionsOf copies what the host adds to a node. nil: nothing.
func optionsOf(o *C.voile_options) (abi.Options, error) {
	var out abi.Options
	if o == nil {
		return out, nil
	}
	if uint32(o.abi) != C.VOILE_ABI {
		return out, abi.ABIMismatch(uint64(o.abi), C.VOILE_ABI, "abi of voile_options")
	}
	if uint64(o.size) != uint64(unsafe.Sizeof(*o)) {
		return out, abi.ABIMismatch(uint64(o.size), uint64(unsafe.Sizeof(*o)), "size of voile_options")
	}
	if o.flags&^C.VOILE_START_REUSE != 0 {
		return out, abi.InvalidArgument("voile_node_start", "flags", uint32(o.flags))
	}
	for name, level := range map[string]C.int32_t{"update_log_level": o.update_log_level, "log_level": o.log_level} {
		if level < C.VOILE_LOG_OFF || level > C.VOILE_LOG_TRACE {
			return out, abi.InvalidArgument("voile_node_start", name, int32(level))
		}
	}
	out.Reuse = o.flags&C.VOILE_START_REUSE != 0
	out.UpdateLevel, out.LogLevel = abi.Level(o.update_log_level), abi.Level(o.log_level)
	out.Timeout = time.Duration(o.start_timeout_ms) * time.Millisecond
	out.MemoryLimit = int64(o.memory_limit)
	if o.log != nil && o.log_level != C.VOILE_LOG_OFF {
		out.Log = logFunc(o.log, o.log_user)
	}
	if o.store != nil {
		if o.store.load == nil || o.store.save == nil || o.store.remove == nil {
			return out, abi.NullPointer("a function of store")
		}
		out.Store = storeFuncs(*o.store)
	}
	if o.network != nil {
		facts, err := text("network", o.network, o.network_size, abi.MaxConfig)
		if err != nil {
			return out, err
		}
		out.Network = append([]byte{}, facts...)
	}
	return out, nil
}

func logFunc(f C.voile_log_fn, user unsafe.Pointer) abi.LogFunc {
	return func(level abi.Level, line string) {
		text := append([]byte(line), 0)
		C.vi_call_log(f, user, C.int32_t(level), (*C.char)(unsafe.Pointer(&text[0])))
	}
}

// storeFuncs are the functions of a store of the host. The struct is copied.
func storeFuncs(s C.voile_store) abi.StoreFuncs {
	return abi.StoreFuncs{
		Load: func(key string) ([]byte, instance.Code) {
			name := append([]byte(key), 0)
			var value C.voile_bytes
			code := instance.Code(C.vi_call_load(&s, (*C.char)(unsafe.Pointer(&name[0])), &value))
			if code != instance.OK {
				return nil, code
			}
			defer C.vi_call_release(&s, value)
			switch {
			case uint64(value.size) > abi.MaxSecret:
				return nil, instance.TooLarge
			case value.size > 0 && value.data == nil:
				return nil, instance.NullPointer
			}
			return append([]byte{}, unsafe.Slice((*byte)(unsafe.Pointer(value.data)), int(value.size))...), code
		},
		Save: func(key string, secret []byte) instance.Code {
			name := append([]byte(key), 0)
			bytes := append(secret[:len(secret):len(secret)], 0) // never empty: a pointer for C
			defer clear(bytes)
			return instance.Code(C.vi_call_save(&s, (*C.char)(unsafe.Pointer(&name[0])), (*C.uint8_t)(unsafe.Pointer(&bytes[0])), C.size_t(len(secret))))
		},
		Remove: func(key string) instance.Code {
			name := append([]byte(key), 0)
			return instance.Code(C.vi_call_remove(&s, (*C.char)(unsafe.Pointer(&name[0]))))
		},
	}
}
