//! One attempt from the scheduler's side: send, read the answer as the caller wants it, say what came of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::HeaderMap;
use tokio::time::Instant;

use super::alarm::{Alarm, TooLate};
use super::classify;
use super::job::{Expect, Job};
use super::pass::Pass;
use super::policy::Policy;
use super::retry::Trouble;
use super::retry_after;
use super::save::{self, Download};
use crate::codec::fold::Folder;
use crate::codec::{api_error, embeddings, sse};
use crate::completion::{Progress, Response, ResponseBox, Way};
use crate::error::Error;
use crate::status;
use crate::transport::{Answer, Body, Failure, FailureKind, Parts, Transport, Watcher};

/// What came of an attempt. The response is what the caller gets if this was the last one.
pub(super) enum Outcome {
    Success(ResponseBox),
    Failed(Trouble, ResponseBox),
}

/// How long the end of a stream's body is awaited after `[DONE]`, so that the connection can be used again.
const BODY_END: Duration = Duration::from_millis(100);

/// Makes one attempt. `pass` tells how far it came, also when this future is dropped.
pub(super) async fn run(
    transport: &dyn Transport,
    policy: &Policy,
    job: &mut Job,
    pass: &Arc<Pass>,
    alarm: &mut Alarm,
) -> Outcome {
    let limit = match &*job.call.path {
        "/embeddings" | "/moderations" => policy.short_attempt_timeout,
        // A handshake computes nothing.
        _ if job.call.socket.is_some() => policy.short_attempt_timeout,
        _ => policy.attempt_timeout,
    };
    let until = job.attempted + limit;
    let retries = job.attempts.saturating_sub(1);
    let progress = if job.call.progress {
        job.delivery.progress()
    } else {
        None
    };
    let watcher: Arc<dyn Watcher> = match &progress {
        None => pass.clone(),
        Some(progress) => Arc::new(Reporting {
            pass: pass.clone(),
            progress: progress.clone(),
        }),
    };
    let sent = transport.send(&job.call, retries, &watcher);
    match alarm.within(until, sent).await {
        Err(TooLate) => failed(timed_out(limit), job, pass),
        Ok(Err(failure)) => failed(failure, job, pass),
        Ok(Ok(answer)) if !is_good(answer.status) => refused(transport, answer),
        Ok(Ok(Answer {
            status,
            headers,
            body: Body::Whole(body),
        })) => accepted(job.expect, status, headers, body),
        Ok(Ok(Answer {
            status,
            headers,
            body: Body::Stream(parts),
        })) => {
            let response = ResponseBox::from(Response::answered(status, headers));
            if let Some(output) = job.call.output.clone() {
                let download = Download {
                    output,
                    parts,
                    response,
                    progress,
                };
                return save::run(policy, job, pass, alarm, download).await;
            }
            if let (true, Expect::Embeddings { inputs }) = (job.call.in_parts, job.expect) {
                let inputs = inputs.get() as usize;
                return match alarm.within(until, embedded(parts, inputs, response)).await {
                    Ok(Ok(outcome)) => outcome,
                    Ok(Err(failure)) => failed(failure, job, pass),
                    Err(TooLate) => failed(timed_out(limit), job, pass),
                };
            }
            Stream {
                transport,
                policy,
                job,
                pass,
                parts,
                response,
                folder: None,
                alarm,
            }
            .read(until, limit)
            .await
        }
    }
}

/// Whether an answer says yes. 101, which the transport only lets through for a WebSocket, says that it is open.
pub(super) fn is_good(status: u16) -> bool {
    status == 101 || (200..300).contains(&status)
}

fn timed_out(limit: Duration) -> Failure {
    Failure::new(
        FailureKind::Timeout,
        format!("{} (attempt_timeout_ms)", classify::seconds(limit)),
    )
}

pub(super) fn failed(failure: Failure, job: &Job, pass: &Pass) -> Outcome {
    let sent = pass.was_sent() && !failure.is_before_sending();
    let error = Error {
        may_have_executed: sent && !job.may_repeat,
        ..failure.to_error()
    };
    Outcome::Failed(
        Trouble::NoAnswer {
            kind: failure.kind,
            sent,
        },
        ResponseBox::from(Response::failed(0, error)),
    )
}

/// An answer that says no.
fn refused(transport: &dyn Transport, answer: Answer) -> Outcome {
    let body = match answer.body {
        Body::Whole(body) => body,
        Body::Stream(_) => Vec::new(),
    };
    let mut api = api_error::parse(&body);
    api.message = transport.redact(api.message);
    let requested = retry_after::requested(&answer.headers, &api.message, SystemTime::now());
    let mut error = classify::answer(answer.status, &api);
    error.retry_after_ms = requested.map(|delay| delay.as_millis().try_into().unwrap_or(u64::MAX));
    let trouble = Trouble::Answer {
        http_status: answer.status,
        codes: [api.code, api.kind],
        message: api.message,
        should_retry: should_retry(&answer.headers),
        requested,
    };
    let mut response = ResponseBox::from(Response::answered(answer.status, answer.headers));
    error.request_id = response
        .request_id()
        .map(|id| id.to_string_lossy().into_owned());
    response.error = Some(error);
    response.received = body.len() as u64;
    response.set_body(body);
    Outcome::Failed(trouble, response)
}

fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.as_bytes() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

fn accepted(expect: Expect, http_status: u16, headers: HeaderMap, body: Vec<u8>) -> Outcome {
    let mut response = ResponseBox::from(Response::answered(http_status, headers));
    response.received = body.len() as u64;
    let Expect::Embeddings { inputs } = expect else {
        response.set_body(body);
        return Outcome::Success(response);
    };
    match embeddings::decode(&body, inputs.get() as usize) {
        Ok(decoded) => {
            response.embeddings = Some(decoded);
            Outcome::Success(response)
        }
        Err(error) => unreadable(response, error, body),
    }
}

/// Decodes vectors as they come.
async fn embedded(
    mut parts: Box<dyn Parts>,
    inputs: usize,
    mut response: ResponseBox,
) -> Result<Outcome, Failure> {
    let mut decoder = embeddings::Decoder::new(inputs, parts.total());
    while let Some(part) = parts.next().await {
        decoder.push(&part?);
    }
    response.received = decoder.received();
    Ok(match decoder.finish() {
        Ok(decoded) => {
            response.embeddings = Some(decoded);
            Outcome::Success(response)
        }
        Err((error, body)) => unreadable(response, error, body),
    })
}

/// What could not be read is kept for whoever has to find out why.
fn unreadable(mut response: ResponseBox, error: Error, body: Vec<u8>) -> Outcome {
    response.set_body(body);
    Outcome::Failed(Trouble::Final, finish(response, error))
}

pub(super) fn finish(mut response: ResponseBox, error: Error) -> ResponseBox {
    response.fail(error);
    response
}

/// Passes on what an attempt's transport tells, with how far the upload has come for the host.
struct Reporting {
    pass: Arc<Pass>,
    progress: Progress,
}

impl Watcher for Reporting {
    fn sent(&self) {
        self.pass.sent();
    }

    fn answered(&self, status: u16, headers: &HeaderMap) {
        self.pass.answered(status, headers);
    }

    fn uploaded(&self, bytes: u64, total: u64) {
        self.progress.report(Way::Upload, bytes, Some(total));
    }
}

/// A stream of events being read.
struct Stream<'a> {
    transport: &'a dyn Transport,
    policy: &'a Policy,
    job: &'a mut Job,
    pass: &'a Pass,
    parts: Box<dyn Parts>,
    response: ResponseBox,
    /// Puts the final message together for a caller who waits for the whole.
    folder: Option<Folder>,
    alarm: &'a mut Alarm,
}

impl Stream<'_> {
    async fn read(mut self, first_until: Instant, first_limit: Duration) -> Outcome {
        let most = usize::try_from(self.policy.max_response_bytes).unwrap_or(usize::MAX);
        let mut decoder = sse::Decoder::new(most);
        if !self.job.delivery.wants_chunks() {
            self.folder = Some(Folder::new(None));
        }
        loop {
            let until = if self.job.streamed {
                // Runs only while we wait on the socket: a slow reader is not the server's fault.
                Instant::now() + self.policy.idle_timeout
            } else {
                first_until
            };
            let part = match self.alarm.within(until, self.parts.next()).await {
                Err(TooLate) if self.job.streamed => {
                    let silence = classify::seconds(self.policy.idle_timeout);
                    let message = format!("no event for {silence} (idle_timeout_ms)");
                    return self.broken(Failure::new(FailureKind::Idle, message));
                }
                Err(TooLate) => return self.broken(timed_out(first_limit)),
                Ok(Some(Err(failure))) => return self.broken(failure),
                Ok(Some(Ok(part))) => part,
                Ok(None) => {
                    return match decoder.finish() {
                        Some(last) if last.data == b"[DONE]" => self.complete(),
                        _ => self.ended(),
                    };
                }
            };
            self.response.received += part.len() as u64;
            decoder.push(&part);
            for event in decoder.by_ref() {
                let event = match event {
                    Ok(event) => event,
                    Err(error) => {
                        return Outcome::Failed(Trouble::Final, finish(self.response, error));
                    }
                };
                if event.data == b"[DONE]" {
                    let mut rest = self.parts;
                    tokio::spawn(async move {
                        let _ = tokio::time::timeout(BODY_END, async {
                            while let Some(Ok(_)) = rest.next().await {}
                        })
                        .await;
                    });
                    self.parts = Box::new(Nothing);
                    return self.complete();
                }
                if let Some(outcome) = self.event(event).await {
                    return outcome;
                }
            }
        }
    }

    /// Hands an event over; an outcome if it ends the stream.
    async fn event(&mut self, event: sse::Event) -> Option<Outcome> {
        if let Some(mut api) = sse::error_of(&event.event, &event.data) {
            api.message = self.transport.redact(api.message);
            let error = classify::in_stream(self.response.http_status, &api);
            let response = std::mem::take(&mut self.response);
            return Some(Outcome::Failed(Trouble::Final, finish(response, error)));
        }
        self.job.streamed = true;
        match &mut self.folder {
            Some(folder) => {
                if let Err(error) = folder.push(&event.event, &event.data) {
                    let response = std::mem::take(&mut self.response);
                    return Some(Outcome::Failed(Trouble::Final, finish(response, error)));
                }
            }
            None => {
                let most = self.policy.stream_buffer_events as usize;
                self.job.delivery.chunk(event.data.into(), most).await;
            }
        }
        None
    }

    /// The body ended without `[DONE]`, which only some endpoints send.
    fn ended(self) -> Outcome {
        const WITH_DONE: [&str; 3] = ["/completions", "/runs", "/submit_tool_outputs"];
        let path = self.job.call.path.trim_end_matches('/');
        if !WITH_DONE.iter().any(|end| path.ends_with(end)) {
            return self.complete();
        }
        let error = Error {
            may_have_executed: true,
            ..Error::new(
                status::INCOMPLETE,
                "the stream ended without [DONE]: what was received may not be all",
            )
        };
        self.cut_off(error)
    }

    fn complete(mut self) -> Outcome {
        if let Some(folder) = self.folder.take() {
            self.response.set_body(folder.finish());
        }
        Outcome::Success(self.response)
    }

    fn broken(self, failure: Failure) -> Outcome {
        if !self.job.streamed {
            return failed(failure, self.job, self.pass);
        }
        self.cut_off(Error {
            may_have_executed: true,
            ..failure.to_error()
        })
    }

    /// An error after the first event: what was received is kept, and no other attempt is made.
    fn cut_off(mut self, error: Error) -> Outcome {
        if let Some(folder) = self.folder.take() {
            self.response.set_body(folder.finish());
        }
        Outcome::Failed(Trouble::Final, finish(self.response, error))
    }
}

/// A body that is over.
struct Nothing;

impl Parts for Nothing {
    fn next(&mut self) -> futures_util::future::BoxFuture<'_, Option<Result<Bytes, Failure>>> {
        Box::pin(async { None })
    }
}
