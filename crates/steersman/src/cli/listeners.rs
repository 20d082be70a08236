//! The listeners of a running gateway: one for clients, and one for the admin where that stands apart.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::config::Config;
use crate::http::{Server, ServerLimits, Side, Surface, Tls, router};

/// Bound, not yet served.
pub(super) struct Listeners {
    clients: Server,
    admin: Option<Server>,
    /// Where clients reach the API.
    pub(super) address: String,
    /// Where the console and `/admin` are.
    pub(super) admin_address: String,
    /// The certificate, where one is configured.
    pub(super) tls: Option<Arc<Tls>>,
}

impl Listeners {
    /// Binds every address that the configuration names.
    pub(super) async fn bind(config: &Config) -> Result<Self, Failure> {
        let limits = ServerLimits { client_timeout: config.request_timeout, grace: config.shutdown_grace };
        let tls = config.surface.tls.clone().map(Tls::open).transpose()?.map(Arc::new);
        let bind = async |at: SocketAddr, tls: Option<&Arc<Tls>>, hint: &str| {
            let scheme = if tls.is_some() { "https" } else { "http" };
            let server = Server::bind(at, limits, tls.cloned()).await;
            let server = server.map_err(|error| cannot_listen(at, &error, hint))?;
            let address = format!("{scheme}://{}", server.address()?);
            Ok::<_, Failure>((server, address))
        };
        let hint = "choose another with `--listen 127.0.0.1:PORT`";
        let (clients, address) = bind(config.listen, tls.as_ref(), hint).await?;
        let admin = match config.surface.admin_apart(config.listen) {
            None => None,
            Some(at) => {
                // The certificate names the host of the clients, which nobody calls loopback by.
                let own = tls.as_ref().filter(|_| !at.ip().is_loopback());
                Some(bind(at, own, "choose another as `admin.listen`").await?)
            }
        };
        let (admin, admin_address) = admin.map_or_else(|| (None, address.clone()), |(server, at)| (Some(server), at));
        Ok(Self { clients, admin, address, admin_address, tls })
    }

    /// Serves until `stop` fires, then lets requests under way end within the grace. False if some did not.
    pub(super) async fn serve(self, surface: &Arc<Surface>, stop: CancellationToken) -> bool {
        let Some(admin) = self.admin else {
            return self.clients.run(router(surface, Side::Both), stop, surface.cut.clone()).await;
        };
        let clients = self.clients.run(router(surface, Side::Clients), stop.clone(), surface.cut.clone());
        let (clients, admin) =
            tokio::join!(clients, admin.run(router(surface, Side::Admin), stop, surface.cut.clone()));
        clients && admin
    }
}

fn cannot_listen(at: SocketAddr, error: &io::Error, hint: &str) -> Failure {
    let failure = Failure::new(format!("cannot listen on `{at}`: {error}"));
    match error.kind() {
        io::ErrorKind::AddrInUse => failure.hint(format!("something else listens there; {hint}")),
        _ => failure,
    }
}
