//! The library's log: `tracing` events of this crate to stderr, to the host's callback on the dispatcher, or to a
//! completion queue.
//!
//! Process-wide. The level comes from `OAI_LOG` or `OPENAI_LOG` when the first client is made, or from `oai_set_log`.
//! Only this crate's own events are let through: those of the HTTP stack would show headers, and so the key.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, Weak};

use once_cell::sync::{Lazy, OnceCell};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use crate::completion::{EventQueue, LogLine, Mailbox};
use crate::sync::lock;

/// Takes a level and a line without its newline.
pub type LogListener = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// Lines that wait for the host, at most: a host that never reads must not fill the memory.
const MOST_WAITING: usize = 10_000;

static LEVEL: OnceCell<reload::Handle<LevelFilter, Registry>> = OnceCell::new();
static TARGET: Lazy<Mutex<Option<Target>>> = Lazy::new(Mutex::default);

#[derive(Clone)]
enum Target {
    Listener {
        mailbox: Arc<Mailbox>,
        listener: LogListener,
    },
    /// Its owner may free it at any time; then lines go to stderr.
    Queue(Weak<EventQueue>),
}

/// Starts logging at the level that the environment names, once; later calls do nothing.
pub fn install() {
    LEVEL.get_or_init(|| {
        let (level, complaint) = from_environment(|name| std::env::var(name).ok());
        let (filter, handle) = reload::Layer::new(level);
        let lines = fmt::layer()
            .with_ansi(false)
            .with_writer(Lines)
            .with_filter(filter_fn(|event| event.target().starts_with("oaic")));
        // A Rust host that has a subscriber of its own keeps it, and gets our events there.
        let _ = tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .try_init();
        if let Some(complaint) = complaint {
            tracing::warn!("{complaint}");
        }
        handle
    });
}

/// Sets the level and where lines go: to `listener`, or to stderr.
pub fn set(level: LevelFilter, listener: Option<LogListener>) {
    set_target(
        level,
        listener.map(|listener| Target::Listener {
            mailbox: Mailbox::new(super::dispatcher()),
            listener,
        }),
    );
}

/// Sets the level, and that lines go to a queue.
pub fn set_queue(level: LevelFilter, queue: &Arc<EventQueue>) {
    set_target(level, Some(Target::Queue(Arc::downgrade(queue))));
}

/// A level's number, as C knows it.
pub fn number(level: Level) -> i32 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

fn set_target(level: LevelFilter, target: Option<Target>) {
    install();
    // The old listener's destructor is the host's code: run it outside the lock.
    let before = std::mem::replace(&mut *lock(&TARGET), target);
    drop(before);
    if let Some(handle) = LEVEL.get() {
        let _ = handle.modify(|filter| *filter = level);
    }
}

/// Drops the host's listener, and so runs its destructor; lines go to stderr again.
pub fn forget_listener() {
    let before = lock(&TARGET).take();
    drop(before);
}

fn from_environment(get: impl Fn(&str) -> Option<String>) -> (LevelFilter, Option<String>) {
    for name in ["OAI_LOG", "OPENAI_LOG"] {
        let Some(text) = get(name).filter(|text| !text.is_empty()) else {
            continue;
        };
        let level = match text.to_ascii_lowercase().as_str() {
            "off" => LevelFilter::OFF,
            "error" => LevelFilter::ERROR,
            "warn" | "warning" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" => LevelFilter::TRACE,
            _ => {
                let complaint = format!(
                    "{name} is {text:?}, which is not a log level; use off, error, warn, info, debug or trace"
                );
                return (LevelFilter::WARN, Some(complaint));
            }
        };
        return (level, None);
    }
    (LevelFilter::WARN, None)
}

/// Makes a writer for each line.
struct Lines;

struct Line {
    level: Level,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            level: Level::INFO,
            text: Vec::new(),
        }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        Line {
            level: *event.level(),
            text: Vec::new(),
        }
    }
}

impl Write for Line {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // In a forked child another thread may have held the lock, for good.
        if super::is_forked() {
            return;
        }
        let target = lock(&TARGET).clone();
        let text = || String::from_utf8_lossy(&self.text).trim_end().to_owned();
        match target {
            Some(Target::Listener { mailbox, listener }) => {
                let (level, text) = (self.level, text());
                let deliver = Box::new(move || listener(level, &text));
                mailbox.log(LogLine { deliver }, MOST_WAITING);
                return;
            }
            Some(Target::Queue(queue)) => {
                let level = number(self.level).unsigned_abs().into();
                let queue = queue.upgrade();
                if queue.is_some_and(|queue| queue.log(level, &text(), MOST_WAITING)) {
                    return;
                }
            }
            None => {}
        }
        drop(io::stderr().lock().write_all(&self.text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_comes_from_the_more_specific_variable() {
        let env = |oai: Option<&'static str>, openai: Option<&'static str>| {
            from_environment(move |name| {
                if name == "OAI_LOG" { oai } else { openai }.map(str::to_owned)
            })
        };
        assert_eq!(env(None, None), (LevelFilter::WARN, None));
        assert_eq!(env(None, Some("debug")).0, LevelFilter::DEBUG);
        assert_eq!(env(Some("INFO"), Some("debug")).0, LevelFilter::INFO);
        assert_eq!(env(Some(""), Some("error")).0, LevelFilter::ERROR);
        let (level, complaint) = env(Some("loud"), None);
        assert_eq!(level, LevelFilter::WARN);
        assert!(complaint.unwrap().contains("OAI_LOG"));
    }
}
