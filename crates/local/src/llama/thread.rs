//! The inference thread: one job after the other.

use std::io;
use std::thread::JoinHandle;
use std::time::Instant;

use crate::job::Piece;
use crate::slots::Jobs;

use super::constrain::Constrainer;
use super::generate::Generator;
use super::load::{EngineOptions, LoadError, LoadedModel};

/// The running thread.
#[derive(Debug)]
pub struct Inference {
    thread: JoinHandle<()>,
}

impl LoadedModel {
    /// Starts the thread, once it has shown that the model can be evaluated.
    ///
    /// # Errors
    /// [`LoadError::Context`] and [`LoadError::Vocabulary`]; an [`io::Error`] when no thread could be started is told
    /// as the former's cause would be.
    pub fn start(self, options: EngineOptions, mut jobs: Jobs) -> Result<Inference, LoadError> {
        let (told, hear) = std::sync::mpsc::sync_channel(1);
        let tell = told.clone();
        let run = move || {
            let made = Constrainer::new(&self.model).and_then(|c| Ok((c, Generator::new(&self, &options)?)));
            let (constrainer, mut generator) = match made {
                Ok(made) => made,
                Err(error) => return drop(tell.send(Err(error))),
            };
            drop(tell.send(Ok(())));
            while let Some(job) = jobs.next_wanted() {
                let started = Instant::now();
                if let Err(error) = generator.run(&job, &constrainer) {
                    // A client that has gone needs no word.
                    drop(job.pieces.blocking_send(Piece::Failed(error)));
                }
                jobs.took(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
            }
        };
        let thread = std::thread::Builder::new().name("inference".to_owned()).spawn(run);
        let thread = thread.map_err(|error: io::Error| LoadError::Vocabulary(error.to_string()))?;
        drop(told);
        match hear.recv() {
            Ok(Ok(())) => Ok(Inference { thread }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(LoadError::Vocabulary("the inference thread ended at once".to_owned())),
        }
    }
}

impl Inference {
    /// Waits until the thread has seen that no more jobs will come.
    pub fn join(self) {
        // A panic has been printed where it happened.
        drop(self.thread.join());
    }
}
