//! Weights from a URL, through a client that the caller brings.
//!
//! This crate has no network of its own: the caller opens the address at an offset and hands back a reader. What has
//! arrived is kept with a note of which version of which address it is, so that a broken download resumes where it
//! stopped.
//!
//! What never happens here: two files, or two versions of one, joined into one model.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::folder::{Installed, ModelFolder, checked_name, is_gguf, sha256_of};
use crate::{PullError, progress::Progress};

/// An error of the caller's client.
pub type ClientError = Box<dyn std::error::Error + Send + Sync>;

/// The part of a file that came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its length, which is where the rest begins.
    pub bytes: u64,
    /// What the server called the version that it is of, for `If-Range`.
    pub validator: String,
}

/// What the caller's client answers.
pub struct Opened {
    /// The body, from `offset` on.
    pub body: Box<dyn Read>,
    /// Where the body begins: where the part that is here ends, or 0 when all of the file comes.
    pub offset: u64,
    /// The size of the whole file, where the server says it.
    pub total_bytes: Option<u64>,
    /// What tells this version of the file from others, where the server says it: a strong `ETag`, or `Last-Modified`.
    pub validator: Option<String>,
}

/// The caller's client: opens the address where the part that is here ends, and from the first byte where there is
/// none, or where the part is of another version.
pub type Open<'a> = dyn FnMut(&str, Option<&Part>) -> Result<Opened, ClientError> + 'a;

/// What lies beside a half file: of which file it is the half.
#[derive(Serialize, Deserialize)]
struct Half {
    url: String,
    validator: Option<String>,
    total_bytes: Option<u64>,
}

impl Half {
    /// Whether this is the rest of the same file, as far as the server tells.
    fn goes_on_with(&self, opened: &Opened, have: u64) -> bool {
        let same_version = opened.validator.is_none() || opened.validator == self.validator;
        let same_size =
            opened.total_bytes.is_none() || self.total_bytes.is_none_or(|it| opened.total_bytes == Some(it));
        opened.offset == have && same_version && same_size
    }
}

/// Fetches a URL into the folder, or the rest of it where a part came before.
///
/// With `sha256` (64 hexadecimal digits) the bytes must match it; without, the sum that came is noted, so that later
/// changes are seen. A model of that name from another address is replaced, unless it has the sum that is asked for.
///
/// # Errors
/// [`PullError::BadSum`] before anything is fetched; [`PullError::Fetch`] when the client fails or breaks off (what
/// came is kept for the next attempt); [`PullError::Checksum`] and [`PullError::NotGguf`] when something else came.
pub fn pull_url(
    folder: &ModelFolder,
    url: &str,
    sha256: Option<&str>,
    open: &mut Open<'_>,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<Installed, PullError> {
    let sha256 = sha256.map(checked_sum).transpose()?;
    let file = file_name_of(url)?;
    let name = file.strip_suffix(".gguf").unwrap_or(file);
    let is_it = |one: &Installed| sha256.as_ref().map_or(one.source == url, |sum| *sum == one.sha256);
    if let Some(installed) = folder.installed(name).filter(is_it) {
        return Ok(installed);
    }
    let staging = folder.staging(name)?;
    let partial = staging.join("download");
    download(url, &partial, open, report)?;
    let found = sha256_of(&partial, report)?;
    let refused = match sha256 {
        Some(expected) if expected != found => {
            Some(PullError::Checksum { name: name.to_owned(), expected, found: found.clone() })
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
    open: &mut Open<'_>,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<(), PullError> {
    let note = partial.with_extension("json");
    let have = fs::metadata(partial).map_or(0, |metadata| metadata.len());
    let half = read_half(&note).filter(|half| half.url == url && have > 0);
    if half.as_ref().is_some_and(|half| half.total_bytes == Some(have)) {
        return Ok(());
    }
    let part = half.as_ref().and_then(|half| Some(Part { bytes: have, validator: half.validator.clone()? }));
    let failed = |source| PullError::Fetch { url: url.to_owned(), source };
    let mut opened = open(url, part.as_ref()).map_err(failed)?;
    let resumed = part.and(half).filter(|half| half.goes_on_with(&opened, have));
    if resumed.is_none() && opened.offset > 0 {
        opened = open(url, None).map_err(failed)?;
    }
    let mut target = match &resumed {
        Some(_) => OpenOptions::new().append(true).open(partial).map_err(PullError::io("open", partial))?,
        None if opened.offset > 0 => return Err(failed("the server leaves out the beginning of the file".into())),
        None => begin(partial, &note, url, &opened)?,
    };
    let total_bytes = opened.total_bytes.or(resumed.and_then(|half| half.total_bytes));
    let mut done_bytes = opened.offset;
    let mut buffer = vec![0_u8; 1 << 18];
    loop {
        let read = opened.body.read(&mut buffer).map_err(|error| failed(Box::new(error)))?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { break };
        target.write_all(chunk).map_err(PullError::io("write", partial))?;
        done_bytes += chunk.len() as u64;
        report(Progress { step: "downloading", done_bytes, total_bytes });
    }
    match total_bytes {
        Some(total) if total != done_bytes => {
            Err(failed(format!("the body ended after {done_bytes} of {total} bytes").into()))
        }
        _ => Ok(()),
    }
}

/// An empty file, and a note of what goes into it. The note comes second: beside an older half it would vouch for that.
fn begin(partial: &Path, note: &Path, url: &str, opened: &Opened) -> Result<File, PullError> {
    let target = File::create(partial).map_err(PullError::io("create", partial))?;
    let half = Half { url: url.to_owned(), validator: opened.validator.clone(), total_bytes: opened.total_bytes };
    let text = serde_json::to_vec(&half).map_err(|error| PullError::io("write", note)(io::Error::other(error)))?;
    fs::write(note, text).map_err(PullError::io("write", note))?;
    Ok(target)
}

/// The note beside a half file; a half without one that can be read is of no use.
fn read_half(note: &Path) -> Option<Half> {
    serde_json::from_slice(&fs::read(note).ok()?).ok()
}

/// A sum as [`sha256_of`] writes it.
pub(crate) fn checked_sum(text: &str) -> Result<String, PullError> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(PullError::BadSum(text.to_owned()))
}

/// The last segment of the URL's path.
fn file_name_of(url: &str) -> Result<&str, PullError> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    checked_name(path.rsplit('/').next().unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://example.org/weights/tiny.gguf?download=true";
    const OTHER: &str = "https://example.com/tiny.gguf";
    const WHOLE: &[u8] = b"GGUF and the rest";

    /// A server that breaks off after `cut` bytes of each answer. It heeds ranges, and no `If-Range`, as some do.
    fn serve(
        whole: &'static [u8],
        validator: Option<&'static str>,
        cut: usize,
    ) -> impl FnMut(&str, Option<&Part>) -> Result<Opened, ClientError> {
        move |_, part| {
            let offset = part.map_or(0, |part| part.bytes);
            let rest = whole.get(usize::try_from(offset)?..).ok_or("nothing from there on")?;
            Ok(Opened {
                body: Box::new(io::Cursor::new(&rest[..rest.len().min(cut)])),
                offset,
                total_bytes: Some(whole.len() as u64),
                validator: validator.map(str::to_owned),
            })
        }
    }

    fn folder() -> (tempfile::TempDir, ModelFolder) {
        let root = tempfile::tempdir().unwrap();
        let folder = ModelFolder::at(root.path());
        (root, folder)
    }

    /// What is installed after the first nine bytes of [`WHOLE`] came from [`URL`], and then this was pulled.
    fn after_a_half(url: &str, open: &mut Open<'_>) -> (Vec<u8>, String) {
        let (_root, folder) = folder();
        let broken = pull_url(&folder, URL, None, &mut serve(WHOLE, Some("\"1\""), 9), &mut |_| ());
        assert!(matches!(broken, Err(PullError::Fetch { .. })), "{broken:?}");
        let installed = pull_url(&folder, url, None, open, &mut |_| ()).unwrap();
        (fs::read(folder.path_of(&installed)).unwrap(), installed.source)
    }

    #[test]
    fn a_broken_download_resumes_where_it_stopped() {
        let (_root, folder) = folder();
        let mut open = serve(WHOLE, Some("\"1\""), 9);
        let first = pull_url(&folder, URL, None, &mut open, &mut |_| ());
        assert!(matches!(first, Err(PullError::Fetch { .. })), "{first:?}");
        assert_eq!(folder.list().unwrap(), []);
        let installed = pull_url(&folder, URL, None, &mut open, &mut |_| ()).unwrap();
        assert_eq!(fs::read(folder.path_of(&installed)).unwrap(), WHOLE);
        assert_eq!((installed.name.as_str(), installed.bytes), ("tiny", 17));
    }

    #[test]
    fn a_half_is_never_joined_with_another_file() {
        let from_elsewhere = after_a_half(OTHER, &mut serve(b"GGUF of elsewhere", Some("\"1\""), 99));
        assert_eq!(from_elsewhere, (b"GGUF of elsewhere".to_vec(), OTHER.to_owned()));
        let replaced = after_a_half(URL, &mut serve(b"GGUF, newer bytes", Some("\"2\""), 99));
        assert_eq!(replaced.0, b"GGUF, newer bytes");
        let grown = after_a_half(URL, &mut serve(b"GGUF, grown since then", Some("\"1\""), 99));
        assert_eq!(grown.0, b"GGUF, grown since then");
    }

    #[test]
    fn a_half_whose_version_nobody_names_begins_anew() {
        let (_root, folder) = folder();
        let mut asked = Vec::new();
        let mut nameless = serve(WHOLE, None, 9);
        let mut open = |url: &str, part: Option<&Part>| {
            asked.push(part.cloned());
            nameless(url, part)
        };
        for _ in 0..2 {
            assert!(pull_url(&folder, URL, None, &mut open, &mut |_| ()).is_err());
        }
        assert_eq!(asked, [None, None]);
    }

    #[test]
    fn a_server_that_leaves_out_the_beginning_is_refused() {
        let (_root, folder) = folder();
        let mut open = |_: &str, _: Option<&Part>| {
            Ok(Opened { body: Box::new(io::empty()), offset: 4, total_bytes: Some(4), validator: None })
        };
        let refused = pull_url(&folder, URL, None, &mut open, &mut |_| ());
        assert!(matches!(refused, Err(PullError::Fetch { .. })), "{refused:?}");
    }

    #[test]
    fn what_came_whole_and_was_not_yet_installed_is_not_fetched_again() {
        let (_root, folder) = folder();
        let partial = folder.staging("tiny").unwrap().join("download");
        download(URL, &partial, &mut serve(WHOLE, None, 99), &mut |_| ()).unwrap();
        let mut open = |_: &str, _: Option<&Part>| Err("asked again".into());
        assert_eq!(pull_url(&folder, URL, None, &mut open, &mut |_| ()).unwrap().bytes, 17);
    }

    #[test]
    fn another_address_of_the_same_file_name_replaces_what_is_installed() {
        let (_root, folder) = folder();
        let first = pull_url(&folder, URL, None, &mut serve(WHOLE, None, 99), &mut |_| ()).unwrap();
        let mut other = serve(b"GGUF of another hub", None, 99);
        // The sum names the file, wherever it came from; capital letters are the same digits.
        let sum = first.sha256.to_ascii_uppercase();
        assert_eq!(pull_url(&folder, OTHER, Some(&sum), &mut other, &mut |_| ()).unwrap(), first);
        let second = pull_url(&folder, OTHER, None, &mut other, &mut |_| ()).unwrap();
        assert_eq!(fs::read(folder.path_of(&second)).unwrap(), b"GGUF of another hub");
    }

    #[test]
    fn other_bytes_than_promised_leave_nothing_behind() {
        let (root, folder) = folder();
        let refused = pull_url(&folder, URL, Some(&"0".repeat(64)), &mut serve(b"GGUF!", None, 99), &mut |_| ());
        assert!(matches!(refused, Err(PullError::Checksum { .. })), "{refused:?}");
        let page = pull_url(&folder, URL, None, &mut serve(b"<html>", None, 99), &mut |_| ());
        assert!(matches!(page, Err(PullError::NotGguf { .. })), "{page:?}");
        assert_eq!(folder.list().unwrap(), []);
        assert!(!root.path().join(".partial/tiny/download").exists());
    }

    #[test]
    fn a_sum_is_read_before_anything_is_fetched() {
        let (_root, folder) = folder();
        for sum in ["", "abc", &"g".repeat(64), &"0".repeat(63), &"é".repeat(32), &format!("sha256:{}", "0".repeat(64))]
        {
            let mut open = |_: &str, _: Option<&Part>| panic!("invariant: `{sum}` is refused first");
            let refused = pull_url(&folder, URL, Some(sum), &mut open, &mut |_| ());
            assert!(matches!(refused, Err(PullError::BadSum(_))), "{refused:?}");
        }
        assert_eq!(checked_sum(&"A1".repeat(32)).unwrap(), "a1".repeat(32));
    }
}
