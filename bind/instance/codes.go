package instance

import (
	"bytes"
	"errors"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
)

//go:generate go run ./internal/codegen/write ../..

// Code is what went wrong as a number, for languages and interfaces that pass
// numbers. The numbers are the same everywhere and never change their meaning: the
// other languages' lists are generated of [Codes] (go generate ./bind/instance).
type Code int32

// Codes 1 to 15 are the kinds of errors of the API (spec 07 §3), in its order.
const (
	OK Code = iota
	NotInitialized
	AlreadyInitialized
	Timeout
	TryAgain
	InvalidTarget
	NoConnection
	Shutdown
	KeyNotFound
	Internal
	Unimplemented
	ParseError
	InvalidArgument
	MissingArgument
	Generic
	TransactionNotFound
)

// Codes from 101 are errors of the border between languages. No operation of the
// API is answered with one.
const (
	InvalidHandle Code = iota + 101
	NullPointer
	TooLarge
	ABIMismatch
	Closed
	Reentrant
	NoMemory
)

// CodeInfo describes a code.
type CodeInfo struct {
	Code Code
	Name string // as the API has the kind
	Text string // a sentence for developers
}

// Codes are all codes in the order of their numbers.
func Codes() []CodeInfo {
	return []CodeInfo{
		{OK, "Ok", "No error."},
		{NotInitialized, string(jsonapi.NotInitialized), "The node is not started, or is closed."},
		{AlreadyInitialized, string(jsonapi.AlreadyInitialized), "A node of this program name and namespace runs already."},
		{Timeout, string(jsonapi.Timeout), "It took too long, or was cancelled."},
		{TryAgain, string(jsonapi.TryAgain), "Not possible now: offline, no route, or too much at once."},
		{InvalidTarget, string(jsonapi.InvalidTarget), "The target cannot be sent to."},
		{NoConnection, string(jsonapi.NoConnection), "The target could not be reached."},
		{Shutdown, string(jsonapi.Shutdown), "The node is closing."},
		{KeyNotFound, string(jsonapi.KeyNotFound), "There is no such key."},
		{Internal, string(jsonapi.Internal), "A failure inside the node."},
		{Unimplemented, string(jsonapi.Unimplemented), "This build, or this platform, cannot do it."},
		{ParseError, string(jsonapi.ParseError), "A text or bytes could not be read."},
		{InvalidArgument, string(jsonapi.InvalidArgument), "An argument has a value that is not allowed."},
		{MissingArgument, string(jsonapi.MissingArgument), "An argument is missing."},
		{Generic, string(jsonapi.Generic), "The operation failed; the message says why."},
		{TransactionNotFound, string(jsonapi.TransactionNotFound), "The transaction has ended."},
		{InvalidHandle, "InvalidHandle", "The handle names no open object of the sort wanted."},
		{NullPointer, "NullPointer", "A pointer is null that must not be."},
		{TooLarge, "TooLarge", "A size or a count is above its limit."},
		{ABIMismatch, "AbiMismatch", "The program and the library were built for different interfaces."},
		{Closed, "Closed", "The session has ended and everything in it was taken."},
		{Reentrant, "Reentrant", "The function must not be called by a callback of this sort."},
		{NoMemory, "NoMemory", "The system gave no memory."},
	}
}

// String is the name.
func (c Code) String() string {
	for _, info := range Codes() {
		if info.Code == c {
			return info.Name
		}
	}
	return "Unknown"
}

// CodeOfKind is the code of a kind of the API; Internal for what is none.
func CodeOfKind(kind string) Code {
	for _, info := range Codes() {
		if info.Name == kind && info.Code >= NotInitialized && info.Code <= TransactionNotFound {
			return info.Code
		}
	}
	return Internal
}

// CodeOf is the code of an error of [Start]; OK for nil.
func CodeOf(err error) Code {
	var e *core.Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return CodeOfKind(string(e.Kind))
	}
	return Internal
}

// maxHead is longer than what stands before the value or the error of any answer.
const maxHead = 512

// AnswerCode is the code of an answer of a [Session]: OK, or the kind of its error.
// It looks for the error where answers have it, behind their names and before any
// value.
func AnswerCode(answer []byte) Code {
	head := answer[:min(len(answer), maxHead)]
	if value := bytes.Index(head, []byte(`,"value":`)); value >= 0 {
		head = head[:value]
	}
	_, name, failed := bytes.Cut(head, []byte(`,"error":{"kind":"`))
	if !failed {
		return OK
	}
	name, _, _ = bytes.Cut(name, []byte{'"'})
	return CodeOfKind(string(name))
}
