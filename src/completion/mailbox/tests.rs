//! Callbacks: in order, never two at once, and none after a drain.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::super::delivery::{Delivery, Sink};
use super::super::response::Response;
use super::*;
use crate::error::Error;
use crate::status;

/// Writes down what happens to it.
struct Scribe {
    name: &'static str,
    log: Arc<Mutex<Vec<String>>>,
    on_done: Box<dyn FnMut() + Send>,
}

impl Listener for Scribe {
    fn chunk(&mut self, _: u64, data: &WithNul) {
        lock(&self.log).push(format!("{} {}", self.name, String::from_utf8_lossy(data)));
    }

    fn done(&mut self, _: u64, response: ResponseBox) {
        lock(&self.log).push(format!("{} done {}", self.name, response.status()));
        (self.on_done)();
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        lock(&self.log).push(format!("{} destroyed", self.name));
    }
}

struct Bench {
    dispatcher: Arc<Dispatcher>,
    thread: Option<thread::JoinHandle<()>>,
    runtime: tokio::runtime::Runtime,
    log: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn new() -> Bench {
        let dispatcher = Dispatcher::new();
        let thread = Some(thread::spawn({
            let dispatcher = dispatcher.clone();
            move || dispatcher.run()
        }));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        Bench {
            dispatcher,
            thread,
            runtime,
            log: Arc::default(),
        }
    }

    fn delivery(
        &self,
        mailbox: &Arc<Mailbox>,
        name: &'static str,
        on_done: impl FnMut() + Send + 'static,
    ) -> Delivery {
        let listener = Box::new(Scribe {
            name,
            log: self.log.clone(),
            on_done: Box::new(on_done),
        });
        Delivery::new(
            1,
            Sink::Callback {
                mailbox: mailbox.clone(),
                listener,
                thread: CallbackThread::Dispatcher,
                runtime: self.runtime.handle().clone(),
            },
        )
    }

    fn finish(mut self) -> Vec<String> {
        self.dispatcher.stop();
        self.thread.take().unwrap().join().unwrap();
        lock(&self.log).clone()
    }
}

#[test]
fn chunks_come_before_the_end_and_the_destructor_after_it() {
    let bench = Bench::new();
    let mailbox = Mailbox::new(bench.dispatcher.clone());
    let mut delivery = bench.delivery(&mailbox, "a", || {});
    bench.runtime.block_on(async {
        delivery.chunk(b"1".to_vec().into(), 8).await;
        delivery.chunk(b"2".to_vec().into(), 8).await;
    });
    delivery.finish(Response::default());
    mailbox.drain();
    assert_eq!(bench.finish(), ["a 1", "a 2", "a done 0", "a destroyed"]);
}

#[test]
fn a_refused_request_runs_only_its_destructor_and_here() {
    let bench = Bench::new();
    let mailbox = Mailbox::new(bench.dispatcher.clone());
    bench.delivery(&mailbox, "a", || {}).refuse();
    assert_eq!(*lock(&bench.log), ["a destroyed"]);
    mailbox.drain();
    bench.finish();
}

#[test]
fn a_delivery_dropped_by_a_panic_ends_with_a_terminal_event_all_the_same() {
    let bench = Bench::new();
    let mailbox = Mailbox::new(bench.dispatcher.clone());
    drop(bench.delivery(&mailbox, "a", || {}));
    mailbox.drain();
    assert_eq!(
        bench.finish(),
        [format!("a done {}", status::PANIC), "a destroyed".into()]
    );
}

#[test]
fn draining_waits_for_the_running_callback() {
    let bench = Bench::new();
    let mailbox = Mailbox::new(bench.dispatcher.clone());
    let (entered, enter) = std::sync::mpsc::channel();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let delivery = bench.delivery(&mailbox, "a", move || {
        entered.send(()).unwrap();
        gone.recv().unwrap();
    });
    delivery.finish(Response::default());
    enter.recv().unwrap();
    let drained = Arc::new(AtomicBool::new(false));
    let waiter = thread::spawn({
        let (mailbox, drained) = (mailbox.clone(), drained.clone());
        move || {
            mailbox.drain();
            drained.store(true, Ordering::SeqCst);
        }
    });
    assert!(!drained.load(Ordering::SeqCst));
    go.send(()).unwrap();
    waiter.join().unwrap();
    assert_eq!(bench.finish().last().unwrap(), "a destroyed");
}

#[test]
fn draining_inside_a_callback_of_the_same_client_returns_at_once() {
    let bench = Bench::new();
    let mailbox = Mailbox::new(bench.dispatcher.clone());
    let own = mailbox.clone();
    bench
        .delivery(&mailbox, "a", move || {
            assert!(in_callback());
            own.drain();
        })
        .finish(Response::default());
    bench
        .delivery(&mailbox, "b", || {})
        .finish(Response::default());
    mailbox.drain();
    assert_eq!(
        bench.finish(),
        ["a done 0", "a destroyed", "b done 0", "b destroyed"]
    );
}

#[test]
fn draining_inside_a_callback_of_another_client_makes_the_outstanding_ones_there() {
    let bench = Bench::new();
    let (one, other) = (
        Mailbox::new(bench.dispatcher.clone()),
        Mailbox::new(bench.dispatcher.clone()),
    );
    let pending = Mutex::new(Some(bench.delivery(&other, "other", || {})));
    let drained = other.clone();
    bench
        .delivery(&one, "one", move || {
            lock(&pending)
                .take()
                .unwrap()
                .finish(Response::failed(1, Error::new(status::CANCELLED, "freed")));
            drained.drain();
        })
        .finish(Response::default());
    one.drain();
    other.drain();
    let cancelled = format!("other done {}", status::CANCELLED);
    assert_eq!(
        bench.finish(),
        [
            "one done 0",
            cancelled.as_str(),
            "other destroyed",
            "one destroyed"
        ]
    );
}

#[test]
fn callbacks_of_one_client_never_overlap_and_none_is_lost() {
    let bench = Bench::new();
    let mailbox = Mailbox::new(bench.dispatcher.clone());
    let (inside, count) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let (inside, count) = (inside.clone(), count.clone());
                    bench
                        .delivery(&mailbox, "x", move || {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                            count.fetch_add(1, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                        })
                        .finish(Response::default());
                }
            });
        }
    });
    mailbox.drain();
    assert_eq!(count.load(Ordering::SeqCst), 1600);
    bench.finish();
}

#[test]
fn log_lines_are_dropped_rather_than_piled_up() {
    let dispatcher = Dispatcher::new();
    let mailbox = Mailbox::new(dispatcher.clone());
    let count = Arc::new(AtomicUsize::new(0));
    for _ in 0..10 {
        let count = count.clone();
        let deliver = Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        mailbox.log(LogLine { deliver }, 3);
    }
    dispatcher.stop();
    dispatcher.run();
    assert_eq!(count.load(Ordering::SeqCst), 3);
}
