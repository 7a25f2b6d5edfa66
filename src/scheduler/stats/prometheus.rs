//! The report in Prometheus' text format, version 0.0.4.

use std::fmt::{self, Display, Write};

use super::histogram::Histogram;
use super::live::Binds;
use super::report::{Found, Limit, Report, Scope};

/// Name, help, and where the value is.
type Gauge<T> = (&'static str, &'static str, fn(&T) -> f64);

impl Report {
    /// The report as text for a scrape. Counters end in `_total` and times are seconds.
    pub fn to_prometheus(&self) -> String {
        let mut text = Text::default();
        self.requests(&mut text);
        self.models(&mut text);
        let latency = &self.latency;
        text.histogram(
            "oai_queue_wait_seconds",
            "From acceptance to the first attempt.",
            &latency.queue_wait,
        );
        text.histogram(
            "oai_first_byte_seconds",
            "From the start of an attempt to the headers of its answer.",
            &latency.first_byte,
        );
        text.histogram(
            "oai_request_seconds",
            "From acceptance to the end, with queue and retries.",
            &latency.total,
        );
        self.scopes(&mut text);
        text.text
    }

    fn requests(&self, text: &mut Text) {
        let requests = &self.requests;
        text.counter("oai_requests_accepted_total", "Requests accepted.");
        text.sample(&[], requests.accepted);
        text.counter(
            "oai_requests_refused_total",
            "Requests refused, by the status that the call returned.",
        );
        for (reason, count) in &requests.refused {
            text.sample(&[("reason", reason)], count);
        }
        text.gauge(
            "oai_requests_waiting",
            "Requests in the queue or between two attempts.",
        );
        text.sample(&[], requests.waiting);
        text.gauge("oai_requests_in_flight", "Requests that hold a slot.");
        text.sample(&[], requests.in_flight);
        text.counter("oai_attempts_total", "Attempts that are over.");
        text.sample(&[], self.attempts);
        text.counter(
            "oai_retries_total",
            "Further attempts decided on, by reason.",
        );
        for (reason, count) in &self.retries {
            text.sample(&[("reason", reason)], count);
        }
        text.counter("oai_rate_limited_total", "Answers with HTTP status 429.");
        text.sample(&[], self.rate_limited);
        text.counter("oai_fallbacks_total", "Requests that went to a fallback.");
        text.sample(&[], self.fallbacks);
        text.counter("oai_pauses_total", "Pauses of a scope after a refusal.");
        text.sample(&[], self.pauses.count);
        text.counter("oai_paused_seconds_total", "Length of these pauses.");
        text.sample(&[], self.pauses.total_ms as f64 / 1e3);
        text.counter("oai_sent_bytes_total", "Bytes of request bodies sent.");
        text.sample(&[], self.bytes.sent);
        text.counter(
            "oai_received_bytes_total",
            "Bytes of answer bodies received.",
        );
        text.sample(&[], self.bytes.received);
    }

    fn models(&self, text: &mut Text) {
        text.counter(
            "oai_requests_ended_total",
            "Requests ended, by model and status.",
        );
        for model in &self.models {
            for (status, count) in &model.ended {
                text.sample(&[("model", &model.model), ("status", status)], count);
            }
        }
        text.counter(
            "oai_tokens_charged_total",
            "Tokens charged before sending, by our estimate.",
        );
        for model in &self.models {
            text.sample(&[("model", &model.model)], model.tokens.charged);
        }
        text.counter("oai_tokens_used_total", "Tokens used, as answers told.");
        for model in &self.models {
            let kinds = [
                ("prompt", model.tokens.prompt),
                ("completion", model.tokens.completion),
            ];
            for (kind, tokens) in kinds {
                text.sample(&[("model", &model.model), ("kind", kind)], tokens);
            }
        }
        text.counter(
            "oai_tokens_cached_total",
            "Prompt tokens that came from the server's cache.",
        );
        for model in &self.models {
            text.sample(&[("model", &model.model)], model.tokens.cached);
        }
        text.counter(
            "oai_tokens_reasoning_total",
            "Completion tokens spent on reasoning.",
        );
        for model in &self.models {
            text.sample(&[("model", &model.model)], model.tokens.reasoning);
        }
    }

    fn scopes(&self, text: &mut Text) {
        let gauges: [Gauge<Scope>; 4] = [
            (
                "oai_scope_waiting",
                "Requests waiting in the scope's lane.",
                |s| s.waiting as f64,
            ),
            (
                "oai_scope_in_flight",
                "Requests of the scope in flight, of all clients.",
                |s| s.in_flight as f64,
            ),
            (
                "oai_scope_expected_wait_seconds",
                "Until a request accepted now could go.",
                |s| s.expected_wait_ms as f64 / 1e3,
            ),
            (
                "oai_scope_paused_seconds",
                "What is left of the scope's pause.",
                |s| s.paused_ms as f64 / 1e3,
            ),
        ];
        for (name, help, value) in gauges {
            text.gauge(name, help);
            for scope in &self.scopes {
                text.sample(&[("scope", &scope.scope)], value(scope));
            }
        }
        text.gauge(
            "oai_scope_breaker",
            "1 for the state that the breaker is in.",
        );
        for scope in &self.scopes {
            for state in ["closed", "open", "half_open"] {
                let labels = [("scope", scope.scope.as_str()), ("state", state)];
                text.sample(&labels, u8::from(scope.breaker == state));
            }
        }
        text.gauge(
            "oai_scope_binding",
            "1 for what keeps the scope's requests waiting.",
        );
        for scope in &self.scopes {
            for binds in Binds::ALL {
                let labels = [("scope", scope.scope.as_str()), ("binding", binds.name())];
                text.sample(&labels, u8::from(scope.binding == binds));
            }
        }
        self.limits(text);
    }

    fn limits(&self, text: &mut Text) {
        let gauges: [Gauge<Limit>; 5] = [
            ("oai_limit", "The limit that the server announces.", |l| {
                l.limit as f64
            }),
            (
                "oai_limit_window_seconds",
                "The period that the limit is for.",
                |l| l.window_seconds,
            ),
            (
                "oai_limit_level",
                "What we think is left of the limit.",
                |l| l.level,
            ),
            (
                "oai_limit_rate",
                "What the server gives back of the limit in a second.",
                |l| l.rate_per_second,
            ),
            ("oai_limit_our_rate", "What others leave us of that.", |l| {
                l.our_rate_per_second
            }),
        ];
        for (name, help, value) in gauges {
            text.gauge(name, help);
            for scope in &self.scopes {
                for limit in &scope.limits {
                    let labels = [
                        ("scope", scope.scope.as_str()),
                        ("dimension", limit.dimension),
                    ];
                    text.sample(&labels, Float(value(limit)));
                }
            }
        }
        let gauges: [Gauge<Found>; 3] = [
            (
                "oai_found_rate",
                "A limit that is not announced, found from refusals: per second.",
                |f| f.rate_per_second,
            ),
            (
                "oai_found_burst",
                "What the found limit allows at once.",
                |f| f.burst,
            ),
            ("oai_found_level", "What we think is left of that.", |f| {
                f.level
            }),
        ];
        for (name, help, value) in gauges {
            text.gauge(name, help);
            for scope in &self.scopes {
                for found in &scope.found {
                    let labels = [
                        ("scope", scope.scope.as_str()),
                        ("dimension", found.dimension),
                    ];
                    text.sample(&labels, Float(value(found)));
                }
            }
        }
    }
}

/// The text, and the name of the family that is being written.
#[derive(Default)]
struct Text {
    text: String,
    family: &'static str,
}

impl Text {
    fn counter(&mut self, name: &'static str, help: &str) {
        self.family(name, "counter", help);
    }

    fn gauge(&mut self, name: &'static str, help: &str) {
        self.family(name, "gauge", help);
    }

    /// `help` is ours and has nothing to escape.
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        self.add(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, value);
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.family);
        self.text.push_str(suffix);
        for (place, (name, value)) in labels.iter().enumerate() {
            self.text.push(if place == 0 { '{' } else { ',' });
            self.add(format_args!("{name}=\""));
            for character in value.chars() {
                match character {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.add(format_args!(" {value}\n"));
    }

    fn histogram(&mut self, name: &'static str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        for (bound, count) in histogram.cumulative() {
            self.line("_bucket", &[("le", &bound.to_string())], count);
        }
        self.line("_bucket", &[("le", "+Inf")], histogram.count());
        self.line("_sum", &[], histogram.sum().as_secs_f64());
        self.line("_count", &[], histogram.count());
    }

    fn add(&mut self, text: fmt::Arguments<'_>) {
        self.text
            .write_fmt(text)
            .expect("a string takes everything");
    }
}

/// A number as the format spells it, where Rust writes `inf`.
struct Float(f64);

impl Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            number => number.fmt(f),
        }
    }
}
