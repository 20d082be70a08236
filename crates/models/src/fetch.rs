//! Weights from a URL, through a client that the caller brings.
//!
//! This crate has no network of its own: the caller opens the address at an offset and hands back a reader, and what has
//! arrived is kept, so that a broken download resumes where it stopped.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use crate::folder::{Installed, ModelFolder, checked_name, is_gguf, sha256_of};
use crate::{PullError, progress::Progress};

/// An error of the caller's client.
pub type ClientError = Box<dyn std::error::Error + Send + Sync>;

/// What the caller's client answers.
pub struct Opened {
    /// The body, from `offset` on.
    pub body: Box<dyn Read>,
    /// Where the body begins: the offset that was asked for, or 0 when the server ignores ranges.
    pub offset: u64,
    /// The size of the whole file, where the server says it.
    pub total_bytes: Option<u64>,
}

/// Fetches a URL into the folder. `open(url, offset)` opens the address from that byte on.
///
/// With `sha256` the bytes must match it; without, the sum that came is noted, so that later changes are seen.
///
/// # Errors
/// [`PullError::Fetch`] when the client fails or breaks off (what came is kept for the next attempt),
/// [`PullError::Checksum`] and [`PullError::NotGguf`] when something else came.
pub fn pull_url(
    folder: &ModelFolder,
    url: &str,
    sha256: Option<&str>,
    open: &mut dyn FnMut(&str, u64) -> Result<Opened, ClientError>,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<Installed, PullError> {
    let file = file_name_of(url)?;
    let name = file.strip_suffix(".gguf").unwrap_or(file);
    if let Some(installed) = folder.installed(name).filter(|one| sha256.is_none_or(|sum| sum == one.sha256)) {
        return Ok(installed);
    }
    let staging = folder.staging(name)?;
    let partial = staging.join("download");
    download(url, &partial, open, report)?;
    let found = sha256_of(&partial, report)?;
    let refused = match sha256 {
        Some(expected) if expected != found => {
            Some(PullError::Checksum { name: name.to_owned(), expected: expected.to_owned(), found: found.clone() })
        }
        _ if !is_gguf(&partial)? => Some(PullError::NotGguf { path: partial.clone() }),
        _ => None,
    };
    if let Some(refused) = refused {
        fs::remove_file(&partial).map_err(PullError::io("remove", &partial))?;
        return Err(refused);
    }
    let bytes = fs::metadata(&partial).map_err(PullError::io("read", &partial))?.len();
    let installed = Installed {
        name: name.to_owned(),
        file: file.to_owned(),
        bytes,
        sha256: found,
        licence: "unknown".to_owned(),
        source: url.to_owned(),
    };
    let installed = folder.adopt(&partial, installed)?;
    fs::remove_dir_all(&staging).map_err(PullError::io("remove", &staging))?;
    Ok(installed)
}

fn download(
    url: &str,
    partial: &Path,
    open: &mut dyn FnMut(&str, u64) -> Result<Opened, ClientError>,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<(), PullError> {
    let have = fs::metadata(partial).map_or(0, |metadata| metadata.len());
    let failed = |source| PullError::Fetch { url: url.to_owned(), source };
    let mut opened = open(url, have).map_err(failed)?;
    let resumes = opened.offset == have && have > 0;
    let mut target = if resumes { OpenOptions::new().append(true).open(partial) } else { File::create(partial) }
        .map_err(PullError::io("create", partial))?;
    let mut done_bytes = if resumes { have } else { 0 };
    let mut buffer = vec![0_u8; 1 << 18];
    loop {
        let read = opened.body.read(&mut buffer).map_err(|error| failed(Box::new(error)))?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { break };
        target.write_all(chunk).map_err(PullError::io("write", partial))?;
        done_bytes += chunk.len() as u64;
        report(Progress { step: "downloading", done_bytes, total_bytes: opened.total_bytes });
    }
    match opened.total_bytes {
        Some(total) if total != done_bytes => {
            Err(failed(format!("the body ended after {done_bytes} of {total} bytes").into()))
        }
        _ => Ok(()),
    }
}

/// The last segment of the URL's path.
fn file_name_of(url: &str) -> Result<&str, PullError> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    checked_name(path.rsplit('/').next().unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const URL: &str = "https://example.org/weights/tiny.gguf?download=true";

    /// A server that breaks off after `cut` bytes of each answer.
    fn serve(whole: &'static [u8], cut: usize) -> impl FnMut(&str, u64) -> Result<Opened, ClientError> {
        move |_, offset| {
            let rest = &whole[usize::try_from(offset)?..];
            Ok(Opened {
                body: Box::new(io::Cursor::new(&rest[..rest.len().min(cut)])),
                offset,
                total_bytes: Some(whole.len() as u64),
            })
        }
    }

    #[test]
    fn a_broken_download_resumes_where_it_stopped() {
        let root = tempfile::tempdir().unwrap();
        let folder = ModelFolder::at(root.path());
        let mut open = serve(b"GGUF and the rest", 9);
        let first = pull_url(&folder, URL, None, &mut open, &mut |_| ());
        assert!(matches!(first, Err(PullError::Fetch { .. })), "{first:?}");
        assert_eq!(folder.list().unwrap(), []);
        let installed = pull_url(&folder, URL, None, &mut open, &mut |_| ()).unwrap();
        assert_eq!(fs::read(folder.path_of(&installed)).unwrap(), b"GGUF and the rest");
        assert_eq!((installed.name.as_str(), installed.bytes), ("tiny", 17));
    }

    #[test]
    fn other_bytes_than_promised_leave_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let folder = ModelFolder::at(root.path());
        let refused = pull_url(&folder, URL, Some(&"0".repeat(64)), &mut serve(b"GGUF!", 99), &mut |_| ());
        assert!(matches!(refused, Err(PullError::Checksum { .. })), "{refused:?}");
        let page = pull_url(&folder, URL, None, &mut serve(b"<html>", 99), &mut |_| ());
        assert!(matches!(page, Err(PullError::NotGguf { .. })), "{page:?}");
        assert_eq!(folder.list().unwrap(), []);
        assert!(!root.path().join(".partial/tiny/download").exists());
    }
}
