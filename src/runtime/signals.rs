//! Signals are the host's: threads of the library start with all of them blocked.
//!
//! So no handler of the host runs on our stacks, and a SIGPIPE from a reset socket (HTTP is written with writev, which
//! has no MSG_NOSIGNAL) stays pending on our thread instead of killing the host. Faults stay unblocked: a blocked
//! SIGSEGV would end the process without the host's crash handler.

/// Runs `spawn` with all signals blocked on this thread, so that threads made in it inherit that, and puts the mask back.
pub fn with_blocked<R>(spawn: impl FnOnce() -> R) -> R {
    struct Restore(libc::sigset_t);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the set was filled by pthread_sigmask.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
        }
    }
    // SAFETY: both sets are plain data, filled by the calls before they are read.
    let _restore = unsafe {
        let mut blocked: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut blocked);
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL] {
            libc::sigdelset(&mut blocked, fault);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &blocked, &mut before);
        Restore(before)
    };
    spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_blocked(signal: libc::c_int) -> bool {
        // SAFETY: a null new set only reads the mask.
        unsafe {
            let mut mask: libc::sigset_t = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), &mut mask);
            libc::sigismember(&mask, signal) == 1
        }
    }

    #[test]
    fn threads_inherit_the_blocked_mask_and_the_host_gets_its_own_back() {
        let before = is_blocked(libc::SIGUSR1);
        let (usr1, pipe, segv) = with_blocked(|| {
            std::thread::spawn(|| {
                (
                    is_blocked(libc::SIGUSR1),
                    is_blocked(libc::SIGPIPE),
                    is_blocked(libc::SIGSEGV),
                )
            })
            .join()
            .unwrap()
        });
        assert!(usr1 && pipe && !segv);
        assert_eq!(is_blocked(libc::SIGUSR1), before);
    }
}
