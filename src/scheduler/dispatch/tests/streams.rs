//! Streams: handed over event by event, never begun twice, ended as they ended.

use super::*;

const CHAT: &str = "/chat/completions";

async fn of(parts: Vec<Part>) -> (Vec<String>, Response) {
    at(CHAT, parts).await
}

async fn at(path: &str, parts: Vec<Part>) -> (Vec<String>, Response) {
    let bench = Bench::new(exact(), vec![Step::Stream(parts)]);
    bench.submit(path);
    let mut chunks = Vec::new();
    loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        for record in bench.queue.take(1) {
            match record.response {
                None => chunks.push(String::from_utf8(record.data.to_vec()).unwrap()),
                Some(response) => {
                    bench.assert_no_slot_is_lost().await;
                    return (chunks, response.take());
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_event_is_a_chunk_and_done_is_the_end_at_once() {
    let (chunks, response) = of(vec![
        Part::Bytes("data: {\"a\":1}\n\nda"),
        Part::Bytes("ta: {\"a\":2}\n\n: ping\n\ndata: [DONE]\n\n"),
        Part::Hang,
    ])
    .await;
    assert_eq!(chunks, ["{\"a\":1}", "{\"a\":2}"]);
    assert_eq!((response.status(), response.body().len()), (status::OK, 0));
}

#[tokio::test(start_paused = true)]
async fn an_end_without_done_is_incomplete() {
    let (chunks, response) = of(vec![Part::Bytes("data: 1\n\n")]).await;
    assert_eq!(chunks, ["1"]);
    assert_eq!(
        (response.status(), response.attempts),
        (status::INCOMPLETE, 1)
    );
    let (_, response) = of(vec![Part::Bytes("data: 1\n\ndata: [DONE]")]).await;
    assert_eq!(response.status(), status::OK);
    for (path, expected) in [
        ("/completions", status::INCOMPLETE),
        ("/threads/runs", status::INCOMPLETE),
        ("/threads/t/runs/r/submit_tool_outputs", status::INCOMPLETE),
        // These end without it.
        ("/responses", status::OK),
        ("/images/generations", status::OK),
    ] {
        let (_, response) = at(path, vec![Part::Bytes("data: 1\n\n")]).await;
        assert_eq!(response.status(), expected, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_in_the_stream_is_an_error_with_its_detail() {
    for event in [
        "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":\"busy\"}}\n\n",
        "event: error\ndata: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":\"busy\"}}\n\n",
    ] {
        let (chunks, response) = of(vec![Part::Bytes("data: 1\n\n"), Part::Bytes(event)]).await;
        assert_eq!(chunks, ["1"]);
        assert_eq!((response.status(), response.attempts), (status::STREAM, 1));
        let error = response.error.unwrap();
        assert_eq!(error.code.as_deref(), Some("busy"));
        assert!(error.message.contains("overloaded"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_retried_before_its_first_event_and_never_after_it() {
    let bench = Bench::new(
        exact(),
        vec![
            Step::Stream(vec![Part::Lost]),
            Step::Stream(vec![Part::Bytes("data: 1\n\n"), Part::Lost]),
        ],
    );
    let id = bench.submit(CHAT);
    assert_eq!(
        bench.events(2).await,
        [
            Seen::Chunk(id, "1".into()),
            Seen::Done(id, status::CONNECTION_LOST)
        ]
    );
    assert_eq!(bench.times(), [0, 1000]);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_stream_and_a_slow_reader_does_not() {
    let (_, response) = of(vec![Part::Bytes("data: 1\n\n"), Part::Hang]).await;
    assert_eq!(response.status(), status::IDLE_TIMEOUT);
    let policy = Policy {
        stream_buffer_events: 1,
        idle_timeout: Duration::from_secs(5),
        ..exact()
    };
    let bench = Bench::new(
        policy,
        vec![Step::Stream(vec![
            Part::Bytes("data: 1\n\ndata: 2\n\ndata: 3\n\n"),
            Part::Pause(4000),
            Part::Bytes("data: [DONE]\n\n"),
        ])],
    );
    let id = bench.submit(CHAT);
    tokio::time::sleep(Duration::from_secs(100)).await;
    let expected = [
        Seen::Chunk(id, "1".into()),
        Seen::Chunk(id, "2".into()),
        Seen::Chunk(id, "3".into()),
        Seen::Done(id, status::OK),
    ];
    assert_eq!(bench.events(4).await, expected);
}

#[tokio::test(start_paused = true)]
async fn the_first_event_must_come_within_the_attempts_time() {
    let policy = Policy {
        attempt_timeout: Duration::from_secs(2),
        max_retries: 1,
        ..exact()
    };
    let stream = || Step::Stream(vec![Part::Pause(3000), Part::Bytes("data: 1\n\n")]);
    let bench = Bench::new(policy, vec![stream(), stream()]);
    bench.submit(CHAT);
    let response = bench.response().await;
    assert_eq!((response.status(), response.attempts), (status::TIMEOUT, 2));
    assert_eq!(bench.times(), [0, 3000]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_gets_the_folded_message() {
    let stream = Step::Stream(vec![
        Part::Bytes(
            "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hel\"}}]}\n\n",
        ),
        Part::Bytes(
            "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"},\"finish_reason\":\"stop\"}]}\n\n",
        ),
        Part::Bytes("data: [DONE]\n\n"),
    ]);
    let bench = Bench::new(exact(), vec![stream]);
    let waiter = Waiter::new();
    bench
        .scheduler
        .submit(1, Bench::job(CHAT), Sink::Wait(waiter.clone()), false)
        .unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let response = waiter.wait();
    let message: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(message["choices"][0]["message"]["content"], "Hello");
    assert_eq!(message["choices"][0]["finish_reason"], "stop");
}
