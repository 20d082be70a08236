//! Whether a request was meant for this gateway: a page in a browser of this machine reaches loopback too.
//!
//! Two tricks are refused. *DNS rebinding*: a page's own name comes to mean 127.0.0.1, and the page reads what it
//! likes; its requests still bear its name, so only loopback names, addresses and configured hosts pass. *Cross-site
//! requests*: a page sends a form or a plain request to this address; browsers say which site sent it, so a change is
//! taken from this gateway's own pages, from configured hosts and from what is no browser.
//!
//! Where a client needs a key, neither trick works (no browser adds one by itself), and any host passes, as behind a
//! proxy. The console and `/admin` are checked always: a browser does add the password that it was told.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use steersman_console as console;
use steersman_core::Code;

use super::api::dialect_of;
use super::turned_away::turn_away;
use super::{Side, Surface, credential, error, pages};

/// Why a request is not for us.
#[derive(Debug, PartialEq, Eq)]
enum Stray {
    /// It names another host.
    Host(String),
    /// Another site's page sent it.
    Site(String),
}

/// One listener's side of the surface.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) surface: Arc<Surface>,
    pub(super) side: Side,
}

/// Lets a request through that may pass, and counts those of clients that get no further than this surface.
pub(super) async fn check(State(door): State<Door>, request: Request, next: Next) -> Response {
    let surface = Arc::clone(&door.surface);
    let response = pass(door, request, next).await;
    surface.turned_away.count(&response);
    response
}

/// Lets a request through that was meant for this gateway, and for this listener of it, if [`credential`] does.
///
/// One layer for both questions: each copies the routes below it for every request.
async fn pass(door: Door, request: Request, next: Next) -> Response {
    let Door { surface, side } = door;
    let path = request.uri().path();
    let is_for_clients = credential::is_for_clients(path);
    if side == if is_for_clients { Side::Admin } else { Side::Clients } {
        return error::not_found(request.uri().clone()).await;
    }
    if (!is_for_clients || surface.is_open())
        && let Err(stray) = judge(request.method(), request.uri(), request.headers(), &surface.hosts)
    {
        return refuse(path, &stray);
    }
    credential::check(surface, request, next).await
}

fn refuse(path: &str, stray: &Stray) -> Response {
    let (code, message) = match stray {
        Stray::Host(host) => (
            Code::HOST_NOT_ALLOWED,
            format!("`{host}` is not a name of this gateway; add it to `server.hosts` if it is, or use 127.0.0.1"),
        ),
        Stray::Site(site) => (
            Code::CROSS_SITE,
            format!("a page of `{site}` sent this and nothing was done; add its host to `server.hosts` if it may"),
        ),
    };
    if path.starts_with("/console") {
        return pages::page(StatusCode::FORBIDDEN, &console::refused(&message, ("/console", "Overview")));
    }
    if credential::is_for_clients(path) {
        return turn_away(dialect_of(path), code, &message, None);
    }
    error::refuse(dialect_of(path), code, &message, None)
}

fn judge(method: &Method, uri: &Uri, headers: &HeaderMap, hosts: &[String]) -> Result<(), Stray> {
    static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_ascii_lowercase);
    if headers.get_all(header::HOST).iter().count() > 1 {
        return Err(Stray::Host("two hosts at once".to_owned()));
    }
    let host = uri.authority().map(|authority| authority.as_str().to_ascii_lowercase()).or_else(|| text(&header::HOST));
    // No browser leaves it out.
    let Some(host) = host else { return Ok(()) };
    if !is_loopback(&host) && !is_listed(&host, hosts) {
        return Err(Stray::Host(host.chars().take(80).collect()));
    }
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let origin = text(&header::ORIGIN);
    let sender = origin.as_deref().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    if sender.is_some_and(|sender| is_listed(sender, hosts)) {
        return Ok(());
    }
    let is_own = match (text(&FETCH_SITE).as_deref(), &origin) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(_)) => sender == Some(&host),
        (None, None) => true,
    };
    if is_own {
        Ok(())
    } else {
        Err(Stray::Site(origin.unwrap_or_else(|| "another site".to_owned()).chars().take(80).collect()))
    }
}

/// Whether a host is an address, which no name server can change, or a name that means this machine everywhere.
fn is_loopback(host: &str) -> bool {
    let name = name(host);
    name == "localhost" || name.ends_with(".localhost") || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

/// An entry without a port stands for every port.
fn is_listed(host: &str, hosts: &[String]) -> bool {
    hosts.iter().any(|listed| listed == host || listed == name(host))
}

/// A host without its port.
fn name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &Method, lines: &[(&'static str, &str)]) -> Result<(), Stray> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        judge(
            method,
            &Uri::from_static("/v1/x"),
            &headers,
            &["gateway.example".to_owned(), "localhost:3000".to_owned()],
        )
    }

    #[test]
    fn only_names_of_this_gateway_pass() {
        for host in ["127.0.0.1:4180", "localhost", "a.localhost:1", "[::1]:4180", "192.168.1.5", "Gateway.Example:80"]
        {
            assert_eq!(check(&Method::GET, &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:4180",
            "127.0.0.1.nip.io",
            "127.0.0.1:x",
            "gateway.example.evil.example",
        ] {
            assert_eq!(check(&Method::GET, &[("host", host)]), Err(Stray::Host(host.to_owned())), "{host}");
        }
        assert!(check(&Method::GET, &[("host", "localhost"), ("host", "evil.example")]).is_err());
        assert_eq!(check(&Method::POST, &[]), Ok(()), "no browser leaves the host out");
    }

    #[test]
    fn a_change_is_taken_from_own_pages_configured_hosts_and_what_is_no_browser() {
        let own = ("host", "127.0.0.1:4180");
        let allowed: &[&[(&str, &str)]] = &[
            &[],
            &[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:4180")],
            &[("sec-fetch-site", "none")],
            &[("origin", "http://127.0.0.1:4180")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://gateway.example")],
            &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:3000")],
        ];
        let refused: &[&[(&str, &str)]] = &[
            &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
            &[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8000")],
            &[("sec-fetch-site", "cross-site")],
            &[("origin", "null")],
            &[("origin", "http://127.0.0.1:4181")],
            &[("origin", "http://localhost:3001")],
        ];
        let lines = |more: &[(&'static str, &'static str)]| [&[own], more].concat();
        for more in allowed {
            assert_eq!(check(&Method::POST, &lines(more)), Ok(()), "{more:?}");
        }
        for more in refused {
            assert!(matches!(check(&Method::POST, &lines(more)), Err(Stray::Site(_))), "{more:?}");
            assert_eq!(check(&Method::GET, &lines(more)), Ok(()), "a link may lead here: {more:?}");
        }
    }
}
