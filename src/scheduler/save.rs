//! A body that goes straight to a file or a descriptor of the host's, piece by piece as it comes.
//!
//! [`super::attempt`] calls it with an answer that says yes. It decides nothing about retries but this: bytes that were
//! written to a descriptor are there to stay, so after them no other attempt is made.

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::alarm::{Alarm, TooLate};
use super::attempt::{Outcome, failed, finish};
use super::classify;
use super::job::Job;
use super::pass::Pass;
use super::policy::Policy;
use super::retry::Trouble;
use crate::completion::{Progress, ResponseBox, Way};
use crate::error::{Error, Result};
use crate::status;
use crate::transport::{Failure, FailureKind, Output, Parts};

/// A body and where it goes.
pub(super) struct Download {
    pub output: Output,
    pub parts: Box<dyn Parts>,
    pub response: ResponseBox,
    pub progress: Option<Progress>,
}

/// Writes the body. The time between two pieces is limited by `idle_timeout_ms`, not that of the whole.
pub(super) async fn run(
    policy: &Policy,
    job: &mut Job,
    pass: &Pass,
    alarm: &mut Alarm,
    download: Download,
) -> Outcome {
    let Download {
        output,
        mut parts,
        mut response,
        progress,
    } = download;
    let spoiled = |response, error| Outcome::Failed(Trouble::Final, finish(response, error));
    let total = parts.total();
    let mut written = 0;
    let opening = output.clone();
    let mut writer = match blocking(move || opening.open()).await {
        Ok(writer) => writer,
        Err(error) => return spoiled(response, error),
    };
    loop {
        let until = Instant::now() + policy.idle_timeout;
        let part = match alarm.within(until, parts.next()).await {
            Ok(None) => break,
            Ok(Some(part)) => part,
            Err(TooLate) => Err(silent(policy)),
        };
        let part = match part {
            Ok(part) => part,
            Err(failure) if written > 0 && output.keeps_parts() => {
                let error = failure.to_error();
                let message = format!(
                    "{}; {written} bytes of the body are already with the output descriptor, so it was not sent for again",
                    error.message
                );
                let error = Error {
                    message: message.into(),
                    may_have_executed: true,
                    ..error
                };
                return spoiled(response, error);
            }
            Err(failure) => return failed(failure, job, pass),
        };
        written += part.len() as u64;
        response.received = written;
        let wrote = blocking(move || {
            writer.write(&part)?;
            Ok(writer)
        });
        writer = match wrote.await {
            Ok(writer) => writer,
            Err(error) => return spoiled(response, error),
        };
        if let Some(progress) = &progress {
            progress.report(Way::Download, written, total);
        }
    }
    if let Err(error) = blocking(|| writer.finish()).await {
        return spoiled(response, error);
    }
    if let Some(progress) = progress.filter(|_| total != Some(written)) {
        progress.report(Way::Download, written, Some(written));
    }
    Outcome::Success(response)
}

fn silent(policy: &Policy) -> Failure {
    let limit = classify::seconds(policy.idle_timeout);
    Failure::new(
        FailureKind::Idle,
        format!("nothing for {limit} (idle_timeout_ms)"),
    )
}

/// Off the runtime's own threads, which a full disk or a slow reader must not hold up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::new(status::INTERNAL, error.to_string())))
}
