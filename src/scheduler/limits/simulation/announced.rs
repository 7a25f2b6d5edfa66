//! A server that tells its limits: slow answers, other periods, company on the key, limits that change.

use super::measure::{hold_to_share as hold, some_delays, stretch};
use super::server::{Delay, Server, Tank};
use super::setting::{Client, Setting, Timing};
use super::world::run;

#[test]
fn an_hour_at_ten_thousand_a_minute() {
    let mut setting = Setting::new(
        Server::of_requests(10_000, 50.0),
        vec![Client::of(700_000)],
        Timing::uneven(0.2),
    );
    setting.ends = 3_600.0;
    let name = "an hour at 10,000 RPM, answers of 100 to 300 ms";
    hold(name, 600_050.0, 0.999, 0.001, &setting);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let server = Server::of_requests(600, 50.0);
    let mut setting = stretch(server, 64, Timing::uneven(1.0), 120.0);
    let (first, again) = (run(&setting), run(&setting));
    assert_eq!((first.took, first.done), (again.took, again.done));
    setting.seed = 2;
    assert_ne!(run(&setting).took, first.took);
}

#[test]
fn answers_that_take_long() {
    for (seconds, per_minute, slots, least) in [
        (0.05, 6_000, 64, 0.99),
        (5.0, 600, 64, 0.99),
        // Until the first answer nothing is known, and a bucket of 40 overflows in that minute.
        (60.0, 40, 64, 0.94),
        (0.05, 10_000, 2_000, 0.99),
        (5.0, 10_000, 2_000, 0.99),
        (60.0, 10_000, 20_000, 0.99),
    ] {
        for delay in some_delays() {
            for (shape, timing) in [
                ("even", Timing::answer_in(seconds)),
                ("uneven", Timing::uneven(seconds)),
            ] {
                let server = Server {
                    delay,
                    ..Server::of_requests(per_minute, 50.0)
                };
                let ends = 120.0 + 20.0 * seconds;
                let possible = 50.0 + per_minute as f64 / 60.0 * ends;
                let name = format!(
                    "{shape} answers of {seconds} s, {per_minute} RPM, {slots} slots, {delay:?}"
                );
                let setting = stretch(server, slots, timing, ends);
                hold(&name, possible, least, 0.02, &setting);
            }
        }
    }
}

#[test]
fn answers_that_tell_how_long_they_took() {
    for seconds in [0.05, 5.0] {
        let mut setting = stretch(
            Server::of_requests(6_000, 50.0),
            1_000,
            Timing::uneven(seconds),
            200.0,
        );
        setting.tells_processing = true;
        let name = format!("openai-processing-ms told, answers of {seconds} s");
        hold(&name, 20_050.0, 0.99, 0.02, &setting);
    }
}

#[test]
fn a_wire_on_which_requests_overtake_each_other() {
    for seconds in [0.02, 0.1, 0.3] {
        for delay in some_delays() {
            let timing = Timing {
                wire: (0.002, seconds),
                work: (0.0, seconds),
                refusal: 0.0,
                timer: 0.001,
            };
            let server = Server {
                delay,
                ..Server::of_requests(6_000, 50.0)
            };
            let setting = stretch(server, 200, timing, 300.0);
            let name = format!("6,000 RPM, 2 to {} ms each way, {delay:?}", seconds * 1e3);
            hold(&name, 30_050.0, 0.97, 0.02, &setting);
        }
    }
}

#[test]
fn refusals_that_take_as_long_as_answers() {
    for delay in some_delays() {
        let server = Server {
            delay,
            ..Server::of_requests(6_000, 0.0)
        };
        let mut timing = Timing::uneven(5.0);
        timing.refusal = 5.0;
        let setting = stretch(server, 1_000, timing, 300.0);
        let name = format!("refusals after 5 s as well, from an empty bucket, {delay:?}");
        hold(&name, 30_000.0, 0.95, 0.02, &setting);
    }
}

#[test]
fn periods_of_a_second_to_a_day() {
    for (limit, period, level) in [
        (20, 1.0, 20.0),
        (100, 1.0, 0.0),
        (100, 10.0, 100.0),
        (600, 60.0, 600.0),
        (3, 60.0, 3.0),
        (3_600, 3_600.0, 100.0),
        (86_400, 86_400.0, 100.0),
        (10_000, 86_400.0, 200.0),
    ] {
        for delay in some_delays() {
            let server = Server {
                requests: Some(Tank::new(limit, period, level)),
                delay,
                ..Server::of_requests(1, 0.0)
            };
            let ends = if limit < 10 { 7_200.0 } else { 600.0 };
            let possible = level + limit as f64 / period * ends;
            let name = format!("{limit} in {period} s, from {level}, {delay:?}");
            let setting = stretch(server, 64, Timing::uneven(0.2), ends);
            hold(&name, possible, 0.95, 0.02, &setting);
        }
    }
}

#[test]
fn a_bucket_that_is_refilled_at_once() {
    for (limit, period) in [(600, 60.0), (100, 10.0), (20, 1.0)] {
        for delay in some_delays() {
            let mut server = Server {
                requests: Some(Tank::new(limit, period, limit as f64)),
                delay,
                ..Server::of_requests(1, 0.0)
            };
            server.requests.as_mut().unwrap().at_once = true;
            let name = format!("{limit} at once every {period} s, {delay:?}");
            let setting = stretch(server, 64, Timing::uneven(0.2), 600.0);
            hold(&name, limit as f64 / period * 600.0, 0.85, 0.12, &setting);
        }
    }
}

#[test]
fn company_on_the_same_key() {
    for (seconds, slots) in [(0.05, 64), (1.0, 200), (5.0, 1_000)] {
        for delay in some_delays() {
            let server = Server {
                delay,
                ..Server::of_requests(6_000, 50.0)
            };
            let mut setting = stretch(server, slots, Timing::uneven(seconds), 300.0);
            let second = Client {
                starts: 20.0,
                requests: 5_000,
                ..setting.clients[0].clone()
            };
            setting.clients.push(second);
            let name = format!("two processes, answers of {seconds} s, {delay:?}");
            hold(&name, 30_050.0, 0.97, 0.02, &setting);
        }
    }
}

#[test]
fn limits_that_change() {
    for seconds in [0.05, 5.0] {
        for delay in some_delays() {
            let server = Server {
                delay,
                ..Server::of_requests(6_000, 50.0)
            };
            let mut setting = stretch(server, 1_000, Timing::uneven(seconds), 300.0);
            setting.changes = vec![(60.0, 3_000), (120.0, 6_000), (200.0, 600), (260.0, 12_000)];
            let possible = 50.0 + 6_000.0 + 3_000.0 + 8_000.0 + 600.0 + 8_000.0;
            let name = format!("changing limits, answers of {seconds} s, {delay:?}");
            hold(&name, possible, 0.97, 0.02, &setting);
        }
    }
}

#[test]
fn a_server_that_charges_refusals() {
    for delay in some_delays() {
        let server = Server {
            delay,
            charges_refused: true,
            ..Server::of_requests(600, 0.0)
        };
        let setting = stretch(server, 64, Timing::uneven(0.2), 300.0);
        let name = format!("refusals are charged, 600 RPM, {delay:?}");
        hold(&name, 3_000.0, 0.97, 0.02, &setting);
    }
}

#[test]
fn tokens_and_what_we_take_them_for() {
    for seconds in [0.2, 5.0] {
        for estimate in [1.0, 0.5, 0.1, 2.0, 8.0] {
            let server = Server {
                tokens: Some(Tank::new(1_200_000, 60.0, 20_000.0)),
                ..Server::of_requests(6_000, 6_000.0)
            };
            let mut setting = stretch(server, 200, Timing::uneven(seconds), 300.0);
            setting.clients[0].tokens = (10, 4_000);
            setting.clients[0].estimate = estimate;
            let name = format!("1,200,000 TPM, taken for {estimate} times, answers of {seconds} s");
            hold(&name, 6_020_000.0 / 2_005.0, 0.95, 0.02, &setting);
        }
    }
}

#[test]
fn company_on_a_limit_of_tokens() {
    for seconds in [0.2, 5.0] {
        for delay in some_delays() {
            let server = Server {
                tokens: Some(Tank::new(1_200_000, 60.0, 20_000.0)),
                delay,
                ..Server::of_requests(6_000, 6_000.0)
            };
            let mut setting = stretch(server, 200, Timing::uneven(seconds), 600.0);
            setting.clients[0].tokens = (10, 4_000);
            let second = Client {
                starts: 20.0,
                requests: 2_000,
                ..setting.clients[0].clone()
            };
            setting.clients.push(second);
            let name = format!("two processes, 1,200,000 TPM, answers of {seconds} s, {delay:?}");
            hold(&name, 12_020_000.0 / 2_005.0, 0.95, 0.02, &setting);
        }
    }
}

#[test]
fn work_that_comes_in_waves() {
    for delay in some_delays() {
        let server = Server {
            delay,
            ..Server::of_requests(6_000, 6_000.0)
        };
        let mut setting = stretch(server, 64, Timing::uneven(0.05), 600.0);
        setting.clients[0].waves = Some((2_000, 30.0));
        let name = format!("2,000 requests every 30 s, 6,000 RPM, {delay:?}");
        hold(&name, 40_000.0, 0.99, 0.02, &setting);
    }
}

/// A date means what it says by the clock of who wrote it.
#[test]
fn a_clock_that_is_wrong() {
    for ahead in [-86_400.0, -30.0, 0.0, 30.0, 86_400.0] {
        let server = Server {
            delay: Delay::Date { ahead },
            ..Server::of_requests(600, 0.0)
        };
        let setting = stretch(server, 64, Timing::uneven(0.2), 300.0);
        let name = format!("retry-after as a date, by a clock {ahead} s ahead");
        hold(&name, 3_000.0, 0.97, 0.02, &setting);
    }
}

#[test]
fn a_refusal_is_not_repeated_on_one_request() {
    let server = Server::of_requests(6_000, 0.0);
    let setting = stretch(server, 64, Timing::uneven(0.05), 60.0);
    let outcome = hold("from an empty bucket", 6_000.0, 0.97, 0.02, &setting);
    assert!(outcome.most_refusals <= 2, "{}", outcome.most_refusals);
}
