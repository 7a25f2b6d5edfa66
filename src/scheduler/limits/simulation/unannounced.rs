//! A server that does not tell its limits, or not all of them, or lies.

use super::measure::{hold_to_share as hold, some_delays, stretch};
use super::server::{Headers, Server, Tank};
use super::setting::{Client, Timing};

#[test]
fn a_day_is_told_and_a_minute_is_meant() {
    // A day's limit says nothing of the pace, which has to come from what is accepted and refused.
    for delay in some_delays() {
        let server = Server {
            requests: Some(Tank::new(10_000, 86_400.0, 10_000.0)),
            hidden: Some(Tank::new(60, 60.0, 60.0)),
            delay,
            ..Server::of_requests(1, 0.0)
        };
        let setting = stretch(server, 64, Timing::uneven(0.2), 3_600.0);
        let name = format!("told 10,000 a day, hidden 60 a minute, {delay:?}");
        hold(&name, 3_660.0, 0.95, 0.02, &setting);
    }
}

#[test]
fn finer_limits_that_nobody_tells() {
    for (limit, period) in [
        (50, 0.5),
        (100, 1.0),
        (10, 0.1),
        (4_000, 60.0),
        (50, 1.0),
        (2, 1.0),
    ] {
        for seconds in [0.05, 5.0] {
            for delay in some_delays() {
                let server = Server {
                    hidden: Some(Tank::new(limit, period, limit as f64)),
                    delay,
                    ..Server::of_requests(6_000, 6_000.0)
                };
                let slots = if seconds > 1.0 { 1_000 } else { 64 };
                let setting = stretch(server, slots, Timing::uneven(seconds), 600.0);
                let possible = limit as f64 + (limit as f64 / period).min(100.0) * 600.0;
                let name = format!(
                    "told 6,000 RPM, hidden {limit} in {period} s, answers of {seconds} s, {delay:?}"
                );
                // A bucket of two stores nothing that would make up for the time below the limit.
                let least = if limit == 2 { 0.85 } else { 0.9 };
                hold(&name, possible, least, 0.02, &setting);
            }
        }
    }
}

#[test]
fn a_finer_limit_of_few_requests() {
    for delay in some_delays() {
        for seed in 0..20 {
            let server = Server {
                hidden: Some(Tank::new(2, 1.0, 2.0)),
                delay,
                ..Server::of_requests(6_000, 6_000.0)
            };
            let mut setting = stretch(server, 1_000, Timing::uneven(5.0), 600.0);
            setting.seed = seed;
            let name = format!("hidden 2 in 1 s, answers of 5 s, seed {seed}, {delay:?}");
            hold(&name, 1_202.0, 0.75, 0.02, &setting);
        }
    }
}

#[test]
fn headers_that_tell_nothing() {
    for headers in [
        Headers::Absent,
        Headers::Zero,
        Headers::Negative,
        Headers::Garbage,
        Headers::Wrong,
        Headers::RemainingOnly,
    ] {
        for delay in some_delays() {
            let server = Server {
                delay,
                headers,
                ..Server::of_requests(3_000, 3_000.0)
            };
            let setting = stretch(server, 64, Timing::uneven(0.05), 600.0);
            let name = format!("{headers:?} headers, 3,000 RPM, {delay:?}");
            hold(&name, 33_000.0, 0.97, 0.02, &setting);
        }
    }
}

#[test]
fn headers_that_never_move() {
    for delay in some_delays() {
        let server = Server {
            delay,
            headers: Headers::Full,
            ..Server::of_requests(3_000, 50.0)
        };
        let setting = stretch(server, 64, Timing::uneven(0.05), 600.0);
        let name = format!("headers always full, 3,000 RPM, {delay:?}");
        hold(&name, 30_050.0, 0.97, 0.02, &setting);
    }
}

#[test]
fn few_requests_and_no_headers() {
    for (limit, level) in [(60, 60.0), (60, 0.0), (600, 0.0)] {
        for delay in some_delays() {
            let server = Server {
                delay,
                headers: Headers::Absent,
                ..Server::of_requests(limit, level)
            };
            let setting = stretch(server, 64, Timing::uneven(0.2), 3_600.0);
            let possible = level + limit as f64 * 60.0;
            let name = format!("no headers, {limit} RPM, from {level}, {delay:?}");
            hold(&name, possible, 0.9, 0.02, &setting);
        }
    }
}

#[test]
fn no_limit_at_all() {
    let server = Server {
        requests: None,
        ..Server::of_requests(1, 0.0)
    };
    let mut setting = stretch(server, 64, Timing::answer_in(0.05), 10.0);
    setting.clients[0].requests = 20_000;
    hold(
        "a server without limits",
        64.0 * 10.0 / 0.05,
        0.99,
        0.0,
        &setting,
    );
}

#[test]
fn company_without_headers() {
    for delay in some_delays() {
        let server = Server {
            delay,
            headers: Headers::Absent,
            ..Server::of_requests(3_000, 50.0)
        };
        let mut setting = stretch(server, 64, Timing::uneven(0.05), 600.0);
        let second = Client {
            starts: 20.0,
            requests: 5_000,
            ..setting.clients[0].clone()
        };
        setting.clients.push(second);
        let name = format!("two processes without headers, {delay:?}");
        hold(&name, 30_050.0, 0.95, 0.02, &setting);
    }
}

#[test]
fn a_503_that_says_slow_down() {
    // 100/s until 10 s, half of it for the minute that it is held, then a ramp back.
    let server = Server::of_requests(6_000, 50.0);
    let mut setting = stretch(server, 64, Timing::uneven(0.05), 70.0);
    setting.slow_down = Some(10.0);
    let outcome = hold(
        "slow down at 10 s, until 70 s",
        7_050.0,
        0.55,
        0.0,
        &setting,
    );
    assert!(outcome.accepted < 1_050 + 3_050, "{}", outcome.accepted);
    setting.ends = 200.0;
    hold(
        "slow down at 10 s, until 200 s",
        1_050.0 + 3_000.0 + 13_000.0,
        0.9,
        0.0,
        &setting,
    );
}
