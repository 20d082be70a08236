//! Names to addresses, less those where clouds keep their metadata services.
//!
//! An address in the configuration is checked when it is read; a name may come to mean another address later (DNS
//! rebinding). Each connection asks here, and an answer that points at a metadata service is dropped.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

/// A resolver that gives no address of a metadata service.
#[derive(Debug, Clone)]
pub(crate) struct Guarded<R>(pub(crate) R);

impl<R> Service<Name> for Guarded<R>
where
    R: Service<Name>,
    R::Response: Iterator<Item = SocketAddr>,
    R::Error: Into<io::Error>,
    R::Future: Send + 'static,
{
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let shown = name.to_string();
        let found = self.0.call(name);
        Box::pin(async move {
            let addresses: Vec<_> = found.await.map_err(Into::into)?.filter(|found| !is_metadata(found.ip())).collect();
            if addresses.is_empty() {
                return Err(io::Error::other(format!("`{shown}` has no address that a model provider may have")));
            }
            Ok(addresses.into_iter())
        })
    }
}

/// Whether an address is link-local, unspecified, or one that a cloud gives its metadata service.
pub(crate) fn is_metadata(address: IpAddr) -> bool {
    match address {
        // 100.100.100.200 is Alibaba's, 168.63.129.16 Azure's, 192.0.0.192 Oracle's; all others are link-local.
        IpAddr::V4(v4) => {
            v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || matches!(v4.octets(), [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192])
        }
        IpAddr::V6(v6) => match v6.to_ipv4() {
            Some(inner) if !v6.is_loopback() => is_metadata(IpAddr::V4(inner)),
            // fd00:ec2::254 is Amazon's.
            _ => {
                v6.is_unicast_link_local()
                    || v6.is_unspecified()
                    || v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[derive(Clone)]
    struct Scripted(&'static [&'static str]);

    impl Service<Name> for Scripted {
        type Response = std::vec::IntoIter<SocketAddr>;
        type Error = io::Error;
        type Future = std::future::Ready<Result<Self::Response, io::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            let addresses: Vec<_> = self.0.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 443)).collect();
            std::future::ready(Ok(addresses.into_iter()))
        }
    }

    async fn resolve(addresses: &'static [&'static str]) -> Result<Vec<String>, String> {
        let name = Name::from_str("rebound.example").unwrap();
        let found = Guarded(Scripted(addresses)).call(name).await.map_err(|error| error.to_string())?;
        Ok(found.map(|address| address.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn a_name_that_comes_to_mean_a_metadata_service_has_no_address() {
        for address in [
            &["169.254.169.254"][..],
            &["::ffff:169.254.169.254"],
            &["fe80::1"],
            &["fd00:ec2::254"],
            &["100.100.100.200"],
            &["168.63.129.16"],
            &["0.0.0.0"],
            &["::"],
        ] {
            assert!(resolve(address).await.unwrap_err().contains("rebound.example"), "{address:?}");
        }
        assert_eq!(resolve(&["169.254.169.254", "93.184.216.34"]).await.unwrap(), ["93.184.216.34"]);
        assert_eq!(resolve(&["10.0.0.7", "::1"]).await.unwrap(), ["10.0.0.7", "::1"]);
    }
}
