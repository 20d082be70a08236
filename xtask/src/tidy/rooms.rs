//! The map of the house as a test: arrows point downward only, and what is absent from a room stays absent.
//!
//! A room may use any room of a lower floor; rooms of one floor do not know each other. An absence is checked over
//! everything that the room links, not only over what it names.

use super::graph::linked;
use super::{Findings, Repository};
use crate::Failure;

/// One room.
struct Room {
    name: &'static str,
    floor: u8,
    absent: &'static [&'static str],
}

/// No input or output, no runtime, no randomness of the system.
const PURE: &[&str] =
    &["tokio", "mio", "hyper", "socket2", "rusqlite", "tokio-postgres", "reqwest", "async-std", "smol"];
/// No socket, no HTTP surface, no SQL.
const NO_SOCKET_NO_SQL: &[&str] =
    &["hyper", "hyper-util", "axum", "reqwest", "rusqlite", "tokio-postgres", "libsqlite3-sys"];
const NO_HTTP: &[&str] = &["hyper", "axum", "reqwest"];
const NO_SQL: &[&str] = &["rusqlite", "tokio-postgres", "libsqlite3-sys"];
const NO_CPP: &[&str] = &["llama-cpp-2", "llama-cpp-sys-2", "bindgen", "usearch"];

/// Errors of these have no type; a dependency may use them, we do not.
const UNTYPED: &[&str] = &["anyhow", "eyre", "color-eyre"];

const fn room(name: &'static str, floor: u8, absent: &'static [&'static str]) -> Room {
    Room { name, floor, absent }
}

/// Every room, from the ground up. A new room is one line.
static ROOMS: &[Room] = &[
    room("steersman-core", 0, PURE),
    room("steersman-wire", 1, PURE),
    room("steersman-structured", 1, PURE),
    room("steersman-flow", 1, PURE),
    room("steersman-lab", 1, PURE),
    room("steersman-routing", 2, PURE),
    room("steersman-scope", 2, NO_SOCKET_NO_SQL),
    room("steersman-models", 2, NO_HTTP),
    room("steersman-net", 2, NO_SQL),
    room("steersman-store", 3, NO_HTTP),
    room("steersman-providers", 3, NO_SQL),
    room("steersman-tools", 3, NO_SQL),
    room("steersman-sim", 3, NO_SQL),
    room("steersman-engine", 3, NO_SOCKET_NO_SQL),
    room("steersman-console", 4, NO_HTTP),
    room("steersman-jobs", 4, NO_HTTP),
    room("steersman-local", 4, NO_SQL),
    room("steersman", 5, NO_CPP),
    room("steersman-load", 4, NO_SQL),
    room("xtask", 0, NO_SQL),
];

/// Every arrow between two rooms points to a lower floor.
pub(super) fn arrows(repository: &Repository) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    let floor_of = |name: &str| ROOMS.iter().find(|room| room.name == name).map(|room| room.floor);
    for member in repository.graph.members() {
        let Some(floor) = floor_of(&member.name) else {
            findings.complaints.push(format!("`{}` has no place in `ROOMS` (xtask/src/tidy/rooms.rs)", member.name));
            continue;
        };
        for need in &member.needs {
            if UNTYPED.contains(&need.as_str()) {
                findings.complaints.push(format!("`{}` uses `{need}`: errors are typed", member.name));
            }
            if let Some(below) = floor_of(need).filter(|below| *below >= floor) {
                findings.complaints.push(format!(
                    "`{}` (floor {floor}) uses `{need}` (floor {below}): arrows point downward only",
                    member.name
                ));
            }
        }
    }
    Ok(findings)
}

/// What is absent from a room is absent from all that it links.
pub(super) fn absences(repository: &Repository) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for room in ROOMS.iter().filter(|room| repository.graph.members().any(|member| member.name == room.name)) {
        let links = linked(&["--package", room.name])?;
        for absent in room.absent {
            if links.iter().any(|link| link.split_whitespace().next() == Some(absent)) {
                findings.complaints.push(format!(
                    "`{}` links `{absent}`, which must be absent from it; see `cargo tree -p {} -i {absent}`",
                    room.name, room.name
                ));
            }
        }
    }
    Ok(findings)
}
