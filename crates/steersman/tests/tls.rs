//! TLS on the listener of the real binary, with a client that verifies: a renewed certificate is taken over while it
//! runs, and a file that cannot be used says so.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::{House, place};

/// An authority of its own and a certificate for loopback, written into the folder.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, folder: &Path) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        std::fs::write(folder.join("gateway.key"), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("gateway.pem"), certificate.pem()).unwrap();
    }

    /// One request by a client that trusts this authority alone: the answer, or why there is none.
    fn get(&self, at: SocketAddr, path: &str) -> Result<String, String> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let stream = TcpStream::connect(at).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut stream = StreamOwned::new(tls, stream);
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if answer.is_empty() => Err(error.to_string()),
            Ok(_) | Err(_) => Ok(String::from_utf8(answer).unwrap()),
        }
    }

    fn until(&self, at: SocketAddr, what: impl Fn(&Result<String, String>) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let got = self.get(at, "/readyz");
            if what(&got) {
                return;
            }
            assert!(Instant::now() < deadline, "still {got:?}");
        }
    }
}

#[test]
fn a_client_that_verifies_is_answered_and_a_renewed_certificate_is_taken_over_while_it_runs() {
    let (folder, first, second) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    first.issue(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let more = format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", file("gateway.pem"), file("gateway.key"));
    let house = House::start_with("", &more);
    assert!(house.ready["base_url"].as_str().unwrap().starts_with("https://"), "{}", house.ready);
    let at = place(&house.ready["address"]);
    let models = first.get(at, "/v1/models").unwrap();
    assert!(models.starts_with("HTTP/1.1 200") && models.contains("\"small\""), "{models}");
    let stranger = second.get(at, "/readyz").unwrap_err();
    assert!(stranger.contains("invalid peer certificate"), "{stranger}");
    assert!(support::get(at, "/readyz").status != 200, "nothing is served in the clear");

    second.issue(folder.path());
    second.until(at, |got| got.as_ref().is_ok_and(|answer| answer.contains("ready")));
    assert!(first.get(at, "/readyz").is_err(), "the old certificate is gone");

    std::fs::write(folder.path().join("gateway.pem"), "half a fi").unwrap();
    second.until(at, |got| got.as_ref().is_ok_and(|answer| answer.contains("there is no certificate in")));
    first.issue(folder.path());
    first.until(at, |got| got.as_ref().is_ok_and(|answer| answer.ends_with("ready\n")));

    let config = house.data.path().join("steersman.toml");
    let good = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, "[server]\nlsiten = 1\n").unwrap();
    first.until(at, |got| got.as_ref().is_ok_and(|answer| answer.contains("configuration's file is not in force")));
    second.issue(folder.path());
    second.until(at, Result::is_ok);
    let told = second.get(at, "/readyz").unwrap();
    assert!(
        told.contains("configuration's file is not in force"),
        "a new certificate does not put the configuration in force: {told}"
    );
    std::fs::write(&config, good).unwrap();
    second.until(at, |got| got.as_ref().is_ok_and(|answer| answer.ends_with("ready\n")));
}

#[test]
fn a_file_that_cannot_be_used_says_so_before_anything_is_served() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new().issue(folder.path());
    std::fs::rename(folder.path().join("gateway.key"), folder.path().join("first.key")).unwrap();
    Authority::new().issue(folder.path());
    let config = folder.path().join("steersman.toml");
    let said = |key: &str, command: &[&str]| {
        std::fs::write(&config, format!("[tls]\ncertificate = \"gateway.pem\"\nkey = \"{key}\"\n")).unwrap();
        let mut run = Command::new(env!("CARGO_BIN_EXE_steersman"));
        let out = run.args(command).arg("--config").arg(&config).arg("--data").arg(folder.path()).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    };
    for (key, words) in [("first.key", "cannot be used with its key"), ("none.key", "none.key` cannot be read")] {
        for command in [&["up", "--listen", "127.0.0.1:0"][..], &["doctor"]] {
            let (fine, text) = said(key, command);
            assert!(!fine && text.contains(words), "{command:?}: {text}");
        }
    }
    assert!(said("gateway.key", &["doctor"]).1.contains("TLS with"));
    std::fs::write(&config, "[tls]\nkey = \"x\"\n").unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_steersman")).args(["check", "--config"]).arg(&config).output().unwrap();
    assert!(String::from_utf8_lossy(&out.stderr).contains("only one of its two files"));
}
