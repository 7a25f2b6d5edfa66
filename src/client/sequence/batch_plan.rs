//! What a batch run has been asked for, how far it has come, and what is to be said of it: its decisions, without its
//! clock and its network.
//!
//! `batch` carries them out.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Resumable, is_id};
use crate::client::poll::Poll;
use crate::codec::object::{pick, text};
use crate::error::{Error, Result};
use crate::status;

/// The members that are for the wait and not for the server.
const WAITING: [&str; 3] = ["interval_ms", "max_interval_ms", "timeout_ms"];

/// What to do.
#[derive(Debug, PartialEq)]
pub struct Plan {
    pub from: Stage,
    pub poll: Poll,
    /// Whether the host wants to know how far it has come.
    pub progress: bool,
    /// The body of `POST /batches`, without its input file.
    create: Map<String, Value>,
}

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Stage {
    /// Nothing is at the server.
    #[default]
    Begun,
    /// The input file is, under this id.
    Uploaded(String),
    /// The batch is, under this id.
    Created(String),
}

impl Plan {
    /// Reads the call's JSON. `input`: whether an input file was given.
    pub fn parse(json: &[u8], input: bool) -> Result<Plan> {
        let invalid = |why: &str| {
            let message = format!("the json of a batch run {why}");
            Err(Error::new(status::INVALID_ARGUMENT, message))
        };
        let mut members: Map<String, Value> = match serde_json::from_slice(json) {
            Ok(members) => members,
            Err(error) => return invalid(&format!("is not a JSON object: {error}")),
        };
        let mut waiting = BTreeMap::new();
        for name in WAITING {
            waiting.extend(members.remove(name).map(|value| (name, value)));
        }
        let poll = Poll::parse(Some(json!(waiting).to_string().as_bytes()))?;
        let progress = match members.remove("progress") {
            None => false,
            Some(Value::Bool(progress)) => progress,
            Some(_) => return invalid("has a progress that is neither true nor false"),
        };
        let mut ids = [None, None];
        for (name, id) in ["batch_id", "input_file_id"].into_iter().zip(&mut ids) {
            *id = match members.remove(name) {
                Some(Value::String(given)) if is_id(&given) => Some(given),
                None => None,
                Some(_) => return invalid(&format!("has a {name} that is not an id")),
            };
        }
        let from = match ids {
            [Some(batch), None] => Stage::Created(batch),
            [None, Some(file)] => Stage::Uploaded(file),
            [None, None] if !input => {
                return invalid(
                    "names no batch_id and no input_file_id, and no input file was given: it has nothing to run",
                );
            }
            [None, None] => Stage::Begun,
            [Some(_), Some(_)] => return invalid("has a batch_id and an input_file_id: give one"),
        };
        if input && from != Stage::Begun {
            return invalid(
                "says that the input is at the server already, but an input file was given too: give one of them",
            );
        }
        if !matches!(from, Stage::Created(_)) && !members.contains_key("endpoint") {
            return invalid(
                "names no endpoint: give the one that each line is for, such as /v1/chat/completions",
            );
        }
        members
            .entry("completion_window")
            .or_insert_with(|| "24h".into());
        Ok(Plan {
            from,
            poll,
            progress,
            create: members,
        })
    }

    /// The body that creates the batch.
    pub fn create(&self, input_file: &str) -> String {
        let mut body = self.create.clone();
        body.insert("input_file_id".to_owned(), input_file.into());
        Value::Object(body).to_string()
    }
}

impl Resumable for Stage {
    fn explain(&self, mut error: Error) -> Error {
        let more = match self {
            Stage::Begun => return error,
            Stage::Uploaded(id) => format!(
                "the input file was uploaded as {id}: to go on from there give its id as input_file_id, and no input file"
            ),
            Stage::Created(id) => format!(
                "the batch {id} goes on at the server: to wait for it again give its id as batch_id, and no input file; \
                 POST /batches/{id}/cancel ends it"
            ),
        };
        error.message = format!("{}; {more}", error.message).into();
        error
    }

    fn resume(&self) -> Option<String> {
        match self {
            Stage::Begun => None,
            Stage::Uploaded(id) => Some(json!({"input_file_id": id}).to_string()),
            Stage::Created(id) => Some(json!({"batch_id": id}).to_string()),
        }
    }
}

/// What was said of a batch while it runs.
#[derive(Default)]
pub struct Telling {
    said: Option<Seen>,
}

/// What a look at a batch shows.
#[derive(Debug, PartialEq)]
pub struct Seen {
    id: String,
    status: String,
    /// How many of its lines are completed, have failed, and are, as far as it says.
    counts: [Option<u64>; 3],
}

impl Telling {
    /// What a look shows that was not said, and whether it must be: the status has changed.
    pub fn news(&self, batch: &[u8]) -> Option<(Seen, bool)> {
        let batch: Value = serde_json::from_slice(batch).ok()?;
        let text = |name: &str| Some(batch.get(name)?.as_str()?.to_owned());
        let seen = Seen {
            id: text("id")?,
            status: text("status")?,
            counts: ["completed", "failed", "total"]
                .map(|name| batch.get("request_counts")?.get(name)?.as_u64()),
        };
        let said = self.said.as_ref();
        let changed = said.is_none_or(|said| said.status != seen.status);
        (said != Some(&seen)).then_some((seen, changed))
    }

    /// The report of it as the host reads it.
    pub fn say(&mut self, seen: Seen) -> String {
        let (id, status) = (Value::from(&*seen.id), Value::from(&*seen.status));
        let [completed, failed, total] = seen
            .counts
            .map(|count| count.map_or("null".to_owned(), |count| count.to_string()));
        self.said = Some(seen);
        format!(
            r#"{{"way":"batch","batch_id":{id},"status":{status},"completed":{completed},"failed":{failed},"total":{total}}}"#
        )
    }
}

/// Where the results of a batch are: the ids of its output file and its error file, as far as it has them.
pub fn results(batch: &[u8]) -> [Option<String>; 2] {
    ids(batch, ["output_file_id", "error_file_id"])
}

/// The members that are texts and not empty.
fn ids<const N: usize>(object: &[u8], names: [&str; N]) -> [Option<String>; N] {
    let object = std::str::from_utf8(object).unwrap_or_default();
    let picked = pick(object, names).unwrap_or([None; N]);
    picked.map(|value| value.and_then(text).filter(|id| !id.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str, input: bool) -> Result<Plan> {
        Plan::parse(json.as_bytes(), input)
    }

    #[test]
    fn the_json_is_split_into_what_the_server_and_what_the_wait_gets() {
        let json = r#"{"endpoint":"/v1/embeddings","metadata":{"a":"b"},"interval_ms":5,"max_interval_ms":7}"#;
        let plan = parse(json, true).unwrap();
        assert_eq!(plan.from, Stage::Begun);
        let poll = Poll::parse(Some(br#"{"interval_ms":5,"max_interval_ms":7}"#));
        assert_eq!(Ok(&plan.poll), poll.as_ref());
        let body: Value = serde_json::from_str(&plan.create("file-1")).unwrap();
        let expected = json!({"endpoint": "/v1/embeddings", "metadata": {"a": "b"}, "completion_window": "24h",
            "input_file_id": "file-1"});
        assert_eq!(body, expected);
        let own = parse(r#"{"endpoint":"/v1/x","completion_window":"1h"}"#, true).unwrap();
        assert!(own.create("f").contains(r#""completion_window":"1h""#));
    }

    #[test]
    fn a_run_goes_on_from_where_it_was() {
        for stage in [
            Stage::Uploaded("file-1".into()),
            Stage::Created("batch_1".into()),
        ] {
            let mut json: Value = serde_json::from_str(&stage.resume().unwrap()).unwrap();
            json["endpoint"] = "/v1/embeddings".into();
            assert_eq!(parse(&json.to_string(), false).unwrap().from, stage);
        }
        let created = parse(r#"{"batch_id":"batch_1"}"#, false).unwrap().from;
        assert_eq!(created, Stage::Created("batch_1".into()));
        assert_eq!(Stage::Begun.resume(), None);
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        for (json, input, says) in [
            ("[]", true, "not a JSON object"),
            ("{}", true, "no endpoint"),
            (r#"{"input_file_id":"file-1"}"#, false, "no endpoint"),
            (r#"{"endpoint":"/v1/x"}"#, false, "nothing to run"),
            (r#"{"batch_id":"b"}"#, true, "give one of them"),
            (r#"{"batch_id":"b","input_file_id":"f"}"#, false, "give one"),
            (r#"{"batch_id":"../files"}"#, false, "not an id"),
            (r#"{"batch_id":7}"#, false, "not an id"),
            (r#"{"batch_id":"b","progress":1}"#, false, "progress"),
            (
                r#"{"endpoint":"/v1/x","interval_ms":0}"#,
                true,
                "at least 1",
            ),
        ] {
            let error = parse(json, input).unwrap_err();
            assert_eq!(error.status, status::INVALID_ARGUMENT, "{json}");
            assert!(error.message.contains(says), "{json}: {}", error.message);
        }
    }

    #[test]
    fn an_error_says_what_is_at_the_server() {
        let error = Error::new(status::CANCELLED, "the call was cancelled");
        for (stage, says) in [
            (Stage::Begun, "cancelled"),
            (Stage::Uploaded("file-1".into()), "input_file_id"),
            (
                Stage::Created("batch_1".into()),
                "the batch batch_1 goes on at the server",
            ),
        ] {
            let explained = stage.explain(error.clone());
            assert_eq!(explained.status, status::CANCELLED);
            assert!(explained.message.starts_with(&*error.message));
            assert!(explained.message.contains(says), "{}", explained.message);
        }
    }

    #[test]
    fn what_a_batch_shows_is_told_when_it_is_new() {
        let mut telling = Telling::default();
        let batch = |status: &str, done: u64| {
            let counts = json!({"completed": done, "failed": 0, "total": 9});
            json!({"id": "b", "status": status, "request_counts": counts}).to_string()
        };
        let mut look = |batch: &str, tell: bool| {
            let (seen, must) = telling.news(batch.as_bytes())?;
            Some((
                if tell {
                    telling.say(seen)
                } else {
                    String::new()
                },
                must,
            ))
        };
        let begun = r#"{"id":"b","status":"validating"}"#;
        let first = r#"{"way":"batch","batch_id":"b","status":"validating","completed":null,"failed":null,"total":null}"#;
        assert_eq!(look(begun, true), Some((first.to_owned(), true)));
        assert_eq!(look(begun, true), None);
        let second = r#"{"way":"batch","batch_id":"b","status":"in_progress","completed":4,"failed":0,"total":9}"#;
        let running = batch("in_progress", 4);
        assert_eq!(look(&running, true), Some((second.to_owned(), true)));
        // It was too soon to tell of the fifth, so the next look brings it up again.
        let more = batch("in_progress", 5);
        assert_eq!(look(&more, false), Some((String::new(), false)));
        let third = second.replace(":4,", ":5,");
        assert_eq!(look(&more, true), Some((third, false)));
        assert_eq!(look("<html>", true), None);
    }

    #[test]
    fn ids_are_read_where_they_are() {
        let batch = br#"{"output_file_id":"file-2","error_file_id":null}"#;
        assert_eq!(results(batch), [Some("file-2".into()), None]);
        assert_eq!(results(b"<html>"), [None, None]);
    }
}
