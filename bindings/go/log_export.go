package mtl

// Apart from log.go, because the C code of a file with exports must not define functions.

// #include <stddef.h>
// #include <stdint.h>
import "C"

import (
	"context"
	"log/slog"
	"runtime/cgo"
)

// The levels of mtl.h that are not slog's are none that this package asks for.
const logWarn = 2

//export mtlGoLog
func mtlGoLog(logger C.uintptr_t, level C.uint32_t, message *C.char, length C.size_t) {
	to := slog.LevelInfo
	if level <= logWarn {
		to = slog.LevelWarn
	}
	cgo.Handle(logger).Value().(*slog.Logger).Log(context.Background(), to, C.GoStringN(message, C.int(length)))
}
