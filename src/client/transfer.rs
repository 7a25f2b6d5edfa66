//! The short forms that carry files: each is the general request with its path, its JSON and its file put in.

use super::request::Request;
use crate::error::{Error, Result};
use crate::status;
use crate::transport::Output;

/// A file as the short forms take it.
pub enum Attached<'a> {
    /// One on disk.
    Path(&'a str),
    /// Bytes in memory, under a name.
    Named(&'a str, &'a [u8]),
}

/// Text to speech; the sound comes as it is, to `path` or into memory.
pub fn speech(json: &[u8], path: Option<&str>) -> Result<Request> {
    let mut request = Request::new("POST", "/audio/speech")?;
    request.set_json(json)?;
    into(&mut request, path)?;
    Ok(request)
}

/// A picture from words.
pub fn image(json: &[u8]) -> Result<Request> {
    let mut request = Request::new("POST", "/images/generations")?;
    request.set_json(json)?;
    Ok(request)
}

/// A form for `path`, with the members of `json` as fields and one file as `field`.
pub fn form(path: &str, json: &[u8], field: &str, file: Attached<'_>) -> Result<Request> {
    let mut request = Request::new("POST", path)?;
    request.set_json(json)?;
    match file {
        Attached::Path(path) => request.add_file_path(field, path, None, None)?,
        Attached::Named(name, data) => request.add_file(field, name, None, data)?,
    }
    Ok(request)
}

/// The content of an uploaded file, to `path` or into memory.
pub fn file_content(id: &str, path: Option<&str>) -> Result<Request> {
    // One segment of the path, or the request would be another one.
    if id.is_empty() || id.contains('/') {
        return Err(Error::new(
            status::INVALID_ARGUMENT,
            format!("file_id {id:?} is not the id of a file, such as file-abc123"),
        ));
    }
    let mut request = Request::new("GET", &format!("/files/{id}/content"))?;
    into(&mut request, path)?;
    Ok(request)
}

/// The answer is no JSON; it goes to a file if one is named.
fn into(request: &mut Request, path: Option<&str>) -> Result<()> {
    request.set_header("accept", Some("*/*"))?;
    request.set_output(path.map(|path| Output::Path(path.into())))
}
