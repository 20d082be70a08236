//! A PostgreSQL for tests: the server that `STEERSMAN_TEST_POSTGRES` names, or one that this process starts.

#![allow(clippy::unwrap_used, reason = "test code outside a test function")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The address of a new database.
pub(crate) async fn new_database() -> String {
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let server = postgres_server();
    let number = DATABASES.fetch_add(1, Ordering::SeqCst);
    let name = format!("steersman_test_{}_{number}", std::process::id());
    let (client, connection) = tokio_postgres::connect(server, tokio_postgres::NoTls).await.unwrap();
    let mover = tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    drop(client);
    mover.await.unwrap().unwrap();
    with_database(server, &name)
}

fn with_database(server: &str, name: &str) -> String {
    let (address, options) = server.split_once('?').unwrap_or((server, ""));
    let base = address.rsplit_once('/').unwrap().0;
    format!("{base}/{name}?{options}")
}

fn postgres_server() -> &'static str {
    static SERVER: OnceLock<(String, Option<Child>)> = OnceLock::new();
    let (url, _) = SERVER.get_or_init(|| match std::env::var("STEERSMAN_TEST_POSTGRES") {
        Ok(url) => (url, None),
        Err(_) => start_postgres(),
    });
    url
}

/// The server ends when this process does: its input closes.
fn start_postgres() -> (String, Option<Child>) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/tests/postgres_server.py");
    let cache = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/test-postgres");
    let hint = "these tests need a PostgreSQL: set STEERSMAN_TEST_POSTGRES to the address of one on which databases may \
        be created, or let `python3` with venv and pip start one";
    let started = Command::new("python3")
        .args([script, cache])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn();
    let mut child = started.unwrap_or_else(|error| panic!("cannot run `python3` ({error}); {hint}"));
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    assert!(url.starts_with("postgresql://"), "`{script}` started no server; {hint}");
    (url.trim().to_owned(), Some(child))
}
