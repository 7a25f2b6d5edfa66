//! The memory of jobs that are over, for those to come.
//!
//! A job is made on a thread of the host's and is over on one of the runtime's. The system's allocator keeps memory by
//! thread, so to give back what another has asked for takes a lock that the other needs at that moment: two threads that
//! never had to wait for each other do, and each wait costs more than the rest of the scheduling. So the memory of a job
//! goes back by way of here.

use std::mem::MaybeUninit;
use std::sync::Mutex;

/// So many are kept at most.
const MOST: usize = 64;

/// See the module.
pub(super) struct Shells<J>(Mutex<Vec<Box<MaybeUninit<J>>>>);

impl<J> Shells<J> {
    pub fn new() -> Shells<J> {
        Shells(Mutex::new(Vec::with_capacity(MOST)))
    }

    /// Puts a job into memory of its own.
    pub fn fill(&self, job: J) -> Box<J> {
        // Whoever finds the lock taken asks the allocator: nobody waits here.
        let kept = self.0.try_lock().ok().and_then(|mut shells| shells.pop());
        let mut shell = kept.unwrap_or_else(Box::new_uninit);
        shell.write(job);
        // SAFETY: it was just written.
        unsafe { shell.assume_init() }
    }

    /// Takes a job out of its memory, which is kept.
    pub fn empty(&self, job: Box<J>) -> J {
        let shell = Box::into_raw(job).cast::<MaybeUninit<J>>();
        // SAFETY: the pointer is that of a box, and what may be uninitialised has the layout of what is not.
        let shell = unsafe { Box::from_raw(shell) };
        // SAFETY: the box held a job, and what is left there is not read again.
        let job = unsafe { shell.assume_init_read() };
        if let Ok(mut shells) = self.0.try_lock() {
            if shells.len() < MOST {
                shells.push(shell);
            }
        }
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_each_job_dropped_once() {
        let shells = Shells::new();
        let dropped = std::rc::Rc::new(());
        let first = shells.fill((1, dropped.clone()));
        let at = &raw const *first;
        let (number, witness) = shells.empty(first);
        assert_eq!((number, std::rc::Rc::strong_count(&dropped)), (1, 2));
        drop(witness);
        let second = shells.fill((2, dropped.clone()));
        assert_eq!((&raw const *second, second.0), (at, 2));
        drop(second);
        assert_eq!(std::rc::Rc::strong_count(&dropped), 1);
    }

    #[test]
    fn no_more_is_kept_than_is_of_use() {
        let shells = Shells::new();
        let jobs: Vec<_> = (0..2 * MOST).map(|number| shells.fill(number)).collect();
        let sum: usize = jobs.into_iter().map(|job| shells.empty(job)).sum();
        assert_eq!(sum, MOST * (2 * MOST - 1));
        assert_eq!(shells.0.lock().unwrap().len(), MOST);
    }
}
