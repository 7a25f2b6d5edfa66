//! The MD5 of a file, read a little at a time and off the runtime's thread.
//!
//! `upload` asks for it while the parts are on their way. It never holds the file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use md5::{Digest, Md5};
use tokio::task::spawn_blocking;

use crate::error::{Error, Result};
use crate::status;
use crate::transport::unreadable;

/// What is read between two looks at whether anybody still waits.
const PIECE: u64 = 1 << 20;

/// The MD5 of the file at `path`, in hexadecimal.
pub async fn md5_of(path: PathBuf) -> Result<String> {
    let mut reading: Option<File> = None;
    let mut sum = Md5::new();
    loop {
        let path = path.clone();
        let piece = spawn_blocking(move || {
            let read = || {
                let file = match reading.take() {
                    Some(file) => file,
                    None => File::open(&path)?,
                };
                let mut bytes = Vec::new();
                (&file).take(PIECE).read_to_end(&mut bytes)?;
                sum.update(&bytes);
                Ok::<_, std::io::Error>((file, sum, bytes.is_empty()))
            };
            read().map_err(|error| unreadable(&path, &error.to_string()))
        });
        // The task is only lost when the runtime ends.
        let piece = piece
            .await
            .map_err(|error| Error::new(status::SHUTDOWN, error.to_string()))?;
        let (file, summed, ended) = piece?;
        if ended {
            return Ok(hexadecimal(&summed.finalize()));
        }
        (reading, sum) = (Some(file), summed);
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
