//! The promise, kept through the queue and the wait.

use futures_util::FutureExt;

use super::super::cancelled::Stop;
use super::super::mailbox::in_callback;
use super::*;

#[tokio::test]
async fn a_queue_gets_chunks_then_the_end_with_their_tag() {
    let queue = EventQueue::new();
    let mut delivery = Delivery::new(
        7,
        Sink::Queue {
            queue: queue.clone(),
            tag: 9,
        },
    );
    delivery.chunk(b"x".to_vec().into(), 4).await;
    delivery.finish(Response::default());
    let records = queue.take(10);
    let seen: Vec<_> = records
        .iter()
        .map(|r| (r.id, r.tag, r.kind, &r.data[..]))
        .collect();
    assert_eq!(
        seen,
        [(7, 9, Kind::Chunk, &b"x"[..]), (7, 9, Kind::Done, &b""[..])]
    );
    assert_eq!(records[1].response.as_ref().unwrap().id, 7);
}

#[tokio::test]
async fn a_cancel_drops_the_chunks_that_nobody_took() {
    let queue = EventQueue::new();
    let mut delivery = Delivery::new(
        7,
        Sink::Queue {
            queue: queue.clone(),
            tag: 0,
        },
    );
    let cancelled = Cancelled::default();
    delivery.launched(cancelled.clone());
    delivery.chunk(b"1".to_vec().into(), 4).await;
    delivery.chunk(b"2".to_vec().into(), 4).await;
    assert_eq!(queue.take(1).len(), 1);
    cancelled.set(Stop::Cancelled);
    delivery.chunk(b"3".to_vec().into(), 4).await;
    delivery.finish(Response::failed(
        7,
        Error::new(status::CANCELLED, "cancelled"),
    ));
    let rest = queue.take(10);
    assert_eq!(rest.len(), 1);
    assert_eq!(
        rest[0].response.as_ref().unwrap().status(),
        status::CANCELLED
    );
}

#[tokio::test]
async fn a_slow_reader_holds_the_stream_back() {
    let queue = EventQueue::new();
    let mut delivery = Delivery::new(
        7,
        Sink::Queue {
            queue: queue.clone(),
            tag: 0,
        },
    );
    for _ in 0..2 {
        delivery.chunk(b"x".to_vec().into(), 2).await;
    }
    {
        let third = delivery.chunk(b"y".to_vec().into(), 2);
        tokio::pin!(third);
        assert!(third.as_mut().now_or_never().is_none());
        drop(queue.take(1));
        third.await;
    }
    assert_eq!(queue.take(10).len(), 2);
    delivery.finish(Response::default());
}

#[test]
fn events_for_a_freed_queue_are_discarded() {
    let queue = EventQueue::new();
    let delivery = Delivery::new(
        7,
        Sink::Queue {
            queue: queue.clone(),
            tag: 0,
        },
    );
    queue.close();
    delivery.finish(Response::default());
    assert!(queue.take(10).is_empty());
}

#[test]
fn a_waiting_thread_gets_the_response() {
    let waiter = Waiter::new();
    let delivery = Delivery::new(7, Sink::Wait(waiter.clone()));
    assert!(!delivery.wants_chunks() && !in_callback());
    let thread = std::thread::spawn(move || waiter.wait().id);
    delivery.finish(Response::default());
    assert_eq!(thread.join().unwrap(), 7);
}
