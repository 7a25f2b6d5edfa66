//! A list to its end, page by page: `oai_pages`, which waits, and `oai_request_next_page`, which does not.

use super::border::{borrow, borrow_mut, call, clear, free, give, put, writable};
use super::client::{client_of, oai_client};
use super::error::oai_error;
use super::request::oai_request;
use super::response::{oai_response, respond_or_none};
use super::status::oai_status;
use crate::client::pages::Pages;

/// A list being walked. It belongs to one thread at a time.
pub struct oai_pages {
    pages: Pages,
}

/// Makes an iterator over the pages of a list, such as `GET /files` or `GET /organization/usage/completions`. It follows
/// `last_id`, `next_page` and `next`, as the list has it, while `has_more` says so. Nothing is sent yet.
///
/// `client`: not NULL; freed before the iterator, it ends it with `OAI_ERR_CLOSED` or `OAI_ERR_CANCELLED`. `request`: not
/// NULL, a GET request; copied, so it may be freed or changed at once. Its query (`limit`, `order`, filters) goes with
/// each page. `pages`: not NULL, gets the iterator, which the caller frees with `oai_pages_free`. `error`: nullable.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_pages_new(
    client: *const oai_client,
    request: *const oai_request,
    pages: *mut *mut oai_pages,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(pages);
    call(error, || {
        writable(pages, "pages")?;
        // SAFETY: NULL or live handles, by the conventions.
        let (client, request) = unsafe { (client_of(client)?, borrow(request, "request")?) };
        let made = oai_pages {
            pages: Pages::new(client, &request.request)?,
        };
        // SAFETY: checked not to be NULL.
        unsafe { put(pages, give(made)) };
        Ok(())
    })
}

/// Waits for the next page, and asks for the one behind it, so that it comes while the caller works on this one.
///
/// `pages`: not NULL. `response`: not NULL; gets the page as a response, which the caller frees with
/// `oai_response_free`, and NULL with `OAI_OK` behind the last page.
/// Returns the response's status. After an error the same page is asked for again by the next call; only a list that
/// repeats itself, or that says it goes on but not where, stays `OAI_ERR_DECODE`. `OAI_ERR_STATE` from a callback.
/// Blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_pages_next(
    pages: *mut oai_pages,
    response: *mut *mut oai_response,
) -> oai_status {
    respond_or_none(response, || {
        // SAFETY: NULL or a live handle of this thread, by the conventions.
        unsafe { borrow_mut(pages, "pages") }?
            .pages
            .next("oai_pages_next")
    })
}

/// Frees an iterator; a page that was asked for in advance is cancelled.
///
/// `pages`: may be NULL. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_pages_free(pages: *mut oai_pages) {
    // SAFETY: NULL or a handle that the caller owns, by the conventions.
    unsafe { free(pages, drop) };
}

/// Leads a request to the next page of a list without sending anything: for hosts with an event loop, which submit it
/// to a queue, and submit it again to have the next page on its way while they work on this one.
///
/// `request`: not NULL, a GET request that `page` answered. `page`: not NULL, a response that went well. `more`: not
/// NULL, gets 1 if `request` now asks for the page behind `page`, 0 if that was the last page. `error`: nullable.
/// Returns `OAI_OK`; the page's own status if it is an error; `OAI_ERR_DECODE` for a list that repeats itself, or that
/// says it goes on but not where; `OAI_ERR_INVALID_ARGUMENT`. Never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_next_page(
    request: *mut oai_request,
    page: *const oai_response,
    more: *mut i32,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(more);
    call(error, || {
        writable(more, "more")?;
        // SAFETY: NULL or live handles, the request of this thread, by the conventions.
        let (request, page) = unsafe { (borrow_mut(request, "request")?, borrow(page, "page")?) };
        let led = request.trail.lead(&mut request.request, &page.response)?;
        // SAFETY: checked not to be NULL.
        unsafe { put(more, i32::from(led)) };
        Ok(())
    })
}
