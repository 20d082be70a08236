//! What a provider at a cloud needs besides its key: a place, and keys or a service account of the cloud.

use super::aws::AwsAccount;
use super::error::ConfigError;
use super::secret::SecretSource;
use super::typed::Reader;

/// The cloud of one provider; all of it may be absent.
#[derive(Debug, Clone, Default)]
pub(crate) struct CloudConfig {
    /// The region: `eu-central-1`, `europe-west1`, `global`.
    pub(crate) region: Option<String>,
    /// The project, at Google.
    pub(crate) project: Option<String>,
    /// The key file of a service account, at Google.
    pub(crate) credentials: Option<SecretSource>,
    /// The id of an access key, at Amazon.
    pub(crate) access_key_id: Option<SecretSource>,
    /// Its secret.
    pub(crate) secret_access_key: Option<SecretSource>,
    /// The token of a session, where the key is temporary.
    pub(crate) session_token: Option<SecretSource>,
    /// Where keys of Amazon come from when none are named.
    pub(crate) aws: AwsAccount,
}

impl CloudConfig {
    /// Reads the keys of one provider. What is absent comes from the variables that the clouds' own tools read.
    pub(super) fn read(
        read: &Reader<'_>,
        provider: &str,
        vendor: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let at = |key| ["providers", provider, key];
        let mut cloud = Self {
            region: read.text(&at("region")),
            project: read.text(&at("project")),
            credentials: read.secret(&at("credentials"))?,
            access_key_id: read.secret(&at("access_key_id"))?,
            secret_access_key: read.secret(&at("secret_access_key"))?,
            session_token: read.secret(&at("session_token"))?,
            aws: AwsAccount::None,
        };
        let set = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        let variable = |name: &str| set(name).map(|_| SecretSource::Environment(name.to_owned()));
        if vendor.starts_with("bedrock") {
            cloud.region = cloud.region.or_else(|| set("AWS_REGION")).or_else(|| set("AWS_DEFAULT_REGION"));
            let named = cloud.access_key_id.is_some() || cloud.secret_access_key.is_some();
            if !named && read.secret(&at("api_key"))?.is_none() {
                let has_keys = ["AWS_ACCESS_KEY_ID", "AWS_BEARER_TOKEN_BEDROCK"].iter().any(|name| set(name).is_some());
                cloud.aws = AwsAccount::read(read, provider, has_keys, &set)?;
                cloud.region = cloud.region.or_else(|| cloud.aws.region());
            }
            if !named && cloud.aws == AwsAccount::None {
                cloud.access_key_id = variable("AWS_ACCESS_KEY_ID");
                cloud.secret_access_key = variable("AWS_SECRET_ACCESS_KEY");
                cloud.session_token = cloud.session_token.or_else(|| variable("AWS_SESSION_TOKEN"));
            }
        }
        if vendor.starts_with("vertex") {
            cloud.region = cloud.region.or_else(|| set("GOOGLE_CLOUD_LOCATION"));
            cloud.project = cloud.project.or_else(|| set("GOOGLE_CLOUD_PROJECT"));
            let file = || set("GOOGLE_APPLICATION_CREDENTIALS").map(SecretSource::File);
            cloud.credentials = cloud.credentials.or_else(file);
        }
        Ok(cloud)
    }

    /// A vendor's address with the place filled in; the name of what is missing otherwise.
    pub(super) fn address(&self, template: &str) -> Result<String, &'static str> {
        let mut address = template.to_owned();
        for (mark, key, value) in [("{region}", "region", &self.region), ("{project}", "project", &self.project)] {
            if address.contains(mark) {
                address = address.replace(mark, value.as_deref().ok_or(key)?);
            }
        }
        // The place that is no region has a host without one.
        Ok(address.replace("//global-aiplatform.", "//aiplatform."))
    }

    /// Whether calls prove whose they are by anything but a key.
    pub(crate) fn has_account(&self) -> bool {
        self.source().is_some() || self.aws != AwsAccount::None
    }

    /// Where the secrets of an account are, for messages; `None` where there are none.
    pub(crate) fn source(&self) -> Option<&SecretSource> {
        self.credentials.as_ref().or(self.secret_access_key.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_what_its_template_names() {
        let template = "https://{region}-aiplatform.googleapis.com/v1/projects/{project}/locations/{region}";
        let cloud = |region: Option<&str>, project: Option<&str>| CloudConfig {
            region: region.map(str::to_owned),
            project: project.map(str::to_owned),
            ..CloudConfig::default()
        };
        assert_eq!(cloud(Some("r"), None).address(template), Err("project"));
        assert_eq!(
            cloud(Some("global"), Some("p")).address(template).as_deref(),
            Ok("https://aiplatform.googleapis.com/v1/projects/p/locations/global")
        );
        assert_eq!(cloud(None, None).address("https://api.openai.com/v1").as_deref(), Ok("https://api.openai.com/v1"));
    }
}
