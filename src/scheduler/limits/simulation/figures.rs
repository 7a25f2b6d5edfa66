//! The table of issue 3, in virtual time: 64 at once, 2 ms latency. T = (N - B)/rate + latency.

use super::super::Configured;
use super::measure::{DELAYS, hold_over, hold_to_time as hold};
use super::server::{Headers, Server, Tank};
use super::setting::{Client, Outcome, Setting, Timing};
use super::world::run;

fn at_once(server: Server, clients: Vec<Client>, seed: u64) -> Outcome {
    let mut setting = Setting::new(server, clients, Timing::answer_in(0.002));
    // The two ways of a loopback differ a little from request to request.
    setting.timing.wire = (0.0008, 0.0012);
    setting.timing.work = (0.0, 0.0004);
    setting.seed = seed;
    run(&setting)
}

#[test]
fn an_unknown_limit() {
    for delay in DELAYS {
        hold(
            &format!("6,000 RPM unknown, start 50, {delay:?}"),
            9.502,
            1.02,
            5,
            |seed| {
                let server = Server {
                    delay,
                    ..Server::of_requests(6_000, 50.0)
                };
                at_once(server, vec![Client::of(1_000)], seed)
            },
        );
    }
}

#[test]
fn a_hidden_burst() {
    for delay in DELAYS {
        for (level, headers) in [
            (6_000.0, Headers::Truthful),
            (50.0, Headers::Truthful),
            (6_000.0, Headers::Finer),
        ] {
            let name = format!("hidden burst of 50, announced {level}, {headers:?}, {delay:?}");
            hold(&name, 9.502, 1.06, 20, |seed| {
                let server = Server {
                    hidden: Some(Tank::new(50, 0.5, 50.0)),
                    delay,
                    headers,
                    ..Server::of_requests(6_000, level)
                };
                at_once(server, vec![Client::of(1_000)], seed)
            });
        }
    }
}

/// Where others use the machine, requests come together that were sent apart.
#[test]
fn a_hidden_burst_on_a_busy_machine() {
    // Of whole seconds the pause alone costs 0.053 T, and its spread up to 0.005.
    for (delay, most_times) in DELAYS.into_iter().zip([1.07, 1.06, 1.06]) {
        let name = format!("hidden burst of 50, stalls of up to 20 ms, {delay:?}");
        let mean = hold_over(0..50, &name, 9.502, most_times, 20, |seed| {
            let server = Server {
                hidden: Some(Tank::new(50, 0.5, 50.0)),
                delay,
                ..Server::of_requests(6_000, 6_000.0)
            };
            let mut setting =
                Setting::new(server, vec![Client::of(1_000)], Timing::answer_in(0.002));
            setting.timing.wire = (0.0008, 0.0012);
            setting.timing.work = (0.0, 0.0004);
            setting.stalls = Some((0.5, 0.02));
            setting.connecting = (0.0, 0.03);
            setting.seed = seed;
            run(&setting)
        });
        assert!(mean <= 1.06, "{delay:?}: {mean}");
    }
}

#[test]
fn a_configured_limit() {
    for delay in DELAYS {
        hold(
            &format!("6,000 RPM configured, start 50, {delay:?}"),
            29.502,
            1.01,
            0,
            |seed| {
                let server = Server {
                    delay,
                    ..Server::of_requests(6_000, 50.0)
                };
                let mut client = Client::of(3_000);
                client.configured.requests_per_minute = 6_000;
                at_once(server, vec![client], seed)
            },
        );
    }
}

#[test]
fn a_limit_of_tokens() {
    for delay in DELAYS {
        for start in [100_000.0, 50.0] {
            let name = format!("6,000,000 TPM, costs 10 to 4,000, start {start}, {delay:?}");
            let runs = |seed| {
                let server = Server {
                    tokens: Some(Tank::new(6_000_000, 60.0, start)),
                    delay,
                    ..Server::of_requests(60_000, 60_000.0)
                };
                let mut client = Client::of(1_000);
                client.tokens = (10, 4_000);
                at_once(server, vec![client], seed)
            };
            // The tokens drawn differ by seed, so each is measured against its own least time.
            let per_seed = |seed| {
                let outcome = runs(seed);
                let least = (outcome.tokens as f64 - start) / 100_000.0 + 0.002;
                Outcome {
                    took: outcome.took / least,
                    ..outcome
                }
            };
            hold(&name, 1.0, 1.04, 10, per_seed);
        }
    }
}

#[test]
fn two_processes_on_one_key() {
    for delay in DELAYS {
        for apart in [0.0, 0.001, 0.0035, 0.05, 1.0] {
            let name = format!("two processes, {} ms apart, {delay:?}", apart * 1e3);
            hold(&name, 19.502, 1.06, 40, |seed| {
                let server = Server {
                    delay,
                    ..Server::of_requests(6_000, 50.0)
                };
                let second = Client {
                    starts: apart,
                    ..Client::of(1_000)
                };
                at_once(server, vec![Client::of(1_000), second], seed)
            });
        }
    }
}

#[test]
fn a_limit_that_halves_and_comes_back() {
    for delay in DELAYS {
        // 100/s for 3 s, 50/s for 4 s, then 100/s: of 950 beyond the start, 450 are left at 7 s.
        hold(
            &format!("limit halves at 3 s, back at 7 s, {delay:?}"),
            11.502,
            1.08,
            20,
            |seed| {
                let server = Server {
                    delay,
                    ..Server::of_requests(6_000, 50.0)
                };
                let mut setting =
                    Setting::new(server, vec![Client::of(1_000)], Timing::answer_in(0.002));
                setting.changes = vec![(3.0, 3_000), (7.0, 6_000)];
                setting.seed = seed;
                run(&setting)
            },
        );
    }
}

#[test]
fn an_outage_with_the_breaker() {
    for delay in DELAYS {
        hold(
            &format!("503s from 4.75 s for 5 s, {delay:?}"),
            9.502,
            15.1 / 9.502,
            5,
            |seed| {
                let server = Server {
                    delay,
                    ..Server::of_requests(6_000, 50.0)
                };
                let client = Client {
                    breaker: Some((5, 0.5)),
                    ..Client::of(1_000)
                };
                let mut setting = Setting::new(server, vec![client], Timing::answer_in(0.002));
                setting.outage = Some((4.75, 9.75));
                setting.seed = seed;
                let outcome = run(&setting);
                let open = outcome.into_outage[0] + 0.1;
                let mut probes = outcome
                    .into_outage
                    .iter()
                    .filter(|at| **at > open)
                    .collect::<Vec<_>>();
                probes.sort_by(|a, b| a.total_cmp(b));
                assert!(probes.len() <= 10, "{} probes", probes.len());
                assert!(probes.windows(3).all(|three| three[2] - three[0] >= 0.99));
                outcome
            },
        );
    }
}

/// The settings that a test of this table takes from the user.
#[test]
fn a_configured_burst() {
    hold(
        "6,000 RPM and a burst of 10 configured, start 6,000",
        9.902,
        1.01,
        0,
        |seed| {
            let mut client = Client::of(1_000);
            client.configured = Configured {
                requests_per_minute: 6_000,
                tokens_per_minute: 0,
                burst: 10,
            };
            at_once(Server::of_requests(6_000, 6_000.0), vec![client], seed)
        },
    );
}
