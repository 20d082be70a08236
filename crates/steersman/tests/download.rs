//! Weights from an address, over the real binary: sent on to where they lie, broken off, and gone on with.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

const WEIGHTS: &[u8] = b"GGUF and the rest of it";
/// What lies at `/other/` under the same file name.
const OTHER: &[u8] = b"GGUF of others";
/// The sha256 of [`WEIGHTS`].
const SUM: &str = "e34f66b52d2967cf3c33478f7313d8376c986001c198270a4c6fa380a23ac979";

/// A hub that sends on to its files and breaks off whatever is asked for from its first byte; what lies at `/other/`
/// comes whole. Gives its address.
fn hub() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let address = format!("http://{host}");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let (head, body) = answer(&head.to_ascii_lowercase(), &host);
            let head = format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n");
            stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        }
    });
    address
}

/// The head and the body for a request.
fn answer(head: &str, host: &str) -> (String, &'static [u8]) {
    let sent_on = [
        ("get /models/", "/files/tiny.gguf".to_owned()),
        ("get /relative/", "../models/tiny.gguf".to_owned()),
        ("get /sideways/", format!("//{host}/relative/tiny.gguf")),
        ("get /away/", "http://192.0.2.1/tiny.gguf".to_owned()),
    ];
    if let Some((_, to)) = sent_on.iter().find(|(path, _)| head.starts_with(path)) {
        return (format!("302 Found\r\nlocation: {to}\r\ncontent-length: 0"), b"");
    }
    let other = head.starts_with("get /other/");
    let (whole, tag) = if other { (OTHER, "\"b\"") } else { (WEIGHTS, "\"a\"") };
    let (length, named) = (whole.len(), format!("etag: {tag}"));
    let range = head.split_once("range: bytes=").and_then(|(_, rest)| rest.split_once('-'));
    match range.map(|(from, _)| from.parse::<usize>().unwrap()) {
        Some(from) if from >= length => (format!("416 Range Not Satisfiable\r\ncontent-range: bytes */{length}"), b""),
        Some(from) if head.contains(&format!("if-range: {tag}")) => {
            let told =
                format!("content-range: bytes {from}-{}/{length}\r\ncontent-length: {}", length - 1, length - from);
            (format!("206 Partial Content\r\n{named}\r\n{told}"), &whole[from..])
        }
        _ => (format!("200 OK\r\n{named}\r\ncontent-length: {length}"), if other { whole } else { &whole[..9] }),
    }
}

fn pull(data: &tempfile::TempDir, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steersman"));
    command.args(["models", "pull"]).args(words).arg("--data").arg(data.path()).arg("--json");
    command.current_dir(data.path()).env_remove("STEERSMAN_MODELS").output().unwrap()
}

/// The bytes that a pull installed.
fn installed(pulled: &Output) -> Vec<u8> {
    assert!(pulled.status.success(), "{pulled:?}");
    let told: serde_json::Value = serde_json::from_slice(&pulled.stdout).unwrap();
    assert_eq!(told["installed"]["name"], "tiny");
    std::fs::read(told["path"].as_str().unwrap()).unwrap()
}

#[test]
fn weights_come_from_where_an_address_leads_and_a_broken_download_goes_on() {
    let (hub, data) = (hub(), tempfile::tempdir().unwrap());
    let url = format!("{hub}/models/tiny.gguf?download=true");
    let broken = pull(&data, &[&url]);
    assert!(!broken.status.success(), "{broken:?}");
    let wrong = pull(&data, &[&url, "--sha256", &"0".repeat(64)]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("the download was deleted"), "{wrong:?}");
    // All of it came, and was something else: it begins anew, breaks off, and goes on.
    assert!(!pull(&data, &[&url]).status.success());
    assert_eq!(installed(&pull(&data, &[&url])), WEIGHTS);
}

#[test]
fn a_half_is_not_joined_with_a_file_of_the_same_name_elsewhere() {
    let (hub, data) = (hub(), tempfile::tempdir().unwrap());
    assert!(!pull(&data, &[&format!("{hub}/files/tiny.gguf")]).status.success());
    let other = format!("{hub}/other/tiny.gguf");
    assert_eq!(installed(&pull(&data, &[&other])), OTHER);
    // A half of what was there before, longer than what is there now.
    let half = data.path().join("models/.partial/tiny");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("download"), WEIGHTS).unwrap();
    let (fresh, noted) = (format!("{other}?fresh"), r#""validator":"\"a\"","total_bytes":99"#);
    std::fs::write(half.join("download.json"), format!(r#"{{"url":"{fresh}",{noted}}}"#)).unwrap();
    assert_eq!(installed(&pull(&data, &[&fresh])), OTHER);
    assert!(!half.exists(), "the half was found, and is gone");
}

#[test]
fn a_sum_may_stand_in_capitals_and_is_read_before_anything_is_fetched() {
    let (hub, data) = (hub(), tempfile::tempdir().unwrap());
    let url = format!("{hub}/files/tiny.gguf");
    let short = pull(&data, &[&url, "--sha256", &SUM[1..]]);
    assert!(String::from_utf8_lossy(&short.stderr).contains("64 hexadecimal digits"), "{short:?}");
    assert!(!data.path().join("models").exists(), "nothing was fetched");
    let capitals = SUM.to_ascii_uppercase();
    assert!(!pull(&data, &[&url, "--sha256", &capitals]).status.success());
    assert_eq!(installed(&pull(&data, &[&url, "--sha256", &capitals])), WEIGHTS);
}

#[test]
fn a_redirect_may_name_another_host_or_a_path_beside_its_own() {
    let (hub, data) = (hub(), tempfile::tempdir().unwrap());
    // To a host without a scheme, from there up and beside, and from there to the files.
    let url = format!("{hub}/sideways/tiny.gguf");
    assert!(!pull(&data, &[&url]).status.success());
    assert_eq!(installed(&pull(&data, &[&url])), WEIGHTS);
}

#[test]
fn plain_http_over_the_open_network_is_refused_also_where_a_redirect_leads_there() {
    let (hub, data) = (hub(), tempfile::tempdir().unwrap());
    for url in ["http://192.0.2.1/tiny.gguf", &format!("{hub}/away/tiny.gguf")] {
        let refused = pull(&data, &[url]);
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && words.contains("plain HTTP"), "{words}");
    }
}
