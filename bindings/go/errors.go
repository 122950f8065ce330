package mtl

// #include <mtl.h>
import "C"

import (
	"context"
	"errors"
	"unsafe"
)

// Code is what a call came to, as the C ABI numbers it. The constants are errors to ask [errors.Is] for. Versions of
// libmtl to come may have more.
type Code int32

// The codes of failure.
const (
	ErrArgument    Code = 1  // An argument is wrong: an unknown task, language or option.
	ErrInput       Code = 2  // The text that was given is malformed.
	ErrIO          Code = 3  // The operating system refused: no such file, no permission, a full disk.
	ErrBundle      Code = 4  // A bundle is malformed.
	ErrIntegrity   Code = 5  // A bundle's bytes are not those that its manifest promises.
	ErrLimit       Code = 6  // A stated limit was exceeded.
	ErrEngine      Code = 7  // An engine could not be opened, or failed while it ran.
	ErrProvider    Code = 8  // A required execution provider is not available.
	ErrCancelled   Code = 9  // The call's context was cancelled.
	ErrDeadline    Code = 10 // The deadline of the call's context has passed.
	ErrPanic       Code = 11 // libmtl has a defect: it panicked. Please report it.
	ErrPoisoned    Code = 12 // An earlier call on this object ended in ErrPanic.
	ErrForked      Code = 13 // The object was made before fork(), and this is the child.
	ErrUnsupported Code = 14 // This build or this version of libmtl cannot do it.
)

// ErrClosed is the error of a call on what was closed before.
var ErrClosed = errors.New("mtl: it is closed")

// String is the code's name in the C ABI, such as "MTL_ERROR_ARGUMENT".
func (c Code) String() string {
	return C.GoString(C.mtl_status_name(C.int32_t(c)))
}

// Error makes a code an error of its own.
func (c Code) Error() string {
	return "mtl: " + c.String()
}

// Error is a failure that libmtl reports. Get it by [errors.As]; [errors.Is] finds its code.
type Error struct {
	// Code says what kind of failure it is.
	Code Code
	// Message is for people: where, what was wrong, and what to do.
	Message string
	// Place is where it was: a file, a token, an offset. It may be empty, as Fault and Remedy may.
	Place string
	// Fault is what was wrong.
	Fault string
	// Remedy is what to do.
	Remedy string

	cause error // of a context
}

// Error is the message.
func (e *Error) Error() string {
	return "mtl: " + e.Message
}

// Unwrap gives the code and, where a context ended the call, the context's error.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.cause}
}

// failure is the error of a call that returned status, nil for success. It frees what the call put into e, which may be
// nil.
func failure(status C.mtl_status, e **C.mtl_error) error {
	if status == 0 {
		return nil
	}
	if e == nil || *e == nil {
		return &Error{Code: Code(status), Message: Code(status).String()}
	}
	defer func() {
		C.mtl_error_free(*e)
		*e = nil
	}()
	return newError(*e)
}

// newError copies an error object.
func newError(e *C.mtl_error) *Error {
	var length C.size_t
	message := C.mtl_error_message(e, &length)
	return &Error{
		Code:    Code(C.mtl_error_status(e)),
		Message: C.GoStringN(message, C.int(length)),
		Place:   detail(e, "place"),
		Fault:   detail(e, "fault"),
		Remedy:  detail(e, "remedy"),
	}
}

func detail(e *C.mtl_error, key string) string {
	data, size := view(key)
	var length C.size_t
	if text := C.mtl_error_detail(e, data, size, &length); text != nil {
		return C.GoStringN(text, C.int(length))
	}
	return ""
}

// argument is the error of a wrong argument that C does not get to see.
func argument(fault, remedy string) error {
	return &Error{Code: ErrArgument, Message: fault + "; " + remedy, Fault: fault, Remedy: remedy}
}

// ended is the error for a context that is done; nil for one that is not.
func ended(ctx context.Context) error {
	cause := ctx.Err()
	if cause == nil {
		return nil
	}
	code := ErrCancelled
	if errors.Is(cause, context.DeadlineExceeded) {
		code = ErrDeadline
	}
	return &Error{Code: code, Message: cause.Error(), Fault: cause.Error(), cause: cause}
}

// view lends a string to a call.
func view(text string) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(text))), C.size_t(len(text))
}
