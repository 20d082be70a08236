//! How a call proves whose it is: a key in a header, a signature over the call, a token that is renewed.
//!
//! What never happens here: a key, a signature or a token is logged, printed or told in an error.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::Request;
use http::header::{self, HeaderName, HeaderValue};
use http_body_util::Full;
use steersman_core::{Secret, UpstreamError};
use steersman_wire::sigv4::{Signed, Signer};

use crate::Auth;
use crate::http_upstream::SetUpError;
use crate::renewed::Renewed;

/// The signing name of the service that serves models.
const BEDROCK: &str = "bedrock";

/// Keys of an AWS account.
pub struct AwsKeys {
    /// The id of the access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Secret,
    /// The token of a session, where the keys are temporary.
    pub session_token: Option<Secret>,
    /// The region: `eu-central-1`.
    pub region: String,
}

/// What a provider's calls carry.
pub(crate) enum Access {
    /// Nothing.
    Open,
    /// A header that never changes.
    Header(HeaderName, HeaderValue),
    /// A signature over each call.
    Aws(AwsKeys),
    /// The same, with keys of a role.
    Role(Renewed<Arc<AwsKeys>>),
    /// An access token of a service account.
    Google(Renewed<HeaderValue>),
}

impl Access {
    /// A key, as the vendor wants it.
    pub(crate) fn key(auth: Auth, key: &Secret) -> Result<Self, SetUpError> {
        let (name, text) = match auth {
            Auth::Bearer => (header::AUTHORIZATION, format!("Bearer {}", key.expose())),
            Auth::Header(name) => (HeaderName::from_static(name), key.expose().to_owned()),
        };
        Ok(Self::Header(name, sensitive(&text)?))
    }

    /// Puts it on a call that is otherwise complete.
    pub(crate) async fn put_on(&self, request: &mut Request<Full<Bytes>>, body: &[u8]) -> Result<(), UpstreamError> {
        match self {
            Self::Open => {}
            Self::Header(name, value) => {
                request.headers_mut().insert(name.clone(), value.clone());
            }
            Self::Aws(keys) => keys.sign(request, body, BEDROCK)?,
            Self::Role(keys) => keys.value().await?.sign(request, body, BEDROCK)?,
            Self::Google(tokens) => {
                let token = tokens.value().await?;
                request.headers_mut().insert(header::AUTHORIZATION, token);
            }
        }
        Ok(())
    }
}

impl AwsKeys {
    /// Signs a call of the service with this signing name.
    pub(crate) fn sign(
        &self,
        request: &mut Request<Full<Bytes>>,
        body: &[u8],
        service: &str,
    ) -> Result<(), UpstreamError> {
        let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let broken = || UpstreamError::Broken("the signature does not fit into a header".to_owned());
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::from_str(&host).map_err(|_| broken())?);
        headers.insert("x-amz-date", HeaderValue::from_str(&date).map_err(|_| broken())?);
        if let Some(token) = &self.session_token {
            headers.insert("x-amz-security-token", sensitive(token.expose()).map_err(|_| broken())?);
        }
        let text = |name: &'static str| Some((name, request.headers().get(name)?.to_str().ok()?));
        let signed = ["host", "x-amz-date", "x-amz-security-token", "content-type"];
        let headers: Vec<(&str, &str)> = signed.into_iter().filter_map(text).collect();
        let signer = Signer {
            access_key_id: &self.access_key_id,
            secret_access_key: self.secret_access_key.expose(),
            region: &self.region,
            service,
        };
        let path_and_query = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let method = request.method().as_str();
        let signature = signer.authorization(&Signed { method, path_and_query, headers: &headers, date: &date, body });
        request.headers_mut().insert(header::AUTHORIZATION, sensitive(&signature).map_err(|_| broken())?);
        Ok(())
    }
}

/// Marked, so that a header map printed by mistake shows `Sensitive` in its place.
pub(crate) fn sensitive(text: &str) -> Result<HeaderValue, SetUpError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| SetUpError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}
