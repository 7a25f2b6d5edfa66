//! One attempt over reqwest.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use once_cell::sync::OnceCell;
use tokio::time::{Instant, Sleep, sleep};

use super::call::{Call, Content};
use super::connector::{self, HttpVersion, Network};
use super::dialling::Notes;
use super::failure::{Failure, FailureKind};
use super::form::FormBody;
use super::prepared;
use super::redirect::{self, Hop};
use super::target::Target;
use super::{Answer, Body, Parts, Transport, Watcher, websocket};
use crate::error::Error;
use crate::status;
use crate::sync::Current;

/// How long the body of a request that must not be sent twice stays behind its head. A kept connection that the server
/// has closed shows itself in this time, while nothing is lost yet: a head alone cannot be carried out.
const HOLD: Duration = Duration::from_millis(2);

/// A kept connection that ends so soon after a request was closed before the request arrived, or nearly always.
const STALE: Duration = Duration::from_secs(1);

/// The real transport of one client.
pub struct HttpTransport {
    target: Arc<Current<Target>>,
    network: Network,
    client: OnceCell<reqwest::Client>,
    /// Keeps no connections: for requests that are all head and must not be sent twice.
    unkept: OnceCell<reqwest::Client>,
    /// For WebSockets: each has its own connection, and begins as a request of HTTP/1.1.
    upgrading: OnceCell<reqwest::Client>,
}

impl HttpTransport {
    /// Opens nothing yet.
    pub fn new(target: Arc<Current<Target>>, network: Network) -> HttpTransport {
        HttpTransport {
            target,
            network,
            client: OnceCell::new(),
            unkept: OnceCell::new(),
            upgrading: OnceCell::new(),
        }
    }

    /// The client whose connections are kept.
    fn kept(&self) -> Result<&reqwest::Client, Failure> {
        self.client
            .get_or_try_init(|| connector::build(&self.network))
    }

    /// The client that makes a connection for each request.
    fn unkept(&self) -> Result<&reqwest::Client, Failure> {
        self.unkept.get_or_try_init(|| {
            connector::build(&Network {
                pool_idle: Duration::ZERO,
                ..self.network.clone()
            })
        })
    }

    /// The client that opens WebSockets.
    fn upgrading(&self) -> Result<&reqwest::Client, Failure> {
        self.upgrading.get_or_try_init(|| {
            connector::build(&Network {
                pool_idle: Duration::ZERO,
                http_version: HttpVersion::Http1,
                ..self.network.clone()
            })
        })
    }

    /// Sends one hop. A kept connection that the server has closed is nobody's failure: the request goes out again on a
    /// new one, unless it must not be sent twice and its body was handed over.
    async fn hop(
        &self,
        call: &Call,
        hop: &Hop,
        watcher: &Arc<dyn Watcher>,
    ) -> Result<reqwest::Response, Failure> {
        if !call.may_repeat && !hop.with_body {
            // Nothing can be held back until the connection has proved to be open.
            return send(self.unkept()?, call, hop, watcher)
                .await
                .map_err(|lost| lost.failure);
        }
        match send(self.kept()?, call, hop, watcher).await {
            Err(lost) if lost.was_stale => {
                tracing::debug!("the server had closed a kept connection: making a new one");
                let again = send(self.unkept()?, call, hop, watcher).await;
                again.map_err(|lost| lost.failure)
            }
            outcome => outcome.map_err(|lost| lost.failure),
        }
    }

    async fn attempt(
        &self,
        call: &Call,
        retries: u32,
        watcher: &Arc<dyn Watcher>,
    ) -> Result<Answer, Failure> {
        let (mut answer, rest) = self.ask(call, retries, watcher).await?;
        if let Some(mut rest) = rest {
            answer.body = Body::Whole(whole(&mut rest).await?);
        }
        Ok(answer)
    }

    /// Comes as far as the answer's headers, behind all redirects; with it goes what is left to be read of it.
    async fn ask(
        &self,
        call: &Call,
        retries: u32,
        watcher: &Arc<dyn Watcher>,
    ) -> Result<(Answer, Option<Bounded>), Failure> {
        let all = self.target.get();
        let target = all.at(call.place).ok_or_else(|| {
            let gone = format!("fallback {} was taken out of the settings", call.place);
            Failure::new(FailureKind::Unsendable(status::CONFIG), gone)
        })?;
        let host = self.network.http_version == HttpVersion::Http1;
        let mut hop = prepared::hop(target, call, retries, host)?;
        if let Some(slot) = &call.socket {
            let most = target.max_response_bytes;
            let hop = Arc::unwrap_or_clone(hop);
            // In a box: every other call would carry its size.
            let opening = websocket::open(self.upgrading()?, hop, slot, most, watcher).boxed();
            return match opening.await? {
                Ok(opened) => Ok((opened, None)),
                Err(refusal) => read(refusal, call, most),
            };
        }
        let mut redirects = 0;
        loop {
            let answer = self.hop(call, &hop, watcher).await?;
            // Whatever answered has received the request.
            watcher.sent();
            let code = answer.status().as_u16();
            if code == 101 {
                let why = "the server switched protocols, which was not asked for";
                return Err(Failure::new(FailureKind::Unsendable(status::PROTOCOL), why));
            }
            match redirect::follow(&hop, code, answer.headers()) {
                None => {
                    watcher.answered(code, answer.headers());
                    return read(answer, call, target.max_response_bytes);
                }
                Some(Err(reason)) => return Err(Failure::new(FailureKind::Redirect, reason)),
                Some(Ok(_)) if redirects >= target.max_redirects => {
                    let limit =
                        format!("more than {} of them (max_redirects)", target.max_redirects);
                    return Err(Failure::new(FailureKind::Redirect, limit));
                }
                Some(Ok(next)) if next.url.scheme() == "https" && !self.network.tls => {
                    let advice = format!(
                        "base_url is http:// and the server sends to https://{}; set base_url to that",
                        next.url.authority()
                    );
                    return Err(Failure::new(FailureKind::Redirect, advice));
                }
                Some(Ok(next)) => hop = Arc::new(next),
            }
            redirects += 1;
        }
    }
}

impl Transport for HttpTransport {
    fn send<'a>(
        &'a self,
        call: &'a Call,
        retries: u32,
        watcher: &'a Arc<dyn Watcher>,
    ) -> BoxFuture<'a, Result<Answer, Failure>> {
        self.attempt(call, retries, watcher).boxed()
    }

    fn has_own_key(&self, call: &Call) -> bool {
        self.target.get().has_own_key(call)
    }

    fn redact(&self, text: String) -> String {
        self.target.get().redact(text)
    }
}

/// A hop without an answer.
struct Lost {
    failure: Failure,
    /// It went out on a kept connection that was closed, and may go out again.
    was_stale: bool,
}

async fn send(
    client: &reqwest::Client,
    call: &Call,
    hop: &Hop,
    watcher: &Arc<dyn Watcher>,
) -> Result<reqwest::Response, Lost> {
    let began = Instant::now();
    let notes = Notes::default();
    let mut trouble = None;
    let sending = match request(client, call, hop, watcher, &notes, &mut trouble) {
        // Begun here, so that the request need not be kept beside what becomes of it.
        Ok(request) => client.execute(request),
        Err(error) => {
            return Err(Lost {
                failure: Failure::from_reqwest(error),
                was_stale: false,
            });
        }
    };
    let failure = match notes.watch(sending).await {
        Ok(answer) => return Ok(answer),
        Err(error) => match trouble.as_ref().and_then(|trouble| trouble.get()) {
            // The connection only failed because the body did.
            Some(error) => {
                Failure::new(FailureKind::Unsendable(error.status), error.message.clone())
            }
            None => Failure::from_reqwest(error),
        },
    };
    let again = match call.may_repeat {
        true => notes.on_kept() && began.elapsed() < STALE,
        false => !notes.was_handed_over(),
    };
    Err(Lost {
        was_stale: failure.kind == FailureKind::Lost && again,
        failure,
    })
}

/// What a form's body tells of its end.
type Trouble = Arc<OnceLock<Error>>;

fn request(
    client: &reqwest::Client,
    call: &Call,
    hop: &Hop,
    watcher: &Arc<dyn Watcher>,
    notes: &Notes,
    trouble: &mut Option<Trouble>,
) -> reqwest::Result<reqwest::Request> {
    let builder = client.request(hop.method.clone(), hop.url.clone());
    let mut request = builder.build()?;
    // There are some already where a redirect's URL holds a password.
    match request.headers_mut() {
        none if none.is_empty() => *none = hop.headers.clone(),
        some => some.extend(hop.headers.clone()),
    }
    if hop.with_body {
        *request.body_mut() = Some(reqwest::Body::wrap(Marked {
            body: match &call.body {
                Content::Bytes(bytes) => Pieces::One(Some(bytes.clone())),
                Content::Form(form) => {
                    let trouble = trouble.insert(Arc::default()).clone();
                    Pieces::Form(form.body(watcher.clone(), trouble))
                }
            },
            hold: (!call.may_repeat).then_some(HOLD),
            holding: None,
            notes: notes.clone(),
            watcher: watcher.clone(),
        }));
    } else {
        // Nothing would tell when the head is written.
        watcher.sent();
    }
    Ok(request)
}

/// Makes an answer of what came, with what is left to be read if its body is wanted whole.
fn read(
    mut answer: reqwest::Response,
    call: &Call,
    most: u64,
) -> Result<(Answer, Option<Bounded>), Failure> {
    let status = answer.status().as_u16();
    // Its length is not read from them.
    let headers = apart(std::mem::take(answer.headers_mut()));
    let is_json = headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let is_good = (200..300).contains(&status);
    let as_it_comes = call.output.is_some() || call.stream && !is_json;
    let (body, rest) = if is_good && as_it_comes {
        (Body::Stream(Box::new(Stream(answer))), None)
    } else if is_good && call.in_parts {
        (Body::Stream(Box::new(Bounded::new(answer, most)?)), None)
    } else {
        (Body::Whole(Vec::new()), Some(Bounded::new(answer, most)?))
    };
    let answer = Answer {
        status,
        headers,
        body,
    };
    Ok((answer, rest))
}

/// Headers with bytes of their own. As they came they are parts of what was read at once from the connection, 8 KiB and
/// more, all of which would stay for as long as somebody holds the answer.
pub(super) fn apart(mut headers: HeaderMap) -> HeaderMap {
    let length = headers.values().map(HeaderValue::len).sum();
    let mut bytes = Vec::with_capacity(length);
    for value in headers.values() {
        bytes.extend_from_slice(value.as_bytes());
    }
    let mut bytes = Bytes::from(bytes);
    for value in headers.values_mut() {
        let own = bytes.split_to(value.len());
        if let Ok(own) = HeaderValue::from_maybe_shared(own) {
            *value = own;
        }
    }
    headers
}

async fn whole(answer: &mut Bounded) -> Result<Vec<u8>, Failure> {
    // One byte more for the NUL that C finds behind the body. The announced length is only believed up to a bound:
    // a server may announce what it never sends.
    let announced = answer.total().unwrap_or(0);
    let mut body = Vec::with_capacity(announced.min(16 << 20) as usize + 1);
    while let Some(part) = answer.part().await? {
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// A body that may only have so many bytes.
struct Bounded {
    answer: reqwest::Response,
    most: u64,
    received: u64,
}

impl Bounded {
    fn new(answer: reqwest::Response, most: u64) -> Result<Bounded, Failure> {
        let bounded = Bounded {
            answer,
            most,
            received: 0,
        };
        bounded.check(bounded.total().unwrap_or(0))?;
        Ok(bounded)
    }

    async fn part(&mut self) -> Result<Option<Bytes>, Failure> {
        let part = self.answer.chunk().await.map_err(Failure::from_reqwest)?;
        self.received += part.as_ref().map_or(0, |part| part.len() as u64);
        self.check(self.received)?;
        Ok(part)
    }

    fn check(&self, bytes: u64) -> Result<(), Failure> {
        if bytes <= self.most {
            return Ok(());
        }
        let limit = format!("more than {} bytes (max_response_bytes)", self.most);
        Err(Failure::new(FailureKind::TooLarge, limit))
    }
}

impl Parts for Bounded {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, Failure>>> {
        async { self.part().await.transpose() }.boxed()
    }

    fn total(&self) -> Option<u64> {
        self.answer.content_length()
    }
}

struct Stream(reqwest::Response);

impl Parts for Stream {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, Failure>>> {
        async {
            self.0
                .chunk()
                .await
                .map_err(Failure::from_reqwest)
                .transpose()
        }
        .boxed()
    }

    fn total(&self) -> Option<u64> {
        self.0.content_length()
    }
}

/// A body that tells when it is first asked for its bytes, which is when the request begins to be written.
struct Marked {
    body: Pieces,
    /// How long the head goes alone, from the moment it is written.
    hold: Option<Duration>,
    holding: Option<Pin<Box<Sleep>>>,
    notes: Notes,
    watcher: Arc<dyn Watcher>,
}

/// A body's bytes: all there, or some at a time.
enum Pieces {
    One(Option<Bytes>),
    Form(FormBody),
}

impl http_body::Body for Marked {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        if let Some(hold) = self.hold.take() {
            self.holding = Some(Box::pin(sleep(hold)));
        }
        if let Some(holding) = &mut self.holding {
            ready!(holding.as_mut().poll(context));
            self.holding = None;
        }
        self.notes.hand_over();
        self.watcher.sent();
        match &mut self.body {
            Pieces::One(bytes) => {
                Poll::Ready(bytes.take().map(|bytes| Ok(http_body::Frame::data(bytes))))
            }
            Pieces::Form(form) => Pin::new(form).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Pieces::One(bytes) => bytes.is_none(),
            Pieces::Form(form) => form.is_end_stream(),
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.body {
            Pieces::One(bytes) => {
                http_body::SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Pieces::Form(form) => form.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_nothing_of_what_was_read_with_them() {
        let read = Bytes::from(vec![b'x'; 8192]);
        let mut came = HeaderMap::new();
        for (name, from) in [("x-a", 0..3), ("x-b", 100..100), ("x-b", 200..205)] {
            let value = HeaderValue::from_maybe_shared(read.slice(from)).unwrap();
            came.append(name, value);
        }
        let headers = apart(came.clone());
        assert_eq!(headers, came);
        drop(came);
        assert!(read.is_unique());
    }
}
