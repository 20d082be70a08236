//! Where a world keeps its state: a file of its own, or a database of its own on a PostgreSQL server.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use steersman_core::Secret;
use steersman_store::Engine;

const SERVER: &str = "STEERSMAN_TEST_POSTGRES";
/// How a worker is told.
pub const STATE: &str = "CHAOS_STATE";

/// The kind of database.
#[derive(Debug, Clone)]
pub enum Base {
    Sqlite,
    Postgres(String),
}

/// Those that can be used here.
pub fn engines() -> Vec<Base> {
    std::iter::once(Base::Sqlite).chain(std::env::var(SERVER).ok().map(Base::Postgres)).collect()
}

impl Base {
    pub const fn suffix(&self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres(_) => " (PostgreSQL)",
        }
    }

    /// A place of its own for one world: what a worker is told.
    pub fn place(&self, folder: &Path) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        match self {
            Self::Sqlite => folder.join("steersman.db").display().to_string(),
            Self::Postgres(server) => {
                let name = format!("chaos_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
                psql(server, &format!("CREATE DATABASE {name}"));
                let (address, options) = server.split_once('?').unwrap_or((server, ""));
                format!("{}/{name}?{options}", address.rsplit_once('/').unwrap().0)
            }
        }
    }

    /// Removes the place.
    pub fn clear(&self, place: &str) {
        if let Self::Postgres(server) = self {
            let name = place.split('?').next().unwrap().rsplit_once('/').unwrap().1;
            psql(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }

    /// Names the place to a worker.
    pub fn tell<'c>(&self, worker: &'c mut Command, place: &str) -> &'c mut Command {
        worker.env(STATE, place)
    }
}

/// The worker's side.
pub fn told() -> Engine {
    let place = std::env::var(STATE).unwrap();
    if place.starts_with("postgres") {
        return Engine::Postgres { url: Secret::new(&place), mark: None };
    }
    Engine::Sqlite { path: place.into() }
}

fn psql(server: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(server, tokio_postgres::NoTls).await.unwrap();
        let mover = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        mover.await.unwrap().unwrap();
    });
}
