//! A role that is assumed: keys of one account or machine become those of a role, by one signed call of STS.
//!
//! Source: docs.aws.amazon.com, STS API reference, `AssumeRole` (version 2011-06-15: a form goes out, XML comes back);
//! SDK reference guide, "Assume role credential provider".
//!
//! What never happens here: a key or a token is logged or told in an error.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::Full;
use steersman_core::{UpstreamError, percent_encoded};
use steersman_net::Client;

use crate::access::AwsKeys;
use crate::renewed::short_answer;
use crate::role::{AwsRole, Granted};

/// How long the keys of a role are good where nobody says it, in seconds; and what STS takes.
const USUAL_S: u32 = 3_600;
const TAKEN_S: [u32; 2] = [900, 43_200];

/// A role, and how it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleToAssume {
    /// Its name: `arn:aws:iam::123456789012:role/models`.
    pub arn: String,
    /// What the session is called in the account's log.
    pub session: Option<String>,
    /// What the owner of the role demands of others.
    pub external_id: Option<String>,
    /// How long its keys are good, in seconds.
    pub seconds: Option<u32>,
    /// Whose keys it is asked with.
    pub source: RoleSource,
}

/// Whose keys a role is asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleSource {
    /// Those of this profile.
    Profile(String),
    /// Those of the role of this instance.
    Instance,
    /// Those of the role of this container.
    Container,
    /// Those that the environment names.
    Environment,
}

/// Keys to ask with: as they are, or fetched first.
#[derive(Clone)]
pub enum SourceKeys {
    /// These.
    Keys(Arc<AwsKeys>),
    /// Those of another role.
    Role(Box<AwsRole>),
}

impl std::fmt::Debug for SourceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Keys(keys) => f.debug_tuple("Keys").field(&keys.access_key_id).finish(),
            Self::Role(role) => f.debug_tuple("Role").field(role).finish(),
        }
    }
}

/// Where STS answers in a region.
#[must_use]
pub fn sts_address(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sts.{region}.{suffix}")
}

impl RoleToAssume {
    /// Asks for the role's keys.
    pub(crate) async fn ask(&self, client: &Client, at: Uri, keys: &AwsKeys) -> Result<Granted, UpstreamError> {
        let host = at.host().unwrap_or_default().to_owned();
        let broken = || UpstreamError::Token(format!("`{host}` answered with something that is no set of keys"));
        let form = Bytes::from(self.form());
        let request = Request::post(at).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let mut request = request.body(Full::new(form.clone())).map_err(|_| broken())?;
        keys.sign(&mut request, &form, "sts")?;
        let mut answer = client.send(request).await?;
        let body = short_answer(&mut answer).await?;
        let text = String::from_utf8_lossy(&body);
        if answer.status != 200 {
            let code = element(&text, "Code").unwrap_or("no code");
            let told = format!("`{host}` gave no keys of the role `{}`: HTTP {}, {code}", self.arn, answer.status);
            return Err(UpstreamError::Token(told));
        }
        let given = |name| element(&text, name).map(str::to_owned).ok_or_else(broken);
        Ok(Granted {
            access_key_id: given("AccessKeyId")?,
            secret_access_key: given("SecretAccessKey")?,
            token: given("SessionToken")?,
            expiration: given("Expiration")?,
        })
    }

    fn form(&self) -> String {
        let [least, most] = TAKEN_S;
        let seconds = self.seconds.unwrap_or(USUAL_S).clamp(least, most).to_string();
        let session = self.session.as_deref().unwrap_or("steersman");
        let mut form = String::from("Action=AssumeRole&Version=2011-06-15");
        let members = [("RoleArn", &*self.arn), ("RoleSessionName", session), ("DurationSeconds", &seconds)];
        for (name, value) in members.into_iter().chain(self.external_id.as_deref().map(|id| ("ExternalId", id))) {
            form.extend(["&", name, "=", &percent_encoded(value, b"")]);
        }
        form
    }
}

/// The text of the first element with this name.
fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_asked_for_by_name_with_all_that_its_owner_demands() {
        let role = RoleToAssume {
            arn: "arn:aws:iam::123456789012:role/models".to_owned(),
            session: None,
            external_id: Some("a b".to_owned()),
            seconds: Some(60),
            source: RoleSource::Environment,
        };
        let wanted = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fmodels\
            &RoleSessionName=steersman&DurationSeconds=900&ExternalId=a%20b";
        assert_eq!(role.form(), wanted);
    }

    #[test]
    fn an_element_is_found_by_its_name() {
        let xml = "<A><Credentials>\n<SessionToken>t+/=</SessionToken></Credentials></A>";
        assert_eq!((element(xml, "SessionToken"), element(xml, "Expiration")), (Some("t+/="), None));
    }

    #[test]
    fn china_has_a_domain_of_its_own() {
        assert_eq!(sts_address("eu-central-1"), "https://sts.eu-central-1.amazonaws.com");
        assert_eq!(sts_address("cn-north-1"), "https://sts.cn-north-1.amazonaws.com.cn");
    }
}
