//! The listener: accepts, sets `TCP_NODELAY`, bounds what a connection may cost, and drains on shutdown.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

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
}

impl Server {
    /// Binds the address.
    pub(crate) async fn bind(address: SocketAddr, limits: ServerLimits) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, limits })
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
            let service = TowerToHyperService::new(router.clone());
            let connection = graceful.watch(protocol.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "connection ended early");
                }
            });
        }
        drop(self.listener);
        tokio::time::timeout(self.limits.grace, graceful.shutdown()).await.is_ok()
    }
}
