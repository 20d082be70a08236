//! Providers at clouds: the secrets of an account, fetched once and handed to whoever signs with them.

use steersman_core::Secret;
use steersman_providers::{AccountError, AwsKeys, AwsRole, HttpUpstream, ServiceAccount};

use crate::compose::environment;
use crate::config::{AwsAccount, CloudConfig, ProviderConfig, container_token};

/// An account at a cloud.
pub(crate) enum Account {
    /// None: a key, or nothing.
    None,
    /// Keys that sign each call.
    Aws(AwsKeys),
    /// A role of this machine, whose keys are fetched and renewed.
    Role(AwsRole),
    /// An account that fetches tokens.
    Google(Box<ServiceAccount>),
}

impl Account {
    /// The account of a provider that has no key of its own, and its secrets for the redactor. What cannot be fetched is
    /// as absent: the first call says which key is missing.
    pub(crate) fn of(provider: &ProviderConfig, secrets: &mut Vec<Secret>) -> Result<Self, AccountError> {
        let CloudConfig { region, credentials, access_key_id, secret_access_key, session_token, .. } = &provider.cloud;
        let fetch = |source: &Option<crate::config::SecretSource>| source.as_ref()?.fetch(environment).ok();
        if let (Some(id), Some(secret), Some(region)) = (fetch(access_key_id), fetch(secret_access_key), region) {
            let session_token = fetch(session_token);
            secrets.push(secret.clone());
            secrets.extend(session_token.clone());
            let access_key_id = id.expose().to_owned();
            return Ok(Self::Aws(AwsKeys {
                access_key_id,
                secret_access_key: secret,
                session_token,
                region: region.clone(),
            }));
        }
        if let Some(account) = Self::of_aws(&provider.cloud, secrets)? {
            return Ok(account);
        }
        match fetch(credentials) {
            Some(file) => {
                let account = ServiceAccount::parse(&file)?;
                // The whole file never turns up anywhere; its key might.
                let key = serde_json::from_str::<serde_json::Value>(file.expose()).ok();
                let key = key.and_then(|file| file.get("private_key")?.as_str().map(Secret::new));
                secrets.extend(key);
                Ok(Self::Google(Box::new(account)))
            }
            None => Ok(Self::None),
        }
    }

    /// A profile, or a role of this machine.
    fn of_aws(cloud: &CloudConfig, secrets: &mut Vec<Secret>) -> Result<Option<Self>, AccountError> {
        let Some(region) = cloud.region.as_deref() else { return Ok(None) };
        Ok(match &cloud.aws {
            AwsAccount::None => None,
            AwsAccount::Profile(files) => {
                let Some(profile) = files.read() else { return Ok(None) };
                let keys = profile.keys(region)?;
                secrets.push(keys.secret_access_key.clone());
                secrets.extend(keys.session_token.clone());
                Some(Self::Aws(keys))
            }
            AwsAccount::Instance(service) => Some(Self::Role(AwsRole::of_instance(service, region)?)),
            AwsAccount::Container(address) => {
                let set = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
                Some(Self::Role(AwsRole::of_container(address, container_token(&set), region)?))
            }
        })
    }

    /// The upstream with this account in place of a key.
    pub(crate) fn equip(self, upstream: HttpUpstream) -> HttpUpstream {
        match self {
            Self::None => upstream,
            Self::Aws(keys) => upstream.signing(keys),
            Self::Role(role) => upstream.with_role(role),
            Self::Google(account) => upstream.with_account(*account),
        }
    }
}
