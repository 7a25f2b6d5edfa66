//! Runs a case, prints its line, and holds it to its bounds.

use std::ops::Range;

use super::server::{Delay, Server};
use super::setting::{Client, Outcome, Setting, Timing};
use super::world::run;

pub const DELAYS: [Delay; 3] = [Delay::Seconds, Delay::Milliseconds, Delay::Neither];

/// An unoptimised build runs a part of the cases, so that it takes seconds.
const THOROUGH: bool = !cfg!(debug_assertions);

const SEEDS: Range<u64> = 0..if THOROUGH { 20 } else { 2 };

/// Every delay, or in an unoptimised build the hardest.
pub fn some_delays() -> impl Iterator<Item = Delay> {
    DELAYS.into_iter().take(if THOROUGH { 3 } else { 1 })
}

/// A job of known size: each of the seeds within so many times the least time, with at most so many refused.
pub fn hold_to_time(
    name: &str,
    least: f64,
    most_times: f64,
    most_refused: usize,
    run: impl Fn(u64) -> Outcome,
) {
    hold_over(SEEDS, name, least, most_times, most_refused, run);
}

/// The same over other seeds; gives their mean time, in least times.
pub fn hold_over(
    seeds: Range<u64>,
    name: &str,
    least: f64,
    most_times: f64,
    most_refused: usize,
    run: impl Fn(u64) -> Outcome,
) -> f64 {
    let outcomes: Vec<_> = seeds.map(run).collect();
    let seeds = outcomes.len() as f64;
    let times = outcomes.iter().map(|outcome| outcome.took / least);
    let (worst, mean) = (
        times.clone().fold(0.0, f64::max),
        times.sum::<f64>() / seeds,
    );
    let refused = outcomes.iter().map(|outcome| outcome.refused);
    let (most, all) = (refused.clone().max().unwrap_or(0), refused.sum::<usize>());
    println!(
        "{name:<60} T {least:6.2} s  time/T {mean:.3}, worst {worst:.3} (<= {most_times:.2})  \
         429s {:.1}, worst {most} (<= {most_refused})",
        all as f64 / seeds,
    );
    assert!(
        worst <= most_times,
        "{name}: time/T {worst:.4} > {most_times}"
    );
    assert!(
        most <= most_refused,
        "{name}: {most} refused > {most_refused}"
    );
    mean
}

/// A stretch of time with more work than fits: at least so much of what the server could let through, with at most
/// such a share refused.
pub fn hold_to_share(
    name: &str,
    possible: f64,
    least: f64,
    most_refused: f64,
    setting: &Setting,
) -> Outcome {
    let outcome = run(setting);
    let share = outcome.accepted as f64 / possible;
    let refused = outcome.refused as f64 / outcome.accepted.max(1) as f64;
    println!(
        "{name:<66} {:>6} passed, {share:.3} of possible (>= {least})  429s {:.2}% (<= {:.0}%)",
        outcome.accepted,
        refused * 100.0,
        most_refused * 100.0,
    );
    assert!(share >= least, "{name}: {share:.4} of what was possible");
    assert!(
        refused <= most_refused,
        "{name}: {:.2}% refused",
        refused * 100.0
    );
    outcome
}

/// A stretch of time in which one client has more work than it can do.
pub fn stretch(server: Server, slots: usize, timing: Timing, ends: f64) -> Setting {
    let client = Client {
        slots,
        ..Client::of((ends * 400.0) as usize + 10_000)
    };
    let mut setting = Setting::new(server, vec![client], timing);
    setting.ends = ends;
    setting
}
