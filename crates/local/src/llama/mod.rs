//! Inference by llama.cpp, on one thread of its own.
//!
//! llama.cpp can abort the process past every guard of ours, which is why this whole binary is a child that may be
//! killed and started again. All calls into it stand in this folder.

mod bench;
mod constrain;
mod generate;
mod load;
mod thread;

pub use bench::{BenchReport, bench};
pub use load::{EngineOptions, LoadError, LoadedModel};
