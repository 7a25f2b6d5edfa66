//! Properties of the limiter under any sequence of steps and any headers.

use std::time::Duration;

use proptest::prelude::*;

use super::{Admit, Configured, Cost, Limiter, Permit, Refusal, Snapshot, Time};

/// One step of a caller. Indices choose among the permits held.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Admit(u64),
    Sent(usize),
    Headers(usize, Vec<(&'static str, String)>, bool),
    Refused(usize, Option<u64>, bool, f64),
    Finished(usize),
    Refund(usize),
}

const NAMES: [&str; 13] = [
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-renewalperiod-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "x-rate-limit-reset-tokens",
    "x-ratelimit-limit-project-requests",
    "x-ratelimit-remaining-project-requests",
    "x-ratelimit-limit-project-tokens",
    "x-ratelimit-remaining-project-tokens",
    "openai-processing-ms",
];

fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let value = prop_oneof![
        4 => (0u64..10_000).prop_map(|n| n.to_string()),
        2 => (0u64..100_000).prop_map(|ms| format!("{ms}ms")),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => any::<f64>().prop_map(|n| n.to_string()),
        1 => any::<f64>().prop_map(|n| format!("{n}s")),
        1 => "\\PC{0,8}",
    ];
    prop::collection::vec((prop::sample::select(&NAMES[..]), value), 0..10)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop_oneof![0u64..50, 0u64..5_000, 0u64..200_000].prop_map(Step::Wait),
        8 => (0u64..5_000).prop_map(Step::Admit),
        1 => any::<u64>().prop_map(Step::Admit),
        5 => any::<usize>().prop_map(Step::Sent),
        5 => (any::<usize>(), headers(), any::<bool>()).prop_map(|(n, h, ok)| Step::Headers(n, h, ok)),
        2 => (any::<usize>(), prop::option::of(0u64..100_000), prop::bool::weighted(0.1), any::<f64>())
            .prop_map(|(n, after, slow, chance)| Step::Refused(n, after, slow, chance)),
        5 => any::<usize>().prop_map(Step::Finished),
        1 => any::<usize>().prop_map(Step::Refund),
    ]
}

fn configured() -> impl Strategy<Value = Configured> {
    (0u64..2_000, 0u64..50_000, 0u64..50).prop_map(|(requests, tokens, burst)| Configured {
        requests_per_minute: requests,
        tokens_per_minute: tokens,
        burst,
    })
}

/// A limiter, the permits held, and what was admitted when.
struct Caller {
    limiter: Limiter,
    now: Time,
    held: Vec<Permit>,
    admitted: Vec<(f64, u64)>,
}

impl Caller {
    fn new(configured: Configured) -> Caller {
        Caller {
            limiter: Limiter::new(configured, true),
            now: Duration::from_secs(1_000),
            held: Vec::new(),
            admitted: Vec::new(),
        }
    }

    fn take(&mut self, n: usize) -> Option<Permit> {
        (!self.held.is_empty()).then(|| self.held.swap_remove(n % self.held.len()))
    }

    fn do_step(&mut self, step: &Step) {
        let now = self.now;
        match step {
            Step::Wait(ms) => self.now += Duration::from_millis(*ms),
            Step::Admit(tokens) => self.admit(*tokens),
            Step::Sent(n) => {
                if let Some(mut permit) = self.take(*n) {
                    self.limiter.sent(&mut permit, now);
                    self.held.push(permit);
                }
            }
            Step::Headers(n, headers, ok) => {
                if let Some(mut permit) = self.take(*n) {
                    let told = headers
                        .iter()
                        .map(|(name, value)| (*name, value.as_bytes()));
                    let snapshot = Snapshot::read(told);
                    self.limiter.headers(&mut permit, now, &snapshot, *ok);
                    self.held.push(permit);
                }
            }
            Step::Refused(n, after, slow_down, chance) => {
                if let Some(mut permit) = self.take(*n) {
                    let refusal = Refusal {
                        retry_after: after.map(Duration::from_millis),
                        dimension: None,
                        slow_down: *slow_down,
                        backoff: Duration::from_secs(1),
                        chance: *chance,
                    };
                    self.limiter.refused(&mut permit, now, &refusal);
                    self.limiter.finished(permit, now);
                }
            }
            Step::Finished(n) => {
                if let Some(permit) = self.take(*n) {
                    self.limiter.finished(permit, now);
                }
            }
            Step::Refund(n) => {
                if let Some(permit) = self.take(*n) {
                    self.limiter.refund(permit, now);
                }
            }
        }
    }

    fn admit(&mut self, tokens: u64) {
        match self.limiter.admit(self.now, Cost { tokens }) {
            Admit::Go(permit) => {
                self.admitted.push((self.now.as_secs_f64(), tokens));
                self.held.push(permit);
            }
            Admit::At(then) => assert!(then > self.now),
            Admit::Blocked | Admit::Never(_) => {}
        }
    }

    /// Asks each time when it is told to, until a request goes; `None` when only an outcome can help.
    fn next_time(&mut self, tokens: u64) -> Option<Time> {
        for _ in 0..1_000 {
            match self.limiter.admit(self.now, Cost { tokens }) {
                Admit::Go(mut permit) => {
                    self.limiter.sent(&mut permit, self.now);
                    self.held.push(permit);
                    return Some(self.now);
                }
                Admit::At(then) => self.now = then,
                Admit::Blocked | Admit::Never(_) => return None,
            }
        }
        panic!("asked a thousand times, each time when it was told to");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn permits_are_conserved(configured in configured(), steps in prop::collection::vec(step(), 0..200)) {
        let mut caller = Caller::new(configured);
        for step in &steps {
            caller.do_step(step);
            let now = caller.now;
            let state = caller.limiter.state(now);
            prop_assert_eq!(state.in_flight, caller.held.len() as u64);
            for dimension in state.dimensions.iter().flatten() {
                prop_assert!(dimension.level <= dimension.limit as f64 + 1e-6);
                prop_assert!(dimension.our_rate > 0.0 && dimension.our_rate <= dimension.rate);
            }
        }
    }

    #[test]
    fn nothing_waits_for_ever(configured in configured(), steps in prop::collection::vec(step(), 0..200)) {
        let mut caller = Caller::new(configured);
        for step in &steps {
            caller.do_step(step);
        }
        // All end, one way or another; then some request of one token goes at a time it was told.
        while let Some(permit) = caller.take(0) {
            caller.limiter.finished(permit, caller.now);
        }
        for _ in 0..5 {
            prop_assert!(caller.next_time(1).is_some());
            let permit = caller.take(0).unwrap();
            caller.limiter.finished(permit, caller.now);
        }
    }

    #[test]
    fn no_stretch_of_time_exceeds_what_is_configured(
        configured in configured(),
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let mut caller = Caller::new(configured);
        for step in &steps {
            // A refund is not an admission, so it would make the count below wrong.
            if !matches!(step, Step::Refund(_)) {
                caller.do_step(step);
            }
        }
        let requests = configured.requests_per_minute as f64;
        let tokens = configured.tokens_per_minute as f64;
        let burst = if configured.burst > 0 { configured.burst as f64 } else { requests };
        let admitted = &caller.admitted;
        for first in 0..admitted.len() {
            let mut sum = 0.0;
            for (n, (time, cost)) in admitted[first..].iter().enumerate() {
                let elapsed = time - admitted[first].0;
                sum += *cost as f64;
                let count = n as f64 + 1.0;
                prop_assert!(requests == 0.0 || count <= burst + requests / 60.0 * elapsed + 1e-3);
                prop_assert!(tokens == 0.0 || sum <= tokens + tokens / 60.0 * elapsed + 1e-3);
            }
        }
    }

    #[test]
    fn a_refusal_never_lets_the_next_request_go_earlier(
        configured in configured(),
        steps in prop::collection::vec(step(), 0..100),
        told in headers(),
        after in prop::option::of(0u64..10_000),
        slow in prop::bool::weighted(0.1),
    ) {
        // The last request is of no earlier event: a refusal of one that is may show that it was not charged.
        let next = |refused: bool| {
            let mut caller = Caller::new(configured);
            for step in &steps {
                caller.do_step(step);
            }
            caller.now += Duration::from_millis(1);
            caller.next_time(1)?;
            let last = caller.held.len() - 1;
            caller.now += Duration::from_millis(20);
            caller.do_step(&Step::Headers(last, told.clone(), false));
            caller.do_step(&match refused {
                true => Step::Refused(last, after, slow, 0.5),
                false => Step::Finished(last),
            });
            Some((caller.now, caller.next_time(1)))
        };
        match (next(false), next(true)) {
            (Some((now, Some(calm))), Some((_, Some(refused)))) => {
                // What is kept in reserve shrinks with time, so when it was asked for matters a little.
                let slack = (calm - now) / 1_000;
                prop_assert!(refused + slack >= calm, "{refused:?} < {calm:?}");
            }
            (Some((_, None)), Some((_, refused))) => prop_assert_eq!(refused, None),
            _ => {}
        }
    }
}
