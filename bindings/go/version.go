package mtl

// #include <mtl.h>
import "C"

import (
	"encoding/json"
	"fmt"
)

// Version is the version of the library that runs, such as "0.1.0".
func Version() string {
	number := int(C.mtl_version())
	return fmt.Sprintf("%d.%d.%d", number/1_000_000, number/1_000%1_000, number%1_000)
}

// BuildInfo says how the library was built, as JSON: version, abi, engines, debug.
func BuildInfo() json.RawMessage {
	return json.RawMessage(C.GoString(C.mtl_build_info()))
}

// checkABI refuses a library of another ABI version than the header that the program was compiled with.
func checkABI(header, library uint32) error {
	if header == library {
		return nil
	}
	fault := fmt.Sprintf("the program was built for ABI version %d, and the libmtl that runs has %d", header, library)
	remedy := fmt.Sprintf("install libmtl.so.%d where the loader finds it first, or build the program again", header)
	return &Error{Code: ErrUnsupported, Message: fault + "; " + remedy, Fault: fault, Remedy: remedy}
}

func libraryMatches() error {
	return checkABI(C.MTL_ABI_VERSION, uint32(C.mtl_abi_version()))
}
