//! Counters that outlive a killed process, so that what it lost is known exactly.
//!
//! The counters live in a page of a file that is mapped shared: an increment is one atomic instruction, no system call,
//! and the kernel keeps the page when the process is killed. After a power cut the page may be some seconds old; the
//! loss found is then a lower bound. The file is locked while in use, and never shrinks.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::MmapRaw;

use crate::StoreError;

/// "steersm1" as a number: the file is ours and of this layout.
const MAGIC: u64 = u64::from_le_bytes(*b"steersm1");
const FILE_BYTES: usize = 4096;

/// The counters of one run.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Counters {
    magic: AtomicU64,
    /// The run they belong to; 0 for none.
    run: AtomicU64,
    /// Taken into the queue.
    pub(crate) accepted: AtomicU64,
    /// Refused at the queue.
    pub(crate) dropped: AtomicU64,
    /// Given up by the writer.
    pub(crate) failed: AtomicU64,
}

/// What a run left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) run: u64,
    pub(crate) accepted: u64,
    pub(crate) dropped: u64,
    pub(crate) failed: u64,
}

/// Counters in a mapped file, or in memory where no file was given.
#[derive(Debug)]
pub(crate) enum Mark {
    /// In a file.
    Mapped {
        /// The mapping.
        map: MmapRaw,
        /// Holds the lock.
        lock: File,
    },
    /// In memory only: a kill leaves nothing behind.
    Memory(Counters),
}

impl Mark {
    /// Opens or makes the file, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File { path: path.to_owned(), source };
        let mut file = options().open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        if file.metadata().map_err(failed)?.len() < FILE_BYTES as u64 {
            // Real zeros, not a hole: writing to a mapped hole on a full disk would kill the process.
            file.write_all(&[0; FILE_BYTES]).map_err(failed)?;
            file.sync_all().map_err(failed)?;
        }
        let map = memmap2::MmapOptions::new().len(FILE_BYTES).map_raw(&file).map_err(failed)?;
        let mark = Self::Mapped { map, lock: file };
        let magic = mark.counters().magic.load(Ordering::Relaxed);
        if magic != 0 && magic != MAGIC {
            let source = io::Error::new(io::ErrorKind::InvalidData, "the file is not a steersman mark");
            return Err(failed(source));
        }
        Ok(mark)
    }

    /// Counters that live only in memory.
    pub(crate) fn in_memory() -> Self {
        Self::Memory(Counters::default())
    }

    /// The counters.
    pub(crate) fn counters(&self) -> &Counters {
        match self {
            Self::Memory(counters) => counters,
            Self::Mapped { map, .. } => {
                let page = map.as_mut_ptr().cast::<Counters>();
                #[expect(
                    unsafe_code,
                    reason = "the only way to counters that outlive a kill without a system call each"
                )]
                // SAFETY: the mapping is page-aligned, `FILE_BYTES` long and lives as long as `self`; `Counters` is
                // `repr(C)`, smaller than that, valid for any bits, and only ever changed through its atomics.
                unsafe {
                    &*page
                }
            }
        }
    }

    /// Lets another process, or another store in this one, have the file. The counters must not be touched after it.
    pub(crate) fn release(&self) {
        if let Self::Mapped { lock, .. } = self {
            // Failing to unlock leaves it locked until the process ends, which the next to open it reports.
            drop(lock.unlock());
        }
    }

    /// What the run before this one left; `None` for a new file.
    pub(crate) fn left(&self) -> Option<Left> {
        let counters = self.counters();
        let load = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        let run = load(&counters.run);
        (run != 0).then(|| Left {
            run,
            accepted: load(&counters.accepted),
            dropped: load(&counters.dropped),
            failed: load(&counters.failed),
        })
    }

    /// Starts counting from zero for this run.
    pub(crate) fn begin(&self, run: u64) {
        let counters = self.counters();
        counters.run.store(0, Ordering::SeqCst);
        for counter in [&counters.accepted, &counters.dropped, &counters.failed] {
            counter.store(0, Ordering::SeqCst);
        }
        counters.magic.store(MAGIC, Ordering::SeqCst);
        counters.run.store(run, Ordering::SeqCst);
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_found_by_the_next_to_open_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        let mark = Mark::open(&path).unwrap();
        assert_eq!(mark.left(), None);
        mark.begin(7);
        mark.counters().accepted.fetch_add(5, Ordering::Relaxed);
        mark.counters().failed.fetch_add(2, Ordering::Relaxed);
        drop(mark);
        assert_eq!(Mark::open(&path).unwrap().left(), Some(Left { run: 7, accepted: 5, dropped: 0, failed: 2 }));
    }

    #[test]
    fn a_mark_in_use_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        let _held = Mark::open(&path).unwrap();
        assert!(matches!(Mark::open(&path), Err(StoreError::InUse { path: named }) if named == path));
    }

    #[test]
    fn a_foreign_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        std::fs::write(&path, vec![b'x'; FILE_BYTES]).unwrap();
        assert!(matches!(Mark::open(&path), Err(StoreError::File { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; FILE_BYTES]);
    }
}
