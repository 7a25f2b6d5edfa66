//! What a simulated run is given, and what came of it: the server, the clients, how long things take, what happens when.
//!
//! The cases write it, `world` runs it.

use super::super::Configured;
use super::server::Server;

/// How long things take, in seconds; each is drawn evenly between the two.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Each way.
    pub wire: (f64, f64),
    /// From the arrival of a request to its answer's headers.
    pub work: (f64, f64),
    /// The same of a refusal.
    pub refusal: f64,
    /// The clients' timers are this coarse.
    pub timer: f64,
}

impl Timing {
    /// An answer after so many seconds, of which at most 20 ms on the wire.
    pub fn answer_in(seconds: f64) -> Timing {
        let wire = (seconds / 2.0).min(0.01);
        Timing {
            wire: (wire, wire),
            work: (seconds - 2.0 * wire, seconds - 2.0 * wire),
            refusal: 0.0,
            timer: 0.001,
        }
    }

    /// The same, but uneven: the wire by a half, the work by a half of itself each way.
    pub fn uneven(seconds: f64) -> Timing {
        let even = Timing::answer_in(seconds);
        Timing {
            wire: (even.wire.0, even.wire.0 * 1.5),
            work: (even.work.0 * 0.5, even.work.0 * 1.5),
            ..even
        }
    }
}

#[derive(Clone, Debug)]
pub struct Client {
    pub configured: Configured,
    pub learn: bool,
    pub requests: usize,
    /// Tokens of each request, drawn evenly.
    pub tokens: (u64, u64),
    /// What the client thinks that they cost, as a share of what the server charges.
    pub estimate: f64,
    pub slots: usize,
    pub starts: f64,
    /// So many requests come each so many seconds, rather than all at the start.
    pub waves: Option<(usize, f64)>,
    /// Failures and reset.
    pub breaker: Option<(u32, f64)>,
}

impl Client {
    pub fn of(requests: usize) -> Client {
        Client {
            configured: Configured::default(),
            learn: true,
            requests,
            tokens: (1, 1),
            estimate: 1.0,
            slots: 64,
            starts: 0.0,
            waves: None,
            breaker: None,
        }
    }
}

/// Everything that a run needs.
#[derive(Clone, Debug)]
pub struct Setting {
    pub server: Server,
    pub clients: Vec<Client>,
    pub timing: Timing,
    /// At those times the limit of requests changes.
    pub changes: Vec<(f64, u64)>,
    /// Between those times every answer is a 503.
    pub outage: Option<(f64, f64)>,
    /// At that time one answer is a 503 that says "slow down".
    pub slow_down: Option<f64>,
    /// Answers tell `openai-processing-ms`.
    pub tells_processing: bool,
    /// A machine has other work too: the server and each client stand still now and then. The mean time between two
    /// stalls, and how long the longest takes.
    pub stalls: Option<(f64, f64)>,
    /// How long it takes to open a connection. Each serves one request at a time, and the next one then.
    pub connecting: (f64, f64),
    pub seed: u64,
    /// The run ends here even if requests are left.
    pub ends: f64,
}

impl Setting {
    pub fn new(server: Server, clients: Vec<Client>, timing: Timing) -> Setting {
        Setting {
            server,
            clients,
            timing,
            changes: Vec::new(),
            outage: None,
            slow_down: None,
            tells_processing: false,
            stalls: None,
            connecting: (0.0, 0.0),
            seed: 1,
            ends: f64::INFINITY,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// When the last request was answered.
    pub took: f64,
    pub done: usize,
    /// Let through by the server, done or not.
    pub accepted: usize,
    pub refused: usize,
    pub failed: usize,
    /// Tokens of the requests done.
    pub tokens: u64,
    /// When attempts were sent that met the outage.
    pub into_outage: Vec<f64>,
    /// Most in flight of one client.
    pub most_in_flight: usize,
    /// The most often that one request was refused.
    pub most_refusals: u32,
}
