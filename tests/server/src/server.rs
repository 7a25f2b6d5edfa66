//! The server as a value: starts on a thread of its own, stops when dropped.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::accept;
use crate::control;
use crate::limits::Limits;
use crate::log::{Arrived, Counts};
use crate::rule::Rule;
use crate::state::State;

/// How to start a server. The default is what a test wants: a free port, no limits, a full log.
#[derive(Clone, Debug)]
pub struct Config {
    /// A loopback address.
    pub host: IpAddr,
    /// 0 takes a free port.
    pub port: u16,
    /// Threads that serve.
    pub threads: usize,
    /// Keep a log of what arrives; off, requests are only counted.
    pub log: bool,
    /// Repeat the first embeddings answer of each shape instead of computing it.
    pub in_memory: bool,
    /// Wait before each unscripted answer that was not refused.
    pub latency: Duration,
    /// Answer 401 to every other key.
    pub require_key: Option<String>,
    /// The rate limits.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            threads: 1,
            log: true,
            in_memory: false,
            latency: Duration::ZERO,
            require_key: None,
            limits: Limits::default(),
        }
    }
}

/// A running server. Dropping it closes its port and every connection.
pub struct TestServer {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    /// Starts a server; returns once it accepts connections. Needs no runtime of the caller's.
    ///
    /// # Panics
    ///
    /// When it cannot listen: a test cannot go on without its server.
    pub fn start(config: Config) -> TestServer {
        TestServer::try_start(config).unwrap_or_else(|error| panic!("test server: {error}"))
    }

    /// Like [`TestServer::start`], with the reason when it cannot listen.
    pub fn try_start(config: Config) -> io::Result<TestServer> {
        let (ready, started) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let (host, port) = (config.host, config.port);
        let runtime = runtime(config.threads)?;
        let state = State::new(config);
        let shared = state.clone();
        let thread = thread::Builder::new()
            .name("test-server".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let listener = accept::listen(host, port);
                    match listener.and_then(|listener| Ok((listener.local_addr()?, listener))) {
                        Ok((address, listener)) => {
                            // The starter waits for this.
                            let _ = ready.send(Ok(address));
                            // A stop that was dropped stops as well.
                            accept::run(listener, shared, async { drop(stopped.await) }).await;
                        }
                        Err(error) => drop(ready.send(Err(error))),
                    }
                });
                // Answers still being made are of no use to anyone.
                runtime.shutdown_background();
            })?;
        let address = started
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the server's thread ended early")))?;
        Ok(TestServer {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The base URL for a client: `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> String {
        format!("{}/v1", self.origin())
    }

    /// Scheme, host and port alone.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a rule behind those already there.
    ///
    /// # Panics
    ///
    /// When the rule contradicts itself; the message says how.
    pub fn script(&self, rule: Rule) {
        self.state
            .script
            .add(vec![rule])
            .unwrap_or_else(|error| panic!("bad rule: {error}"));
    }

    /// Adds a rule, or an array of rules, in the JSON form of `POST /_script`.
    ///
    /// # Panics
    ///
    /// When a rule is not understood; the message says what. None is added then.
    pub fn script_json(&self, rules: Value) {
        Rule::list_from_json(rules)
            .and_then(|rules| self.state.script.add(rules))
            .unwrap_or_else(|error| panic!("bad rule: {error}"));
    }

    /// Lets all requests through that wait, or will wait, at the gate of [`Rule::hold`].
    pub fn release(&self, gate: &str) {
        self.state.release(gate, None);
    }

    /// Lets `count` requests through a gate.
    pub fn release_some(&self, gate: &str, count: usize) {
        self.state.release(gate, Some(count));
    }

    /// Changes the limits: the keys of `POST /_limits`, null restores a default.
    ///
    /// # Panics
    ///
    /// When a key or value is not understood; the message says what.
    pub fn limits(&self, patch: &Value) {
        control::set_limits(&self.state, patch)
            .unwrap_or_else(|error| panic!("bad limits: {error}"));
    }

    /// What arrived, in order of arrival.
    pub fn log(&self) -> Vec<Arrived> {
        self.state.log.entries()
    }

    /// The counters.
    pub fn counts(&self) -> Counts {
        self.state.log.counts()
    }

    /// Forgets rules, log, counters and limiter levels; the limits are those of the configuration again.
    pub fn clear(&self) {
        self.state.clear();
    }

    /// The largest number of requests that were being handled at the same time.
    pub fn max_in_flight(&self) -> usize {
        self.state.log.max_in_flight()
    }

    /// Requests being handled now.
    pub fn in_flight(&self) -> usize {
        self.state.log.in_flight()
    }

    /// Rules that have uses left.
    pub fn rules_left(&self) -> usize {
        self.state.script.len()
    }

    /// Milliseconds since the start, on the clock of [`Arrived::t_ms`].
    pub fn now_ms(&self) -> f64 {
        self.state.log.now_ms()
    }

    /// Waits until at least `count` requests have arrived; false when that did not happen in time.
    pub fn wait_arrived(&self, count: usize, timeout: Duration) -> bool {
        self.wait_until(timeout, |server| server.state.log.arrived() >= count as u64)
    }

    /// Waits until exactly `count` requests are being handled; false when that did not happen in time.
    pub fn wait_in_flight(&self, count: usize, timeout: Duration) -> bool {
        self.wait_until(timeout, |server| server.in_flight() == count)
    }

    /// Waits until `reached` holds; false when that did not happen in time.
    pub fn wait_until(&self, timeout: Duration, reached: impl Fn(&TestServer) -> bool) -> bool {
        let end = Instant::now() + timeout;
        loop {
            if reached(self) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed; a second one here would abort the test run.
            let _ = thread.join();
        }
    }
}

fn runtime(threads: usize) -> io::Result<Runtime> {
    let mut builder = if threads > 1 {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads);
        builder
    } else {
        Builder::new_current_thread()
    };
    builder.enable_all().build()
}
