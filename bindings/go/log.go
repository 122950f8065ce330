package mtl

// #include <mtl.h>
// #include <stdint.h>
//
// extern void mtlGoLog(uintptr_t logger, uint32_t level, char *message, size_t length);
//
// static void forward(void *user, uint32_t level, const char *message, size_t length) {
//   mtlGoLog((uintptr_t)user, level, (char *)message, length);
// }
//
// // The handle goes as the number that it is: an unsafe.Pointer must not hold it.
// static mtl_status log_set(uintptr_t logger, uint32_t level, mtl_error **out_error) {
//   return mtl_log_set(logger ? forward : NULL, (void *)logger, level, out_error);
// }
import "C"

import (
	"context"
	"log/slog"
	"runtime/cgo"
	"sync"
)

var logging struct {
	mu     sync.Mutex
	handle cgo.Handle // of the *slog.Logger that the library calls; 0 for none
}

// SetLogger sends the library's messages to logger, in place of the one before; nil silences the library, as it is at
// the start. There are warnings (what was asked for is not to be had) and information (about once an opened object),
// never a user's text. The logger is called on the goroutine that called this package, and must not call SetLogger.
func SetLogger(logger *slog.Logger) error {
	logging.mu.Lock()
	defer logging.mu.Unlock()
	var handle cgo.Handle
	level := C.uint32_t(C.MTL_LOG_WARN)
	if logger != nil {
		handle = cgo.NewHandle(logger)
		if logger.Enabled(context.Background(), slog.LevelInfo) {
			level = C.MTL_LOG_INFO
		}
	}
	var e *C.mtl_error
	if err := failure(C.log_set(C.uintptr_t(handle), level, &e), &e); err != nil {
		if handle != 0 {
			handle.Delete()
		}
		return err
	}
	if logging.handle != 0 {
		logging.handle.Delete() // the library has promised not to call it again
	}
	logging.handle = handle
	return nil
}
