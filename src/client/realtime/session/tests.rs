//! What the ends of a connection mean, message by message.

use super::*;
use crate::transport::Payload;

fn session(reconnect: bool) -> Session {
    let client = Client::new(Some(br#"{"dotenv":false,"api_key":"key"}"#)).unwrap();
    let json = format!(r#"{{"reconnect":{reconnect}}}"#);
    let options = Options::parse(Some(json.as_bytes())).unwrap();
    let link = Link::new(1, &options, false);
    let request = Request::new("GET", "/realtime").unwrap();
    Session::new(&client, request, options, link)
}

fn farewell(code: u16) -> Farewell {
    Farewell {
        code,
        reason: String::new(),
    }
}

fn status(session: &Session, code: u16) -> i32 {
    let (error, _) = session.explain(Parted::Farewell(farewell(code)));
    error.map_or(status::OK, |error| error.status)
}

#[test]
fn a_good_end_that_leaves_messages_behind_is_none() {
    let session = session(true);
    assert_eq!(status(&session, 1000), status::OK);
    session.link.send(Payload::Text("left".into())).unwrap();
    let (error, farewell) = session.explain(Parted::Farewell(farewell(1000)));
    let error = error.unwrap();
    assert_eq!(error.status, status::CLOSED_BY_SERVER);
    assert!(error.message.contains("left to send"), "{error}");
    assert!(session.delay(&error, farewell.as_ref()).is_some());
}

#[test]
fn a_close_is_answered_with_its_code_and_no_other() {
    let session = session(false);
    session.link.outbox.close(farewell(3000)).unwrap();
    for (code, expected) in [
        (3000, status::OK),
        (1000, status::OK),
        (1005, status::OK),
        (1008, status::CLOSED_BY_SERVER),
        (1011, status::CLOSED_BY_SERVER),
    ] {
        assert_eq!(status(&session, code), expected, "{code}");
    }
}
