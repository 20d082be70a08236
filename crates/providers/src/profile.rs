//! The files that Amazon's own tools share: `~/.aws/credentials` and `~/.aws/config`, with profiles.
//!
//! Source: docs.aws.amazon.com, SDK reference guide, "Shared config and credentials files". In the credentials file a
//! profile is `[name]`, in the configuration `[profile name]`, the default one `[default]` in both; the credentials
//! file goes first.
//!
//! What never happens here: a file is read, or a key is told in an error.

use steersman_core::Secret;

use crate::access::AwsKeys;
use crate::assume::{RoleSource, RoleToAssume};
use crate::sign_in::SignIn;

/// What a profile may have in place of keys, which this house does not follow.
const UNSUPPORTED: [&str; 3] = ["mfa_serial", "credential_process", "web_identity_token_file"];

/// Why a profile has no keys to give.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No such profile.
    #[error("there is no profile `{0}` in the shared credentials or config file")]
    Unknown(String),
    /// Its keys come from somewhere else.
    #[error(
        "the profile `{name}` has `{member}`, which is not followed; export its keys (`aws configure export-credentials`)"
    )]
    Unsupported {
        /// The profile.
        name: String,
        /// What it has.
        member: &'static str,
    },
    /// A role, and nobody to ask for it.
    #[error(
        "the profile `{0}` has a `role_arn` and neither a `source_profile` nor a `credential_source` \
         (`Ec2InstanceMetadata`, `EcsContainer`, `Environment`) to ask for it with"
    )]
    NoSource(String),
    /// Profiles that name one another as their source.
    #[error(
        "the profile `{0}` stands behind so many `source_profile`s that they lead in a circle, or nearly so; name the source of its keys at once"
    )]
    Chain(String),
    /// Half a sign-in.
    #[error("the profile `{name}` is signed in for, and has no `{member}`")]
    SignIn {
        /// The profile.
        name: String,
        /// What it lacks.
        member: &'static str,
    },
    /// Half a pair.
    #[error("the profile `{0}` has no `aws_access_key_id` with an `aws_secret_access_key`")]
    Incomplete(String),
}

/// One profile, as both files have it together.
pub struct AwsProfile {
    name: String,
    members: Vec<(String, String)>,
}

impl AwsProfile {
    /// The profile of this name in the texts of both files; `None` if neither has it.
    #[must_use]
    pub fn find(name: &str, credentials: &str, config: &str) -> Option<Self> {
        let in_config = if name == "default" { name.to_owned() } else { format!("profile {name}") };
        let found = [section(credentials, name), section(config, &in_config)];
        let any = found.iter().any(Option::is_some);
        let members = found.into_iter().flatten().flatten().collect();
        let mut profile = Self { name: name.to_owned(), members };
        let session = profile.member("sso_session").and_then(|own| section(config, &format!("sso-session {own}")));
        profile.members.extend(session.into_iter().flatten().filter(|(member, _)| member.starts_with("sso_")));
        any.then_some(profile)
    }

    /// The region that it names.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.member("region")
    }

    /// The role that it assumes, where it assumes one; its own keys then serve nobody but a profile that names it as
    /// source.
    ///
    /// # Errors
    /// As the variants of [`ProfileError`] say.
    pub fn role(&self) -> Result<Option<RoleToAssume>, ProfileError> {
        let Some(arn) = self.member("role_arn") else { return Ok(None) };
        let name = || self.name.clone();
        if let Some(member) = UNSUPPORTED.into_iter().find(|member| self.member(member).is_some()) {
            return Err(ProfileError::Unsupported { name: name(), member });
        }
        let source = match (self.member("source_profile"), self.member("credential_source")) {
            (Some(profile), _) => RoleSource::Profile(profile.to_owned()),
            (None, Some("Ec2InstanceMetadata")) => RoleSource::Instance,
            (None, Some("EcsContainer")) => RoleSource::Container,
            (None, Some("Environment")) => RoleSource::Environment,
            _ => return Err(ProfileError::NoSource(name())),
        };
        Ok(Some(RoleToAssume {
            arn: arn.to_owned(),
            session: self.member("role_session_name").map(str::to_owned),
            external_id: self.member("external_id").map(str::to_owned),
            seconds: self.member("duration_seconds").and_then(|seconds| seconds.parse().ok()),
            source,
        }))
    }

    /// What a person signs in for, where its keys come from that.
    ///
    /// # Errors
    /// [`ProfileError::SignIn`].
    pub fn sign_in(&self) -> Result<Option<SignIn>, ProfileError> {
        if self.member("sso_session").or_else(|| self.member("sso_start_url")).is_none() {
            return Ok(None);
        }
        let missing = |member| ProfileError::SignIn { name: self.name.clone(), member };
        let needed = |member| self.member(member).map(str::to_owned).ok_or_else(|| missing(member));
        Ok(Some(SignIn {
            profile: self.name.clone(),
            start_url: needed("sso_start_url")?,
            region: needed("sso_region")?,
            account: needed("sso_account_id")?,
            role: needed("sso_role_name")?,
        }))
    }

    /// Its keys, for this region.
    ///
    /// # Errors
    /// As the variants of [`ProfileError`] say.
    pub fn keys(&self, region: &str) -> Result<AwsKeys, ProfileError> {
        let pair = self.member("aws_access_key_id").zip(self.member("aws_secret_access_key"));
        let Some((id, secret)) = pair else {
            let name = self.name.clone();
            return Err(match UNSUPPORTED.into_iter().find(|member| self.member(member).is_some()) {
                Some(member) => ProfileError::Unsupported { name, member },
                None => ProfileError::Incomplete(name),
            });
        };
        Ok(AwsKeys {
            access_key_id: id.to_owned(),
            secret_access_key: Secret::new(secret),
            session_token: self.member("aws_session_token").map(Secret::new),
            region: region.to_owned(),
        })
    }

    fn member(&self, name: &str) -> Option<&str> {
        let found = self.members.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// The members of the section with this name; indented lines belong to a member's own table and are not ours.
fn section(text: &str, name: &str) -> Option<Vec<(String, String)>> {
    let mut members = None;
    let mut inside = false;
    for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', ';'])) {
        if let Some(title) = line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let title: Vec<&str> = title.split_whitespace().collect();
            inside = title.join(" ") == name;
            if inside {
                members.get_or_insert_with(Vec::new);
            }
        } else if let (true, Some((key, value))) = (inside && !line.starts_with([' ', '\t']), line.split_once('='))
            && let Some(members) = &mut members
        {
            members.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "# keys\n[default]\naws_access_key_id = AKID\naws_secret_access_key=s3/cr=et\n\n[work]\naws_access_key_id=AKWORK\naws_secret_access_key = w\naws_session_token = t\n[half]\naws_access_key_id = AKHALF\n";
    const CONFIG: &str = "[default]\nregion = eu-west-1\ns3 =\n  region = none\n[profile  work]\nregion=us-east-1\noutput = json\n[profile sso]\nsso_session = corp\nregion = us-west-2\nsso_account_id = 1\nsso_role_name = R\n[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.test/start\nregion = none\n[profile process]\ncredential_process = p\n[other]\nregion = x\n";

    #[test]
    fn a_profile_is_read_from_both_files() {
        let find = |name| AwsProfile::find(name, CREDENTIALS, CONFIG);
        let default = find("default").expect("the default");
        let keys = default.keys("eu-west-1").expect("keys");
        assert_eq!((keys.access_key_id.as_str(), keys.secret_access_key.expose()), ("AKID", "s3/cr=et"));
        assert_eq!((default.region(), keys.session_token.is_none()), (Some("eu-west-1"), true));
        let work = find("work").expect("a profile");
        let keys = work.keys("r").expect("keys");
        assert_eq!((work.region(), keys.region.as_str()), (Some("us-east-1"), "r"));
        assert_eq!(keys.session_token.expect("a token").expose(), "t");
        assert!(
            find("nobody").is_none() && find("other").is_none(),
            "a section of the configuration that is no profile"
        );
    }

    #[test]
    fn a_profile_says_which_role_it_assumes_and_with_whose_keys() {
        let config = "[profile a]\nrole_arn = arn:r\nsource_profile = work\nexternal_id = e\nduration_seconds = 1800\n[profile b]\nrole_arn = arn:r\ncredential_source = Ec2InstanceMetadata\n[profile c]\nrole_arn = arn:r\n[profile d]\nrole_arn = arn:r\nsource_profile = work\nmfa_serial = m\n";
        let role = |name: &str| AwsProfile::find(name, CREDENTIALS, config).expect("there").role();
        let a = role("a").expect("a role").expect("a role");
        assert_eq!((a.source, a.external_id.as_deref()), (RoleSource::Profile("work".to_owned()), Some("e")));
        assert_eq!((a.seconds, a.session), (Some(1_800), None));
        assert_eq!(role("b").expect("a role").expect("a role").source, RoleSource::Instance);
        assert!(matches!(role("c"), Err(ProfileError::NoSource(name)) if name == "c"));
        assert!(matches!(role("d"), Err(ProfileError::Unsupported { member: "mfa_serial", .. })));
        assert!(role("work").expect("keys").is_none());
    }

    #[test]
    fn a_profile_says_what_is_signed_in_for_itself_or_by_its_session() {
        let own = "[profile own]\nsso_start_url = https://own.test/start\nsso_region = us-east-1\nsso_account_id = 2\n";
        let config = format!("{CONFIG}{own}");
        let find = |name| AwsProfile::find(name, CREDENTIALS, &config).expect("there");
        let sso = find("sso").sign_in().expect("whole").expect("a sign-in");
        let said = [sso.start_url.as_str(), &sso.region, &sso.account, &sso.role];
        assert_eq!(said, ["https://corp.test/start", "eu-west-1", "1", "R"]);
        assert_eq!(find("sso").region(), Some("us-west-2"));
        assert!(matches!(find("own").sign_in(), Err(ProfileError::SignIn { member: "sso_role_name", .. })));
        assert!(find("work").sign_in().expect("keys").is_none());
    }

    #[test]
    fn what_a_profile_cannot_give_is_told_without_its_keys() {
        let error = |name| {
            AwsProfile::find(name, CREDENTIALS, CONFIG).expect("there").keys("r").err().expect("none").to_string()
        };
        assert!(error("process").contains("`credential_process`"), "{}", error("process"));
        assert!(error("half").contains("`half`") && !error("half").contains("AKHALF"));
    }
}
