//! The listener: accepts, sets `TCP_NODELAY`, speaks TLS where that is asked, bounds what a connection may cost, and drains
//! on shutdown.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::tls::Tls;

/// What a connection may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerLimits {
    /// How long a client may take to send a request's head.
    pub(crate) head_timeout: Duration,
    /// How long requests under way may go on once shutdown has begun.
    pub(crate) grace: Duration,
}

/// The most headers and the most bytes of a request's head.
const MAX_HEADERS: usize = 100;
const MAX_HEAD_BYTES: usize = 64 << 10;

/// A bound listener.
pub(crate) struct Server {
    listener: TcpListener,
    limits: ServerLimits,
    tls: Option<Arc<Tls>>,
}

impl Server {
    /// Binds the address; with `tls`, nothing else is spoken there.
    pub(crate) async fn bind(address: SocketAddr, limits: ServerLimits, tls: Option<Arc<Tls>>) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, limits, tls })
    }

    /// The bound address (the port is known even if 0 was asked for).
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` fires, then lets requests under way end within the grace. False if some did not.
    pub(crate) async fn run(self, router: Router, stop: CancellationToken) -> bool {
        let graceful = GracefulShutdown::new();
        let mut protocol = http1::Builder::new();
        protocol
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES)
            .pipeline_flush(true);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            let Ok((stream, _)) = accepted else {
                // Out of descriptors or a connection that broke while waiting: let others end first.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY refused");
            }
            let (protocol, router, watcher) = (protocol.clone(), router.clone(), graceful.watcher());
            let tls = self.tls.as_ref().map(|tls| tls.acceptor());
            let head_timeout = self.limits.head_timeout;
            tokio::spawn(async move {
                match tls {
                    None => serve(&protocol, stream, router, watcher).await,
                    Some(tls) => {
                        let Some(stream) = greet(&tls, stream, head_timeout).await else { return };
                        serve(&protocol, stream, router, watcher).await;
                    }
                }
            });
        }
        drop(self.listener);
        tokio::time::timeout(self.limits.grace, graceful.shutdown()).await.is_ok()
    }
}

async fn serve<S>(protocol: &http1::Builder, stream: S, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    if let Err(error) = watcher.watch(protocol.serve_connection(TokioIo::new(stream), service)).await {
        tracing::debug!(%error, "connection ended early");
    }
}

/// The handshake, in no more time than a request's head may take.
async fn greet(
    tls: &TlsAcceptor,
    stream: TcpStream,
    limit: Duration,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    match tokio::time::timeout(limit, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no TLS handshake");
            None
        }
        Err(_) => None,
    }
}
