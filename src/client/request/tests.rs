//! How requests become jobs.

use super::*;

fn request(path: &str) -> Request {
    Request::new("POST", path).unwrap()
}

fn json(body: &[u8]) -> serde_json::Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn a_body_without_additions_is_sent_to_the_letter() {
    let mut request = request("/chat/completions");
    let body = br#"{ "model" : "m",  "messages": [] , "x": 1.0 }"#;
    request.set_json(body).unwrap();
    let job = request.to_job().unwrap();
    assert_eq!(job.call.body.json(), body);
    assert_eq!(job.call.model.as_deref(), Some("m"));
    assert_eq!(&*job.scope, "m");
    assert!(!job.call.stream && job.may_repeat && job.expect == Expect::Raw);
}

#[test]
fn inputs_make_a_typed_embed_call() {
    let mut request = Request::for_embeddings(None, "text-embedding-3-small").unwrap();
    request.set_inputs(&["a\"b".into(), "ü".into()]).unwrap();
    request.set_dimensions(256).unwrap();
    request.set_user(Some("u")).unwrap();
    let job = request.to_job().unwrap();
    assert_eq!(
        job.expect,
        Expect::Embeddings {
            inputs: NonZeroU32::new(2).unwrap()
        }
    );
    assert_eq!(
        json(job.call.body.json()),
        serde_json::json!({
            "model": "text-embedding-3-small", "input": ["a\"b", "ü"], "dimensions": 256, "user": "u",
            "encoding_format": "base64"
        })
    );
}

#[test]
fn options_carry_extra_fields_and_must_be_for_the_same_path() {
    let mut options = request("/embeddings");
    options
        .set_json(br#"{"truncate":"end","model":"other"}"#)
        .unwrap();
    let mut embed = Request::for_embeddings(Some(&options), "m").unwrap();
    embed.set_inputs(&["t".into()]).unwrap();
    let body = json(embed.to_job().unwrap().call.body.json());
    assert_eq!(
        (body["truncate"].as_str(), body["model"].as_str()),
        (Some("end"), Some("m"))
    );
    let error = Request::for_embeddings(Some(&request("/files")), "m").unwrap_err();
    assert!(error.message.contains("/files"), "{error}");
}

#[test]
fn a_raw_embed_call_asks_for_the_format_it_was_given() {
    let mut embed = Request::for_embeddings(None, "m").unwrap();
    embed.set_inputs(&["t".into()]).unwrap();
    let job = embed.to_raw_embeddings_job("float").unwrap();
    assert_eq!(job.expect, Expect::Raw);
    assert_eq!(json(job.call.body.json())["encoding_format"], "float");
    let refused = embed.to_raw_embeddings_job("int8").err().unwrap();
    assert!(refused.message.contains("int8"));
}

#[test]
fn a_format_in_the_json_is_the_callers_own_business() {
    let mut embed = request("/embeddings");
    embed
        .set_json(br#"{"model":"m","encoding_format":"float"}"#)
        .unwrap();
    embed.set_inputs(&["t".into()]).unwrap();
    assert_eq!(embed.to_job().unwrap().expect, Expect::Raw);
}

#[test]
fn streaming_is_told_by_the_body_or_by_the_setter() {
    let mut chat = request("/chat/completions");
    chat.set_json(br#"{"model":"m","stream":true}"#).unwrap();
    assert!(chat.to_job().unwrap().call.stream);
    chat.set_stream(false).unwrap();
    let job = chat.to_job().unwrap();
    assert!(!job.call.stream);
    assert_eq!(json(job.call.body.json())["stream"], false);
    let mut speech = request("/audio/speech");
    for (format, stream) in [("sse", true), ("audio", false)] {
        let json = format!(r#"{{"model":"m","stream_format":"{format}"}}"#);
        speech.set_json(json.as_bytes()).unwrap();
        let call = speech.to_job().unwrap().call;
        assert_eq!((call.stream, call.body.json()), (stream, json.as_bytes()));
    }
}

#[test]
fn streaming_of_a_get_is_told_by_its_query() {
    let mut get = Request::new("GET", "/responses/r").unwrap();
    let told = |get: &Request| {
        let call = get.to_job().unwrap().call;
        assert!(call.body.is_empty());
        (call.stream, call.query.into_vec())
    };
    assert_eq!(told(&get), (false, vec![]));
    let query = |value: &str| vec![("stream".to_owned(), value.to_owned())];
    get.set_query("stream", Some("true")).unwrap();
    assert_eq!(told(&get), (true, query("true")));
    get.set_stream(false).unwrap();
    assert_eq!(told(&get), (false, query("false")));
    get.set_query("stream", None).unwrap();
    get.set_stream(true).unwrap();
    assert_eq!(told(&get), (true, query("true")));
}

#[test]
fn paths_stay_below_the_base_url() {
    for (path, expected) in [
        ("/embeddings", Some("/embeddings")),
        ("embeddings", Some("/embeddings")),
        ("/files/file-abc/content", Some("/files/file-abc/content")),
        ("/models/ft:gpt:a%20b", Some("/models/ft:gpt:a%20b")),
        ("", None),
        ("/", None),
        ("https://evil.example/x", None),
        ("//evil.example/x", None),
        ("/a?b=c", None),
        ("/a#b", None),
        ("/a/../b", None),
        ("/a/%2e%2E/b", None),
        ("/./a", None),
        ("/a b", None),
        ("/a\\b", None),
        ("/a\nb", None),
    ] {
        match (check_path(path), expected) {
            (Ok(got), Some(expected)) => assert_eq!(got, expected),
            (Err(error), None) => assert!(error.message.contains("path"), "{error}"),
            (got, _) => panic!("{path:?}: {got:?}"),
        }
    }
}

#[test]
fn requests_without_a_model_share_the_scope_of_their_kind() {
    for (path, scope) in [
        ("/files", "/files"),
        ("/files/abc", "/files"),
        ("/files/abc/content", "/files"),
    ] {
        assert_eq!(
            &*Request::new("GET", path).unwrap().to_job().unwrap().scope,
            scope
        );
    }
}

#[test]
fn bad_arguments_are_named() {
    let mut request = request("/x");
    for (error, names) in [
        (Request::new("post", "/x").unwrap_err(), "post"),
        (Request::new("", "/x").unwrap_err(), "method"),
        (request.set_json(b"{").unwrap_err(), "line 1"),
        (request.set_json(b"\xff").unwrap_err(), "UTF-8"),
        (request.set_header("a b", Some("c")).unwrap_err(), "a b"),
        (
            request.set_header("a", Some("c\n")).unwrap_err(),
            "header a",
        ),
        (
            request.set_header("Host", Some("evil")).unwrap_err(),
            "host",
        ),
        (request.set_priority(3).unwrap_err(), "priority 3"),
        (request.set_inputs(&[]).unwrap_err(), "input"),
        (request.set_model(Some("")).unwrap_err(), "model"),
    ] {
        assert_eq!(error.status, status::INVALID_ARGUMENT, "{error}");
        assert!(
            error.message.contains(names),
            "{error} does not name {names}"
        );
    }
}

#[test]
fn a_form_takes_its_model_and_stream_from_its_fields() {
    let mut request = request("/audio/transcriptions");
    request.set_json(br#"{"model":"whisper-1"}"#).unwrap();
    request.set_stream(true).unwrap();
    request.add_file("file", "a.wav", None, b"RIFF").unwrap();
    let job = request.to_job().unwrap();
    assert!(matches!(job.call.body, Content::Form(_)));
    assert_eq!(job.call.model.as_deref(), Some("whisper-1"));
    assert_eq!(&*job.scope, "whisper-1");
    assert!(job.call.stream && !job.may_repeat && !job.call.may_repeat);
    assert_eq!(job.tokens, 1);
    request.add_field("model", b"other").unwrap();
    request.add_field("stream", b"false").unwrap();
    let job = request.to_job().unwrap();
    assert_eq!(&*job.scope, "other");
    assert!(!job.call.stream);
}

#[test]
fn what_cannot_be_sent_or_kept_is_refused_before_it_is_queued() {
    let mut missing = request("/files");
    missing
        .add_file_path("file", "/no/such/file", None, None)
        .unwrap();
    let error = missing.to_job().err().unwrap();
    assert_eq!(error.status, status::FILE);
    assert!(error.message.contains("/no/such/file"), "{error}");
    let mut nowhere = request("/audio/speech");
    nowhere
        .set_output(Some(Output::Path("/no/such/folder/x".into())))
        .unwrap();
    assert_eq!(nowhere.to_job().err().unwrap().status, status::FILE);
    let mut both = Request::for_embeddings(None, "m").unwrap();
    both.set_inputs(&["t".into()]).unwrap();
    both.add_field("a", b"b").unwrap();
    assert!(both.to_job().is_err());
}
