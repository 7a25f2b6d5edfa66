//! What a queue holds unread: bytes of events, and log lines.
//!
//! [`super::queue`] weighs each record as it comes; the weight goes when the record is taken or discarded. The
//! scheduler asks before it dispatches ([`Meter::hold`]) and is told when there is room again. Nobody polls.
//!
//! A reader's `fetch_sub` and then look at `asked`, and a holder's store to `asked` and then look at `bytes`, are both
//! sequentially consistent: one of the two sees the other, so no holder is forgotten.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak};

use crate::sync::lock;

/// Who holds requests back until a queue is read.
pub trait Holder: Send + Sync {
    /// A queue has room again. Called without any lock of this folder, on whatever thread made the room.
    fn has_room(self: Arc<Self>);
}

/// The scale of one queue.
#[derive(Default)]
pub(super) struct Meter {
    bytes: AtomicU64,
    /// 0: none.
    bound: AtomicU64,
    lines: AtomicUsize,
    /// Log lines that were dropped since one was last taken in.
    lost: AtomicU64,
    holders: Mutex<Vec<Weak<dyn Holder>>>,
    /// There may be holders.
    asked: AtomicBool,
}

/// One record's share; dropping it takes it off the scale.
pub(super) struct Weight {
    meter: Arc<Meter>,
    bytes: u64,
    is_line: bool,
}

impl Meter {
    /// Puts an event on the scale.
    pub fn weigh(self: &Arc<Self>, bytes: u64) -> Weight {
        self.add(bytes);
        self.counted(bytes)
    }

    /// Puts an event on the scale that is still to come; [`Meter::counted`] follows when it does.
    pub fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, SeqCst);
    }

    /// What takes an event off the scale that was put on it.
    pub fn counted(self: &Arc<Self>, bytes: u64) -> Weight {
        Weight {
            meter: self.clone(),
            bytes,
            is_line: false,
        }
    }

    /// Puts a log line on the scale, or counts it as lost when there are `most`. With it goes how many were lost before.
    pub fn line(self: &Arc<Self>, most: usize) -> Option<(Weight, u64)> {
        if self.lines.fetch_add(1, SeqCst) >= most {
            self.lines.fetch_sub(1, SeqCst);
            self.lost.fetch_add(1, SeqCst);
            return None;
        }
        let weight = Weight {
            meter: self.clone(),
            bytes: 0,
            is_line: true,
        };
        Some((weight, self.lost.swap(0, SeqCst)))
    }

    /// Bytes that nobody has taken yet.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(SeqCst)
    }

    /// Sets how many there may be; 0: any number.
    pub fn set_bound(&self, bytes: u64) {
        self.bound.store(bytes, SeqCst);
        self.look();
    }

    pub fn is_bounded(&self) -> bool {
        self.bound.load(SeqCst) > 0
    }

    fn is_over(&self) -> bool {
        let bound = self.bound.load(SeqCst);
        bound > 0 && self.bytes.load(SeqCst) > bound
    }

    /// Whether there is too much; then `holder` is told once there is not.
    pub fn hold(&self, holder: &Weak<dyn Holder>) -> bool {
        if !self.is_over() {
            return false;
        }
        let mut holders = lock(&self.holders);
        self.asked.store(true, SeqCst);
        // Only now: a reader who was faster has not seen the mark.
        let over = self.is_over();
        if over && !holders.iter().any(|other| Weak::ptr_eq(other, holder)) {
            holders.push(holder.clone());
        }
        over
    }

    /// Tells the holders if there is room.
    fn look(&self) {
        if !self.asked.load(SeqCst) || self.is_over() {
            return;
        }
        let mut holders = lock(&self.holders);
        if self.is_over() {
            return;
        }
        self.asked.store(false, SeqCst);
        let told = std::mem::take(&mut *holders);
        drop(holders);
        for holder in told {
            if let Some(holder) = holder.upgrade() {
                holder.has_room();
            }
        }
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        if self.is_line {
            self.meter.lines.fetch_sub(1, SeqCst);
        } else {
            self.meter.bytes.fetch_sub(self.bytes, SeqCst);
            self.meter.look();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told(AtomicUsize);

    impl Holder for Told {
        fn has_room(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn told() -> (Arc<Told>, Weak<dyn Holder>) {
        let told = Arc::new(Told::default());
        let weak = Arc::downgrade(&told);
        (told, weak)
    }

    #[test]
    fn a_holder_is_told_once_when_there_is_room_again() {
        let meter = Arc::new(Meter::default());
        let (told, holder) = told();
        meter.set_bound(10);
        let full = meter.weigh(10);
        assert!(!meter.hold(&holder), "as many as allowed are not too many");
        let over = meter.weigh(1);
        assert!(meter.hold(&holder) && meter.hold(&holder));
        let more = meter.weigh(5);
        drop(more);
        assert_eq!(told.0.load(SeqCst), 0);
        drop(over);
        assert_eq!(told.0.load(SeqCst), 1);
        drop(full);
        assert_eq!((told.0.load(SeqCst), meter.bytes()), (1, 0));
    }

    #[test]
    fn a_wider_bound_makes_room() {
        let meter = Arc::new(Meter::default());
        let (told, holder) = told();
        let _weight = meter.weigh(100);
        assert!(!meter.hold(&holder), "there is no bound");
        meter.set_bound(50);
        assert!(meter.hold(&holder));
        meter.set_bound(99);
        assert_eq!(told.0.load(SeqCst), 0);
        meter.set_bound(0);
        assert_eq!(told.0.load(SeqCst), 1);
    }

    #[test]
    fn lost_lines_are_counted_until_one_is_taken_in() {
        let meter = Arc::new(Meter::default());
        let (first, lost) = meter.line(1).unwrap();
        assert_eq!(lost, 0);
        assert!(meter.line(1).is_none() && meter.line(1).is_none());
        drop(first);
        assert_eq!(meter.line(1).unwrap().1, 2);
        assert_eq!(meter.line(1).unwrap().1, 0);
        assert_eq!(meter.bytes(), 0);
    }
}
