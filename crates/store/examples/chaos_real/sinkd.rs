//! The sink as a process of its own: `chaos sinkd DIR CLASS SEED`. Its synced log is the truth of the real runs.
//!
//! One JSON line a connection: `act` with key and intent, `find` with a key, or `calm`. Until it is told to be calm it
//! loses requests, loses answers and acts late, as its seed says.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use steersman_scope::Dice;

/// A late act comes at most this long after its request.
pub const LATEST: Duration = Duration::from_millis(250);

struct Sink {
    keyed: bool,
    /// Whether it can be asked what it did.
    tells: bool,
    log: File,
    keys: BTreeSet<String>,
    calm: bool,
}

impl Sink {
    /// Acts, durably, before anybody hears of it.
    fn act(&mut self, key: &str, intent: &str) {
        if self.keyed && self.keys.contains(key) {
            return;
        }
        writeln!(self.log, "{intent}").unwrap();
        self.log.sync_data().unwrap();
        self.keys.insert(key.to_owned());
    }
}

/// Serves until killed. Prints its port.
pub fn serve(folder: &Path, class: &str, seed: u64) {
    let log = OpenOptions::new().create(true).append(true).open(folder.join("truth.log")).unwrap();
    let sink = Sink { keyed: class == "keyed", tells: class == "lookup", log, keys: BTreeSet::new(), calm: false };
    let (sink, dice) = (Arc::new(Mutex::new(sink)), Arc::new(Dice::seeded(seed)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    for connection in listener.incoming() {
        let (sink, dice) = (Arc::clone(&sink), Arc::clone(&dice));
        let connection = connection.unwrap();
        std::thread::spawn(move || answer(connection, &sink, &dice));
    }
}

fn answer(mut connection: TcpStream, sink: &Mutex<Sink>, dice: &Dice) {
    let mut line = String::new();
    // A caller that was killed before its line was whole has sent nothing.
    if BufReader::new(&connection).read_line(&mut line).is_err() || !line.ends_with('\n') {
        return;
    }
    let request: Value = serde_json::from_str(&line).unwrap();
    let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    let (key, intent) = (text("key"), text("intent"));
    let reply = match text("op").as_str() {
        "calm" => {
            sink.lock().unwrap().calm = true;
            json!({})
        }
        "find" => {
            let sink = sink.lock().unwrap();
            if sink.tells { json!({ "found": sink.keys.contains(&key) }) } else { json!({}) }
        }
        _ => {
            let fault = if sink.lock().unwrap().calm { 9 } else { dice.below(8) };
            match fault {
                0 => return,
                1 => return sink.lock().unwrap().act(&key, &intent),
                2 => {
                    drop(connection);
                    std::thread::sleep(LATEST.mul_f64(0.8) * u32::try_from(dice.below(2)).unwrap());
                    return sink.lock().unwrap().act(&key, &intent);
                }
                _ => {}
            }
            std::thread::sleep(Duration::from_millis(dice.below(8)));
            sink.lock().unwrap().act(&key, &intent);
            json!({ "did": intent })
        }
    };
    // The caller may be gone; the truth is in the log.
    drop(writeln!(connection, "{reply}"));
}
