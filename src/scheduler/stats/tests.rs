use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use serde_json::Value;

use super::super::breaker::BreakerState;
use super::super::limits::{
    Admit, Binding, Configured, Cost, Limiter, LimiterState, Permit, Refusal, Snapshot,
};
use super::live::Binds;
use super::models::{MOST, NONE, OTHER};
use super::*;
use crate::status;

mod text;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn attempt(model: Model) -> Attempt {
    Attempt {
        model,
        tokens_charged: 10,
        http_status: 200,
        first_byte: Some(ms(40)),
        sent: 100,
        received: 1_000,
    }
}

fn ended(model: Model) -> Ended {
    Ended {
        model,
        status: status::OK,
        waited: ms(10),
        total: ms(60),
        usage: Some(Usage {
            prompt_tokens: 5,
            completion_tokens: 2,
            total_tokens: 7,
            cached_tokens: 3,
            reasoning_tokens: 1,
        }),
    }
}

/// Something of each kind.
fn busy() -> Stats {
    let stats = Stats::default();
    let model = accepted(&stats, Some("gpt-4o"));
    stats.refused(status::QUEUE_FULL);
    stats.attempted(&Attempt {
        http_status: 429,
        ..attempt(model)
    });
    stats.paused(ms(1_500));
    stats.fell_back();
    stats.retried("rate limited");
    let model = accepted(&stats, Some("gpt-4o-mini"));
    stats.attempted(&attempt(model));
    stats.ended(&ended(model));
    stats
}

/// A scope whose limits are announced, and found to be less than announced.
fn refused_scope() -> LiveScope {
    let mut limiter = Limiter::new(Configured::default(), true);
    let headers = BTreeMap::from([
        ("x-ratelimit-limit-requests", "6000"),
        ("x-ratelimit-remaining-requests", "5000"),
        ("x-ratelimit-reset-requests", "10s"),
        ("x-ratelimit-limit-tokens", "90000"),
        ("x-ratelimit-remaining-tokens", "80000"),
        ("x-ratelimit-reset-tokens", "1s"),
    ]);
    let snapshot = Snapshot::read(
        headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes())),
    );
    for (at, ok) in [(ms(0), true), (ms(50), true), (ms(100), false)] {
        let Admit::Go(mut permit) = limiter.admit(at, Cost { tokens: 10 }) else {
            panic!("a scope that is not held back");
        };
        limiter.sent(&mut permit, at);
        limiter.headers(&mut permit, at + ms(10), &snapshot, ok);
        if !ok {
            refuse(&mut limiter, &mut permit, at + ms(10));
        }
        limiter.finished(permit, at + ms(11));
    }
    LiveScope {
        name: "gpt-4o".into(),
        limiter: limiter.state(ms(200)),
        breaker: BreakerState::Open { until: ms(700) },
        waiting: 4,
        expected_wait: ms(2_000),
    }
}

fn refuse(limiter: &mut Limiter, permit: &mut Permit, now: Time) {
    let refusal = Refusal {
        retry_after: Some(ms(1_000)),
        ..Refusal::default()
    };
    limiter.refused(permit, now, &refusal);
}

fn live() -> Live {
    Live {
        waiting: 6,
        in_flight: 2,
        slots: 5,
        no_token: false,
        scopes: vec![refused_scope()],
    }
}

fn report() -> Report {
    busy().snapshot(ms(200), &live())
}

fn json(report: &Report) -> Value {
    serde_json::from_str(&report.to_json()).expect("valid JSON")
}

/// The first column of the table under `head` in `fields.md`, without its backticks.
fn documented(head: &str) -> Vec<[&'static str; 3]> {
    let (_, table) = include_str!("fields.md").split_once(head).unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row
            .split('|')
            .skip(1)
            .map(|cell| cell.trim().trim_matches('`'));
        [0; 3].map(|_| cells.next().unwrap_or_default())
    })
    .collect()
}

/// Every field of a report, spelled as in `fields.md`.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    const BY_LABEL: [&str; 4] = [
        "requests.refused",
        "requests.ended",
        "retries",
        "models[].ended",
    ];
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let deeper = match path {
                    "" => key.clone(),
                    _ if BY_LABEL.contains(&path) => format!("{path}.LABEL"),
                    "latency" => {
                        found.insert(format!("latency.{key}"));
                        "latency.*".into()
                    }
                    _ => format!("{path}.{key}"),
                };
                paths(value, &deeper, found);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                paths(element, &format!("{path}[]"), found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

fn accepted(stats: &Stats, model: Option<&str>) -> Model {
    stats.accepted();
    stats.model(model)
}

#[test]
fn the_json_has_exactly_the_documented_fields() {
    let report = report();
    let mut found = BTreeSet::new();
    paths(&json(&report), "", &mut found);
    // What is said of `tokens` holds for each model's.
    let (tokens, rest): (BTreeSet<String>, _) = found
        .into_iter()
        .partition(|path| path.starts_with("models[].tokens."));
    let totals: BTreeSet<String> = rest
        .iter()
        .filter(|path| path.starts_with("tokens."))
        .map(|path| format!("models[].{path}"))
        .collect();
    assert_eq!(tokens, totals);
    let mut rest = rest;
    rest.insert("models[].tokens".into());
    let documented: BTreeSet<String> = documented("| field | meaning |")
        .into_iter()
        .map(|[field, ..]| field.to_owned())
        .collect();
    assert_eq!(rest, documented);
}

#[test]
fn what_is_recorded_is_told() {
    let json = json(&report());
    let at = |path: &str| {
        json.pointer(path)
            .unwrap_or_else(|| panic!("no {path}"))
            .clone()
    };
    for (path, value) in [
        ("/requests/accepted", 2),
        ("/requests/refused/queue_full", 1),
        ("/requests/ended/ok", 1),
        ("/requests/waiting", 6),
        ("/requests/in_flight", 2),
        ("/attempts", 2),
        ("/retries/rate_limited", 1),
        ("/rate_limited", 1),
        ("/fallbacks", 1),
        ("/pauses/count", 1),
        ("/pauses/total_ms", 1_500),
        ("/tokens/charged", 20),
        ("/tokens/used", 7),
        ("/tokens/prompt", 5),
        ("/tokens/completion", 2),
        ("/tokens/cached", 3),
        ("/tokens/reasoning", 1),
        ("/bytes/sent", 200),
        ("/bytes/received", 2_000),
        ("/latency/queue_wait/count", 1),
        // A refusal's headers say nothing of how long an answer takes.
        ("/latency/first_byte/count", 1),
        ("/latency/total/count", 1),
        ("/models/0/tokens/charged", 10),
        ("/models/1/ended/ok", 1),
        ("/models/1/tokens/used", 7),
        ("/scopes/0/expected_wait_ms", 2_000),
        ("/scopes/0/waiting", 4),
        ("/scopes/0/breaker_open_ms", 500),
        ("/scopes/0/limits/0/limit", 6_000),
        ("/scopes/0/limits/1/limit", 90_000),
    ] {
        assert_eq!(at(path), Value::from(value), "{path}");
    }
    assert_eq!(at("/latency/total/max_ms"), Value::from(60.0));
    assert_eq!(at("/scopes/0/breaker"), Value::from("open"));
    assert_eq!(at("/binding"), Value::from("breaker"));
    assert!((900..=910).contains(&at("/scopes/0/paused_ms").as_u64().unwrap()));
}

#[test]
fn a_new_client_has_a_report_too() {
    let report = Stats::default().snapshot(ms(0), &Live::default());
    let json = json(&report);
    assert_eq!(json["requests"]["accepted"], 0);
    assert_eq!(json["models"], Value::Array(Vec::new()));
    assert_eq!(json["binding"], "nothing");
    text::parse(&report.to_prometheus());
}

#[test]
fn no_name_and_no_number_breaks_a_report() {
    let names = [
        "a\"b",
        "a\\b",
        "a\nb",
        "a\\\"\n{}, =1",
        "ü\u{1f600}",
        "\u{0}\r\t",
        "",
        OTHER,
        NONE,
    ];
    let stats = Stats::default();
    for name in names {
        let model = accepted(&stats, Some(name));
        stats.attempted(&attempt(model));
        stats.ended(&ended(model));
    }
    let mut scope = refused_scope();
    for (level, dimension) in [f64::INFINITY, f64::NAN]
        .into_iter()
        .zip(&mut scope.limiter.dimensions)
    {
        dimension.as_mut().unwrap().level = level;
        dimension.as_mut().unwrap().rate = f64::NEG_INFINITY;
    }
    let scopes = names.map(|name| LiveScope {
        name: name.into(),
        ..scope.clone()
    });
    let live = Live {
        scopes: scopes.to_vec(),
        ..Live::default()
    };
    let report = stats.snapshot(ms(200), &live);
    let json = json(&report);
    let told: BTreeSet<&str> = (json["models"].as_array().unwrap().iter())
        .map(|model| model["model"].as_str().unwrap())
        .collect();
    assert_eq!(told, BTreeSet::from(names));
    assert_eq!(json["scopes"][0]["limits"][0]["level"], Value::Null);
    let families = text::parse(&report.to_prometheus());
    let labels: BTreeSet<String> = (families["oai_tokens_charged_total"].samples.iter())
        .map(|sample| sample.labels["model"].clone())
        .collect();
    assert_eq!(labels, names.map(str::to_owned).into());
}

#[test]
fn the_prometheus_text_has_exactly_the_documented_metrics() {
    let report = report();
    let families = text::parse(&report.to_prometheus());
    let told: BTreeMap<String, (String, BTreeSet<String>)> = families
        .iter()
        .map(|(name, family)| {
            let labels = family
                .samples
                .iter()
                .flat_map(|sample| sample.labels.keys());
            (
                name.clone(),
                (family.kind.clone(), labels.cloned().collect()),
            )
        })
        .collect();
    let documented: BTreeMap<String, (String, BTreeSet<String>)> =
        documented("| metric | type | labels |")
            .into_iter()
            .map(|[name, kind, labels]| {
                let labels = labels.split(", ").filter(|label| !label.is_empty());
                let labels = labels.map(str::to_owned).collect();
                (name.to_owned(), (kind.to_owned(), labels))
            })
            .collect();
    assert_eq!(told, documented);
    let one = |name: &str, label: &str, value: &str| {
        let samples = &families[name].samples;
        let found = samples
            .iter()
            .find(|sample| sample.labels.get(label).is_some_and(|found| found == value));
        found
            .unwrap_or_else(|| panic!("{name} has no {label}={value}"))
            .value
    };
    assert_eq!(one("oai_tokens_used_total", "kind", "completion"), 0.0);
    assert_eq!(one("oai_requests_ended_total", "status", "ok"), 1.0);
    assert_eq!(one("oai_scope_breaker", "state", "open"), 1.0);
    assert_eq!(one("oai_scope_breaker", "state", "closed"), 0.0);
    assert_eq!(one("oai_scope_binding", "binding", "breaker"), 1.0);
    assert_eq!(one("oai_limit", "dimension", "tokens"), 90_000.0);
    assert_eq!(one("oai_request_seconds", "le", "0.0625"), 1.0);
    assert_eq!(one("oai_request_seconds", "le", "0.03125"), 0.0);
    assert_eq!(families["oai_paused_seconds_total"].samples[0].value, 1.5);
}

#[test]
fn scopes_of_one_name_are_told_apart() {
    let scopes = ["a", "a", "a#2", "a"].map(|name| LiveScope {
        name: name.into(),
        ..refused_scope()
    });
    let live = Live {
        scopes: scopes.to_vec(),
        ..Live::default()
    };
    let report = busy().snapshot(ms(200), &live);
    let names: Vec<_> = report
        .scopes
        .iter()
        .map(|scope| scope.scope.as_str())
        .collect();
    assert_eq!(names, ["a", "a#2", "a#2#2", "a#3"]);
    text::parse(&report.to_prometheus());
}

#[test]
fn models_beyond_the_most_are_one() {
    let stats = Stats::default();
    for number in 0..1_000 {
        let model = accepted(&stats, Some(&format!("model-{number}")));
        stats.ended(&ended(model));
    }
    stats.ended(&ended(accepted(&stats, Some(&"x".repeat(1_000_000)))));
    stats.ended(&ended(accepted(&stats, None)));
    let report = stats.snapshot(ms(0), &Live::default());
    assert_eq!(report.models.len(), MOST);
    let count = |name: &str| {
        let model = report.models.iter().find(|model| model.model == name);
        model.map(|model| model.ended["ok"])
    };
    assert_eq!(count("model-253"), Some(1));
    assert_eq!(count("model-254"), None);
    assert_eq!(count(OTHER), Some(1_000 - 254 + 1));
    assert_eq!(count(NONE), Some(1));
    assert_eq!(report.requests.ended["ok"], 1_002);
}

#[test]
fn what_binds() {
    let scope = LiveScope {
        name: "m".into(),
        limiter: LimiterState::default(),
        breaker: BreakerState::Closed,
        waiting: 1,
        expected_wait: ms(0),
    };
    let limited = |binding| LiveScope {
        limiter: LimiterState {
            binding,
            ..LimiterState::default()
        },
        ..scope.clone()
    };
    let paused = |end| LiveScope {
        limiter: LimiterState {
            paused_until: Some(ms(end)),
            ..LimiterState::default()
        },
        ..scope.clone()
    };
    let half_open = LiveScope {
        breaker: BreakerState::HalfOpen,
        ..paused(900)
    };
    let idle = LiveScope {
        waiting: 0,
        ..half_open.clone()
    };
    let full = 5;
    for (scope, in_flight, binds) in [
        (idle, full, Binds::Nothing),
        (scope.clone(), 0, Binds::Nothing),
        (scope.clone(), full, Binds::Concurrency),
        (half_open, full, Binds::Breaker),
        (paused(900), full, Binds::Pause),
        (paused(100), full, Binds::Concurrency),
        (limited(Binding::Requests), 4, Binds::Requests),
        (limited(Binding::Tokens), 4, Binds::Tokens),
        (limited(Binding::Pause), 4, Binds::Pause),
        (limited(Binding::SlowStart), 4, Binds::SlowStart),
        (limited(Binding::Tokens), full, Binds::Concurrency),
    ] {
        let live = Live {
            in_flight,
            slots: full,
            scopes: vec![scope.clone()],
            ..Live::default()
        };
        assert_eq!(
            live.binds(ms(500)),
            binds,
            "{scope:?} with {in_flight} in flight"
        );
        // Without a token nobody can go, whatever else there is.
        let live = Live {
            no_token: true,
            ..live
        };
        let expected = match binds {
            Binds::Nothing if scope.waiting == 0 => Binds::Nothing,
            _ => Binds::BearerToken,
        };
        assert_eq!(live.binds(ms(500)), expected);
    }
    let longer = LiveScope {
        waiting: 2,
        ..limited(Binding::Requests)
    };
    let live = Live {
        slots: full,
        scopes: vec![paused(900), longer, scope],
        ..Live::default()
    };
    assert_eq!(live.binds(ms(500)), Binds::Requests);
}

#[test]
fn nothing_is_lost_among_threads() {
    const THREADS: u64 = 8;
    const EACH: u64 = 2_000;
    let stats = Stats::default();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let stats = &stats;
            scope.spawn(move || {
                for _ in 0..EACH {
                    let model = accepted(stats, Some(["a", "b", "c"][thread as usize % 3]));
                    stats.attempted(&attempt(model));
                    stats.retried(["timed out", "conflict"][thread as usize % 2]);
                    stats.paused(ms(1));
                    stats.ended(&ended(model));
                }
            });
        }
        let mut last = 0;
        for _ in 0..50 {
            let report = stats.snapshot(ms(0), &Live::default());
            // One instant: each request's events are seen in their order.
            let ended = report.latency.total.count();
            assert_eq!(report.requests.ended.values().sum::<u64>(), ended);
            assert!(ended <= report.attempts && report.attempts <= report.requests.accepted);
            assert!(ended >= last);
            last = ended;
        }
    });
    let report = stats.snapshot(ms(0), &Live::default());
    let all = THREADS * EACH;
    assert_eq!(report.requests.accepted, all);
    assert_eq!(report.attempts, all);
    assert_eq!(report.retries.values().sum::<u64>(), all);
    assert_eq!(report.pauses.total_ms, all);
    assert_eq!(report.tokens.used, 7 * all);
    assert_eq!(report.tokens.charged, 10 * all);
    assert_eq!(report.bytes.received, 1_000 * all);
    let ended: Vec<u64> = report
        .models
        .iter()
        .map(|model| model.ended["ok"])
        .collect();
    assert_eq!(ended.iter().sum::<u64>(), all);
    assert_eq!(report.latency.total.sum(), ms(60) * all as u32);
}
