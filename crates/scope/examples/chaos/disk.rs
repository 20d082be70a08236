//! A disk in memory that crashes, tears and fails on demand. What was synced survives; what was not survives as the
//! crash pleases.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use steersman_core::BoxFuture;
use steersman_scope::{Dice, Files};
use tokio::sync::Notify;
use tokio::time::sleep;

/// What a crash does to bytes that were not synced, or worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    /// The kernel lives on and writes everything: a killed process.
    KeepAll,
    /// Everything that was not synced is gone.
    LoseUnsynced,
    /// A prefix of it is there.
    Torn,
    /// All of it is there with one bit changed.
    TornFlipped,
    /// The last synced bytes are changed by one bit: the disk lied.
    FlipSynced,
    /// The end of the last synced record is gone: the disk lied.
    CutSynced,
}

#[derive(Debug, Default)]
struct SimFile {
    durable: Vec<u8>,
    pending: Vec<u8>,
}

#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<String, SimFile>,
    owner: Option<u64>,
    fail_sync_in: Option<u32>,
    fail_append_in: Option<u32>,
}

/// The disk that outlives processes.
#[derive(Debug, Clone, Default)]
pub struct SimDisk(Arc<Mutex<Disk>>);

impl SimDisk {
    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    /// The disk as one process sees it.
    pub fn for_process(&self, process: u64, seed: u64) -> Arc<SimFiles> {
        let (frozen, thaw) = (AtomicBool::new(false), Notify::new());
        Arc::new(SimFiles { disk: self.clone(), process, dice: Dice::seeded(seed), frozen, thaw })
    }

    /// Fails the n-th sync from now, and all after it.
    pub fn fail_sync_in(&self, n: u32) {
        self.lock().fail_sync_in = Some(n);
    }

    /// Fails the n-th append from now with a full disk, and all after it.
    pub fn fail_append_in(&self, n: u32) {
        self.lock().fail_append_in = Some(n);
    }

    /// The process died: its lock is free, and unsynced bytes meet their fate.
    pub fn crash(&self, tear: Tear, dice: &Dice) {
        let mut disk = self.lock();
        (disk.owner, disk.fail_sync_in, disk.fail_append_in) = (None, None, None);
        for file in disk.files.values_mut() {
            let mut pending = std::mem::take(&mut file.pending);
            let length = u64::try_from(pending.len()).unwrap();
            match tear {
                Tear::KeepAll | Tear::FlipSynced | Tear::CutSynced => {}
                Tear::LoseUnsynced => pending.clear(),
                Tear::Torn => pending.truncate(usize::try_from(dice.below(length + 1)).unwrap()),
                Tear::TornFlipped => flip(&mut pending, length, dice),
            }
            file.durable.extend(pending);
        }
        if let Some((_, last)) = disk.files.iter_mut().rfind(|(name, _)| name.starts_with("effects.")) {
            let tail = u64::try_from(last.durable.len()).unwrap().min(300);
            match tear {
                Tear::FlipSynced => flip(&mut last.durable, tail, dice),
                Tear::CutSynced => {
                    // Inside the last record: a loss that ends at a record's end leaves no trace in any one file.
                    let cut = 1 + dice.below(tail.clamp(1, 20));
                    let keep = last.durable.len().saturating_sub(usize::try_from(cut).unwrap());
                    last.durable.truncate(keep);
                }
                _ => {}
            }
        }
    }
}

/// Changes one bit among the last `tail` bytes.
fn flip(bytes: &mut [u8], tail: u64, dice: &Dice) {
    if tail > 0 {
        let at = bytes.len() - 1 - usize::try_from(dice.below(tail)).unwrap();
        bytes[at] ^= 1 << dice.below(8);
    }
}

/// The disk as one process sees it.
#[derive(Debug)]
pub struct SimFiles {
    disk: SimDisk,
    process: u64,
    dice: Dice,
    frozen: AtomicBool,
    thaw: Notify,
}

impl SimFiles {
    /// Stops the process at its next file operation, as `SIGSTOP` would.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.frozen.store(false, Ordering::SeqCst);
        self.thaw.notify_waiters();
    }

    fn after<'a, T: 'a>(
        &'a self,
        longest_us: u64,
        work: impl FnOnce(&mut Disk) -> io::Result<T> + Send + 'a,
    ) -> BoxFuture<'a, io::Result<T>> {
        let nap = Duration::from_micros(self.dice.below(longest_us + 1));
        Box::pin(async move {
            sleep(nap).await;
            while self.frozen.load(Ordering::SeqCst) {
                self.thaw.notified().await;
            }
            work(&mut self.disk.lock())
        })
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn countdown(left: &mut Option<u32>, kind: io::ErrorKind) -> io::Result<()> {
    match left {
        Some(0) => Err(kind.into()),
        Some(n) => {
            *n -= 1;
            Ok(())
        }
        None => Ok(()),
    }
}

impl Files for SimFiles {
    fn lock(&self) -> BoxFuture<'_, io::Result<bool>> {
        self.after(10, |disk| Ok(*disk.owner.get_or_insert(self.process) == self.process))
    }

    fn list(&self) -> BoxFuture<'_, io::Result<Vec<String>>> {
        self.after(20, |disk| Ok(disk.files.keys().cloned().collect()))
    }

    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<u8>>> {
        self.after(50, |disk| {
            let file = disk.files.get(name).ok_or_else(missing)?;
            Ok([file.durable.clone(), file.pending.clone()].concat())
        })
    }

    fn create<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<()>> {
        self.after(2_000, |disk| match disk.files.contains_key(name) {
            true => Err(io::ErrorKind::AlreadyExists.into()),
            false => {
                disk.files.insert(name.to_owned(), SimFile::default());
                Ok(())
            }
        })
    }

    fn append<'a>(&'a self, name: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, io::Result<()>> {
        self.after(50, move |disk| {
            countdown(&mut disk.fail_append_in, io::ErrorKind::StorageFull)?;
            disk.files.get_mut(name).ok_or_else(missing)?.pending.extend(bytes);
            Ok(())
        })
    }

    fn sync<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<()>> {
        self.after(4_000, |disk| {
            countdown(&mut disk.fail_sync_in, io::ErrorKind::Other)?;
            let file = disk.files.get_mut(name).ok_or_else(missing)?;
            let pending = std::mem::take(&mut file.pending);
            file.durable.extend(pending);
            Ok(())
        })
    }

    fn replace<'a>(&'a self, name: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, io::Result<()>> {
        self.after(50, move |disk| {
            disk.files.insert(name.to_owned(), SimFile { durable: bytes, pending: Vec::new() });
            Ok(())
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<()>> {
        self.after(50, |disk| {
            disk.files.remove(name);
            Ok(())
        })
    }
}
