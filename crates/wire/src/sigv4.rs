//! AWS Signature Version 4 over one request, as a pure function of the request, the keys and the time.
//!
//! Source: docs.aws.amazon.com, IAM user guide, "Create a signed AWS API request"; the tests are vectors of AWS's own
//! suite. Only what is sent is signed: method, path, query, the headers given and the body.
//!
//! What never happens here: a secret is written anywhere but into a hash.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use steersman_core::percent_encoded;

/// Who signs, and where.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The id of the access key.
    pub access_key_id: &'a str,
    /// The secret of the access key.
    pub secret_access_key: &'a str,
    /// The region: `eu-central-1`.
    pub region: &'a str,
    /// The service's signing name: `bedrock`.
    pub service: &'a str,
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// Path and query as they are sent.
    pub path_and_query: &'a str,
    /// The headers that are signed, lower case: `host` and `x-amz-date` at least.
    pub headers: &'a [(&'a str, &'a str)],
    /// The time as `20150830T123600Z`; the header `x-amz-date` says the same.
    pub date: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Signer<'_> {
    /// The value of the header `authorization`.
    #[must_use]
    pub fn authorization(&self, signed: &Signed<'_>) -> String {
        let mut headers: Vec<(&str, String)> =
            signed.headers.iter().map(|(name, value)| (*name, trimmed(value))).collect();
        headers.sort_by_key(|(name, _)| *name);
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let (path, query) = signed.path_and_query.split_once('?').unwrap_or((signed.path_and_query, ""));
        // What was encoded before is encoded again, as all services but S3 demand.
        let path = percent_encoded(path, b"/");
        let mut canonical = format!("{}\n{path}\n{}\n", signed.method, sorted(query));
        for (name, value) in &headers {
            writeln!(canonical, "{name}:{value}").expect("invariant: a string takes what is written");
        }
        write!(canonical, "\n{names}\n{}", hex(&Sha256::digest(signed.body)))
            .expect("invariant: a string takes what is written");
        let day = signed.date.get(..8).unwrap_or(signed.date);
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let hash = hex(&Sha256::digest(canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", signed.date);
        let signature = hex(&mac(&self.key(day), to_sign.as_bytes()));
        let id = self.access_key_id;
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }

    /// The key of one day, region and service.
    fn key(&self, day: &str) -> Vec<u8> {
        let steps = [day, self.region, self.service, "aws4_request"];
        let secret = format!("AWS4{}", self.secret_access_key).into_bytes();
        steps.iter().fold(secret, |key, step| mac(&key, step.as_bytes()))
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("invariant: a key of any length fits");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: a string takes what is written");
        text
    })
}

/// Outer white space goes, inner runs become one space.
fn trimmed(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// The query's pairs in order of their bytes; a name without a value gets an empty one.
fn sorted(query: &str) -> String {
    let mut pairs: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
        .collect();
    pairs.sort();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signature of one vector of AWS's suite: <https://github.com/awslabs/aws-c-auth>,
    /// `aws-signing-test-suite/v4`.
    fn signature(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let signer = Signer {
            access_key_id: "AKIDEXAMPLE",
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            service: "service",
        };
        let date = "20150830T123600Z";
        let mut all = vec![("host", "example.amazonaws.com"), ("x-amz-date", date)];
        all.extend_from_slice(headers);
        let body = body.as_bytes();
        let text = signer.authorization(&Signed { method, path_and_query: path, headers: &all, date, body });
        text.rsplit_once("Signature=").expect("a signature").1.to_owned()
    }

    #[test]
    fn the_vectors_of_aws_are_signed_as_aws_signs_them() {
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        let form_hash = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
        let form = [
            ("content-length", "13"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-amz-content-sha256", form_hash),
        ];
        let trim = [("my-header1", " value1"), ("my-header2", " \"a   b   c\"")];
        for (method, path, headers, body, wanted) in [
            ("POST", "/", &[][..], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (
                "GET",
                "/?Param2=value2&Param1=value1",
                &[],
                "",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            ("GET", "/example space/", &[], "", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
            (
                "GET",
                "/",
                &[("x-amz-security-token", token)],
                "",
                "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
            ),
            ("GET", "/", &trim, "", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
            ("POST", "/", &form, "Param1=value1", "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"),
        ] {
            assert_eq!(signature(method, path, headers, body), wanted, "{method} {path}");
        }
    }

    #[test]
    fn one_changed_byte_is_another_signature() {
        let of = |path: &str, body: &str| signature("POST", path, &[], body);
        assert_ne!(of("/model/a%3A0/invoke", "{}"), of("/model/a%3A1/invoke", "{}"));
        assert_ne!(of("/model/a/invoke", "{}"), of("/model/a/invoke", "{ }"));
    }
}
