//! The one global tokio runtime, and the manners of a library inside somebody else's process.
//!
//! Nothing is started before the first use: threads, sockets and the fork handler come with the first submit, wait or
//! descriptor. `ffi` asks [`check`] before any call that does work; `client` calls [`start`].

mod fork;
pub mod log;
mod pin;
mod signals;

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use once_cell::sync::{Lazy, OnceCell};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::completion::Dispatcher;
use crate::error::{Error, Result};
use crate::status;
use crate::sync::lock;

/// What is shared by every client once the library is in use.
pub struct Shared {
    pub handle: Handle,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    runtime: Runtime,
    dispatcher: std::thread::JoinHandle<()>,
}

static SHARED: OnceCell<Shared> = OnceCell::new();

/// Exists before its thread does, so that mailboxes can be made and log lines kept before the first use.
static DISPATCHER: Lazy<Arc<Dispatcher>> = Lazy::new(Dispatcher::new);

/// How many runtime threads: one costs less CPU per request than two, and serves tens of thousands a second.
const DEFAULT_THREADS: usize = 1;

thread_local! {
    static ON_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread belongs to the runtime.
pub fn on_worker() -> bool {
    ON_WORKER.get()
}

/// Whether work may be done in this process: not in the child of a used one, not after shutdown.
pub fn check() -> Result<()> {
    match fork::state() {
        fork::State::Forked => Err(Error::new(
            status::FORKED,
            "this process was forked from one that had already used oaic, whose threads do not exist here; \
             nothing of oaic works here, new clients neither: fork before the first request, or start a new program",
        )),
        fork::State::Shutdown => Err(Error::new(
            status::SHUTDOWN,
            "oai_shutdown was called, which is final for this process",
        )),
        fork::State::Unused | fork::State::Starting | fork::State::Used => Ok(()),
    }
}

/// Whether the process has used the library, so that frees in a forked child must leak.
pub fn is_forked() -> bool {
    matches!(fork::state(), fork::State::Forked)
}

/// The runtime, started at the first call.
pub fn start() -> Result<&'static Shared> {
    check()?;
    if let Some(shared) = SHARED.get() {
        return Ok(shared);
    }
    fork::starting()?;
    let started = SHARED.get_or_try_init(|| {
        pin::pin();
        signals::with_blocked(launch)
    });
    match started {
        Ok(shared) => {
            fork::used();
            Ok(shared)
        }
        Err(error) => {
            fork::not_started();
            Err(Error::new(
                status::INTERNAL,
                format!("the library's threads could not be started: {error}"),
            ))
        }
    }
}

/// Who makes the callbacks, once the library is in use.
pub fn dispatcher() -> Arc<Dispatcher> {
    DISPATCHER.clone()
}

fn launch() -> std::io::Result<Shared> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads())
        .thread_name("oaic-worker")
        .on_thread_start(|| ON_WORKER.set(true))
        .enable_io()
        .enable_time()
        .build()?;
    let thread = std::thread::Builder::new()
        .name("oaic-dispatch".into())
        .spawn(|| DISPATCHER.run())?;
    Ok(Shared {
        handle: runtime.handle().clone(),
        threads: Mutex::new(Some(Threads {
            runtime,
            dispatcher: thread,
        })),
    })
}

fn threads() -> usize {
    let Ok(text) = std::env::var("OAI_RUNTIME_THREADS") else {
        return DEFAULT_THREADS;
    };
    match text.trim().parse() {
        Ok(threads @ 1..=256) => threads,
        _ if text.is_empty() => DEFAULT_THREADS,
        _ => {
            tracing::warn!(
                "OAI_RUNTIME_THREADS is {text:?}, which is not a number from 1 to 256; using 1"
            );
            DEFAULT_THREADS
        }
    }
}

/// Marks the library as shut down; false if it already was.
pub fn begin_shutdown() -> bool {
    fork::shutdown()
}

/// Ends the threads; what is queued for the dispatcher is delivered first.
pub fn stop(timeout: Duration) {
    let Some(shared) = SHARED.get() else { return };
    let Some(threads) = lock(&shared.threads).take() else {
        return;
    };
    threads.runtime.shutdown_timeout(timeout);
    DISPATCHER.stop();
    drop(threads.dispatcher.join());
}
