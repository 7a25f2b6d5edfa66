//! What a request costs in memory while it waits: a count, not a timing, so that it is held to its bound.
//!
//! An allocator counts what the library holds. The file is a program of its own, so that nothing else allocates.

mod border;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{c_char, c_void};
use std::net::TcpListener;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicIsize, Ordering};

use border::{Client, c, ok};
use oaic::ffi::embed::oai_embed_async;
use oaic::ffi::queue::{oai_queue_free, oai_queue_new};
use oaic::ffi::request::{oai_request_free, oai_request_new, oai_request_set_json};
use oaic::ffi::response::{oai_response, oai_response_free};
use oaic::ffi::send::oai_submit_to;
use oaic::ffi::status::OAI_OK;
use serde_json::json;

/// How many wait.
const REQUESTS: usize = 100_000;
/// Bytes of a request that waits, beyond those of its body.
const MOST: usize = 512;

/// Counts what is allocated and not freed, in bytes as they were asked for.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: it hands everything on to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A client whose one slot is taken by a request that nobody answers, and what keeps it so.
fn stuck() -> (Client, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let options = json!({"queue_size": REQUESTS + 1, "max_concurrent_requests": 1});
    let client = Client::new(&url, options);
    embed(&client, "the first");
    (client, listener)
}

unsafe extern "C" fn free_response(
    _: *mut c_void,
    _: u64,
    _: i32,
    _: *const c_char,
    _: usize,
    response: *mut oai_response,
) {
    // SAFETY: the callee owns it.
    unsafe { oai_response_free(response) }
}

/// Submits an embed call with a callback, and gives the length of its body.
fn embed(client: &Client, text: &str) -> usize {
    let model = c("m");
    let (input, len) = (text.as_ptr().cast::<c_char>(), text.len());
    // SAFETY: one text with its length; the callback is a function.
    let status = unsafe {
        oai_embed_async(
            client.0,
            model.as_ptr(),
            &input,
            &len,
            1,
            null(),
            Some(free_response),
            null_mut(),
            None,
            null_mut(),
            null_mut(),
        )
    };
    assert_eq!(status, OAI_OK);
    format!(r#"{{"encoding_format":"base64","input":["{text}"],"model":"m"}}"#).len()
}

/// Bytes a request, beyond its body; `submit` gives the length of the body.
fn measure(how: &str, mut submit: impl FnMut(usize) -> usize) {
    let before = LIVE.load(Ordering::Relaxed);
    let bodies: usize = (0..REQUESTS).map(&mut submit).sum();
    let held = LIVE.load(Ordering::Relaxed) - before - bodies as isize;
    let each = usize::try_from(held).unwrap() / REQUESTS;
    println!(
        "{how}: {each} bytes a request beyond its body, with {REQUESTS} waiting (to reach: {MOST})"
    );
    assert!(each <= MOST, "{how}: {each} bytes a request");
}

#[test]
fn a_request_that_waits_is_small() {
    let (client, _listener) = stuck();
    measure("oai_embed_async", |n| {
        embed(&client, &format!("this is text number {n}"))
    });
    drop(client);

    let (client, _listener) = stuck();
    let (mut queue, mut request) = (null_mut(), null_mut());
    // SAFETY: all pointers live as long as the calls, and the handles are freed once.
    unsafe {
        ok(|error| oai_queue_new(&mut queue, error));
        ok(|error| {
            oai_request_new(
                c"POST".as_ptr(),
                c"/chat/completions".as_ptr(),
                &mut request,
                error,
            )
        });
        measure("oai_submit_to", |n| {
            let body = format!(r#"{{"messages":[],"model":"m","user":"{n}"}}"#);
            assert_eq!(
                oai_request_set_json(request, body.as_ptr().cast(), body.len()),
                OAI_OK
            );
            ok(|error| oai_submit_to(client.0, request, queue, 1, null_mut(), error));
            body.len()
        });
        oai_request_free(request);
        oai_queue_free(queue);
    }
}
