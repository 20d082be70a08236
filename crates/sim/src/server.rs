//! The server: a listener on loopback and its connections, all gone when the simulator is.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::bill::Bill;
use crate::respond::State;
use crate::script::Script;

/// A running simulator. Dropping it closes every connection.
#[derive(Debug)]
pub struct Sim {
    addr: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    accepting: JoinHandle<()>,
}

impl Sim {
    /// Starts on a free port of the loopback interface. Needs a tokio runtime.
    ///
    /// # Errors
    /// If no port can be opened.
    pub async fn start(script: Script) -> io::Result<Self> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), script).await
    }

    /// Starts at an address.
    ///
    /// # Errors
    /// If the address cannot be opened.
    pub async fn start_at(addr: SocketAddr, script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let state = Arc::new(State::new(script));
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state), stopped));
        Ok(Self { addr, state, stop: Some(stop), accepting })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address for a client's `base_url`, without `/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Everything charged so far; also `GET /sim/bill`.
    #[must_use]
    pub fn bill(&self) -> Bill {
        self.state.bill()
    }

    /// Closes the listener and every connection, and waits until they are gone.
    pub async fn shutdown(mut self) {
        // Either end of the signal may be gone already, and then there is nothing left to stop.
        if self.stop.take().is_some_and(|stop| stop.send(()).is_ok()) {
            drop((&mut self.accepting).await);
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                // Out of file handles, or a client that left at once: the next one may fare better.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&state)));
                }
            }
        }
    }
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(state.respond(request).await) }
    });
    // A connection that breaks, by the script or by the client, has its end on the bill already.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}
