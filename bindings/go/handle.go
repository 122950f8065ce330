package mtl

import (
	"runtime"
	"sync"
)

// handle owns an object of the C library: calls share it, and it is freed once, by close or, where that was forgotten,
// by the garbage collector. P is a pointer of C.
type handle[P comparable] struct {
	mu      sync.RWMutex
	pointer P
	free    func(P)
	net     runtime.Cleanup
}

// own takes the object over.
func (h *handle[P]) own(pointer P, free func(P)) {
	h.pointer, h.free = pointer, free
	h.net = runtime.AddCleanup(h, free, pointer)
}

// use runs body on the object, which lives until body returns.
func (h *handle[P]) use(body func(P) error) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var none P
	if h.pointer == none {
		return ErrClosed
	}
	return body(h.pointer)
}

// close frees the object unless that was done before.
func (h *handle[P]) close() {
	var none P
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pointer != none {
		h.net.Stop()
		h.free(h.pointer)
		h.pointer = none
	}
}
