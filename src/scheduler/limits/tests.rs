//! Rules 6 and 7 one by one, on a limiter that is led by hand.

use std::time::Duration;

use super::{
    Admit, Binding, Configured, Cost, Dimension, Limiter, Never, Permit, Refusal, Snapshot, Time,
};

fn at(ms: u64) -> Time {
    Duration::from_millis(ms)
}

fn learner() -> Limiter {
    Limiter::new(Configured::default(), true)
}

fn tell(headers: &[(&str, &str)]) -> Snapshot {
    Snapshot::read(
        headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes())),
    )
}

/// 6,000 requests a minute, of which so many are left.
fn requests_left(remaining: u64) -> Snapshot {
    let reset = format!("{}ms", (6_000 - remaining) * 10);
    tell(&[
        ("x-ratelimit-limit-requests", "6000"),
        ("x-ratelimit-remaining-requests", &remaining.to_string()),
        ("x-ratelimit-reset-requests", &reset),
    ])
}

fn go(limiter: &mut Limiter, ms: u64) -> Permit {
    go_with(limiter, ms, 0)
}

fn go_with(limiter: &mut Limiter, ms: u64, tokens: u64) -> Permit {
    match limiter.admit(at(ms), Cost { tokens }) {
        Admit::Go(mut permit) => {
            limiter.sent(&mut permit, at(ms));
            permit
        }
        other => panic!("at {ms} ms: {other:?}"),
    }
}

fn answer(limiter: &mut Limiter, mut permit: Permit, ms: u64, snapshot: &Snapshot) {
    limiter.headers(&mut permit, at(ms), snapshot, true);
    limiter.finished(permit, at(ms));
}

fn refuse(limiter: &mut Limiter, mut permit: Permit, ms: u64, told: &Snapshot, refusal: Refusal) {
    limiter.headers(&mut permit, at(ms), told, false);
    limiter.refused(&mut permit, at(ms), &refusal);
    limiter.finished(permit, at(ms));
}

fn asking_for(ms: u64) -> Refusal {
    Refusal {
        retry_after: Some(at(ms)),
        ..Refusal::default()
    }
}

/// When the next request may go, if nothing else happens.
fn next(limiter: &mut Limiter, ms: u64) -> Option<f64> {
    match limiter.admit(at(ms), Cost { tokens: 0 }) {
        Admit::Go(permit) => {
            limiter.refund(permit, at(ms));
            Some(at(ms).as_secs_f64())
        }
        Admit::At(then) => Some(then.as_secs_f64()),
        Admit::Blocked => None,
        Admit::Never(never) => panic!("{never:?}"),
    }
}

fn level(limiter: &mut Limiter, ms: u64) -> f64 {
    limiter.state(at(ms)).dimensions[0]
        .expect("the limit is known")
        .level
}

#[test]
fn an_unknown_scope_gets_four_until_it_answers() {
    let mut limiter = learner();
    let mut four: Vec<_> = (0..4).map(|_| go(&mut limiter, 0)).collect();
    assert!(matches!(
        limiter.admit(at(0), Cost::default()),
        Admit::Blocked
    ));
    assert_eq!(limiter.state(at(0)).binding, Binding::SlowStart);
    answer(&mut limiter, four.remove(0), 10, &requests_left(5_996));
    assert_eq!(limiter.state(at(10)).slow_start, None);
}

#[test]
fn an_answer_without_headers_opens_the_scope_at_once() {
    let mut limiter = learner();
    let first = go(&mut limiter, 0);
    answer(&mut limiter, first, 10, &Snapshot::default());
    for _ in 0..1_000 {
        go(&mut limiter, 10);
    }
}

#[test]
fn an_unreadable_answer_and_a_days_limit_double_the_window() {
    let a_day = tell(&[
        ("x-ratelimit-limit-requests", "200"),
        ("x-ratelimit-remaining-requests", "199"),
        ("x-ratelimit-reset-requests", "7m12s"),
    ]);
    let garbage = tell(&[("x-ratelimit-limit-requests", "many")]);
    for told in [a_day, garbage] {
        let mut limiter = learner();
        for window in [8, 16, 32] {
            let permit = go(&mut limiter, 0);
            answer(&mut limiter, permit, 10, &told);
            assert_eq!(limiter.state(at(10)).slow_start, Some(window));
        }
    }
}

#[test]
fn a_failed_answer_opens_nothing() {
    let mut limiter = learner();
    let mut permit = go(&mut limiter, 0);
    limiter.headers(&mut permit, at(10), &Snapshot::default(), false);
    assert_eq!(limiter.state(at(10)).slow_start, Some(4));
}

#[test]
fn a_snapshot_belongs_to_the_time_its_request_was_sent() {
    let mut limiter = learner();
    let first = go(&mut limiter, 0);
    let later: Vec<_> = (0..3).map(|_| go(&mut limiter, 1_000)).collect();
    // 50 were left when it was counted, 5 s ago; 100 a second came back since, and three were sent.
    answer(&mut limiter, first, 5_000, &requests_left(50));
    assert!((level(&mut limiter, 5_000) - (50.0 + 500.0 - 3.0)).abs() < 1e-6);
    assert_eq!(later.len() as u64, limiter.state(at(5_000)).in_flight);
}

#[test]
fn a_snapshot_older_than_the_last_applied_is_ignored() {
    let mut limiter = learner();
    let first = go(&mut limiter, 0);
    let second = go(&mut limiter, 100);
    answer(&mut limiter, second, 200, &requests_left(10));
    let before = level(&mut limiter, 300);
    answer(&mut limiter, first, 300, &requests_left(5_000));
    assert_eq!(level(&mut limiter, 300), before);
}

#[test]
fn the_time_the_server_worked_dates_a_snapshot_more_closely() {
    let mut limiter = learner();
    let first = go(&mut limiter, 0);
    let mut told = requests_left(50);
    told.processing = Some(at(1_000));
    answer(&mut limiter, first, 5_000, &told);
    assert!((level(&mut limiter, 5_000) - 150.0).abs() < 1e-6);
}

#[test]
fn the_level_stays_between_what_headers_allow() {
    let mut limiter = learner();
    let first = go(&mut limiter, 0);
    answer(&mut limiter, first, 10, &requests_left(100));
    // Two are out; the later one is answered first, and may or may not have overtaken the other.
    let slow = go(&mut limiter, 20);
    let fast = go(&mut limiter, 20);
    let ours = level(&mut limiter, 20);
    answer(&mut limiter, fast, 20, &requests_left(101));
    assert_eq!((ours, level(&mut limiter, 20)), (100.0, 100.0));
    // Somebody else took thirty: the level is at most what is left, at once.
    let third = go(&mut limiter, 30);
    answer(&mut limiter, third, 30, &requests_left(70));
    assert_eq!(level(&mut limiter, 30), 70.0);
    limiter.finished(slow, at(40));
    assert_eq!(limiter.state(at(40)).in_flight, 0);
}

#[test]
fn more_than_the_whole_limit_fails_at_once() {
    let configured = Configured {
        tokens_per_minute: 1_000,
        ..Configured::default()
    };
    let mut limiter = Limiter::new(configured, true);
    let never = |limit, configured| Never {
        dimension: Dimension::Tokens,
        limit,
        configured,
    };
    let ask = |limiter: &mut Limiter, tokens| limiter.admit(at(0), Cost { tokens });
    assert!(matches!(ask(&mut limiter, 1_001), Admit::Never(n) if n == never(1_000, true)));

    let mut limiter = learner();
    let first = go_with(&mut limiter, 0, 100);
    let told = tell(&[
        ("x-ratelimit-limit-tokens", "500"),
        ("x-ratelimit-remaining-tokens", "400"),
    ]);
    answer(&mut limiter, first, 0, &told);
    assert!(matches!(ask(&mut limiter, 501), Admit::Never(n) if n == never(500, false)));
    assert!(!matches!(ask(&mut limiter, 500), Admit::Never(_)));
}

#[test]
fn a_limit_below_what_passed_is_not_believed() {
    let mut limiter = learner();
    let first = go_with(&mut limiter, 0, 800);
    let told = tell(&[
        ("x-ratelimit-limit-tokens", "500"),
        ("x-ratelimit-remaining-tokens", "400"),
    ]);
    answer(&mut limiter, first, 0, &told);
    let admit = limiter.admit(at(0), Cost { tokens: 800 });
    assert!(matches!(admit, Admit::At(_)), "{admit:?}");
}

#[test]
fn configured_limits_cap_learned_ones() {
    let configured = Configured {
        requests_per_minute: 60,
        burst: 2,
        ..Configured::default()
    };
    let mut limiter = Limiter::new(configured, true);
    let first = go(&mut limiter, 0);
    answer(&mut limiter, first, 0, &requests_left(5_999));
    go(&mut limiter, 0);
    let wait = next(&mut limiter, 0).unwrap();
    assert!((wait - 1.0).abs() < 1e-6, "{wait}");
    assert_eq!(limiter.state(at(0)).binding, Binding::Requests);
}

#[test]
fn without_learning_headers_and_slow_start_count_for_nothing() {
    let mut limiter = Limiter::new(Configured::default(), false);
    let first = go(&mut limiter, 0);
    answer(&mut limiter, first, 0, &requests_left(0));
    for _ in 0..100 {
        go(&mut limiter, 0);
    }
    let refused = go(&mut limiter, 0);
    refuse(
        &mut limiter,
        refused,
        10,
        &requests_left(0),
        asking_for(500),
    );
    assert_eq!(next(&mut limiter, 20), Some(0.51));
}

#[test]
fn one_refusal_pauses_the_scope_and_one_request_follows() {
    let mut limiter = learner();
    let first = go(&mut limiter, 0);
    answer(&mut limiter, first, 0, &requests_left(5_999));
    let refused = go(&mut limiter, 0);
    refuse(
        &mut limiter,
        refused,
        10,
        &requests_left(0),
        asking_for(1_000),
    );
    assert_eq!(next(&mut limiter, 20), Some(1.01));
    let state = limiter.state(at(20));
    assert_eq!(
        (state.binding, state.paused_until),
        (Binding::Pause, Some(at(1_010)))
    );

    let probe = go(&mut limiter, 1_010);
    assert_eq!(next(&mut limiter, 1_010), Some(1.03));
    answer(&mut limiter, probe, 1_015, &requests_left(99));
    // Then an even pace, at most twice that of the limit, though a hundred are there.
    go(&mut limiter, 1_015);
    let wait = next(&mut limiter, 1_015).unwrap();
    assert!((1.02..1.025).contains(&wait), "{wait}");
}

#[test]
fn the_servers_delay_is_a_minimum_with_a_little_on_top() {
    for (asked, chance, want) in [
        (1_000, 0.0, 1.0),
        (1_000, 1.0, 1.05),
        (60_000, 1.0, 61.0),
        (1_000, f64::NAN, 1.0),
    ] {
        let mut limiter = learner();
        let refused = go(&mut limiter, 0);
        let refusal = Refusal {
            chance,
            ..asking_for(asked)
        };
        refuse(&mut limiter, refused, 0, &Snapshot::default(), refusal);
        assert_eq!(next(&mut limiter, 0), Some(want));
    }
}

#[test]
fn absent_a_delay_the_pause_is_the_time_to_one_permit_else_the_backoff() {
    let no_delay = Refusal {
        backoff: at(4_000),
        ..Refusal::default()
    };
    let mut limiter = learner();
    let refused = go(&mut limiter, 0);
    refuse(&mut limiter, refused, 10, &requests_left(0), no_delay);
    // One is back every 10 ms, the request was counted at 0 ms, and a little is held in reserve.
    let wait = next(&mut limiter, 10).unwrap();
    assert!((0.02..0.04).contains(&wait), "{wait}");

    let mut limiter = learner();
    let refused = go(&mut limiter, 0);
    refuse(&mut limiter, refused, 10, &Snapshot::default(), no_delay);
    assert_eq!(next(&mut limiter, 10), Some(4.01));
}

#[test]
fn a_refusal_despite_what_remains_cuts_rate_and_burst_once_per_event() {
    let mut limiter = learner();
    let first = go(&mut limiter, 0);
    answer(&mut limiter, first, 0, &requests_left(5_999));
    let mut together: Vec<_> = (0..2).map(|n| go(&mut limiter, 1 + n)).collect();
    let told = requests_left(5_990);
    refuse(&mut limiter, together.remove(0), 5, &told, asking_for(100));
    let pace = limiter.state(at(5)).request_pace.unwrap();
    assert_eq!(pace.rate, 70.0);
    // Sent before the cut: only the pause is prolonged.
    refuse(&mut limiter, together.remove(0), 50, &told, asking_for(100));
    let state = limiter.state(at(50));
    assert_eq!(state.request_pace.unwrap().rate, 70.0);
    assert_eq!(state.paused_until, Some(at(150)));
    // Sent after it: another event. The first may be an accident, the next is not.
    let probe = go(&mut limiter, 200);
    refuse(&mut limiter, probe, 210, &told, asking_for(100));
    assert_eq!(limiter.state(at(210)).request_pace.unwrap().rate, 66.5);
    let probe = go(&mut limiter, 400);
    refuse(&mut limiter, probe, 410, &told, asking_for(100));
    let rate = limiter.state(at(410)).request_pace.unwrap().rate;
    assert!((rate - 0.7 * 66.5).abs() < 1e-9, "{rate}");
}

#[test]
fn a_request_that_leaves_late_is_of_the_event_that_it_was_admitted_before() {
    let mut limiter = learner();
    let first = go(&mut limiter, 0);
    answer(&mut limiter, first, 0, &requests_left(5_999));
    let quick = go(&mut limiter, 1);
    let Admit::Go(mut late) = limiter.admit(at(2), Cost { tokens: 1 }) else {
        panic!("it may go");
    };
    let told = requests_left(5_990);
    refuse(&mut limiter, quick, 5, &told, asking_for(100));
    // Its connection is open only now.
    limiter.sent(&mut late, at(20));
    refuse(&mut limiter, late, 22, &told, asking_for(100));
    assert_eq!(limiter.state(at(22)).request_pace.unwrap().rate, 70.0);
}

#[test]
fn a_burst_that_is_refused_keeps_the_announced_rate() {
    let mut limiter = learner();
    let first = go(&mut limiter, 0);
    answer(&mut limiter, first, 0, &requests_left(5_999));
    for n in 0..20 {
        let permit = go(&mut limiter, n);
        answer(&mut limiter, permit, n, &requests_left(5_990));
    }
    let refused = go(&mut limiter, 20);
    refuse(
        &mut limiter,
        refused,
        20,
        &requests_left(5_980),
        asking_for(100),
    );
    let pace = limiter.state(at(20)).request_pace.unwrap();
    assert_eq!(pace.rate, 100.0);
    assert!((15.0..=21.0).contains(&pace.burst), "{}", pace.burst);
}

#[test]
fn refusals_alone_are_no_measured_rate() {
    let mut limiter = learner();
    let untold = Snapshot::default();
    let backoff = |ms| Refusal {
        backoff: at(ms),
        ..Refusal::default()
    };
    let first = go(&mut limiter, 0);
    refuse(&mut limiter, first, 0, &untold, backoff(60));
    let second = go(&mut limiter, 60);
    refuse(&mut limiter, second, 60, &untold, backoff(120));
    assert_eq!(next(&mut limiter, 60), Some(0.18));
    // The first that passes does not open the scope to all that wait.
    let third = go(&mut limiter, 180);
    answer(&mut limiter, third, 181, &untold);
    assert_eq!(limiter.state(at(181)).request_pace.unwrap().rate, 1.0);
}

#[test]
fn slow_down_halves_the_rate() {
    let mut limiter = learner();
    let first = go(&mut limiter, 0);
    answer(&mut limiter, first, 0, &requests_left(5_999));
    let refused = go(&mut limiter, 0);
    let refusal = Refusal {
        slow_down: true,
        ..asking_for(100)
    };
    refuse(&mut limiter, refused, 5, &Snapshot::default(), refusal);
    assert_eq!(limiter.state(at(5)).request_pace.unwrap().rate, 50.0);
}

#[test]
fn a_named_dimension_is_the_one_that_is_cut() {
    let mut limiter = learner();
    let first = go_with(&mut limiter, 0, 100);
    answer(&mut limiter, first, 0, &Snapshot::default());
    let refused = go_with(&mut limiter, 0, 100);
    let refusal = Refusal {
        dimension: Some(Dimension::Tokens),
        ..asking_for(100)
    };
    refuse(&mut limiter, refused, 5, &Snapshot::default(), refusal);
    let state = limiter.state(at(5));
    assert!(state.token_pace.is_some() && state.request_pace.is_none());
}

#[test]
fn a_refund_gives_everything_back() {
    let configured = Configured {
        requests_per_minute: 60,
        tokens_per_minute: 1_000,
        burst: 1,
    };
    let mut limiter = Limiter::new(configured, false);
    for _ in 0..5 {
        match limiter.admit(at(0), Cost { tokens: 1_000 }) {
            Admit::Go(permit) => limiter.refund(permit, at(0)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(limiter.state(at(0)).in_flight, 0);
    assert_eq!(limiter.state(at(0)).charged_tokens, 0);
}

#[test]
fn the_least_wait_counts_those_ahead() {
    let configured = Configured {
        requests_per_minute: 60,
        tokens_per_minute: 600,
        burst: 10,
    };
    let mut limiter = Limiter::new(configured, true);
    let cost = Cost { tokens: 100 };
    let mut wait = |ahead| limiter.least_wait(at(0), ahead, cost).as_secs_f64().round();
    assert_eq!(wait((0, 0)), 0.0);
    assert_eq!(wait((5, 500)), 0.0);
    assert_eq!(wait((5, 800)), 30.0);
    assert_eq!(wait((49, 0)), 40.0);
}

#[test]
fn usage_is_counted_and_changes_nothing() {
    let mut limiter = learner();
    limiter.usage(70);
    limiter.usage(30);
    assert_eq!(limiter.state(at(0)).used_tokens, 100);
}
