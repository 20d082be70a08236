//! A vendor's API over HTTP.

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use steersman_core::{BoxFuture, Secret, Upstream, UpstreamAnswer, UpstreamCall, UpstreamError};
use steersman_net::{BaseUrl, Client};
use steersman_wire::{Address, Dialect, dialect};

use crate::Vendor;
use crate::access::{Access, AwsKeys};
use crate::framing;
use crate::google::{self, ServiceAccount};
use crate::masked::masked;
use crate::role::AwsRole;

/// The header of a client that becomes a member of the body at some clouds.
const BETAS: &str = "anthropic-beta";

/// One configured provider: where it is, how it is spoken to, and its key.
pub struct HttpUpstream {
    vendor: &'static Vendor,
    client: Client,
    base_url: BaseUrl,
    access: Access,
    key: Option<Secret>,
    key_source: Option<String>,
}

/// Why a provider cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The key holds bytes that no header can carry.
    #[error("the key holds characters that an HTTP header cannot carry")]
    Key,
}

impl HttpUpstream {
    /// A provider at `base_url`. Without a key, a vendor that needs one answers every call with
    /// [`UpstreamError::MissingKey`], which names `key_source`.
    ///
    /// # Errors
    /// As the variants of [`SetUpError`] say.
    pub fn new(
        vendor: &'static Vendor,
        base_url: &BaseUrl,
        key: Option<&Secret>,
        key_source: Option<String>,
        client: Client,
    ) -> Result<Self, SetUpError> {
        let access = key.map(|key| Access::key(vendor.auth, key)).transpose()?.unwrap_or(Access::Open);
        Ok(Self { vendor, client, base_url: base_url.clone(), access, key: key.cloned(), key_source })
    }

    /// With a signature over each call in place of a key.
    #[must_use]
    pub fn signing(mut self, keys: AwsKeys) -> Self {
        self.access = Access::Aws(keys);
        self
    }

    /// With a signature over each call, by keys of a role of this machine.
    #[must_use]
    pub fn with_role(mut self, role: AwsRole) -> Self {
        self.access = Access::Role(role.keys(self.client.clone()));
        self
    }

    /// With access tokens of a service account in place of a key.
    #[must_use]
    pub fn with_account(mut self, account: ServiceAccount) -> Self {
        self.access = Access::Google(google::tokens(account, self.client.clone()));
        self
    }

    /// The call as the vendor addresses it: what its path says is taken out of its body.
    fn addressed(&self, mut call: UpstreamCall) -> UpstreamCall {
        let Some(asked) = &call.asked else { return call };
        let hosted = self.vendor.hosted.filter(|hosted| hosted.dialect.name() == asked.dialect);
        let body = match (hosted, dialect(asked.dialect).map(Dialect::address)) {
            (Some(hosted), _) => {
                call.path = hosted.address.path(asked.model.as_str(), call.stream);
                let betas = call.headers.iter().find(|(name, _)| name == BETAS).map(|(_, value)| value.as_str());
                let body = hosted.body(&call.body, betas);
                if hosted.is_aws {
                    call.headers.retain(|(name, _)| name != BETAS);
                }
                body
            }
            (None, Some(Address::ByModel(form))) => form.take_out(&call.body),
            (None, _) => return call,
        };
        // The engine wrote or read every such body: it is an object.
        call.body = body.map_or(call.body, Bytes::from);
        call
    }

    fn request(&self, call: UpstreamCall) -> Result<Request<Full<Bytes>>, UpstreamError> {
        let uri = self.base_url.join(&call.path).ok_or_else(|| UpstreamError::Address(call.path.to_string()))?;
        let mut request = Request::builder().method(call.method).uri(uri);
        let given = |name: &str| call.headers.iter().any(|(known, _)| known == name);
        if !call.body.is_empty() && !given("content-type") {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if !given("accept") {
            request =
                request.header(header::ACCEPT, if call.stream { "text/event-stream" } else { "application/json" });
        }
        for (name, value) in self.vendor.headers.iter().filter(|(name, _)| !given(name)) {
            request = request.header(*name, *value);
        }
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(call.body)).map_err(|error| UpstreamError::Broken(error.to_string()))
    }
}

impl Upstream for HttpUpstream {
    fn call(&self, call: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>> {
        Box::pin(async move {
            if let (Access::Open, Some(source)) = (&self.access, &self.key_source) {
                return Err(UpstreamError::MissingKey(source.clone()));
            }
            let call = self.addressed(call);
            let body = call.body.clone();
            let mut request = self.request(call)?;
            self.access.put_on(&mut request, &body).await?;
            let mut answer = self.client.send(request).await?;
            if let Some(key) = self.key.as_ref().filter(|_| answer.status >= 400) {
                answer.body = masked(answer.body, key);
            }
            if answer.content_type.as_deref().is_some_and(|kind| kind.starts_with(framing::CONTENT_TYPE)) {
                answer.body = framing::as_events(answer.body);
                answer.content_type = Some("text/event-stream".to_owned());
            }
            Ok(answer)
        })
    }
}
