//! Whether this process may use the library: one atomic, looked at before any lock.
//!
//! In the child of a fork only the forking thread exists: the runtime's threads are gone and any lock may be held for
//! ever. tokio supports nothing else than staying away, so a child of a used process is poisoned by a
//! `pthread_atfork` handler. A process that has not started anything may fork as it likes.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use crate::error::{Error, Result};
use crate::status;

/// Where the process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Unused,
    Starting,
    Used,
    Shutdown,
    Forked,
}

const UNUSED: u8 = 0;
const STARTING: u8 = 1;
const USED: u8 = 2;
const SHUTDOWN: u8 = 3;
const FORKED: u8 = 4;

static STATE: AtomicU8 = AtomicU8::new(UNUSED);
static HANDLER_INSTALLED: AtomicBool = AtomicBool::new(false);
/// Who is starting: tells a child that was forked before the handler stood.
static STARTING_PID: AtomicU32 = AtomicU32::new(0);

/// The state as it is now.
pub fn state() -> State {
    match STATE.load(Ordering::Acquire) {
        UNUSED => State::Unused,
        STARTING if STARTING_PID.load(Ordering::Acquire) != std::process::id() => State::Forked,
        STARTING => State::Starting,
        USED => State::Used,
        SHUTDOWN => State::Shutdown,
        _ => State::Forked,
    }
}

/// Marks the start, before the first thread exists, and sees to it that children are poisoned from here on.
pub fn starting() -> Result<()> {
    if !HANDLER_INSTALLED.swap(true, Ordering::AcqRel) {
        // SAFETY: the handler only stores to an atomic, which is legal in a forked child, and the image that holds
        // it is never unloaded (linked with -z nodelete and pinned).
        if unsafe { libc::pthread_atfork(None, None, Some(in_child)) } != 0 {
            HANDLER_INSTALLED.store(false, Ordering::Release);
            return Err(Error::new(
                status::NO_MEMORY,
                "pthread_atfork failed: out of memory",
            ));
        }
    }
    STARTING_PID.store(std::process::id(), Ordering::Release);
    let _ = STATE.compare_exchange(UNUSED, STARTING, Ordering::AcqRel, Ordering::Acquire);
    Ok(())
}

/// Marks the end of a start that worked.
pub fn used() {
    let _ = STATE.compare_exchange(STARTING, USED, Ordering::AcqRel, Ordering::Acquire);
}

/// Marks the end of a start that failed.
pub fn not_started() {
    let _ = STATE.compare_exchange(STARTING, UNUSED, Ordering::AcqRel, Ordering::Acquire);
}

/// Marks the final state; false if it was reached before.
pub fn shutdown() -> bool {
    loop {
        let now = STATE.load(Ordering::Acquire);
        if now == SHUTDOWN || now == FORKED {
            return false;
        }
        if STATE
            .compare_exchange(now, SHUTDOWN, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
        {
            return true;
        }
    }
}

extern "C" fn in_child() {
    if STATE.load(Ordering::Relaxed) != UNUSED {
        STATE.store(FORKED, Ordering::Release);
    }
}
