//! Which process this is, without a system call for each of the ABI's calls.

use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// Stands for a place where the kernel offers none.
static NOWHERE: AtomicU32 = AtomicU32::new(0);

/// Where the number is kept.
static PLACE: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());

/// The number of this process.
pub fn id() -> u32 {
    let place = place();
    if std::ptr::eq(place, &NOWHERE) {
        return std::process::id();
    }
    match place.load(Ordering::Relaxed) {
        0 => {
            let id = std::process::id();
            place.store(id, Ordering::Relaxed);
            id
        }
        id => id,
    }
}

fn place() -> &'static AtomicU32 {
    let mut place = PLACE.load(Ordering::Acquire);
    if place.is_null() {
        // No lock, which a fork could leave locked: two threads may both be first, and the place of one is not used.
        place = emptied_by_fork().unwrap_or((&raw const NOWHERE).cast_mut());
        PLACE.store(place, Ordering::Release);
    }
    // SAFETY: a static, or a mapping that is never undone.
    unsafe { &*place }
}

/// A page that the kernel fills with zeros in a forked child, whichever way it was forked (Linux 4.14).
#[cfg(target_os = "linux")]
fn emptied_by_fork() -> Option<*mut AtomicU32> {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
    let (size, protection) = (size_of::<AtomicU32>(), ProtFlags::READ | ProtFlags::WRITE);
    // SAFETY: a new mapping at a place of the kernel's choice, which nobody else knows; of it a zero is a valid AtomicU32.
    unsafe {
        let page = mmap_anonymous(std::ptr::null_mut(), size, protection, MapFlags::PRIVATE).ok()?;
        if madvise(page, size, Advice::LinuxWipeOnFork).is_err() {
            let _ = munmap(page, size);
            return None;
        }
        Some(page.cast())
    }
}

#[cfg(not(target_os = "linux"))]
fn emptied_by_fork() -> Option<*mut AtomicU32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_the_systems() {
        for _ in 0..2 {
            assert_eq!(id(), std::process::id());
        }
        assert_eq!(place().load(Ordering::Relaxed) != 0, cfg!(target_os = "linux"));
    }
}
