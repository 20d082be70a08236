//! Listening, telling that we are ready, and ending.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use axum::serve::ListenerExt;
use steersman_models::Ready;
use tokio::sync::oneshot;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A loopback address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Why nobody can be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is open to others, and there is no key to keep them out.
    #[error("`{0}` is not a loopback address; this server has no keys, so only this machine may reach it")]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("could not listen on `{address}`: {source}")]
    Bind {
        /// The address or path.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// This system has no Unix sockets.
    #[error("this system has no Unix sockets")]
    NoUnixSockets,
    /// The server broke.
    #[error("the server broke: {0}")]
    Broke(#[from] io::Error),
}

/// Serves until `end`, after writing one JSON line to standard output when requests can come.
///
/// Answers that are under way when `end` comes are broken off.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(
    listen: &Listen,
    router: Router,
    ready: Ready,
    end: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    match listen {
        Listen::Tcp(address) => serve_tcp(*address, router, ready, end).await,
        Listen::Unix(path) => serve_unix(path, router, ready, end).await,
    }
}

async fn serve_tcp(
    address: SocketAddr,
    router: Router,
    ready: Ready,
    end: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    let bind = |source| ServeError::Bind { address: address.to_string(), source };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(bind)?;
    let address = listener.local_addr()?.to_string();
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("warning: the connection keeps Nagle's algorithm: {error}");
        }
    });
    announce(&Ready { address, ..ready })?;
    tokio::select! {
        served = async { axum::serve(listener, router).await } => Ok(served?),
        () = end => Ok(()),
    }
}

#[cfg(unix)]
async fn serve_unix(
    path: &std::path::Path,
    router: Router,
    ready: Ready,
    end: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let shown = path.display().to_string();
    let bind = |source| ServeError::Bind { address: shown.clone(), source };
    // A socket that nobody answers on is what an earlier run left behind.
    if std::os::unix::net::UnixStream::connect(path)
        .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    {
        std::fs::remove_file(path).map_err(bind)?;
    }
    let listener = tokio::net::UnixListener::bind(path).map_err(bind)?;
    announce(&Ready { address: format!("unix:{shown}"), ..ready })?;
    let served = tokio::select! {
        served = async { axum::serve(listener, router).await } => served,
        () = end => Ok(()),
    };
    std::fs::remove_file(path).map_err(bind)?;
    Ok(served?)
}

#[cfg(not(unix))]
async fn serve_unix(_: &std::path::Path, _: Router, _: Ready, _: impl Future<Output = ()>) -> Result<(), ServeError> {
    Err(ServeError::NoUnixSockets)
}

fn announce(ready: &Ready) -> io::Result<()> {
    let mut line = serde_json::to_vec(ready)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

/// Ends with a signal, and with the end of standard input where that is wished.
///
/// # Errors
/// When signals cannot be listened for.
pub fn ending(with_stdin: bool) -> io::Result<impl Future<Output = ()>> {
    let (ended, end) = oneshot::channel::<()>();
    if with_stdin {
        // A thread of its own: a read of standard input cannot be cancelled and would hold the runtime.
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            let mut sink = [0_u8; 256];
            while matches!(io::stdin().lock().read(&mut sink), Ok(read) if read > 0) {}
            // Dropping the sender is the word.
            drop(ended);
        })?;
    }
    let terminated = terminated()?;
    Ok(async move {
        tokio::select! {
            _ = end, if with_stdin => {}
            () = terminated => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    })
}

#[cfg(unix)]
fn terminated() -> io::Result<impl Future<Output = ()>> {
    let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        signal.recv().await;
    })
}

#[cfg(not(unix))]
fn terminated() -> io::Result<impl Future<Output = ()>> {
    Ok(std::future::pending())
}
