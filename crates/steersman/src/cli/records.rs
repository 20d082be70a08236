//! Reaching the records and the state from the command line, whether or not a gateway runs beside.

use std::future::Future;
use std::path::PathBuf;

use clap::Args;
use steersman_store::{Reader, State};

use super::Failure;
use super::config_file::{data_folder, load};
use crate::compose;
use crate::config::Config;

/// The arguments of every command that reads a configuration and what is kept in the data folder.
#[derive(Args)]
pub(super) struct Where {
    /// The configuration [default: steersman.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The data folder, in place of `store.path`
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(super) data: Option<PathBuf>,
}

/// Opens the records for reading and runs `work` on them.
pub(super) fn with_reader<T, F>(place: &Where, work: impl FnOnce(Reader) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    with_config_and_reader(place, |_, reader| work(reader))
}

/// The same for who asks the configuration too.
pub(super) fn with_config_and_reader<T, F>(place: &Where, work: impl FnOnce(Config, Reader) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let config = load(place.config.as_deref())?.config;
    let data = data_folder(&config, place.data.as_deref())?;
    let engine = compose::store_engine(&config, &data)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let reader = Reader::open(&engine).await.map_err(|error| {
            Failure::from(error).hint("records are made by `steersman up`; another data folder is named with `--data`")
        })?;
        work(config, reader).await
    })
}

/// Opens the state and runs `work` on it.
pub(super) fn with_state<T, E, F>(place: &Where, work: impl FnOnce(State) -> F) -> Result<T, Failure>
where
    E: Into<Failure>,
    F: Future<Output = Result<T, E>>,
{
    with_config_and_state(place, |_, state| work(state))
}

/// The same for who asks the configuration too.
pub(super) fn with_config_and_state<T, E, F>(place: &Where, work: impl FnOnce(Config, State) -> F) -> Result<T, Failure>
where
    E: Into<Failure>,
    F: Future<Output = Result<T, E>>,
{
    let config = load(place.config.as_deref())?.config;
    let data = data_folder(&config, place.data.as_deref())?;
    std::fs::create_dir_all(&data)?;
    let engine = compose::store_engine(&config, &data)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let state = State::open(&engine).await?;
        work(config, state).await.map_err(Into::into)
    })
}
