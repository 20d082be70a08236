//! The few file operations that the journal needs, behind a trait, so that a simulation can crash and corrupt them.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use steersman_core::BoxFuture;
use tokio::task::spawn_blocking;

use crate::sync::{Mutex, lock};

/// A folder of append-only files.
pub trait Files: Send + Sync {
    /// Takes the folder's lock for as long as this value lives, or says that another process has it. The operating
    /// system gives it back when the process dies.
    fn lock(&self) -> BoxFuture<'_, io::Result<bool>>;
    /// The names of all files.
    fn list(&self) -> BoxFuture<'_, io::Result<Vec<String>>>;
    /// The content of a file; an error of kind `NotFound` if there is none.
    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<u8>>>;
    /// Creates an empty file, durably; an error of kind `AlreadyExists` if there is one.
    fn create<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<()>>;
    /// Appends to a file.
    fn append<'a>(&'a self, name: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, io::Result<()>>;
    /// Makes all that was appended to a file durable.
    fn sync<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<()>>;
    /// Replaces the content of a small file at once. Not durable.
    fn replace<'a>(&'a self, name: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, io::Result<()>>;
    /// Removes a file, if it is there.
    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<()>>;
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    open: Mutex<HashMap<String, Arc<File>>>,
    lock: Mutex<Option<File>>,
}

/// A folder on disk. Every operation runs on a blocking thread.
#[derive(Debug, Clone)]
pub struct DiskFiles(Arc<Folder>);

impl DiskFiles {
    /// Opens a folder, and makes it if it is missing.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(Arc::new(Folder { path: path.to_owned(), open: Mutex::default(), lock: Mutex::default() })))
    }

    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, io::Result<T>> {
        let folder = Arc::clone(&self.0);
        Box::pin(async move { spawn_blocking(move || work(&folder)).await.map_err(io::Error::other)? })
    }
}

impl Folder {
    fn file(&self, name: &str) -> io::Result<Arc<File>> {
        if let Some(file) = lock(&self.open).get(name) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(OpenOptions::new().append(true).open(self.path.join(name))?);
        lock(&self.open).insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    /// Makes the folder's list of names durable.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Files for DiskFiles {
    fn lock(&self) -> BoxFuture<'_, io::Result<bool>> {
        self.blocking(|folder| {
            let mut held = lock(&folder.lock);
            if held.is_some() {
                return Ok(true);
            }
            let file = OpenOptions::new().create(true).append(true).open(folder.path.join("lock"))?;
            match file.try_lock() {
                Ok(()) => {
                    *held = Some(file);
                    Ok(true)
                }
                Err(fs::TryLockError::WouldBlock) => Ok(false),
                Err(fs::TryLockError::Error(error)) => Err(error),
            }
        })
    }

    fn list(&self) -> BoxFuture<'_, io::Result<Vec<String>>> {
        self.blocking(|folder| {
            let entries = fs::read_dir(&folder.path)?;
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        })
    }

    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<u8>>> {
        let name = name.to_owned();
        self.blocking(move |folder| {
            let mut bytes = Vec::new();
            File::open(folder.path.join(name))?.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    fn create<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<()>> {
        let name = name.to_owned();
        self.blocking(move |folder| {
            OpenOptions::new().append(true).create_new(true).open(folder.path.join(name))?;
            folder.sync()
        })
    }

    fn append<'a>(&'a self, name: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, io::Result<()>> {
        let name = name.to_owned();
        self.blocking(move |folder| folder.file(&name)?.as_ref().write_all(&bytes))
    }

    fn sync<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<()>> {
        let name = name.to_owned();
        self.blocking(move |folder| folder.file(&name)?.sync_data())
    }

    fn replace<'a>(&'a self, name: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, io::Result<()>> {
        let name = name.to_owned();
        self.blocking(move |folder| {
            let fresh = folder.path.join(format!("{name}.new"));
            fs::write(&fresh, bytes)?;
            fs::rename(fresh, folder.path.join(name))
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<()>> {
        let name = name.to_owned();
        self.blocking(move |folder| {
            lock(&folder.open).remove(&name);
            match fs::remove_file(folder.path.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        })
    }
}
