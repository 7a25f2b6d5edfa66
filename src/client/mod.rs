//! Holds settings and identity, and turns calls into requests for the scheduler.
//!
//! `ffi` calls it; it imports everything below and nothing of `ffi`. Making a client starts nothing: threads, sockets
//! and the scheduler come with the first request.

mod azure;
pub mod config;
mod dotenv;
mod effective;
mod environment;
mod form;
pub mod options;
pub mod pages;
mod place;
mod poll;
pub mod realtime;
pub mod request;
mod secret;
mod sequence;
mod settings;
mod tokens;
pub mod transfer;
mod wait;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use once_cell::sync::{Lazy, OnceCell};

use crate::codec::webhook::{self, Webhook};
use crate::completion::{EventQueue, Listener, Mailbox, Response, Sink, Stop, Waiter, in_callback};
use crate::error::{Error, Result};
use crate::runtime;
use crate::scheduler::{NewJob, Policy, Report, Scheduler, Stats, Tokens};
use crate::status;
use crate::sync::{Current, lock};
use crate::transport::{HttpTransport, Target};
use config::{Config, Level, Notice};
use environment::Environment;
use options::Value;
use sequence::Sequences;

/// Those that are alive, for [`shutdown`].
static CLIENTS: Lazy<Mutex<Vec<Weak<Client>>>> = Lazy::new(Mutex::default);

/// A client: settings, identity and a queue of its own.
pub struct Client {
    config: Mutex<Config>,
    target: Arc<Current<Target>>,
    policy: Arc<Current<Policy>>,
    mailbox: Arc<Mailbox>,
    scheduler: OnceCell<Arc<Scheduler>>,
    stats: Arc<Stats>,
    tokens: Arc<Tokens>,
    closed: AtomicBool,
    sequences: Sequences,
}

impl Client {
    /// A client from a JSON object, the environment and `.env`. Nothing is started.
    pub fn new(json: Option<&[u8]>) -> Result<Arc<Client>> {
        runtime::check()?;
        runtime::log::install();
        let (config, notices) = Config::load(json, &Environment::read())?;
        log(&notices);
        let target = Current::new(effective::target(&config.settings, config.place())?);
        let policy = Current::new(effective::policy(&config.settings, config.place()));
        let client = Arc::new(Client {
            config: Mutex::new(config),
            target,
            policy,
            mailbox: Mailbox::new(runtime::dispatcher()),
            scheduler: OnceCell::new(),
            stats: Arc::default(),
            tokens: Tokens::new(next_id),
            closed: AtomicBool::new(false),
            sequences: Sequences::default(),
        });
        let mut clients = lock(&CLIENTS);
        clients.retain(|client| client.strong_count() > 0);
        clients.push(Arc::downgrade(&client));
        Ok(client)
    }

    /// Sets one option.
    pub fn set(&self, name: &str, value: Value<'_>) -> Result<()> {
        self.change(|config, frozen| config.set(name, value, frozen))
    }

    /// Sets many options, or none if one is wrong.
    pub fn configure(&self, json: &[u8]) -> Result<()> {
        self.change(|config, frozen| config.configure_json(json, frozen))
    }

    fn change(&self, change: impl FnOnce(&mut Config, bool) -> Result<Vec<Notice>>) -> Result<()> {
        runtime::check()?;
        let mut config = lock(&self.config);
        let mut changed = config.clone();
        let notices = change(&mut changed, self.scheduler.get().is_some())?;
        self.take_over(&changed)?;
        *config = changed;
        drop(config);
        log(&notices);
        if let Some(scheduler) = self.scheduler.get() {
            scheduler.settings_changed();
        }
        Ok(())
    }

    /// Lets the layers below work by `config`.
    fn take_over(&self, config: &Config) -> Result<()> {
        let target = effective::target(&config.settings, config.place())?;
        self.target.set(target);
        self.policy
            .set(effective::policy(&config.settings, config.place()));
        Ok(())
    }

    /// The values in force and where each came from, as JSON, secrets masked.
    pub fn config_json(&self) -> Result<String> {
        runtime::check()?;
        Ok(lock(&self.config).to_json())
    }

    /// Fails unless a webhook was signed with this client's secret at most `tolerance` before or after `now`.
    pub fn verify_webhook(
        &self,
        webhook: &Webhook<'_>,
        tolerance: Duration,
        now: Duration,
    ) -> Result<()> {
        runtime::check()?;
        let secret = lock(&self.config).settings.webhook_secret.clone();
        let secret = secret.ok_or_else(|| {
            Error::new(
                status::CONFIG,
                "no webhook_secret is set: set OPENAI_WEBHOOK_SECRET, or call oai_set_webhook_secret",
            )
        })?;
        webhook::verify(secret.expose(), webhook, tolerance, now)
    }

    /// Where callbacks of this client go.
    pub fn callback(&self, listener: Box<dyn Listener>) -> Result<Sink> {
        let thread = lock(&self.config).settings.callback_thread;
        let runtime = runtime::start()?.handle.clone();
        Ok(Sink::Callback {
            mailbox: self.mailbox.clone(),
            listener,
            thread,
            runtime,
        })
    }

    /// Hands a request over under an id from [`next_id`]. An error means that it was refused and no event follows.
    pub fn submit(&self, id: u64, job: NewJob, sink: Sink) -> Result<()> {
        self.hand_over(id, job, sink, false)
    }

    /// The same; with `patient` it may block until the queue has a place, if the settings say so.
    fn hand_over(&self, id: u64, job: NewJob, sink: Sink, patient: bool) -> Result<()> {
        if let Err(error) = self.target.get().check(&job.call) {
            self.stats.refused(error.status);
            return Err(error);
        }
        if self.is_closed() {
            self.stats.refused(status::CLOSED);
            return Err(closed());
        }
        self.scheduler()?.submit(id, job, sink, patient)
    }

    /// Submits a request that somebody will wait for, who can also wait for a place in the queue.
    pub fn start(&self, job: NewJob) -> Result<Pending> {
        self.begin(job, Waiter::new(), true)
    }

    /// The same for one who must not be blocked: where the queue is full it is refused, whatever `queue_full` says.
    pub fn try_start(&self, job: NewJob) -> Result<Pending> {
        self.begin(job, Waiter::new(), false)
    }

    fn begin(&self, job: NewJob, waiter: Arc<Waiter>, patient: bool) -> Result<Pending> {
        let pending = Pending {
            id: next_id(),
            waiter,
        };
        let sink = Sink::Wait(pending.waiter.clone());
        self.hand_over(pending.id, job, sink, patient)?;
        Ok(pending)
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The limit in force for requests that have none of their own.
    fn timeout(&self) -> Option<Duration> {
        lock(&self.config).settings.timeout
    }

    fn scheduler(&self) -> Result<&Arc<Scheduler>> {
        let shared = runtime::start()?;
        let scheduler = self.scheduler.get_or_init(|| {
            // Under the lock, so that no setting changes between this reading and the freeze.
            let config = lock(&self.config);
            let network = effective::network(&config.settings, config.place());
            let transport = HttpTransport::new(self.target.clone(), network);
            Scheduler::new(
                shared.handle.clone(),
                Arc::new(transport),
                self.policy.clone(),
                self.stats.clone(),
                self.tokens.clone(),
            )
        });
        if self.is_closed() {
            scheduler.close();
        }
        // A shutdown that began meanwhile has not seen this scheduler.
        if let Err(error) = runtime::check() {
            scheduler.stop(Stop::Shutdown);
            return Err(error);
        }
        Ok(scheduler)
    }

    /// What became of this client's requests so far, and what the limits are as learned.
    pub fn report(&self) -> Result<Report> {
        runtime::check()?;
        Ok(match self.scheduler.get() {
            Some(scheduler) => scheduler.report(),
            None => self.stats.before_first_use(),
        })
    }

    /// How many requests are before one that waits, and the least time until it can go.
    pub fn position(&self, id: u64) -> Result<(u64, Duration)> {
        runtime::check()?;
        let scheduler = self.scheduler.get();
        scheduler
            .and_then(|scheduler| scheduler.position(id))
            .ok_or_else(|| {
                Error::new(
                    status::UNKNOWN_ID,
                    format!("no request of this client waits under the id {id}"),
                )
            })
    }

    /// Cancels a request in whatever state it is.
    pub fn cancel(&self, id: u64) -> Result<()> {
        runtime::check()?;
        let cancelled = Error::new(status::CANCELLED, "the call was cancelled");
        match self.scheduler.get() {
            Some(_) if self.sequences.end(id, cancelled) => Ok(()),
            Some(scheduler) if scheduler.cancel(id) => Ok(()),
            _ => Err(Error::new(
                status::UNKNOWN_ID,
                format!("no request of this client has the id {id}, or it has already ended"),
            )),
        }
    }

    /// Takes no more requests and waits for those that were accepted.
    pub fn close(&self, timeout: Duration) -> Result<()> {
        runtime::check()?;
        refuse_in_callback("oai_client_close")?;
        self.closed.store(true, Ordering::Release);
        let Some(scheduler) = self.scheduler.get() else {
            return Ok(());
        };
        scheduler.close();
        // What an object will come to, and when, is not for this client to await.
        self.sequences.close_all(&closed());
        let started = Instant::now();
        let drained = scheduler.wait_drained(timeout);
        if self
            .sequences
            .wait_ended(timeout.saturating_sub(started.elapsed()))
            && drained
        {
            return Ok(());
        }
        Err(Error::new(
            status::DEADLINE,
            format!(
                "the client still had requests after {} ms; they go on",
                timeout.as_millis()
            ),
        ))
    }

    /// Cancels what is left and returns when no event can follow; at once inside one of this client's callbacks, and
    /// inside any callback without a wait for the events of queues.
    pub fn release(&self) {
        self.closed.store(true, Ordering::Release);
        if let Some(scheduler) = self.scheduler.get() {
            self.sequences.end_all(&Error::new(
                status::CANCELLED,
                "the call was cancelled because its client was freed",
            ));
            scheduler.stop(Stop::Freed);
            // What is in flight ends on the runtime's threads, which neither they nor a shutdown can wait for.
            if runtime::check().is_ok() && !in_callback() && !runtime::on_worker() {
                let until = Instant::now() + FREE_PATIENCE;
                let drained = scheduler.wait_drained(FREE_PATIENCE);
                let left = until.saturating_duration_since(Instant::now());
                if !(self.sequences.wait_ended(left) && drained) {
                    tracing::warn!(
                        "oai_client_free: after 10 s some requests have not ended; their events follow"
                    );
                }
            }
        }
        let source = self.tokens.set_source(None);
        self.mailbox.drain();
        drop(source);
    }
}

/// Much longer than it takes to end what is in flight; a callback on a worker that blocks may hold it up for ever.
const FREE_PATIENCE: Duration = Duration::from_secs(10);

/// Why nothing is taken any more.
fn closed() -> Error {
    Error::new(
        status::CLOSED,
        "the client is closed and takes no more requests",
    )
}

/// A request under way, and the place where its response arrives.
pub struct Pending {
    id: u64,
    waiter: Arc<Waiter>,
}

impl Pending {
    /// Blocks until the response is there.
    pub fn wait(self) -> Response {
        self.waiter.wait()
    }

    /// The same without blocking, for one who asks once.
    async fn arrives(&self) -> Response {
        self.waiter.arrives().await
    }

    /// Ends it where nobody will wait any more; `client` is the one that started it.
    pub fn cancel(&self, client: &Client) {
        // An error says that it has ended by itself.
        let _ = client.cancel(self.id);
    }
}

/// The next request id: unique in the process, never 0, below 2^53.
pub fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Refuses what would block the thread that everybody's callbacks run on.
pub fn refuse_in_callback(function: &str) -> Result<()> {
    if in_callback() || runtime::on_worker() {
        return Err(Error::new(
            status::STATE,
            format!("{function} blocks and must not be called from a callback"),
        ));
    }
    Ok(())
}

/// Ends the library for good: lets requests finish within the time, cancels the rest, ends the threads.
pub fn shutdown(timeout: Duration) -> Result<()> {
    runtime::check()?;
    refuse_in_callback("oai_shutdown")?;
    if !runtime::begin_shutdown() {
        // Another thread was a moment faster.
        return runtime::check();
    }
    let clients: Vec<Arc<Client>> = lock(&CLIENTS).iter().filter_map(Weak::upgrade).collect();
    let schedulers: Vec<_> = clients
        .iter()
        .filter_map(|client| client.scheduler.get())
        .collect();
    for client in &clients {
        client.sequences.end_all(&Error::new(
            status::SHUTDOWN,
            "the call was cancelled because the library was shut down",
        ));
    }
    for scheduler in &schedulers {
        scheduler.close();
    }
    let started = Instant::now();
    let mut cancelled = 0;
    for scheduler in &schedulers {
        if !scheduler.wait_drained(timeout.saturating_sub(started.elapsed())) {
            scheduler.stop(Stop::Shutdown);
            cancelled += 1;
        }
    }
    for scheduler in &schedulers {
        // The tasks only have to notice; a second is far more than that takes.
        scheduler.wait_drained(Duration::from_secs(1));
    }
    for client in &clients {
        client.sequences.wait_ended(Duration::from_secs(1));
        // Callbacks on the runtime's threads have only been handed to them.
        client.mailbox.drain_within(Duration::from_secs(1));
    }
    runtime::stop(Duration::from_secs(1));
    for client in &clients {
        drop(client.tokens.set_source(None));
    }
    EventQueue::end_all();
    runtime::log::forget_listener();
    if cancelled > 0 {
        return Err(Error::new(
            status::DEADLINE,
            format!(
                "{cancelled} clients still had requests after {} ms; they were cancelled",
                timeout.as_millis()
            ),
        ));
    }
    Ok(())
}

fn log(notices: &[Notice]) {
    for notice in notices {
        match notice.level {
            Level::Info => tracing::info!("{}", notice.text),
            Level::Warn => tracing::warn!("{}", notice.text),
        }
    }
}
