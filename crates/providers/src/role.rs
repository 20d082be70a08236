//! Keys of an AWS role, fetched and renewed before they end: the role of an instance, or of a container, from the
//! service beside it, one that is assumed with the keys of another, or one that a person has signed in for.
//!
//! Sources: docs.aws.amazon.com, EC2 user guide, "Use the Instance Metadata Service" (version 2 alone: a token first,
//! then the keys); SDK reference guide, "Container credential provider".
//!
//! What never happens here: a key or a token is logged or told in an error; version 1 of the service, which gives keys
//! to whoever makes a server fetch an address.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use http::request::Builder;
use http::{Request, header};
use http_body_util::Full;
use serde::Deserialize;
use steersman_core::{BoxFuture, Secret, UpstreamError};
use steersman_net::{AddressError, BaseUrl, Client};

use crate::access::{AwsKeys, sensitive};
use crate::assume::{RoleToAssume, SourceKeys};
use crate::renewed::{Lease, Renewed, short_answer};
use crate::sign_in::SignIn;

const TOKEN_PATH: &str = "/latest/api/token";
const KEYS_PATH: &str = "/latest/meta-data/iam/security-credentials/";
/// How long a token of the instance's service is good, in seconds; one is fetched with each set of keys.
const TOKEN_TTL_S: &str = "60";

/// Who hands out the keys.
#[derive(Debug, Clone)]
pub struct AwsRole {
    service: BaseUrl,
    kind: Kind,
    region: String,
}

#[derive(Debug, Clone)]
enum Kind {
    Instance,
    Container(ContainerToken),
    Assumed(RoleToAssume, SourceKeys),
    /// With a token in this folder.
    SignedIn(SignIn, PathBuf),
}

/// What a container shows the service.
#[derive(Debug, Clone, Default)]
pub enum ContainerToken {
    /// Nothing.
    #[default]
    None,
    /// This text.
    Text(Secret),
    /// What stands in this file, which is renewed by others.
    File(PathBuf),
}

/// Keys as they are handed out.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Granted {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) token: String,
    pub(crate) expiration: String,
}

impl AwsRole {
    /// Where an instance finds the service.
    pub const INSTANCE: &str = "http://169.254.169.254";
    /// Where a container of ECS finds it; its path is the container's own.
    pub const CONTAINER: &str = "http://169.254.170.2";

    /// The role of the instance, from the service at this address: [`AwsRole::INSTANCE`], or one that stands in for it.
    ///
    /// # Errors
    /// [`AddressError`] for an address where no such service may be.
    pub fn of_instance(service: &str, region: &str) -> Result<Self, AddressError> {
        let service = BaseUrl::parse_role_service(service)?;
        Ok(Self { service, kind: Kind::Instance, region: region.to_owned() })
    }

    /// The role of the container, from this address.
    ///
    /// # Errors
    /// [`AddressError`] for an address where no such service may be.
    pub fn of_container(address: &str, authorization: ContainerToken, region: &str) -> Result<Self, AddressError> {
        let service = BaseUrl::parse_role_service(address)?;
        Ok(Self { service, kind: Kind::Container(authorization), region: region.to_owned() })
    }

    /// A role that is assumed with other keys, from STS at this address.
    ///
    /// # Errors
    /// [`AddressError`] for an address where no such service may be.
    pub fn assumed(sts: &str, role: RoleToAssume, source: SourceKeys, region: &str) -> Result<Self, AddressError> {
        let service = BaseUrl::parse(sts)?;
        Ok(Self { service, kind: Kind::Assumed(role, source), region: region.to_owned() })
    }

    /// A role that somebody has signed in for, from the portal at this address, with the token that lies in `folder`.
    ///
    /// # Errors
    /// [`AddressError`] for an address where no portal may be.
    pub fn signed_in(portal: &str, sign_in: SignIn, folder: PathBuf, region: &str) -> Result<Self, AddressError> {
        let service = BaseUrl::parse(portal)?;
        Ok(Self { service, kind: Kind::SignedIn(sign_in, folder), region: region.to_owned() })
    }

    /// The keys, kept fresh.
    pub(crate) fn keys(self, client: Client) -> Renewed<Arc<AwsKeys>> {
        let role = Arc::new(self);
        Renewed::new(move || {
            let (role, client) = (Arc::clone(&role), client.clone());
            async move { role.fetch(&client).await }.boxed()
        })
    }

    /// On the heap, as one role may be fetched for another.
    fn fetch_boxed<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Lease<Arc<AwsKeys>>, UpstreamError>> {
        Box::pin(self.fetch(client))
    }

    async fn fetch(&self, client: &Client) -> Result<Lease<Arc<AwsKeys>>, UpstreamError> {
        let granted = match &self.kind {
            Kind::Instance => self.of_this_instance(client).await?,
            Kind::Container(authorization) => {
                let mut asked = Request::get(self.at("")?);
                if let Some(text) = authorization.read().await? {
                    let value = sensitive(text.expose().trim()).map_err(|_| self.broken())?;
                    asked = asked.header(header::AUTHORIZATION, value);
                }
                self.ask_for_keys(client, asked).await?
            }
            Kind::Assumed(role, source) => {
                let keys = match source {
                    SourceKeys::Keys(keys) => Arc::clone(keys),
                    // A role assumed with the keys of a role: each link of the chain is fetched anew, as its end is
                    // near too.
                    SourceKeys::Role(link) => link.fetch_boxed(client).await?.value,
                };
                role.ask(client, self.at("/")?, &keys).await?
            }
            Kind::SignedIn(sign_in, folder) => {
                let asked = sign_in.question(self.at(&sign_in.path())?, folder).await?;
                SignIn::granted(&self.ask(client, asked).await?).ok_or_else(|| self.broken())?
            }
        };
        let Granted { access_key_id, secret_access_key, token, expiration } = granted;
        let until: jiff::Timestamp = expiration.parse().map_err(|_| self.broken())?;
        let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let left = Duration::from_secs(u64::try_from(until.as_second() - now.as_second()).unwrap_or(0));
        let keys = AwsKeys {
            access_key_id,
            secret_access_key: Secret::new(&secret_access_key),
            session_token: Some(Secret::new(&token)),
            region: self.region.clone(),
        };
        Ok(Lease { value: Arc::new(keys), until: Instant::now() + left.min(Duration::from_secs(86_400)) })
    }

    async fn of_this_instance(&self, client: &Client) -> Result<Granted, UpstreamError> {
        let asked = Request::put(self.at(TOKEN_PATH)?).header("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL_S);
        let token = self.ask(client, asked).await?;
        let token = sensitive(String::from_utf8_lossy(&token).trim()).map_err(|_| self.broken())?;
        let shown = |uri| Request::get(uri).header("x-aws-ec2-metadata-token", token.clone());
        let roles = self.ask(client, shown(self.at(KEYS_PATH)?)).await?;
        let roles = String::from_utf8_lossy(&roles).into_owned();
        let role = roles.lines().next().map(str::trim).filter(|role| !role.is_empty());
        let role = role.ok_or_else(|| UpstreamError::Token("this instance has no role".to_owned()))?;
        self.ask_for_keys(client, shown(self.at(&format!("{KEYS_PATH}{role}"))?)).await
    }

    async fn ask_for_keys(&self, client: &Client, request: Builder) -> Result<Granted, UpstreamError> {
        serde_json::from_slice(&self.ask(client, request).await?).map_err(|_| self.broken())
    }

    fn at(&self, path: &str) -> Result<http::Uri, UpstreamError> {
        self.service.join(path).ok_or_else(|| self.broken())
    }

    /// One answer of the service, whole.
    async fn ask(&self, client: &Client, request: Builder) -> Result<Vec<u8>, UpstreamError> {
        let request = request.body(Full::new(Bytes::new())).map_err(|_| self.broken())?;
        let mut answer = client.send(request).await?;
        let body = short_answer(&mut answer).await?;
        if answer.status != 200 {
            let host = self.service.host();
            return Err(UpstreamError::Token(format!("`{host}` gave no keys of a role: HTTP {}", answer.status)));
        }
        Ok(body)
    }

    fn broken(&self) -> UpstreamError {
        UpstreamError::Token(format!("`{}` answered with something that is no set of keys", self.service.host()))
    }
}

impl ContainerToken {
    async fn read(&self) -> Result<Option<Secret>, UpstreamError> {
        match self {
            Self::None => Ok(None),
            Self::Text(text) => Ok(Some(text.clone())),
            Self::File(path) => {
                let text = tokio::fs::read_to_string(path).await;
                let unread = |_| UpstreamError::Token(format!("`{}` cannot be read", path.display()));
                text.map(|text| Some(Secret::new(text.as_str()))).map_err(unread)
            }
        }
    }
}
