//! The folder where weights live.
//!
//! Next to each `FILE.gguf` stands `NAME.json`, which says where it came from and what its sha256 was when it was
//! checked. A file is listed only with that note, and the note is written last, so a half-fetched file is never taken
//! for a model.
//!
//! What never happens here: nothing outside the folder is written.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{PullError, progress::Progress};

/// A model that is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// The name to ask for.
    pub name: String,
    /// The file's name inside the folder.
    pub file: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// Its sha256 when it was checked, hex.
    pub sha256: String,
    /// The licence, or `unknown`.
    pub licence: String,
    /// Where it came from: packages, a path or a URL.
    pub source: String,
}

/// A folder of weights.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    root: PathBuf,
}

impl ModelFolder {
    /// The folder at this path; it is made when something is first pulled into it.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where the folder is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The weights of an installed model.
    #[must_use]
    pub fn path_of(&self, installed: &Installed) -> PathBuf {
        self.root.join(&installed.file)
    }

    /// Every model that is whole on disk, by name. Costs one small read each; no weights are read.
    ///
    /// # Errors
    /// When the folder exists and cannot be read.
    pub fn list(&self) -> Result<Vec<Installed>, PullError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(PullError::io("list", &self.root)(error)),
        };
        let mut models = Vec::new();
        for entry in entries {
            let path = entry.map_err(PullError::io("list", &self.root))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                models.extend(self.read_note(&path));
            }
        }
        models.sort_by(|a: &Installed, b| a.name.cmp(&b.name));
        Ok(models)
    }

    /// The model with this name, if it is whole on disk (judged by its note and its size; [`Self::check`] reads it
    /// all).
    #[must_use]
    pub fn installed(&self, name: &str) -> Option<Installed> {
        checked_name(name).ok()?;
        self.read_note(&self.note_path(name)).filter(|installed| installed.name == name)
    }

    /// Reads the weights again and compares their sha256 with the note.
    ///
    /// # Errors
    /// [`PullError::Checksum`] when they differ, [`PullError::Io`] when they cannot be read.
    pub fn check(&self, installed: &Installed, report: &mut dyn FnMut(Progress<'_>)) -> Result<(), PullError> {
        let found = sha256_of(&self.path_of(installed), report)?;
        if found == installed.sha256 {
            return Ok(());
        }
        Err(PullError::Checksum { name: installed.name.clone(), expected: installed.sha256.clone(), found })
    }

    /// Moves a finished file of the same file system into its place and writes its note.
    pub(crate) fn adopt(&self, finished: &Path, installed: Installed) -> Result<Installed, PullError> {
        checked_name(&installed.name)?;
        checked_name(&installed.file)?;
        let place = self.path_of(&installed);
        File::open(finished).and_then(|file| file.sync_all()).map_err(PullError::io("flush", finished))?;
        fs::rename(finished, &place).map_err(PullError::io("move the download to", &place))?;
        let note = self.note_path(&installed.name);
        let unfinished = note.with_extension("json.new");
        let text = serde_json::to_vec_pretty(&installed)
            .map_err(|error| PullError::io("write", &note)(io::Error::other(error)))?;
        File::create(&unfinished)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&unfinished, &note))
            .map_err(PullError::io("write", &note))?;
        Ok(installed)
    }

    /// A folder for the unfinished parts of one model, kept between attempts so that they resume.
    pub(crate) fn staging(&self, name: &str) -> Result<PathBuf, PullError> {
        let staging = self.root.join(".partial").join(checked_name(name)?);
        fs::create_dir_all(&staging).map_err(PullError::io("make the folder", &staging))?;
        Ok(staging)
    }

    fn note_path(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.json"))
    }

    fn read_note(&self, path: &Path) -> Option<Installed> {
        let installed: Installed = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        checked_name(&installed.file).ok()?;
        let size = fs::metadata(self.path_of(&installed)).ok()?.len();
        (size == installed.bytes).then_some(installed)
    }
}

/// Refuses names that could leave the folder.
pub(crate) fn checked_name(name: &str) -> Result<&str, PullError> {
    let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if name.is_empty() || name.len() > 200 || name.starts_with('.') || !fits {
        return Err(PullError::BadName(name.to_owned()));
    }
    Ok(name)
}

/// The sha256 of a file, in hex. Reads it once.
pub(crate) fn sha256_of(path: &Path, report: &mut dyn FnMut(Progress<'_>)) -> Result<String, PullError> {
    let mut file = File::open(path).map_err(PullError::io("open", path))?;
    let total_bytes = file.metadata().ok().map(|metadata| metadata.len());
    let (mut hash, mut done_bytes) = (Sha256::new(), 0_u64);
    let mut buffer = vec![0_u8; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(PullError::io("read", path))?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { break };
        hash.update(chunk);
        done_bytes += chunk.len() as u64;
        report(Progress { step: "checking", done_bytes, total_bytes });
    }
    Ok(hex(&hash.finalize()))
}

/// Whether the file begins as a GGUF file does.
pub(crate) fn is_gguf(path: &Path) -> Result<bool, PullError> {
    let mut magic = [0_u8; 4];
    let mut file = File::open(path).map_err(PullError::io("open", path))?;
    match file.read_exact(&mut magic) {
        Ok(()) => Ok(&magic == b"GGUF"),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(PullError::io("read", path)(error)),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(name: &str, file: &str, bytes: u64, sha256: &str) -> Installed {
        Installed {
            name: name.to_owned(),
            file: file.to_owned(),
            bytes,
            sha256: sha256.to_owned(),
            licence: "unknown".to_owned(),
            source: "test".to_owned(),
        }
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        for name in ["", "..", "../x", "a/b", "a\\b", ".hidden", "a b", "a\0b"] {
            assert!(matches!(checked_name(name), Err(PullError::BadName(_))), "{name:?}");
        }
        assert!(checked_name("qwen2.5-coder-1.5b").is_ok());
    }

    #[test]
    fn a_file_that_was_cut_after_it_was_noted_is_no_longer_listed() {
        let root = tempfile::tempdir().unwrap();
        let folder = ModelFolder::at(root.path());
        let staging = folder.staging("m").unwrap();
        fs::write(staging.join("x"), b"GGUFabc").unwrap();
        let model = folder.adopt(&staging.join("x"), installed("m", "m.gguf", 7, "0")).unwrap();
        assert_eq!(folder.list().unwrap().len(), 1);
        assert_eq!(folder.installed("m"), Some(model.clone()));
        fs::write(folder.path_of(&model), b"GGUF").unwrap();
        assert_eq!(folder.list().unwrap(), []);
        assert_eq!(folder.installed("m"), None);
    }

    #[test]
    fn a_changed_byte_fails_the_check() {
        let root = tempfile::tempdir().unwrap();
        let folder = ModelFolder::at(root.path());
        let staging = folder.staging("m").unwrap();
        fs::write(staging.join("x"), b"abc").unwrap();
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let model = folder.adopt(&staging.join("x"), installed("m", "m.gguf", 3, sha256)).unwrap();
        folder.check(&model, &mut |_| ()).unwrap();
        fs::write(folder.path_of(&model), b"abd").unwrap();
        assert!(matches!(folder.check(&model, &mut |_| ()), Err(PullError::Checksum { .. })));
    }

    #[test]
    fn a_note_that_points_outside_the_folder_is_ignored() {
        let root = tempfile::tempdir().unwrap();
        let folder = ModelFolder::at(root.path());
        fs::write(folder.root().join("m.json"), serde_json::to_vec(&installed("m", "../m.gguf", 0, "")).unwrap())
            .unwrap();
        assert_eq!(folder.list().unwrap(), []);
    }
}
