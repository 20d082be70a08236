//! The files that Amazon's own tools share: `~/.aws/credentials` and `~/.aws/config`, with profiles.
//!
//! Source: docs.aws.amazon.com, SDK reference guide, "Shared config and credentials files". In the credentials file a profile
//! is `[name]`, in the configuration `[profile name]`, the default one `[default]` in both; the credentials file goes first.
//!
//! What never happens here: a file is read, or a key is told in an error.

use steersman_core::Secret;

use crate::access::AwsKeys;

/// What a profile may have in place of keys, which this house does not follow.
const UNSUPPORTED: [&str; 5] =
    ["role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file"];

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
        any.then(|| Self { name: name.to_owned(), members })
    }

    /// The region that it names.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.member("region")
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
    const CONFIG: &str = "[default]\nregion = eu-west-1\ns3 =\n  region = none\n[profile  work]\nregion=us-east-1\noutput = json\n[profile sso]\nsso_session = corp\nregion = us-west-2\n[other]\nregion = x\n";

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
    fn what_a_profile_cannot_give_is_told_without_its_keys() {
        let error = |name| {
            AwsProfile::find(name, CREDENTIALS, CONFIG).expect("there").keys("r").err().expect("none").to_string()
        };
        assert!(error("sso").contains("`sso_session`"), "{}", error("sso"));
        assert!(error("half").contains("`half`") && !error("half").contains("AKHALF"));
    }
}
