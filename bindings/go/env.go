package mtl

// #include <mtl.h>
import "C"

import "fmt"

// Env is threads that the calls of several models share.
type Env struct {
	handle handle[*C.mtl_env]
}

// NewEnv starts threads, 0 to 1024, that help the calls of the models opened [WithEnv]; a call's own thread always does
// its part. Close the Env when no more models are to be opened with it: its threads end with the last model.
func NewEnv(threads int) (*Env, error) {
	if threads < 0 || threads > 1024 {
		return nil, argument(fmt.Sprintf("%d is no number of threads", threads), "pass 0 to 1024")
	}
	if err := libraryMatches(); err != nil {
		return nil, err
	}
	var pointer *C.mtl_env
	var e *C.mtl_error
	if err := failure(C.mtl_env_new(C.uint32_t(threads), &pointer, &e), &e); err != nil {
		return nil, err
	}
	env := new(Env)
	env.handle.own(pointer, func(pointer *C.mtl_env) { C.mtl_env_free(pointer) })
	return env, nil
}

// Trim gives memory that the C library keeps for later calls back to the system, as far as it can.
func (env *Env) Trim() error {
	return env.handle.use(func(pointer *C.mtl_env) error {
		var e *C.mtl_error
		return failure(C.mtl_env_trim(pointer, &e), &e)
	})
}

// Close frees the environment. It returns nil, and may be called again.
func (env *Env) Close() error {
	env.handle.close()
	return nil
}
