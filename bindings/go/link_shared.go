//go:build !mtl_static

package mtl

// #cgo pkg-config: mtl
import "C"
