//! The completion channel and its doorbell under loom: every order of the threads' steps is tried.
//!
//! This compiles the library's own `src/completion/channel.rs` with loom's locks in the place of the standard ones.

#[path = "../../../src/completion/channel.rs"]
pub mod channel;

mod sync {
    pub use loom::sync::{Condvar, Mutex, MutexGuard};
}

#[cfg(test)]
mod tests {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use loom::thread;

    use super::channel::{Bell, Channel};

    /// What the host sees of the bell, and how often it was rung.
    #[derive(Default)]
    struct Wire {
        readable: AtomicBool,
        rings: AtomicUsize,
    }

    struct LoomBell(Arc<Wire>);

    impl Bell for LoomBell {
        fn ring(&self) {
            self.0.rings.fetch_add(1, Ordering::SeqCst);
            self.0.readable.store(true, Ordering::SeqCst);
        }

        fn silence(&self) {
            self.0.readable.store(false, Ordering::SeqCst);
        }
    }

    fn channel() -> (Arc<Channel<u32, LoomBell>>, Arc<Wire>) {
        let wire = Arc::new(Wire::default());
        let channel = Arc::new(Channel::new());
        let bell = LoomBell(wire.clone());
        channel.with_bell(|| Ok::<_, ()>(bell), |_| ()).unwrap();
        (channel, wire)
    }

    fn take_all(channel: &Channel<u32, LoomBell>, max: usize) -> Vec<u32> {
        let mut all = Vec::new();
        loop {
            let taken = channel.take(max, |_| true);
            if taken.is_empty() {
                return all;
            }
            all.extend(taken);
        }
    }

    /// A host that takes only when the bell is readable, until it finds the queue empty, gets every item.
    #[test]
    fn a_host_that_sleeps_on_the_bell_misses_nothing() {
        loom::model(|| {
            let (channel, wire) = channel();
            let producers: Vec<_> = (0..2)
                .map(|n| {
                    let channel = channel.clone();
                    thread::spawn(move || channel.push(n).unwrap())
                })
                .collect();
            let mut got = Vec::new();
            while got.len() < 2 {
                if wire.readable.load(Ordering::SeqCst) {
                    got.extend(take_all(&channel, 1));
                } else {
                    thread::yield_now();
                }
            }
            for producer in producers {
                producer.join().unwrap();
            }
            got.sort_unstable();
            assert_eq!(got, [0, 1]);
            // It read until empty, so the bell is silent: the host may sleep.
            assert!(!wire.readable.load(Ordering::SeqCst));
        });
    }

    /// Between two findings of "empty" the bell rings at most once, and never while something was left unread.
    #[test]
    fn the_bell_rings_only_from_empty_to_not_empty() {
        loom::model(|| {
            let (channel, wire) = channel();
            channel.push(0).unwrap();
            assert_eq!(wire.rings.load(Ordering::SeqCst), 1);
            let producer = {
                let channel = channel.clone();
                thread::spawn(move || channel.push(1).unwrap())
            };
            assert_eq!(channel.take(1, |_| true), [0]);
            producer.join().unwrap();
            assert_eq!(channel.take(1, |_| true), [1]);
            assert_eq!(wire.rings.load(Ordering::SeqCst), 1);
            assert!(channel.take(1, |_| true).is_empty());
            channel.push(2).unwrap();
            assert_eq!(wire.rings.load(Ordering::SeqCst), 2);
        });
    }

    /// A bell made late rings for what is already there.
    #[test]
    fn a_bell_that_comes_late_is_rung() {
        loom::model(|| {
            let wire = Arc::new(Wire::default());
            let channel: Arc<Channel<u32, LoomBell>> = Arc::new(Channel::new());
            let producer = {
                let channel = channel.clone();
                thread::spawn(move || channel.push(1).unwrap())
            };
            let bell = LoomBell(wire.clone());
            channel.with_bell(|| Ok::<_, ()>(bell), |_| ()).unwrap();
            producer.join().unwrap();
            assert!(wire.readable.load(Ordering::SeqCst));
            assert_eq!(channel.take(9, |_| true), [1]);
        });
    }

    /// A waiting thread is woken by a push, and by a wake that came before it waited.
    #[test]
    fn a_wait_ends_by_a_push_or_a_wake() {
        loom::model(|| {
            let (channel, _) = channel();
            let producer = {
                let channel = channel.clone();
                thread::spawn(move || channel.push(7).unwrap())
            };
            assert_eq!(channel.wait(1, None, |_| true), [7]);
            producer.join().unwrap();
            let waker = {
                let channel = channel.clone();
                thread::spawn(move || channel.wake())
            };
            assert!(channel.wait(1, None, |_| true).is_empty());
            waker.join().unwrap();
        });
    }

    /// Two wakes end two waits, whenever they come.
    #[test]
    fn each_wake_ends_a_wait() {
        loom::model(|| {
            let (channel, _) = channel();
            let other = {
                let channel = channel.clone();
                thread::spawn(move || channel.wait(1, None, |_| true))
            };
            channel.wake();
            channel.wake();
            assert!(channel.wait(1, None, |_| true).is_empty());
            assert!(other.join().unwrap().is_empty());
        });
    }

    /// Two waiting threads share what comes and none of it is lost.
    #[test]
    fn two_waiting_threads_lose_nothing() {
        loom::model(|| {
            let (channel, _) = channel();
            let other = {
                let channel = channel.clone();
                thread::spawn(move || channel.wait(1, None, |_| true))
            };
            channel.push(1).unwrap();
            channel.push(2).unwrap();
            let mine = channel.wait(1, None, |_| true);
            let theirs = other.join().unwrap();
            let mut all = [mine, theirs].concat();
            all.sort_unstable();
            assert_eq!(all, [1, 2]);
        });
    }

    /// After a close nothing is kept.
    #[test]
    fn a_closed_channel_gives_items_back() {
        loom::model(|| {
            let (channel, _) = channel();
            let producer = {
                let channel = channel.clone();
                thread::spawn(move || channel.push(1))
            };
            let left = channel.close().len();
            let refused = producer.join().unwrap().is_err();
            assert_eq!(left + usize::from(refused), 1);
            assert!(channel.take(1, |_| true).is_empty());
        });
    }
}
