//! Addresses that an operator may configure, checked once when they are read.
//!
//! Plain `http` is for loopback and for hosts that the operator names as trusted by writing `http://` with a private
//! address: a key must not cross the open network in the clear. User names and passwords in an address are refused,
//! since addresses are logged; so are queries, which may hold a key.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::resolve::is_metadata;

/// A base address: scheme, host, port and a path prefix, under which paths are joined without a doubled slash. As an
/// address of its own it keeps the slash that it was written with: to a server, `/mcp` and `/mcp/` are two places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    path: String,
}

/// Where instances and containers at Amazon find the service of their role, in both families of addresses. Sources: EC2
/// user guide, "Use the Instance Metadata Service"; SDK reference guide, "Container credential provider".
const ROLE_SERVICES: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// Why an address is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no address.
    #[error("`{0}` is not an address; write `https://host/path`")]
    Malformed(String),
    /// It is neither `https` nor `http`.
    #[error("the scheme of `{0}` is neither `https` nor `http`")]
    Scheme(String),
    /// It carries a user name or password.
    #[error("an address must not carry a user name or password; put the key in `api_key`")]
    UserInfo,
    /// It has a query or fragment.
    #[error("an address must not have a query or fragment; put a key in `api_key`")]
    Query,
    /// Plain `http` to a public host.
    #[error("`{0}` would send the key in the clear; use `https`, or a loopback or private address")]
    Cleartext(String),
    /// An address where clouds keep their metadata services, link-local as a rule.
    #[error("`{0}` is a link-local address or one of a cloud's own; metadata services are not model providers")]
    LinkLocal(String),
}

impl BaseUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// As the variants of [`AddressError`] say.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Self::read(text, |_| false)
    }

    /// Reads the address of the service that hands out the keys of this machine's role at Amazon. It may be where that
    /// service lives, beside the addresses that a provider may have; nothing else is ever asked there.
    ///
    /// # Errors
    /// As the variants of [`AddressError`] say.
    pub fn parse_role_service(text: &str) -> Result<Self, AddressError> {
        Self::read(text, |address| ROLE_SERVICES.contains(&address))
    }

    fn read(text: &str, is_exempt: fn(IpAddr) -> bool) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(text.to_owned());
        if text.contains('@') {
            return Err(AddressError::UserInfo);
        }
        if text.contains(['?', '#']) {
            return Err(AddressError::Query);
        }
        let parts = text.parse::<Uri>().map_err(|_| malformed())?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(malformed());
        };
        if scheme != Scheme::HTTPS && scheme != Scheme::HTTP {
            return Err(AddressError::Scheme(text.to_owned()));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if !host.parse().is_ok_and(is_exempt) {
            check_host(&host, &scheme)?;
        }
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::path).to_owned();
        Ok(Self { scheme, authority, path })
    }

    fn prefix(&self) -> &str {
        self.path.trim_end_matches('/')
    }

    /// The address of `path` (starting with a slash) under this base; of the base itself, if it is empty.
    #[must_use]
    pub fn join(&self, path: &str) -> Option<Uri> {
        let path = if path.is_empty() { self.path.clone() } else { format!("{}{path}", self.prefix()) };
        Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone()).path_and_query(path).build().ok()
    }

    /// Host and port, for messages.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.as_str()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.prefix())
    }
}

fn check_host(host: &str, scheme: &Scheme) -> Result<(), AddressError> {
    let address = host.parse::<IpAddr>().ok();
    if address.is_some_and(is_metadata) {
        return Err(AddressError::LinkLocal(host.to_owned()));
    }
    let near = host == "localhost" || host.ends_with(".localhost") || address.is_some_and(is_private);
    // A name without a dot cannot be a public host: it is a service name of the operator's own network.
    let internal = address.is_none() && !host.contains('.');
    if *scheme == Scheme::HTTP && !near && !internal {
        return Err(AddressError::Cleartext(host.to_owned()));
    }
    Ok(())
}

const fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> String {
        BaseUrl::parse(text).map_or_else(|error| error.to_string(), |base| base.join("/chat").unwrap().to_string())
    }

    #[test]
    fn paths_are_joined_without_doubled_slashes() {
        assert_eq!(verdict("https://api.openai.com/v1/"), "https://api.openai.com/v1/chat");
        assert_eq!(verdict("http://127.0.0.1:9001"), "http://127.0.0.1:9001/chat");
        assert_eq!(verdict("http://ollama:11434/v1"), "http://ollama:11434/v1/chat");
        assert_eq!(verdict("http://[::1]:80/v1"), "http://[::1]:80/v1/chat");
    }

    #[test]
    fn an_address_of_its_own_keeps_the_slash_that_it_was_written_with() {
        for text in ["http://127.0.0.1:8000/mcp/", "http://127.0.0.1:8000/mcp"] {
            assert_eq!(BaseUrl::parse(text).unwrap().join("").unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_service_of_a_role_is_the_one_exception_and_for_itself_alone() {
        for text in ["http://169.254.169.254", "http://169.254.170.2/v2/credentials/x", "http://[fd00:ec2::254]"] {
            assert!(BaseUrl::parse(text).is_err(), "{text}: a provider is not there");
            let service = BaseUrl::parse_role_service(text).unwrap();
            assert_eq!(service.join("/a").unwrap().to_string(), format!("{text}/a"));
        }
        for text in
            ["http://169.254.169.253", "http://100.100.100.200", "http://metadata.google.internal", "http://a.com"]
        {
            assert!(BaseUrl::parse_role_service(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_that_could_leak_is_refused_with_its_reason() {
        assert!(verdict("http://api.openai.com/v1").contains("in the clear"));
        assert!(verdict("http://169.254.169.254/latest").contains("link-local"));
        assert!(verdict("https://user:pass@host/v1").contains("user name"));
        assert!(verdict("https://host/v1?key=1").contains("query"));
        assert!(verdict("ftp://host").contains("neither"));
        assert!(verdict("api.openai.com").contains("not an address"));
    }
}
