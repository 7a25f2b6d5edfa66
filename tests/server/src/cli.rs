//! The flags of `oai-test-server`.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use test_server::{Config, Outage, RetryAfter};

pub(crate) const HELP: &str = "\
oai-test-server: an OpenAI-compatible server on loopback, for tests and benchmarks

usage: oai-test-server [--port N] [flags]

Prints its base URL (without /v1) as the first line on stdout and serves until SIGTERM or SIGINT.

  --port N                  port; 0, the default, takes a free one
  --host ADDRESS            a loopback address; default 127.0.0.1
  --exit-on-stdin-close     also end when stdin closes, so that no orphan outlives its test
  --threads N               threads that serve; default 1
  --latency-ms N            wait before each unscripted answer that was not refused
  --require-key KEY         answer 401 to every other key
  --no-log                  keep no log of requests, only counters
  --in-memory               repeat the first embeddings answer of each model, dimensions, format and input count

limits of each API key and model (POST /_limits changes them at run time):
  --requests-per-minute N   requests per window
  --tokens-per-minute N     tokens per window
  --window-ms N             the window; default 60000
  --start-requests N        requests in a new bucket; default full
  --start-tokens N          tokens in a new bucket; default full
  --hidden-burst N          capacity of a hidden finer bucket of requests, of the same rate
  --hidden-burst-tokens N   the same for tokens
  --retry-after MODE        what a 429 carries: seconds (default), seconds_and_ms, none

outage, counted from the start of the server:
  --outage-after-ms N       its begin; default 0
  --outage-for-ms N         its length; switches it on
  --outage-status N         the status answered; default 503

  --help                    this text

Control paths: POST /_script, /_limits, /_release, /_reset; GET /_log, /_stats, /_limits. See README.md.
";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Serve {
        config: Box<Config>,
        exit_on_stdin_close: bool,
    },
}

/// Reads the arguments, the program's name left out.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut config = Config::default();
    let mut exit_on_stdin_close = false;
    let mut outage = Outage {
        after_ms: 0,
        for_ms: 0,
        status: 503,
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (flag, inline) = match argument.split_once('=') {
            Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let flag = flag.as_str();
        let mut value = Value {
            flag,
            inline,
            rest: &mut arguments,
        };
        let limits = &mut config.limits;
        match flag {
            "--help" | "-h" => return Ok(Command::Help),
            "--exit-on-stdin-close" => exit_on_stdin_close = value.switch()?,
            "--no-log" => config.log = !value.switch()?,
            "--in-memory" => config.in_memory = value.switch()?,
            "--port" => config.port = value.read()?,
            "--host" => config.host = loopback(value.read()?)?,
            "--threads" => config.threads = value.read()?,
            "--latency-ms" => config.latency = Duration::from_millis(value.read()?),
            "--require-key" => config.require_key = Some(value.read()?),
            "--requests-per-minute" => limits.requests_per_minute = Some(value.read()?),
            "--tokens-per-minute" => limits.tokens_per_minute = Some(value.read()?),
            "--window-ms" => limits.window_ms = value.read()?,
            "--start-requests" => limits.start_requests = Some(value.read()?),
            "--start-tokens" => limits.start_tokens = Some(value.read()?),
            "--hidden-burst" => limits.hidden_burst = Some(value.read()?),
            "--hidden-burst-tokens" => limits.hidden_burst_tokens = Some(value.read()?),
            "--retry-after" => limits.retry_after = retry_after(&value.read::<String>()?)?,
            "--outage-after-ms" => outage.after_ms = value.read()?,
            "--outage-for-ms" => outage.for_ms = value.read()?,
            "--outage-status" => outage.status = value.read()?,
            _ => return Err(format!("unknown flag `{flag}`; --help lists them")),
        }
    }
    config.limits.outage = (outage.for_ms > 0).then_some(outage);
    Ok(Command::Serve {
        config: Box::new(config),
        exit_on_stdin_close,
    })
}

fn loopback(host: IpAddr) -> Result<IpAddr, String> {
    if host.is_loopback() {
        Ok(host)
    } else {
        Err(format!(
            "--host {host} is no loopback address; use 127.0.0.1 or ::1"
        ))
    }
}

fn retry_after(mode: &str) -> Result<RetryAfter, String> {
    match mode {
        "seconds" => Ok(RetryAfter::Seconds),
        "seconds_and_ms" => Ok(RetryAfter::SecondsAndMs),
        "none" => Ok(RetryAfter::None),
        _ => Err(format!(
            "--retry-after is seconds, seconds_and_ms or none, not `{mode}`"
        )),
    }
}

/// The value of a flag: behind `=` or the next argument.
struct Value<'a, I> {
    flag: &'a str,
    inline: Option<String>,
    rest: &'a mut I,
}

impl<I: Iterator<Item = String>> Value<'_, I> {
    fn read<T: FromStr>(&mut self) -> Result<T, String> {
        let flag = self.flag;
        let text = self.inline.take().or_else(|| self.rest.next());
        let text = text.ok_or_else(|| format!("{flag} needs a value"))?;
        text.parse()
            .map_err(|_| format!("{flag} cannot be `{text}`"))
    }

    fn switch(&self) -> Result<bool, String> {
        match self.inline {
            None => Ok(true),
            Some(_) => Err(format!("{} takes no value", self.flag)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(line: &str) -> Result<(Config, bool), String> {
        match parse(line.split_whitespace().map(str::to_owned))? {
            Command::Serve {
                config,
                exit_on_stdin_close,
            } => Ok((*config, exit_on_stdin_close)),
            Command::Help => Err("help".to_owned()),
        }
    }

    #[test]
    fn flags_take_their_value_either_way() {
        let (config, exit) = serve(
            "--port 80 --latency-ms=5 --requests-per-minute 60 --retry-after none --no-log \
             --exit-on-stdin-close --require-key=k",
        )
        .expect("valid");
        assert_eq!(config.port, 80);
        assert_eq!(config.latency, Duration::from_millis(5));
        assert_eq!(config.limits.requests_per_minute, Some(60));
        assert_eq!(config.limits.retry_after, RetryAfter::None);
        assert_eq!(config.require_key.as_deref(), Some("k"));
        assert!(exit && !config.log && !config.in_memory);
        assert_eq!(config.limits.outage, None);
    }

    #[test]
    fn an_outage_needs_a_length() {
        let (config, _) = serve("--outage-after-ms 10 --outage-for-ms 20").expect("valid");
        let outage = Outage {
            after_ms: 10,
            for_ms: 20,
            status: 503,
        };
        assert_eq!(config.limits.outage, Some(outage));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, word) in [
            ("--prot 1", "--prot"),
            ("--port", "--port needs"),
            ("--port x", "`x`"),
            ("--host 0.0.0.0", "loopback"),
            ("--host 192.168.1.1", "loopback"),
            ("--no-log=1", "no value"),
            ("--retry-after soon", "soon"),
        ] {
            let error = serve(line).expect_err("a mistake");
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn help_names_every_flag() {
        let source = include_str!("cli.rs");
        let flags = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("\"--"));
        let arms: Vec<&str> = flags
            .filter(|line| line.contains("=>"))
            .filter_map(|line| line.split('"').next())
            .collect();
        assert!(arms.len() > 15);
        for flag in arms {
            assert!(
                HELP.contains(&format!("--{flag}")),
                "--{flag} is not in the help"
            );
        }
    }
}
