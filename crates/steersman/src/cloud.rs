//! Providers at clouds: the secrets of an account, fetched once and handed to whoever signs with them.

use std::sync::Arc;

use steersman_core::Secret;
use steersman_providers::{
    AccountError, AwsKeys, AwsRole, HttpUpstream, ProfileError, RoleSource, ServiceAccount, SourceKeys, sts_address,
};

use crate::compose::environment;
use crate::config::{AwsAccount, CloudConfig, ProfileFiles, ProviderConfig, container, container_token, instance};

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
    /// The account of a provider that has no key of its own, and its secrets for the redactor. What cannot be fetched
    /// is as absent: the first call says which key is missing.
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
        let AwsAccount::Profile(files) = &cloud.aws else {
            return Ok(of_machine(&cloud.aws, region)?.map(Self::Role));
        };
        if files.find(&files.name).is_none() {
            return Ok(None);
        }
        Ok(Some(match of_profile(files, &files.name, region, secrets, 0)? {
            Credentials::Keys(keys) => Self::Aws(keys),
            Credentials::Role(role) => Self::Role(role),
        }))
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

/// How many roles may assume one another.
const LONGEST_CHAIN: usize = 4;

/// What a profile comes to.
enum Credentials {
    Keys(AwsKeys),
    Role(AwsRole),
}

/// A profile's keys, or the role that it assumes with those of another profile, of this machine or of the environment.
fn of_profile(
    files: &ProfileFiles,
    name: &str,
    region: &str,
    secrets: &mut Vec<Secret>,
    links: usize,
) -> Result<Credentials, AccountError> {
    if links > LONGEST_CHAIN {
        return Err(ProfileError::Chain(name.to_owned()).into());
    }
    let profile = files.find(name).ok_or_else(|| ProfileError::Unknown(name.to_owned()))?;
    let mut own = || -> Result<AwsKeys, ProfileError> {
        let keys = profile.keys(region)?;
        secrets.push(keys.secret_access_key.clone());
        secrets.extend(keys.session_token.clone());
        Ok(keys)
    };
    let Some(role) = profile.role()? else {
        let Some(sign_in) = profile.sign_in()? else { return Ok(Credentials::Keys(own()?)) };
        let portal = environment("AWS_ENDPOINT_URL_SSO").unwrap_or_else(|| sign_in.portal());
        return Ok(Credentials::Role(AwsRole::signed_in(&portal, sign_in, files.sign_ins.clone(), region)?));
    };
    let no_source = || ProfileError::NoSource(name.to_owned());
    let source = match &role.source {
        RoleSource::Profile(other) if other == name => Credentials::Keys(own()?),
        RoleSource::Profile(other) => of_profile(files, other, region, secrets, links + 1)?,
        RoleSource::Instance => Credentials::Role(of_machine(&instance(&environment), region)?.ok_or_else(no_source)?),
        RoleSource::Container => {
            let found = container(&environment).map(|account| of_machine(&account, region)).transpose()?;
            Credentials::Role(found.flatten().ok_or_else(no_source)?)
        }
        RoleSource::Environment => {
            let keys = of_environment(region).ok_or_else(no_source)?;
            secrets.push(keys.secret_access_key.clone());
            secrets.extend(keys.session_token.clone());
            Credentials::Keys(keys)
        }
    };
    let source = match source {
        Credentials::Keys(keys) => SourceKeys::Keys(Arc::new(keys)),
        Credentials::Role(role) => SourceKeys::Role(Box::new(role)),
    };
    let sts = environment("AWS_ENDPOINT_URL_STS").unwrap_or_else(|| sts_address(region));
    Ok(Credentials::Role(AwsRole::assumed(&sts, role, source, region)?))
}

/// The role of this instance or container.
fn of_machine(account: &AwsAccount, region: &str) -> Result<Option<AwsRole>, AccountError> {
    Ok(match account {
        AwsAccount::None | AwsAccount::Profile(_) => None,
        AwsAccount::Instance(service) => Some(AwsRole::of_instance(service, region)?),
        AwsAccount::Container(address) => {
            let set = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
            Some(AwsRole::of_container(address, container_token(&set), region)?)
        }
    })
}

/// The keys that the environment names.
fn of_environment(region: &str) -> Option<AwsKeys> {
    let secret = |name: &str| environment(name).map(|value| Secret::new(value.as_str()));
    Some(AwsKeys {
        access_key_id: environment("AWS_ACCESS_KEY_ID")?,
        secret_access_key: secret("AWS_SECRET_ACCESS_KEY")?,
        session_token: secret("AWS_SESSION_TOKEN"),
        region: region.to_owned(),
    })
}
