//! Pages through the exported functions: each form of list to its end, prefetching, errors, circles, and freeing.

mod border;

use std::ptr;
use std::time::Duration;

use border::{Answer, Client, Events, Request, ok, outcome};
use oaic::ffi::pages::{
    oai_pages, oai_pages_free, oai_pages_new, oai_pages_next, oai_request_next_page,
};
use oaic::ffi::request::oai_request_clone;
use oaic::ffi::response::{oai_response, oai_response_free};
use oaic::ffi::send::oai_send;
use oaic::ffi::set::oai_set_max_concurrent_requests;
use oaic::ffi::short::oai_models_async;
use oaic::ffi::status::{
    OAI_ERR_CANCELLED, OAI_ERR_CLOSED, OAI_ERR_DECODE, OAI_ERR_HTTP_SERVER,
    OAI_ERR_INVALID_ARGUMENT, OAI_ERR_QUEUE_FULL, OAI_OK,
};
use serde_json::{Value, json};
use test_server::{Config, Rule, TestServer};

const SOON: Duration = Duration::from_secs(30);

/// Sends `request` and leads it to the page behind the answer: the status of that, and whether there is one.
fn send_and_lead(client: &Client, request: &Request) -> (i32, i32) {
    let mut page: *mut oai_response = ptr::null_mut();
    let mut more = -1;
    // SAFETY: all pointers live as long as the calls, and the response is ours.
    unsafe {
        oai_send(client.0, request.0, &mut page);
        let status = oai_request_next_page(request.0, page, &mut more, ptr::null_mut());
        oai_response_free(page);
        (status, more)
    }
}

/// An iterator that is freed at the end.
struct Pages(*mut oai_pages);

impl Pages {
    fn new(client: &Client, path: &str, query: &[(&str, &str)]) -> Pages {
        let request = Request::new("GET", path, query);
        let mut pages = ptr::null_mut();
        // SAFETY: all pointers live as long as the call.
        ok(|error| unsafe { oai_pages_new(client.0, request.0, &mut pages, error) });
        Pages(pages)
    }

    /// The next page, `None` at the end.
    fn next(&self) -> Option<Answer> {
        let mut response = ptr::null_mut();
        // SAFETY: all pointers live as long as the call.
        let status = unsafe { oai_pages_next(self.0, &mut response) };
        if response.is_null() {
            assert_eq!(status, OAI_OK, "no response is the end, and nothing else");
            return None;
        }
        // SAFETY: the call gave us the response.
        let page = unsafe { Answer::take(response) };
        assert_eq!(page.status, status);
        Some(page)
    }

    /// The ids of the items of all pages that follow.
    fn ids(&self) -> Vec<String> {
        let mut ids = Vec::new();
        while let Some(page) = self.next() {
            assert_eq!(page.status, OAI_OK, "{}", page.message);
            let items = page.json()["data"].as_array().cloned().expect("a list");
            ids.extend(
                items
                    .iter()
                    .map(|item| item["id"].as_str().unwrap().to_owned()),
            );
        }
        ids
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and was not freed.
        unsafe { oai_pages_free(self.0) };
    }
}

fn page(ids: &[&str], more: Value) -> Rule {
    let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    let mut body = json!({"object": "list", "data": items});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    Rule::status(200).body(body)
}

fn paths(server: &TestServer) -> Vec<String> {
    server
        .log()
        .iter()
        .map(|arrived| arrived.path.clone())
        .collect()
}

#[test]
fn each_form_of_list_is_followed_to_its_end_with_its_query() {
    for (mores, parameter, cursors) in [
        (
            [
                json!({"has_more": true, "last_id": "b"}),
                json!({"has_more": true, "last_id": "c"}),
            ],
            "after",
            ["b", "c"],
        ),
        (
            [json!({"has_more": true}), json!({"has_more": true})],
            "after",
            ["b", "c"],
        ),
        (
            [
                json!({"has_more": true, "next_page": "p2="}),
                json!({"has_more": true, "next_page": "p3"}),
            ],
            "page",
            ["p2%3D", "p3"],
        ),
        (
            [
                json!({"has_more": true, "next": "n2"}),
                json!({"has_more": true, "next": "n3"}),
            ],
            "after",
            ["n2", "n3"],
        ),
    ] {
        let server = TestServer::start(Config::default());
        let client = Client::new(&server.url(), json!({}));
        let [first, second] = mores;
        server.script(page(&["a", "b"], first));
        server.script(page(&["c"], second));
        server.script(page(&["d"], json!({"has_more": false})));
        let pages = Pages::new(&client, "/things", &[("limit", "2")]);
        assert_eq!(pages.ids(), ["a", "b", "c", "d"]);
        assert!(pages.next().is_none(), "the end stays the end");
        let expected = [
            "/v1/things?limit=2".to_owned(),
            format!("/v1/things?limit=2&{parameter}={}", cursors[0]),
            format!("/v1/things?limit=2&{parameter}={}", cursors[1]),
        ];
        assert_eq!(paths(&server), expected);
    }
}

#[test]
fn a_list_without_pages_is_one_page() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    let pages = Pages::new(&client, "/models", &[]);
    assert!(!pages.ids().is_empty());
    assert_eq!(server.log().len(), 1);
}

#[test]
fn nothing_is_sent_before_the_first_page_is_wanted_and_then_one_page_ahead() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    for id in ["a", "b", "c"] {
        server.script(page(&[id], json!({"has_more": id != "c", "last_id": id})));
    }
    let pages = Pages::new(&client, "/things", &[]);
    assert_eq!(server.log().len(), 0);
    assert!(pages.next().is_some());
    assert!(
        server.wait_arrived(2, SOON),
        "the second page is asked for in advance"
    );
    assert!(server.wait_in_flight(0, SOON));
    assert_eq!(server.log().len(), 2, "and the third is not");
    assert_eq!(pages.ids(), ["b", "c"]);
}

#[test]
fn after_an_error_the_same_page_is_asked_for_again() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({"max_retries": 0}));
    server.script(page(&["a"], json!({"has_more": true, "last_id": "a"})));
    server.script(Rule::status(500));
    server.script(Rule::status(200).body("<html>"));
    server.script(page(&["b"], json!({"has_more": false})));
    let pages = Pages::new(&client, "/things", &[]);
    assert_eq!(pages.next().unwrap().status, OAI_OK);
    assert_eq!(pages.next().unwrap().status, OAI_ERR_HTTP_SERVER);
    let html = pages.next().unwrap();
    assert_eq!(
        (html.status, html.body.as_str()),
        (OAI_ERR_DECODE, "<html>")
    );
    assert_eq!(pages.ids(), ["b"]);
    let again = "/v1/things?after=a";
    assert_eq!(paths(&server), ["/v1/things", again, again, again]);
}

#[test]
fn a_list_that_goes_round_in_circles_ends_with_an_error() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    // a, b, then a again.
    for id in ["a", "b", "a"] {
        server.script(page(&[id], json!({"has_more": true, "last_id": id})));
    }
    let pages = Pages::new(&client, "/things", &[]);
    for _ in 0..3 {
        assert_eq!(pages.next().unwrap().status, OAI_OK);
    }
    for _ in 0..2 {
        let lost = pages.next().unwrap();
        assert_eq!(lost.status, OAI_ERR_DECODE);
        assert!(
            lost.message
                .contains("page 3 ends where an earlier page ended"),
            "{}",
            lost.message
        );
        assert!(lost.message.contains("\"after\""), "{}", lost.message);
    }
    assert_eq!(server.log().len(), 3);
}

#[test]
fn a_request_is_led_from_page_to_page() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({"max_retries": 0}));
    server.script(page(&["a"], json!({"has_more": true, "last_id": "a"})));
    server.script(Rule::status(500).on("/v1/things"));
    server.script(page(&["b"], json!({"has_more": true, "next_page": "p3"})));
    server.script(page(&["c"], json!({"has_more": false, "last_id": "c"})));
    let query = [("include[]", "x"), ("include[]", "y")];
    let request = Request::new("GET", "/things", &query);
    assert_eq!(send_and_lead(&client, &request), (OAI_OK, 1));
    // A page that failed leads nowhere: the same one is asked for again.
    assert_eq!(send_and_lead(&client, &request), (OAI_ERR_HTTP_SERVER, 0));
    assert_eq!(send_and_lead(&client, &request), (OAI_OK, 1));
    assert_eq!(send_and_lead(&client, &request), (OAI_OK, 0));
    let first = "/v1/things?include%5B%5D=x&include%5B%5D=y";
    let second = format!("{first}&after=a");
    let third = format!("{second}&page=p3");
    assert_eq!(paths(&server), [first, &second, &second, &third]);
}

#[test]
fn a_copy_goes_its_own_way() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    server.script(page(&["a"], json!({"has_more": true, "last_id": "a"})));
    let request = Request::new("GET", "/things", &[]);
    let mut copy = ptr::null_mut();
    // SAFETY: all pointers live as long as the call.
    ok(|error| unsafe { oai_request_clone(request.0, &mut copy, error) });
    let copy = Request(copy);
    assert_eq!(send_and_lead(&client, &request), (OAI_OK, 1));
    server.script(page(&["a"], json!({"has_more": false})));
    assert_eq!(send_and_lead(&client, &copy), (OAI_OK, 0));
    assert_eq!(paths(&server), ["/v1/things", "/v1/things"]);
}

#[test]
fn a_request_is_not_led_in_circles() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    for id in ["a", "b", "a"] {
        server.script(page(&[id], json!({"has_more": true, "last_id": id})));
    }
    let request = Request::new("GET", "/things", &[]);
    assert_eq!(send_and_lead(&client, &request), (OAI_OK, 1));
    assert_eq!(send_and_lead(&client, &request), (OAI_OK, 1));
    assert_eq!(send_and_lead(&client, &request), (OAI_ERR_DECODE, 0));
}

#[test]
fn a_refused_prefetch_is_asked_for_when_it_is_wanted() {
    let server = TestServer::start(Config::default());
    let options = json!({"queue_size": 0, "max_concurrent_requests": 2});
    let client = Client::new(&server.url(), options);
    server.script(Rule::hang().on("/v1/models"));
    server.script(page(&["a"], json!({"has_more": true, "last_id": "a"})).hold("gate"));
    server.script(page(&["b"], json!({"has_more": false})));
    let other = Events::new();
    let (callback, user_data, destructor) = other.callback();
    let mut id = 0;
    // SAFETY: all pointers live as long as the call, the events until the client's end.
    ok(|error| unsafe {
        oai_models_async(client.0, callback, user_data, destructor, &mut id, error)
    });
    assert!(server.wait_arrived(1, SOON));
    let pages = Pages::new(&client, "/things", &[]);
    std::thread::scope(|scope| {
        let (client, server) = (&client, &server);
        scope.spawn(move || {
            assert!(server.wait_arrived(2, SOON));
            // SAFETY: the client lives.
            let set = unsafe { oai_set_max_concurrent_requests(client.0, 1) };
            assert_eq!(set, OAI_OK);
            server.release("gate");
        });
        assert_eq!(pages.next().unwrap().status, OAI_OK);
    });
    assert_eq!(pages.next().unwrap().status, OAI_ERR_QUEUE_FULL);
    // SAFETY: the client lives.
    let set = unsafe { oai_set_max_concurrent_requests(client.0, 2) };
    assert_eq!(set, OAI_OK);
    assert_eq!(pages.ids(), ["b"]);
    drop(client);
    assert_eq!(other.wait().1.status, OAI_ERR_CANCELLED);
}

#[test]
fn freeing_cancels_the_page_asked_for_in_advance() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    server.script(page(&["a"], json!({"has_more": true, "last_id": "a"})));
    server.script(Rule::hang());
    let pages = Pages::new(&client, "/things", &[]);
    assert!(pages.next().is_some());
    assert!(server.wait_arrived(2, SOON));
    drop(pages);
    assert!(server.wait_until(SOON, |server| server.log()[1].client_gone));
}

#[test]
fn a_client_that_is_freed_ends_the_iterator() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    server.script(page(&["a"], json!({"has_more": true, "last_id": "a"})));
    server.script(Rule::hang());
    let pages = Pages::new(&client, "/things", &[]);
    assert!(pages.next().is_some());
    drop(client);
    assert_eq!(pages.next().unwrap().status, OAI_ERR_CANCELLED);
    assert_eq!(pages.next().unwrap().status, OAI_ERR_CLOSED);
}

#[test]
fn wrong_arguments_are_refused() {
    let client = Client::new("http://localhost:1", json!({}));
    let (get, post) = (
        Request::new("GET", "/things", &[]),
        Request::new("POST", "/things", &[]),
    );
    let mut pages = ptr::null_mut();
    // SAFETY: NULL is allowed to be passed, and refused.
    unsafe {
        for (client, request, says) in [
            (ptr::null(), get.0, "client must not be NULL"),
            (
                client.0.cast_const(),
                ptr::null_mut(),
                "request must not be NULL",
            ),
            (client.0.cast_const(), post.0, "GET"),
        ] {
            let (status, message) =
                outcome(|error| oai_pages_new(client, request, &mut pages, error));
            assert_eq!(status, OAI_ERR_INVALID_ARGUMENT);
            assert!(message.contains(says), "{message}");
            assert!(pages.is_null());
        }
        let none = ptr::null_mut();
        let (status, _) = outcome(|error| oai_pages_new(client.0, get.0, none, error));
        assert_eq!(status, OAI_ERR_INVALID_ARGUMENT);
        let null = border::answer(|out| oai_pages_next(ptr::null_mut(), out));
        assert_eq!(null.status, OAI_ERR_INVALID_ARGUMENT);
        oai_pages_free(ptr::null_mut());
    }
}
