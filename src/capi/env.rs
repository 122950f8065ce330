//! Environments: threads that several models share.

use super::boundary::{Object, boxed, call, call_on, free, out};
use super::error::mtl_error;
use super::status::mtl_status;
use crate::engine::{EngineOptions, Pool};
use std::sync::Arc;

/// Threads for the calls of the models that were opened with it.
pub type mtl_env = Object<Env>;

/// A pool and how it is used.
pub struct Env(Arc<Pool>);

impl Env {
    /// Lets an engine use the pool: all of it, unless the options ask for fewer threads.
    pub(super) fn give_to(&self, options: &mut EngineOptions) {
        if options.threads == 0 {
            options.threads = self.0.threads() + 1;
        }
        options.pool = Some(Arc::clone(&self.0));
    }
}

/// Starts `threads` threads, 0 to 1024, that help the calls of the models opened with this environment; a call's own
/// thread always does its part. With 0 a call runs on the caller's thread alone. Models keep the threads alive after the
/// environment was freed. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_env_new(threads: u32, out_env: *mut *mut mtl_env, out_error: *mut *mut mtl_error) -> mtl_status {
    call(out_error, || {
        let out = out(out_env, "out_env")?;
        out.write(boxed(Env(Arc::new(Pool::new(threads as usize)?))));
        Ok(())
    })
}

/// Gives memory that the C library keeps for later calls back to the system, as far as it can (glibc). libmtl itself keeps
/// what words that come again cost, 2 MiB a model of the native engine at most. Costs later calls a little time. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_env_trim(env: *const mtl_env, out_error: *mut *mut mtl_error) -> mtl_status {
    call_on(env, "env", out_error, |_| {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        {
            unsafe extern "C" {
                fn malloc_trim(pad: usize) -> std::ffi::c_int;
            }
            // SAFETY: glibc's function; any thread may call it at any time.
            unsafe { malloc_trim(0) };
        }
        Ok(())
    })
}

/// Frees the environment; NULL is ignored. Its threads end with the last model that uses them. Since 1.0.
#[unsafe(no_mangle)]
pub extern "C" fn mtl_env_free(env: *mut mtl_env) {
    free(env);
}
