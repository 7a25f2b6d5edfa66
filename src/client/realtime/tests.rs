//! How a host that waits for a connection's events is told of the last one.

use super::*;
use crate::client::next_id;
use crate::completion::{Delivery, Kind};

fn waiting() -> (Arc<Link>, Sink) {
    let link = Link::new(next_id(), &Options::default(), true);
    let sink = link.sink().unwrap();
    (link, sink)
}

#[test]
fn the_last_event_is_given_though_it_comes_just_behind_a_wait() {
    let (link, sink) = waiting();
    let nothing = link.next(1, Some(Duration::ZERO)).unwrap();
    Delivery::new(link.id(), sink).finish(Response::default());
    link.is_over();
    let events = link.events.as_ref().unwrap();
    let last = link.settle(events, 1, nothing).unwrap();
    assert_eq!(last[0].kind, Kind::Done);
    assert_eq!(link.next(1, None).err().unwrap().status, status::CLOSED);
}

#[test]
fn a_task_that_panics_hands_over_its_end_before_the_connection_is_over() {
    let client = Client::new(Some(br#"{"dotenv":false,"api_key":"key"}"#)).unwrap();
    // Enough of them to see the wrong order, which only a reader in between can.
    for _ in 0..100 {
        let (link, sink) = waiting();
        client
            .run_connection(
                sink,
                link.clone(),
                |_| Box::pin(async { panic!("as the test has it") }),
                |error| Response::failed(0, error),
            )
            .unwrap();
        let last = link.next(1, None).unwrap();
        let response = last[0].response.as_ref().unwrap();
        assert_eq!(response.status(), status::PANIC);
        assert_eq!(link.next(1, None).err().unwrap().status, status::CLOSED);
        let refused = link.send(Payload::Text("nobody".into())).unwrap_err();
        assert_eq!(refused.status, status::CLOSED);
    }
}
