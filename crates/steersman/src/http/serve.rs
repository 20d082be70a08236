//! The listener: accepts, sets `TCP_NODELAY`, speaks TLS where that is asked, bounds what a connection may cost, and
//! drains on shutdown.
//!
//! What never happens here: a connection that outlives [`Server::run`], with a record that nobody would take any more.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use steersman_engine::Cut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutWriter;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::tls::Tls;

/// What a connection may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerLimits {
    /// How long a client may take to send a request's head, and to take what waits to be written.
    pub(crate) client_timeout: Duration,
    /// How long requests under way may go on once shutdown has begun.
    pub(crate) grace: Duration,
}

/// The most headers and the most bytes of a request's head.
const MAX_HEADERS: usize = 100;
const MAX_HEAD_BYTES: usize = 64 << 10;

/// How long a client may take to hear that its request was cut.
const LAST_WORDS: Duration = Duration::from_millis(500);

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

    /// Serves until `stop` fires, then lets requests under way end within the grace. False if some did not: those are
    /// cut, in time to say so, and gone when this returns.
    pub(crate) async fn run(self, router: Router, stop: CancellationToken, cut: Cut) -> bool {
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let mut protocol = http1::Builder::new();
        protocol
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.client_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES)
            .pipeline_flush(true);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
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
            let client_timeout = self.limits.client_timeout;
            connections.spawn(async move {
                // A client that takes nothing more of its answer would hold its place for ever.
                let mut stream = TimeoutWriter::new(stream);
                stream.set_timeout(Some(client_timeout));
                let stream = Box::pin(stream);
                match tls {
                    None => serve(&protocol, stream, router, watcher).await,
                    Some(tls) => {
                        let Some(stream) = greet(&tls, stream, client_timeout).await else { return };
                        serve(&protocol, stream, router, watcher).await;
                    }
                }
            });
        }
        drop(self.listener);
        let mut ended = std::pin::pin!(graceful.shutdown());
        let drained = tokio::time::timeout(self.limits.grace, &mut ended).await.is_ok();
        if !drained {
            cut.now();
            drop(tokio::time::timeout(LAST_WORDS, ended).await);
        }
        connections.shutdown().await;
        drained
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
async fn greet<S>(tls: &TlsAcceptor, stream: S, limit: Duration) -> Option<tokio_rustls::server::TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match tokio::time::timeout(limit, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no TLS handshake");
            None
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures_util::{Stream, StreamExt, stream};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// Counts the bodies that are under way.
    struct Held(Arc<AtomicUsize>);

    impl Held {
        fn new(count: &Arc<AtomicUsize>) -> Self {
            count.fetch_add(1, Ordering::SeqCst);
            Self(Arc::clone(count))
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// A server whose one answer is this stream, and a client that has asked for it.
    async fn asked<S>(
        limits: ServerLimits,
        answer: impl Fn() -> S + Clone + Send + Sync + 'static,
        held: &Arc<AtomicUsize>,
    ) -> (TcpStream, CancellationToken, tokio::task::JoinHandle<bool>)
    where
        S: Stream<Item = Bytes> + Send + 'static,
    {
        let held = Arc::clone(held);
        let handler = move || {
            let (held, answer) = (Held::new(&held), answer());
            async move {
                Body::from_stream(answer.map(move |piece| {
                    let _held = &held;
                    Ok::<_, io::Error>(piece)
                }))
            }
        };
        let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), limits, None).await.unwrap();
        let (address, stop) = (server.address().unwrap(), CancellationToken::new());
        let running = tokio::spawn(server.run(Router::new().route("/", get(handler)), stop.clone(), Cut::default()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        client.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        (client, stop, running)
    }

    #[tokio::test]
    async fn a_client_that_reads_no_more_holds_its_place_no_longer_than_it_may() {
        let limits = ServerLimits { client_timeout: Duration::from_millis(50), grace: Duration::from_secs(20) };
        let held = Arc::default();
        // More than all buffers on the way take, and not without end.
        let much = || stream::iter(std::iter::repeat_n(Bytes::from_static(&[b'x'; 1 << 16]), 1_000));
        let (client, stop, running) = asked(limits, much, &held).await;
        stop.cancel();
        assert!(running.await.unwrap(), "it was the grace that ended it");
        assert_eq!(held.load(Ordering::SeqCst), 0);
        drop(client);
    }

    #[tokio::test]
    async fn what_the_grace_did_not_suffice_for_is_gone_when_the_server_says_so() {
        let limits = ServerLimits { client_timeout: Duration::from_secs(5), grace: Duration::from_millis(50) };
        let held = Arc::default();
        let quiet = || stream::once(async { Bytes::from_static(b"x") }).chain(stream::pending());
        let (client, stop, running) = asked(limits, quiet, &held).await;
        assert_eq!(held.load(Ordering::SeqCst), 1);
        stop.cancel();
        assert!(!running.await.unwrap(), "it did not end within the grace");
        assert_eq!(held.load(Ordering::SeqCst), 0, "a stream, and with it a record, outlived the server");
        drop(client);
    }
}
