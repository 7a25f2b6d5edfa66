//! What the steps of a long line cost: a measurement for `make bench-cost`. That they do not grow with its length is
//! counted, and so a test, in the file above.

use std::hint::black_box;
use std::ops::Range;

use super::*;
use crate::scheduler::job;

/// CPU that this thread has used, in microseconds.
fn cpu() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the struct is writable.
    let read = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(read, 0);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// The least and the middle of some figures.
fn least_and_median(mut figures: Vec<f64>) -> (f64, f64) {
    figures.sort_by(f64::total_cmp);
    (figures[0], figures[figures.len() / 2])
}

/// Steps of a kind that are timed together.
const STEPS: u64 = 1_000;

/// What a job has beside its rank and scope.
const REST: usize = size_of::<job::Job>() - size_of::<Rank>() - size_of::<Scope>();

/// A job as large as the real one.
struct Queued {
    rank: Rank,
    scope: Scope,
    _rest: [u8; REST],
}

impl Ranked for Box<Queued> {
    fn rank(&self) -> Rank {
        self.rank
    }
    fn scope(&self) -> &Scope {
        &self.scope
    }
    fn share_scope(&mut self, scope: &Scope) {
        self.scope = scope.clone();
    }
    fn deadline(&self) -> Option<Instant> {
        None
    }
    fn tokens(&self) -> u64 {
        1
    }
}

/// A line with those of consecutive ids in it.
struct Filled {
    line: Line<Box<Queued>, ()>,
    scope: Scope,
    epoch: Instant,
    ids: Range<u64>,
}

impl Filled {
    fn new(depth: u64) -> Filled {
        let mut filled = Filled {
            line: Line::new(),
            scope: "model".into(),
            epoch: Instant::now(),
            ids: 0..0,
        };
        for _ in 0..depth {
            filled.push();
        }
        filled
    }

    /// One more, at the end.
    fn push(&mut self) {
        let id = self.ids.end;
        self.line.enqueue(Box::new(Queued {
            rank: Rank {
                due: self.epoch + Duration::from_micros(id),
                id,
            },
            scope: self.scope.clone(),
            _rest: [0; REST],
        }));
        self.ids.end += 1;
    }

    fn pop(&mut self) {
        let job = self.line.launch_next(()).unwrap();
        assert!(self.line.land(job.rank.id));
        self.ids.start += 1;
    }

    /// One of those in the line; all of `0..STEPS` differ, and lie anywhere.
    fn id(&self, step: u64) -> u64 {
        let depth = self.ids.end - self.ids.start;
        self.ids.start + step * 617 % STEPS * (depth / STEPS)
    }

    /// CPU of a step of each kind, in nanoseconds.
    fn costs(&mut self) -> [f64; 5] {
        let push = timed(|_| self.push());
        let pop = timed(|_| self.pop());
        let position = timed(|step| {
            black_box(self.line.position(self.id(step)).unwrap().1);
        });
        let mut cancelled = Vec::with_capacity(STEPS as usize);
        let cancel = timed(|step| match self.line.remove(self.id(step)) {
            Removed::Waiting(job) => cancelled.push(job),
            _ => panic!("it waits"),
        });
        let back = timed(|_| self.line.enqueue(cancelled.pop().unwrap()));
        [push, pop, position, cancel, back]
    }
}

fn timed(mut step: impl FnMut(u64)) -> f64 {
    let before = cpu();
    (0..STEPS).for_each(&mut step);
    (cpu() - before) * 1e3 / STEPS as f64
}

#[test]
#[ignore = "a measurement: make bench-cost"]
fn what_the_steps_of_a_long_line_cost() {
    const ROUNDS: usize = 21;
    println!(
        "Queue operations, nanoseconds of CPU, median (least) of {ROUNDS} rounds of {STEPS} of each; `back` is a push into \
         the middle:"
    );
    println!(
        "  {:>9} {:>12} {:>12} {:>12} {:>12} {:>12}",
        "queued", "push", "pop", "position", "cancel", "back"
    );
    for depth in [1_000, 10_000, 100_000, 1_000_000] {
        let mut filled = Filled::new(depth);
        let rounds: Vec<[f64; 5]> = (0..ROUNDS).map(|_| filled.costs()).collect();
        print!("  {depth:>9}");
        for kind in 0..5 {
            let (least, median) =
                least_and_median(rounds.iter().map(|round| round[kind]).collect());
            print!(" {:>12}", format!("{median:.0} ({least:.0})"));
        }
        println!();
    }
}
