//! The simulated server: buckets as OpenAI keeps them (capacity = the limit, steady refill), and its headers.
//!
//! It shares no arithmetic with the policy it tests.

use std::time::{Duration, UNIX_EPOCH};

/// A bucket of the server.
#[derive(Clone, Debug)]
pub struct Tank {
    pub limit: f64,
    pub period: f64,
    pub level: f64,
    /// Refilled at once at the end of each period, rather than steadily.
    pub at_once: bool,
    at: f64,
}

impl Tank {
    pub fn new(limit: u64, period: f64, level: f64) -> Tank {
        Tank {
            limit: limit as f64,
            period,
            level,
            at_once: false,
            at: 0.0,
        }
    }

    fn period_ends(&self) -> f64 {
        ((self.at / self.period).floor() + 1.0) * self.period
    }

    /// Time until `amount` is there.
    fn wait_for(&self, amount: f64) -> f64 {
        if self.level >= amount {
            0.0
        } else if self.at_once {
            self.period_ends() - self.at
        } else {
            (amount - self.level) / self.rate()
        }
    }

    pub fn rate(&self) -> f64 {
        self.limit / self.period
    }

    fn refill(&mut self, now: f64) {
        let refill = match self.at_once {
            true if now < self.period_ends() => 0.0,
            true => self.limit,
            false => self.rate() * (now - self.at),
        };
        self.level = (self.level + refill).min(self.limit);
        self.at = now;
    }

    pub fn change(&mut self, now: f64, limit: u64) {
        self.refill(now);
        self.limit = limit as f64;
        self.level = self.level.min(self.limit);
    }
}

/// How a refusal says when to come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// `retry-after` in whole seconds.
    Seconds,
    /// `retry-after-ms` as well.
    Milliseconds,
    /// `retry-after` as a date, by a clock that is ahead of the client's by so many seconds, and `date` by the same.
    Date {
        ahead: f64,
    },
    Neither,
}

/// What the rate limit headers say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Headers {
    Truthful,
    Absent,
    Zero,
    Negative,
    Garbage,
    /// More remains than the limit.
    Wrong,
    /// Always as if nothing had been used.
    Full,
    /// The limit of the announced bucket beside the rest of the hidden one.
    Finer,
    /// `remaining` alone, as older Azure versions send it.
    RemainingOnly,
}

#[derive(Clone, Debug)]
pub struct Server {
    pub requests: Option<Tank>,
    pub tokens: Option<Tank>,
    /// Counted, and not told.
    pub hidden: Option<Tank>,
    pub delay: Delay,
    pub headers: Headers,
    /// A refused request is charged all the same.
    pub charges_refused: bool,
}

/// An answer as it leaves the server.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    pub refused: bool,
    pub headers: Vec<(&'static str, String)>,
}

impl Server {
    pub fn of_requests(per_minute: u64, level: f64) -> Server {
        Server {
            requests: Some(Tank::new(per_minute, 60.0, level)),
            tokens: None,
            hidden: None,
            delay: Delay::Seconds,
            headers: Headers::Truthful,
            charges_refused: false,
        }
    }

    pub fn ask(&mut self, now: f64, tokens: u64) -> Verdict {
        let costs = [1.0, tokens as f64, 1.0];
        let charges_refused = self.charges_refused;
        let mut tanks = [&mut self.requests, &mut self.tokens, &mut self.hidden];
        let mut wait: f64 = 0.0;
        for (tank, cost) in tanks.iter_mut().zip(costs) {
            if let Some(tank) = tank {
                tank.refill(now);
                // The level is kept in floating point: a caller who is exactly on time is on time.
                if tank.level + 1e-6 < cost {
                    wait = wait.max(tank.wait_for(cost));
                }
            }
        }
        let refused = wait > 0.0;
        for (tank, cost) in tanks.iter_mut().zip(costs) {
            if let Some(tank) = tank {
                if !refused || charges_refused {
                    tank.level = (tank.level - cost).max(0.0);
                }
            }
        }
        let mut headers = self.tell();
        if refused {
            self.ask_for_patience(now, wait, &mut headers);
        }
        Verdict { refused, headers }
    }

    fn ask_for_patience(&self, now: f64, wait: f64, headers: &mut Vec<(&'static str, String)>) {
        let seconds = wait.ceil().max(1.0);
        match self.delay {
            Delay::Seconds => headers.push(("retry-after", seconds.to_string())),
            Delay::Milliseconds => {
                let ms = (wait * 1e3).ceil().max(1.0);
                headers.push(("retry-after", seconds.to_string()));
                headers.push(("retry-after-ms", ms.to_string()));
            }
            Delay::Date { ahead } => {
                let clock = now + ahead;
                headers.push(("retry-after", http_date((clock + wait).ceil())));
                headers.push(("date", http_date(clock)));
            }
            Delay::Neither => {}
        }
    }

    fn tell(&self) -> Vec<(&'static str, String)> {
        let mut told = Vec::new();
        let names = [
            (
                "x-ratelimit-limit-requests",
                "x-ratelimit-remaining-requests",
                "x-ratelimit-reset-requests",
            ),
            (
                "x-ratelimit-limit-tokens",
                "x-ratelimit-remaining-tokens",
                "x-ratelimit-reset-tokens",
            ),
        ];
        for (tank, (limit, remaining, reset)) in
            [&self.requests, &self.tokens].into_iter().zip(names)
        {
            let Some(tank) = tank else {
                continue;
            };
            let (whole, left) = (tank.limit as u64, tank.level.floor() as u64);
            let back = go_duration(tank.wait_for(tank.limit));
            match self.headers {
                Headers::Truthful => {
                    told.push((limit, whole.to_string()));
                    told.push((remaining, left.to_string()));
                    told.push((reset, back));
                }
                Headers::Absent => {}
                Headers::Zero => {
                    told.push((limit, "0".into()));
                    told.push((remaining, "0".into()));
                    told.push((reset, "0s".into()));
                }
                Headers::Negative => {
                    told.push((limit, "-1".into()));
                    told.push((remaining, "-1".into()));
                    told.push((reset, "-1s".into()));
                }
                Headers::Garbage => {
                    told.push((limit, "unlimited".into()));
                    told.push((remaining, "½".into()));
                    told.push((reset, "soon".into()));
                }
                Headers::Wrong => {
                    told.push((limit, whole.to_string()));
                    told.push((remaining, (whole * 2).to_string()));
                    told.push((reset, back));
                }
                Headers::Full => {
                    told.push((limit, whole.to_string()));
                    told.push((remaining, whole.to_string()));
                    told.push((reset, "0s".into()));
                }
                Headers::Finer => {
                    let finer = self.hidden.as_ref().unwrap_or(tank);
                    let back = finer.wait_for(finer.limit);
                    told.push((limit, whole.to_string()));
                    told.push((remaining, (finer.level.floor() as u64).to_string()));
                    told.push((reset, go_duration(back)));
                }
                Headers::RemainingOnly => told.push((remaining, left.to_string())),
            }
        }
        told
    }
}

/// The time of day at the start of a run.
pub const EPOCH: Duration = Duration::from_secs(1_800_000_000);

fn http_date(seconds: f64) -> String {
    let since = Duration::from_secs_f64(EPOCH.as_secs_f64() + seconds);
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}

/// A duration in the style of Go, to the millisecond, as OpenAI writes it.
fn go_duration(seconds: f64) -> String {
    let ms = (seconds * 1e3).round() as u64;
    if ms < 1_000 {
        return if ms == 0 {
            "0s".into()
        } else {
            format!("{ms}ms")
        };
    }
    let (hours, minutes, rest) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    let seconds = format!("{}", rest as f64 / 1e3);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}
