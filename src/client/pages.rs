//! A list taken page by page: by an iterator that asks for the next one while the caller works on this one, or by a
//! request that is led from page to page and sent by whoever drives it.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use super::request::Request;
use super::{Client, Pending, refuse_in_callback};
use crate::codec::page::{self, Cursor};
use crate::completion::Response;
use crate::error::{Error, Result};
use crate::status;

/// An iterator over a list's pages.
pub struct Pages {
    client: Arc<Client>,
    /// Asks for the page that comes next.
    request: Request,
    next: Next,
    trail: Trail,
}

/// Every cursor that the server gave in one walk through a list, or a server that repeats one would be asked for ever.
#[derive(Clone, Default)]
pub struct Trail(HashSet<Cursor>);

impl Trail {
    /// Leads `request` to the page at `cursor`, which must be a new one.
    fn follow(&mut self, request: &mut Request, cursor: Cursor) -> Result<()> {
        request.set_query(cursor.parameter, Some(&cursor.value))?;
        let parameter = cursor.parameter;
        if self.0.insert(cursor) {
            return Ok(());
        }
        Err(Error::new(
            status::DECODE,
            format!(
                "the list goes round in circles: page {} ends where an earlier page ended. The server may not know \
                 the parameter {parameter:?}",
                self.0.len() + 1,
            ),
        ))
    }

    /// Leads `request` to the page behind the one in `response`; false if that was the last.
    pub fn lead(&mut self, request: &mut Request, response: &Response) -> Result<bool> {
        if let Some(error) = &response.error {
            return Err(error.clone());
        }
        only_get(request)?;
        let Some(cursor) = page::next(response.body())? else {
            return Ok(false);
        };
        self.follow(request, cursor).map(|()| true)
    }
}

/// How things stand with the page that comes next.
enum Next {
    /// Not asked for.
    Wanted,
    Asked(Pending),
    /// There is none.
    None,
    /// There is said to be one that cannot be come to.
    Lost(Error),
}

impl Pages {
    /// The pages of the list that `request` asks for; nothing is sent yet.
    pub fn new(client: Arc<Client>, request: &Request) -> Result<Pages> {
        only_get(request)?;
        Ok(Pages {
            client,
            request: request.clone(),
            next: Next::Wanted,
            trail: Trail::default(),
        })
    }

    /// Waits for the next page; `None` behind the last. After a page that is an error the same page is tried again.
    pub fn next(&mut self, function: &str) -> Result<Option<Response>> {
        refuse_in_callback(function)?;
        let pending = match mem::replace(&mut self.next, Next::Wanted) {
            Next::Wanted => self.client.start(self.request.to_job()?)?,
            Next::Asked(pending) => pending,
            Next::None => {
                self.next = Next::None;
                return Ok(None);
            }
            Next::Lost(error) => {
                self.next = Next::Lost(error.clone());
                return Err(error);
            }
        };
        let mut response = pending.wait();
        if response.error.is_some() {
            return Ok(Some(response));
        }
        match page::next(response.body()) {
            Ok(None) => self.next = Next::None,
            Ok(Some(cursor)) => self.next = self.ask(cursor)?,
            Err(error) => response.fail(error),
        }
        Ok(Some(response))
    }

    /// Asks for the page at `cursor`. Where it is refused, as by a full queue, it is asked for when it is wanted.
    fn ask(&mut self, cursor: Cursor) -> Result<Next> {
        if let Err(circle) = self.trail.follow(&mut self.request, cursor) {
            return Ok(Next::Lost(circle));
        }
        Ok(match self.client.try_start(self.request.to_job()?) {
            Ok(pending) => Next::Asked(pending),
            Err(_) => Next::Wanted,
        })
    }
}

fn only_get(request: &Request) -> Result<()> {
    if request.is_get() {
        return Ok(());
    }
    Err(Error::new(
        status::INVALID_ARGUMENT,
        "only lists that a GET request asks for have pages that can be followed",
    ))
}

impl Drop for Pages {
    fn drop(&mut self) {
        if let Next::Asked(pending) = &self.next {
            pending.cancel(&self.client);
        }
    }
}
