//! Where keys of Amazon come from when none are named: a profile of the files that Amazon's tools share, or the role of
//! this instance or container.
//!
//! Order: what the configuration says, the variables of a key, `AWS_PROFILE` or the default profile, the variables of a
//! container. An instance is asked only where the configuration says so, since nothing tells whether this machine is
//! one.

use std::path::{Path, PathBuf};

use steersman_core::Secret;
use steersman_providers::{AwsProfile, AwsRole, ContainerToken};

use super::error::ConfigError;
use super::typed::Reader;

/// Where they come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum AwsAccount {
    /// From nowhere else.
    #[default]
    None,
    /// From a profile.
    Profile(ProfileFiles),
    /// From the service of the instance, at this address.
    Instance(String),
    /// From the service of the container, at this address.
    Container(String),
}

/// A profile and the files that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProfileFiles {
    /// Its name.
    pub(crate) name: String,
    credentials: PathBuf,
    config: PathBuf,
    /// The folder in which a sign-in leaves its token.
    pub(crate) sign_ins: PathBuf,
}

#[derive(Clone, Copy)]
enum Role {
    Instance,
    Container,
}

impl AwsAccount {
    /// What the configuration of a provider and the environment say. `has_keys`: the environment has a key of its own.
    pub(super) fn read(
        read: &Reader<'_>,
        provider: &str,
        has_keys: bool,
        set: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let at = |key| ["providers", provider, key];
        let profile = read.text(&at("profile"));
        match read.word(&at("role"), &[("instance", Role::Instance), ("container", Role::Container)])? {
            Some(_) if profile.is_some() => {
                return Err(
                    read.wrong(&at("role"), &format!("`providers.{provider}` has both a `role` and a `profile`"))
                );
            }
            Some(Role::Instance) => return Ok(instance(set)),
            Some(Role::Container) => {
                let missing = "the role of a container needs AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI";
                return container(set).ok_or_else(|| read.wrong(&at("role"), missing));
            }
            None => {}
        }
        if let Some(name) = profile {
            let files = ProfileFiles::of(&name, set);
            return match files.read() {
                Some(_) => Ok(Self::Profile(files)),
                None => Err(read.wrong(&at("profile"), &format!("there is no profile `{name}` in {}", files.places()))),
            };
        }
        if has_keys {
            return Ok(Self::None);
        }
        let files = ProfileFiles::of(set("AWS_PROFILE").as_deref().unwrap_or("default"), set);
        if files.read().is_some() {
            return Ok(Self::Profile(files));
        }
        Ok(container(set).unwrap_or_default())
    }

    /// The region of the profile.
    pub(super) fn region(&self) -> Option<String> {
        match self {
            Self::Profile(files) => files.read()?.region().map(str::to_owned),
            _ => None,
        }
    }

    /// In words, for a person; `None` where there is none.
    pub(crate) fn words(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Profile(files) => Some(format!("the profile {}", files.name)),
            Self::Instance(_) => Some("the role of this instance".to_owned()),
            Self::Container(_) => Some("the role of this container".to_owned()),
        }
    }
}

impl ProfileFiles {
    fn of(name: &str, set: &dyn Fn(&str) -> Option<String>) -> Self {
        let home = set("HOME").map(PathBuf::from).unwrap_or_default();
        let file = |variable: &str, usual: &str| set(variable).map_or_else(|| home.join(usual), PathBuf::from);
        Self {
            name: name.to_owned(),
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
            config: file("AWS_CONFIG_FILE", ".aws/config"),
            sign_ins: home.join(".aws/sso/cache"),
        }
    }

    fn read(&self) -> Option<AwsProfile> {
        self.find(&self.name)
    }

    /// The profile of this name as it stands in the files now.
    pub(crate) fn find(&self, name: &str) -> Option<AwsProfile> {
        // A file that cannot be read has no profile; a key that is missing is told with its first call.
        let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        AwsProfile::find(name, &text(&self.credentials), &text(&self.config))
    }

    fn places(&self) -> String {
        format!("{} or {}", self.credentials.display(), self.config.display())
    }
}

/// What a container shows the service: a text, or what stands in a file that others renew.
pub(crate) fn container_token(set: &dyn Fn(&str) -> Option<String>) -> ContainerToken {
    let file = set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(|path| ContainerToken::File(path.into()));
    let text = || set("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(|text| ContainerToken::Text(Secret::new(text.as_str())));
    file.or_else(text).unwrap_or_default()
}

/// The service of this instance.
pub(crate) fn instance(set: &dyn Fn(&str) -> Option<String>) -> AwsAccount {
    let service = set("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| AwsRole::INSTANCE.to_owned());
    AwsAccount::Instance(service.trim_end_matches('/').to_owned())
}

/// The service of this container, where there is one.
pub(crate) fn container(set: &dyn Fn(&str) -> Option<String>) -> Option<AwsAccount> {
    let relative = set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{}{path}", AwsRole::CONTAINER));
    relative.or_else(|| set("AWS_CONTAINER_CREDENTIALS_FULL_URI")).map(AwsAccount::Container)
}
