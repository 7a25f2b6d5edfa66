//! What an upload in parts has been asked for and how far it has come: its decisions, without its clock and its network.
//!
//! `upload` carries them out.

use serde_json::{Map, Value, json};

use super::{Resumable, is_id};
use crate::client::form::type_of;
use crate::error::{Error, Result};
use crate::status;

/// The largest part that the API takes, and the size of each but the last.
const PART: u64 = 64 << 20;

/// What to do, and what has been done.
#[derive(Debug, PartialEq)]
pub struct Plan {
    /// The upload's id, once it has one.
    pub upload: Option<String>,
    /// The ids of the parts that arrived, by their place.
    pub parts: Vec<Option<String>>,
    pub size: u64,
    /// Whether the host is told how much has arrived.
    pub progress: bool,
    part_bytes: u64,
    /// The body of `POST /uploads`.
    create: Map<String, Value>,
}

impl Plan {
    /// Reads the call's JSON for a file of this name and size.
    pub fn parse(json: &[u8], name: &str, size: u64) -> Result<Plan> {
        let invalid = |why: &str| {
            let message = format!("the json of an upload {why}");
            Err(Error::new(status::INVALID_ARGUMENT, message))
        };
        let mut create: Map<String, Value> = match serde_json::from_slice(json) {
            Ok(members) => members,
            Err(error) => return invalid(&format!("is not a JSON object: {error}")),
        };
        let part_bytes = match create.remove("part_bytes") {
            None => PART,
            Some(value) => match value.as_u64() {
                Some(bytes @ 1..=PART) => bytes,
                _ => return invalid(&format!("has a part_bytes that is not from 1 to {PART}")),
            },
        };
        let progress = match create.remove("progress") {
            None => false,
            Some(Value::Bool(progress)) => progress,
            Some(_) => return invalid("has a progress that is neither true nor false"),
        };
        let upload = match create.remove("upload_id") {
            None => None,
            Some(Value::String(id)) if is_id(&id) => Some(id),
            Some(_) => return invalid("has an upload_id that is not an id"),
        };
        let mut parts = match create.remove("part_ids") {
            None => Vec::new(),
            Some(_) if upload.is_none() => return invalid("has part_ids, but no upload_id"),
            Some(ids) => match serde_json::from_value::<Vec<Option<String>>>(ids) {
                Ok(ids) => ids,
                Err(_) => return invalid("has part_ids that are not an array of ids and nulls"),
            },
        };
        let count = size.div_ceil(part_bytes) as usize;
        if parts.len() > count {
            return invalid(&format!(
                "has {} part_ids, but the file has {count} parts of {part_bytes} bytes: give the file and the \
                 part_bytes that the upload began with",
                parts.len()
            ));
        }
        parts.resize(count, None);
        if upload.is_none() && !create.contains_key("purpose") {
            return invalid("names no purpose: give one, such as batch or fine-tune");
        }
        let mime_type = type_of(name);
        for (member, value) in [
            ("filename", Value::from(name)),
            ("mime_type", mime_type.into()),
        ] {
            create.entry(member).or_insert(value);
        }
        create.insert("bytes".into(), size.into());
        Ok(Plan {
            upload,
            parts,
            size,
            progress,
            part_bytes,
            create,
        })
    }

    /// The body that begins the upload.
    pub fn create(&self) -> String {
        Value::from(self.create.clone()).to_string()
    }

    /// The places of the parts that have not arrived.
    pub fn missing(&self) -> Vec<usize> {
        let absent = |(place, id): (usize, &Option<String>)| id.is_none().then_some(place);
        self.parts.iter().enumerate().filter_map(absent).collect()
    }

    /// How many bytes the parts that have arrived hold.
    pub fn arrived(&self) -> u64 {
        let absent: u64 = self
            .missing()
            .iter()
            .map(|place| self.range(*place).1)
            .sum();
        self.size - absent
    }

    /// Where a part begins, and how long it is.
    pub fn range(&self, place: usize) -> (u64, u64) {
        let from = place as u64 * self.part_bytes;
        (from, self.part_bytes.min(self.size - from))
    }

    /// The body that completes the upload.
    pub fn complete(&self, md5: &str) -> String {
        json!({"part_ids": self.parts, "md5": md5}).to_string()
    }
}

impl Resumable for Plan {
    fn resume(&self) -> Option<String> {
        let id = self.upload.as_ref()?;
        let resume =
            json!({"upload_id": id, "part_ids": self.parts, "part_bytes": self.part_bytes});
        Some(resume.to_string())
    }

    fn explain(&self, mut error: Error) -> Error {
        if let Some(resume) = self.resume() {
            let message = format!(
                "{}; the upload can go on with {resume} as json",
                error.message
            );
            error.message = message.into();
        }
        error
    }
}

/// Whether the same upload may still come to a good end after `error`.
pub fn may_go_on(error: &Error) -> bool {
    error.status != status::FILE && !matches!(error.http_status, 400 | 404 | 409 | 410 | 413 | 422)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str, size: u64) -> Result<Plan> {
        Plan::parse(json.as_bytes(), "a.pdf", size)
    }

    #[test]
    fn a_file_is_cut_into_parts_that_cover_it() {
        for (size, part_bytes, ranges) in [
            (10, 4, vec![(0, 4), (4, 4), (8, 2)]),
            (8, 4, vec![(0, 4), (4, 4)]),
            (3, 4, vec![(0, 3)]),
        ] {
            let json = json!({"purpose": "batch", "part_bytes": part_bytes}).to_string();
            let plan = parse(&json, size).unwrap();
            let cut: Vec<_> = plan.missing().into_iter().map(|n| plan.range(n)).collect();
            assert_eq!(cut, ranges);
        }
        let plan = parse(r#"{"purpose":"batch"}"#, 2 * PART + 1).unwrap();
        assert_eq!(plan.range(2), (2 * PART, 1));
    }

    #[test]
    fn the_server_is_told_of_the_file() {
        let plan = parse(r#"{"purpose":"batch","filename":"b","part_bytes":4}"#, 9).unwrap();
        let body: Value = serde_json::from_str(&plan.create()).unwrap();
        let expected = json!({"purpose": "batch", "filename": "b", "mime_type": "application/pdf", "bytes": 9});
        assert_eq!(body, expected);
    }

    #[test]
    fn what_was_interrupted_goes_on_from_where_it_was() {
        let mut plan = parse(r#"{"purpose":"batch","part_bytes":4}"#, 10).unwrap();
        assert_eq!(plan.resume(), None);
        plan.upload = Some("upload_1".into());
        plan.parts[1] = Some("part_b".into());
        let again = parse(&plan.resume().unwrap(), 10).unwrap();
        assert_eq!((&again.upload, &again.parts), (&plan.upload, &plan.parts));
        assert_eq!((again.missing(), again.arrived()), (vec![0, 2], 4));
        assert_eq!(again.range(2), (8, 2));
        let explained = plan.explain(Error::new(status::CANCELLED, "cancelled"));
        assert!(explained.message.contains("part_b"), "{explained}");
    }

    #[test]
    fn wrong_json_is_named() {
        for (json, says) in [
            ("[]", "not a JSON object"),
            ("{}", "no purpose"),
            (r#"{"purpose":"a","part_bytes":0}"#, "part_bytes"),
            (r#"{"purpose":"a","part_bytes":67108865}"#, "67108864"),
            (r#"{"purpose":"a","progress":1}"#, "true nor false"),
            (r#"{"purpose":"a","part_ids":["p"]}"#, "no upload_id"),
            (r#"{"upload_id":"a/b"}"#, "not an id"),
            (r#"{"upload_id":"u","part_ids":[1]}"#, "ids and nulls"),
            (r#"{"upload_id":"u","part_ids":[null,null]}"#, "has 1 parts"),
        ] {
            let error = parse(json, 10).unwrap_err();
            assert_eq!(error.status, status::INVALID_ARGUMENT, "{json}");
            assert!(error.message.contains(says), "{json}: {}", error.message);
        }
    }

    #[test]
    fn only_what_could_end_well_is_left_at_the_server() {
        let error = |status, http_status| Error {
            http_status,
            ..Error::new(status, "")
        };
        for (status, http_status, expected) in [
            (status::CANCELLED, 0, true),
            (status::HTTP_SERVER, 500, true),
            (status::HTTP_SERVER, 401, true),
            (status::HTTP_BAD_REQUEST, 400, false),
            (status::FILE, 0, false),
        ] {
            assert_eq!(may_go_on(&error(status, http_status)), expected);
        }
    }
}
