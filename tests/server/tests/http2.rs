//! HTTP/2 by prior knowledge: the same answers, log and faults.

mod common;

use std::time::Instant;

use bytes::Bytes;
use common::{PATIENCE, embed, embed_body};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use test_server::{Config, DropAt, Rule, TestServer};
use tokio::net::TcpStream;

async fn connect(server: &TestServer) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(server.address())
        .await
        .expect("the server listens");
    let connected = handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (client, connection) = connected.expect("HTTP/2");
    tokio::spawn(connection);
    client
}

fn request(server: &TestServer) -> Request<Full<Bytes>> {
    let uri = format!("{}/embeddings", server.url());
    Request::post(uri)
        .body(Full::from(embed_body("a")))
        .expect("a valid request")
}

/// Waits without blocking: the client's frames are this runtime's work.
async fn reach_in_flight(server: &TestServer, count: usize) {
    let end = Instant::now() + PATIENCE;
    while server.in_flight() != count {
        assert!(Instant::now() < end, "never {count} in flight");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_answer_is_the_same_and_streams_share_a_connection() {
    let server = TestServer::start(Config::default());
    let expected = embed(server.address(), "a").expect("an answer").body;
    let mut client = connect(&server).await;
    for _ in 0..2 {
        let answer = client
            .send_request(request(&server))
            .await
            .expect("an answer");
        assert_eq!(
            (answer.status().as_u16(), answer.version()),
            (200, Version::HTTP_2)
        );
        let body = answer
            .into_body()
            .collect()
            .await
            .expect("a whole body")
            .to_bytes();
        assert_eq!(body, expected);
    }
    assert_eq!(server.counts().connections, 2);
}

#[tokio::test]
async fn faults_end_the_connection() {
    let server = TestServer::start(Config::default());
    for place in [
        DropAt::BeforeRead,
        DropAt::AfterHeadersRead,
        DropAt::AfterBodyRead,
        DropAt::MidHeaders,
        DropAt::MidBody,
    ] {
        let mut client = connect(&server).await;
        client
            .send_request(request(&server))
            .await
            .expect("an answer");
        server.script(Rule::drop_at(place));
        assert!(
            client.send_request(request(&server)).await.is_err(),
            "{place:?}"
        );
        assert!(client.ready().await.is_err(), "{place:?}");
    }
    assert_eq!(server.counts().dropped, 5);
    assert_eq!(server.in_flight(), 0);
}

#[tokio::test]
async fn a_stream_given_up_by_the_client_is_noticed() {
    let server = TestServer::start(Config::default());
    server.script(Rule::hang());
    let mut client = connect(&server).await;
    let waiting = tokio::spawn(client.send_request(request(&server)));
    reach_in_flight(&server, 1).await;
    waiting.abort();
    reach_in_flight(&server, 0).await;
    assert!(server.log()[0].client_gone);
}
