//! The floor: a hyper server and a hyper-util client with a pool, and nothing between them.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::Failure;

type Pool = Client<HttpConnector, Incoming>;

/// Forwards every request to `upstream` until the process is ended.
pub(crate) fn run(upstream: SocketAddr) -> Result<(), Failure> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    let authority: Authority = upstream.to_string().parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let pool: Pool = Client::builder(TokioExecutor::new()).build(tcp);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (pool, authority) = (pool.clone(), authority.clone());
            let service = service_fn(move |request| forward(pool.clone(), authority.clone(), request));
            // A connection that ends early is the client's business, as with any proxy.
            tokio::spawn(http1::Builder::new().pipeline_flush(true).serve_connection(TokioIo::new(stream), service));
        }
    })
}

async fn forward(
    pool: Pool,
    upstream: Authority,
    mut request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, hyper::Error>>, Infallible> {
    let mut uri = std::mem::take(request.uri_mut()).into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(upstream);
    let Ok(uri) = Uri::from_parts(uri) else { return Ok(bad_gateway()) };
    *request.uri_mut() = uri;
    Ok(pool.request(request).await.map_or_else(|_| bad_gateway(), |answer| answer.map(BodyExt::boxed)))
}

fn bad_gateway() -> Response<BoxBody<Bytes, hyper::Error>> {
    let empty = Empty::new().map_err(|never| match never {}).boxed();
    let mut answer = Response::new(empty);
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}
