//go:build mtl_static

package mtl

// The archive comes first, so that the shared library, which pkg-config names too, is needed for nothing.

// #cgo pkg-config: --static mtl
// #cgo LDFLAGS: -Wl,--as-needed -l:libmtl.a
import "C"
