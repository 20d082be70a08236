//! Keys of a role that a person has signed in for: `aws sso login` leaves a token in a folder, and the portal gives
//! keys for it.
//!
//! Sources: docs.aws.amazon.com, SDK reference guide, "IAM Identity Center credential provider"; IAM Identity Center
//! portal API, "GetRoleCredentials". The token's file is found by the address of the portal that it names, not by its
//! own name.
//!
//! What never happens here: a sign-in, or a renewal of one. A person does that.

use std::path::Path;

use http::request::Builder;
use http::{Request, Uri};
use serde::Deserialize;
use steersman_core::{Secret, UpstreamError, percent_encoded};

use crate::access::sensitive;
use crate::role::Granted;

/// A role of an account, for whoever signed in at a portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The profile that says so.
    pub profile: String,
    /// The address at which a person signs in.
    pub start_url: String,
    /// The portal's region.
    pub region: String,
    /// The account, twelve digits.
    pub account: String,
    /// The role's name.
    pub role: String,
}

/// What a sign-in leaves behind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    access_token: String,
    start_url: String,
    expires_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    role_credentials: RoleCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    /// Milliseconds since the Unix epoch.
    expiration: i64,
}

impl SignIn {
    /// Where the portal of its region answers.
    #[must_use]
    pub fn portal(&self) -> String {
        format!("https://portal.sso.{}.amazonaws.com", self.region)
    }

    /// Path and query of the question for keys.
    pub(crate) fn path(&self) -> String {
        let (account, role) = (percent_encoded(&self.account, b""), percent_encoded(&self.role, b""));
        format!("/federation/credentials?account_id={account}&role_name={role}")
    }

    /// The question, with the token that lies in the folder.
    ///
    /// # Errors
    /// Nobody has signed in, or not lately.
    pub(crate) async fn question(&self, at: Uri, folder: &Path) -> Result<Builder, UpstreamError> {
        let token = self.token(folder).await.ok_or_else(|| self.ended())?;
        let value = sensitive(token.expose()).map_err(|_| self.ended())?;
        Ok(Request::get(at).header("x-amz-sso_bearer_token", value))
    }

    /// The token that is good longest.
    async fn token(&self, folder: &Path) -> Option<Secret> {
        let mut files = tokio::fs::read_dir(folder).await.ok()?;
        let mut best: Option<(jiff::Timestamp, Secret)> = None;
        while let Ok(Some(file)) = files.next_entry().await {
            let Ok(text) = tokio::fs::read(file.path()).await else { continue };
            let Ok(token) = serde_json::from_slice::<Token>(&text) else { continue };
            let Ok(until) = token.expires_at.parse::<jiff::Timestamp>() else { continue };
            let same = token.start_url.trim_end_matches(['/', '#']) == self.start_url.trim_end_matches(['/', '#']);
            if same && best.as_ref().is_none_or(|(known, _)| *known < until) {
                best = Some((until, Secret::new(&token.access_token)));
            }
        }
        let now = jiff::Timestamp::try_from(std::time::SystemTime::now()).ok()?;
        best.filter(|(until, _)| *until > now).map(|(_, token)| token)
    }

    /// The keys in the portal's answer.
    pub(crate) fn granted(body: &[u8]) -> Option<Granted> {
        let RoleCredentials { access_key_id, secret_access_key, session_token: token, expiration } =
            serde_json::from_slice::<Answer>(body).ok()?.role_credentials;
        let expiration = jiff::Timestamp::from_millisecond(expiration).ok()?.to_string();
        Some(Granted { access_key_id, secret_access_key, token, expiration })
    }

    fn ended(&self) -> UpstreamError {
        let name = &self.profile;
        UpstreamError::Token(format!(
            "nobody is signed in for the profile `{name}`, or not any more; run `aws sso login --profile {name}`"
        ))
    }
}
