//! Reaching the records from the command line, whether or not a gateway runs beside.

use std::future::Future;
use std::path::PathBuf;

use clap::Args;
use steersman_store::Reader;

use super::Failure;
use super::config_file::{data_folder, load};
use crate::compose;
use crate::config::Config;

/// The arguments of every command that reads records.
#[derive(Args)]
pub(super) struct Where {
    /// The configuration [default: steersman.toml, if there is one]
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
    /// The data folder, in place of `store.path`
    #[arg(long)]
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
