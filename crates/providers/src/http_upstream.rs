//! A vendor's API over HTTP.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use http_body_util::Full;
use steersman_core::{BoxFuture, Secret, Upstream, UpstreamAnswer, UpstreamCall, UpstreamError};
use steersman_net::{BaseUrl, Client};
use steersman_wire::{Address, Dialect, dialect};

use crate::{Auth, Vendor};

/// One configured provider: where it is, how it is spoken to, and its key.
pub struct HttpUpstream {
    vendor: &'static Vendor,
    client: Client,
    base_url: BaseUrl,
    key: Option<HeaderValue>,
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
        let key = key.map(|key| key_header(vendor.auth, key)).transpose()?;
        Ok(Self { vendor, client, base_url: base_url.clone(), key, key_source })
    }

    /// The call with what its path says taken out of its body.
    fn addressed(mut call: UpstreamCall) -> UpstreamCall {
        let address = call.asked.as_ref().and_then(|asked| dialect(asked.dialect)).map(Dialect::address);
        if let Some(Address::ByModel(form)) = address
            && let Ok(body) = form.take_out(&call.body)
        {
            call.body = body.into();
        }
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
        if let Some(key) = &self.key {
            let name = match self.vendor.auth {
                Auth::Bearer => header::AUTHORIZATION,
                Auth::Header(name) => HeaderName::from_static(name),
            };
            request = request.header(name, key.clone());
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
            if let (None, Some(source)) = (&self.key, &self.key_source) {
                return Err(UpstreamError::MissingKey(source.clone()));
            }
            self.client.send(self.request(Self::addressed(call))?).await
        })
    }
}

/// Marked as sensitive, so that a header map printed by mistake shows `Sensitive` in its place.
fn key_header(auth: Auth, key: &Secret) -> Result<HeaderValue, SetUpError> {
    let text = match auth {
        Auth::Bearer => format!("Bearer {}", key.expose()),
        Auth::Header(_) => key.expose().to_owned(),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| SetUpError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}
