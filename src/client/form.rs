//! The fields and files of a request, as the host names them, and how JSON members become fields beside them.
//!
//! `request` calls it. What a form looks like on the wire is the transport's business.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::HeaderValue;
use serde_json::value::RawValue;

use crate::codec::object::text;
use crate::error::{Error, Result};
use crate::status;
use crate::transport::{Field, FileName, Source};

/// A plain field.
pub fn field(name: &str, value: &[u8]) -> Result<Field> {
    Ok(Field {
        name: checked(name, "name")?,
        file: None,
        source: Source::Memory(Bytes::copy_from_slice(value)),
    })
}

/// A file whose bytes are here.
pub fn file(name: &str, filename: &str, content_type: Option<&str>, data: &[u8]) -> Result<Field> {
    Ok(Field {
        name: checked(name, "name")?,
        file: Some(file_name(filename, content_type)?),
        source: Source::Memory(Bytes::copy_from_slice(data)),
    })
}

/// A file on disk, which is only opened when the request is submitted.
pub fn file_at(
    name: &str,
    path: &str,
    filename: Option<&str>,
    content_type: Option<&str>,
) -> Result<Field> {
    let own = Path::new(path).file_name().and_then(|name| name.to_str());
    let filename = filename.or(own).ok_or_else(|| {
        invalid(format!(
            "path {path:?} does not end with the name of a file"
        ))
    })?;
    Ok(Field {
        name: checked(name, "name")?,
        file: Some(file_name(filename, content_type)?),
        source: Source::File(PathBuf::from(path)),
    })
}

/// A part of a file on disk, so many bytes from a place on.
pub fn range_of(name: &str, path: &str, from: u64, length: u64) -> Result<Field> {
    let whole = file_at(name, path, None, None)?;
    let path = PathBuf::from(path);
    Ok(Field {
        source: Source::Range { path, from, length },
        ..whole
    })
}

fn checked(name: &str, what: &str) -> Result<String> {
    if name.is_empty() {
        return Err(invalid(format!("{what} is empty")));
    }
    Ok(name.to_owned())
}

fn file_name(name: &str, content_type: Option<&str>) -> Result<FileName> {
    let content_type = content_type.unwrap_or_else(|| type_of(name));
    let known = HeaderValue::from_str(content_type)
        .ok()
        .filter(|value| value.to_str().is_ok_and(|text| text.contains('/')));
    let content_type = known.ok_or_else(|| {
        invalid(format!(
            "content_type {content_type:?} is not one such as image/png"
        ))
    })?;
    Ok(FileName {
        name: checked(name, "filename")?,
        content_type,
    })
}

/// What a name's ending says of the content. Servers refuse pictures and sounds that do not say what they are.
pub fn type_of(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "mp3" | "mpga" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "mp4" => "video/mp4",
        "mpeg" => "video/mpeg",
        "webm" => "video/webm",
        "txt" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" => "text/html",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

/// The members of a JSON object as fields, followed by `fields`. Members are written as the official SDKs do: an
/// array's elements as `name[]`, an object's members as `name[member]`; null is left out.
pub fn with_members(json: &[u8], fields: &[Field]) -> Result<Vec<Field>> {
    let mut all = Vec::new();
    if !json.is_empty() {
        let members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(json).map_err(|_| {
                invalid("json is not an object, so it cannot go into a form beside files".into())
            })?;
        for (name, value) in members {
            flatten(name, &value, DEEPEST, &mut all)?;
        }
    }
    all.extend_from_slice(fields);
    Ok(all)
}

/// How deep members may be nested: each level is read again in the one above.
const DEEPEST: u32 = 16;

fn flatten(name: String, value: &RawValue, deeper: u32, all: &mut Vec<Field>) -> Result<()> {
    let json = value.get();
    let inside = |error: serde_json::Error| invalid(format!("json is not valid JSON: {error}"));
    let Some(deeper) = deeper.checked_sub(1) else {
        return Err(invalid(format!(
            "json is nested more than {DEEPEST} deep, which no form needs"
        )));
    };
    let written = match json.as_bytes().first() {
        Some(b'n') => return Ok(()),
        Some(b'[') => {
            let elements: Vec<Box<RawValue>> = serde_json::from_str(json).map_err(inside)?;
            for element in elements {
                flatten(format!("{name}[]"), &element, deeper, all)?;
            }
            return Ok(());
        }
        Some(b'{') => {
            let members: BTreeMap<String, Box<RawValue>> =
                serde_json::from_str(json).map_err(inside)?;
            for (member, value) in members {
                flatten(format!("{name}[{member}]"), &value, deeper, all)?;
            }
            return Ok(());
        }
        Some(b'"') => text(json).unwrap_or_default(),
        _ => json.to_owned(),
    };
    all.push(field(&name, written.as_bytes())?);
    Ok(())
}

/// The text of a plain field; of the last, if there are several.
pub fn text_of<'a>(fields: &'a [Field], name: &str) -> Option<&'a str> {
    fields.iter().rev().find_map(|field| match field {
        Field {
            name: own,
            file: None,
            source: Source::Memory(bytes),
        } if own == name => std::str::from_utf8(bytes).ok(),
        _ => None,
    })
}

fn invalid(message: String) -> Error {
    Error::new(status::INVALID_ARGUMENT, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fields: &[Field]) -> Vec<(String, String)> {
        fields
            .iter()
            .map(|field| match &field.source {
                Source::Memory(bytes) => (
                    field.name.clone(),
                    String::from_utf8_lossy(bytes).into_owned(),
                ),
                Source::File(path) | Source::Range { path, .. } => {
                    (field.name.clone(), path.display().to_string())
                }
            })
            .collect()
    }

    #[test]
    fn members_become_fields_as_the_sdks_write_them() {
        let json = br#"{"model":"whisper-1","temperature":0.20,"stream":true,"none":null,"prompt":"a \"b\"\n",
            "timestamp_granularities":["word","segment"],"expires_after":{"anchor":"created_at","seconds":3600},
            "big":12345678901234567890123, "empty":[]}"#;
        let last = field("model", b"other").unwrap();
        let fields = with_members(json, &[last]).unwrap();
        let expected = [
            ("big", "12345678901234567890123"),
            ("expires_after[anchor]", "created_at"),
            ("expires_after[seconds]", "3600"),
            ("model", "whisper-1"),
            ("prompt", "a \"b\"\n"),
            ("stream", "true"),
            ("temperature", "0.20"),
            ("timestamp_granularities[]", "word"),
            ("timestamp_granularities[]", "segment"),
            ("model", "other"),
        ];
        let shown = shown(&fields);
        let shown: Vec<_> = shown
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(shown, expected);
        assert_eq!(text_of(&fields, "model"), Some("other"));
        assert_eq!(text_of(&fields, "file"), None);
    }

    #[test]
    fn what_cannot_be_a_field_is_named() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        for (error, names) in [
            (field("", b"x").unwrap_err(), "name"),
            (file("f", "", None, b"").unwrap_err(), "filename"),
            (file("f", "a", Some("png"), b"").unwrap_err(), "png"),
            (
                file("f", "a", Some("a/b\r\nx: y"), b"").unwrap_err(),
                "content_type",
            ),
            (file_at("f", "/", None, None).unwrap_err(), "path"),
            (file_at("f", "", None, None).unwrap_err(), "path"),
            (with_members(b"[1]", &[]).unwrap_err(), "object"),
            (with_members(deep.as_bytes(), &[]).unwrap_err(), "nested"),
        ] {
            assert!(error.message.contains(names), "{error}");
            assert_eq!(error.status, status::INVALID_ARGUMENT);
        }
    }

    #[test]
    fn a_name_tells_its_type_unless_the_host_does() {
        for (name, given, expected) in [
            ("a.PNG", None, "image/png"),
            ("a.tar.mp3", None, "audio/mpeg"),
            ("a", None, "application/octet-stream"),
            ("a.jsonl", None, "application/octet-stream"),
            ("a.png", Some("image/x-own"), "image/x-own"),
        ] {
            assert_eq!(file_name(name, given).unwrap().content_type, expected);
        }
    }
}
