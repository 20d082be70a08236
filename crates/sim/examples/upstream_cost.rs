//! What the simulator costs as a benchmark's upstream: `cargo run --release -p steersman-sim --example upstream_cost`.
//!
//! The simulator runs on a thread of its own; printed is the CPU time of that thread for each request (Linux), over one
//! kept-alive connection from another.

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use steersman_sim::{Script, Sim};

const REQUESTS: u32 = 4000;
const SCRIPT: &str =
    "[default]\nanswer = { text = \"A short answer of a plain kind, as a benchmark likes it, cut to twenty tokens.\" }";
const PATHS: [(&str, bool); 4] =
    [("/v1/chat/completions", false), ("/v1/chat/completions", true), ("/v1/messages", false), ("/v1/messages", true)];

fn main() -> Result<(), Box<dyn Error>> {
    let (started, starting) = std::sync::mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let script = Script::from_toml(SCRIPT)?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let sim = Sim::start(script).await.expect("a port");
            started.send(sim.addr()).expect("the main thread waits");
            std::future::pending::<()>().await;
        });
    });
    let addr = starting.recv()?;
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    client.block_on(async {
        let used = async || handle.spawn(async { cpu_us() }).await.expect("the simulator's thread lives");
        println!("{:<24} {:>9} {:>16}", "path", "streamed", "CPU us a request");
        for (path, stream) in PATHS {
            let body = format!(
                r#"{{"model":"m","max_tokens":99,"stream":{stream},"messages":[{{"role":"user","content":"{}"}}]}}"#,
                "word ".repeat(200)
            );
            let connection = tokio::net::TcpStream::connect(addr).await?;
            connection.set_nodelay(true)?;
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(connection)).await?;
            let connection = tokio::spawn(connection);
            let before = used().await;
            for _ in 0..REQUESTS {
                let request = Request::post(path).header("host", "sim").body(Full::new(Bytes::from(body.clone())))?;
                sender.send_request(request).await?.into_body().collect().await?;
            }
            let spent = used().await - before;
            println!("{path:<24} {stream:>9} {:>16.1}", spent / f64::from(REQUESTS));
            drop(sender);
            connection.await??;
        }
        Ok(())
    })
}

/// CPU time of this thread so far, in microseconds.
fn cpu_us() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_ascii_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1000.0
}
