package main

// #include "bridge.h"
import "C"

import (
	"bytes"
	"context"
	"unsafe"

	"github.com/voile-net/voile/bind/clib/abi"
	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/bind/jsonapi"
)

// post sends a message to a port; false: it is closed, or there is no memory.
func post(port C.int64_t, kind C.int32_t, e *abi.Event) bool {
	block, err := blockOf(e)
	if err != nil {
		return false
	}
	return C.vi_dart_post(port, kind, C.int32_t(e.Code), C.voile_handle(e.Session), C.uint64_t(e.Tag), block) != 0
}

// outcome is the message about something that was asked for.
func outcome(h abi.Handle, tag C.uint64_t, err error) *abi.Event {
	e := &abi.Event{Session: h, Tag: uint64(tag), Code: abi.CodeOf(err)}
	if err != nil {
		e.Line = abi.AppendError(nil, err)
	}
	return e
}

// needDart is the error of everything that posts before voile_dart_init.
func needDart() error {
	if C.vi_dart_ready() == 0 {
		return abi.InvalidArgument("voile_dart", "initialize_api_dl_data", "voile_dart_init was not called")
	}
	return nil
}

// asker asks for secrets with messages to a port.
func asker(port C.int64_t) abi.Asker {
	return func(ask abi.Handle, op, key string, secret []byte) bool {
		line := append([]byte(nil), `{"op":"`+op+`","key":`...)
		e := &abi.Event{Session: ask, Line: append(jsonapi.AppendString(line, key), '}')}
		if op == "save" {
			e.Blobs = [][]byte{secret}
		}
		return post(port, C.VOILE_DART_STORE, e)
	}
}

//export vi_go_dart_start
func vi_go_dart_start(from C.vi_caller, port C.int64_t, tag C.uint64_t, o *C.voile_options, storePort C.int64_t, cfg *C.char, size C.size_t) (code C.int32_t) {
	defer guard(&code)
	if err := needDart(); err != nil {
		return fail(err)
	}
	options, err := optionsOf(o)
	if err != nil {
		return fail(err)
	}
	line, err := text("config", cfg, size, abi.MaxConfig)
	if err != nil {
		return fail(err)
	}
	if storePort != 0 {
		options.Ask = asker(storePort)
	}
	line, caller := bytes.Clone(line), callerOf(from)
	done := func(h abi.Handle, err error) { post(port, C.VOILE_DART_STARTED, outcome(h, tag, err)) }
	library.Go(func() {
		done(library.StartNode(context.Background(), options, line, caller))
	}, func(err error) { done(0, err) })
	return 0
}

//export vi_go_dart_close
func vi_go_dart_close(from C.vi_caller, port C.int64_t, tag C.uint64_t, handle C.voile_handle) (code C.int32_t) {
	defer guard(&code)
	if err := needDart(); err != nil {
		return fail(err)
	}
	h, caller := abi.Handle(handle), callerOf(from)
	done := func(err error) { post(port, C.VOILE_DART_DONE, outcome(h, tag, err)) }
	library.Go(func() { done(library.Close(h, caller)) }, done)
	return 0
}

//export vi_go_dart_open
func vi_go_dart_open(from C.vi_caller, node C.voile_handle, port C.int64_t, window C.uint32_t, session *C.voile_handle) (code C.int32_t) {
	defer guard(&code)
	if session == nil {
		return fail(abi.NullPointer("session"))
	}
	*session = 0
	if err := needDart(); err != nil {
		return fail(err)
	}
	h, err := library.OpenSession(abi.Handle(node), abi.SessionOptions{
		Window: int(min(window, 1<<20)), Direct: true,
		Alive: func() bool { return post(port, C.VOILE_DART_PING, &abi.Event{}) },
		Deliver: func(e *abi.Event) {
			if !post(port, C.int32_t(e.Type), e) {
				library.Abandon(e.Session)
			}
		},
	}, callerOf(from))
	*session = C.voile_handle(h)
	return fail(err)
}

//export vi_go_dart_ack
func vi_go_dart_ack(from C.vi_caller, session C.voile_handle, updates C.uint32_t) (code C.int32_t) {
	defer guard(&code)
	return fail(library.Acknowledge(abi.Handle(session), int(min(updates, 1<<30)), callerOf(from)))
}

//export vi_go_dart_store_reply
func vi_go_dart_store_reply(request C.voile_handle, result C.int32_t, secret *C.uint8_t, size C.size_t) (code C.int32_t) {
	defer guard(&code)
	bytes, err := text("secret", (*C.char)(unsafe.Pointer(secret)), size, abi.MaxSecret)
	if err != nil {
		return fail(err)
	}
	return fail(library.Reply(abi.Handle(request), instance.Code(result), append([]byte{}, bytes...)))
}
