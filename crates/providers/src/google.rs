//! Access tokens of a Google service account: a signed assertion for a token, renewed before it ends.
//!
//! Source: developers.google.com/identity/protocols/oauth2/service-account, "HTTP/REST".
//!
//! What never happens here: a token, an assertion or a private key is logged or told in an error.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::FutureExt;
use http::Request;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body_util::Full;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use steersman_core::{Secret, UpstreamError};
use steersman_net::{BaseUrl, Client};

use crate::access::sensitive;
use crate::profile::ProfileError;
use crate::renewed::{Lease, Renewed, short_answer};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long an assertion is good; the most there is.
const ASSERTION: Duration = Duration::from_secs(3_600);

/// Why an account cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Not the JSON file that Google hands out.
    #[error("this is no key file of a service account; download one in JSON form (`\"type\": \"service_account\"`)")]
    Form,
    /// A private key that cannot be read.
    #[error("the private key of the service account is no RSA key in PKCS #8")]
    Key,
    /// A token address that may not be called.
    #[error("the address of the account's tokens or keys is refused")]
    Address(#[from] steersman_net::AddressError),
    /// A profile that has no keys.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// A service account that can sign.
pub struct ServiceAccount {
    email: String,
    key_id: String,
    key: RsaKeyPair,
    token_uri: String,
    base: BaseUrl,
    /// The project that it belongs to.
    pub project: Option<String>,
}

#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    project_id: Option<String>,
    token_uri: String,
}

impl ServiceAccount {
    /// Reads the key file of an account.
    ///
    /// # Errors
    /// As the variants of [`AccountError`] say.
    pub fn parse(file: &Secret) -> Result<Self, AccountError> {
        let file: KeyFile = serde_json::from_str(file.expose()).map_err(|_| AccountError::Form)?;
        let body: String = file.private_key.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body.trim()).map_err(|_| AccountError::Key)?;
        let key = RsaKeyPair::from_pkcs8(&der).map_err(|_| AccountError::Key)?;
        let base = BaseUrl::parse(&file.token_uri)?;
        let (email, key_id) = (file.client_email, file.private_key_id);
        Ok(Self { email, key_id, key, token_uri: file.token_uri, base, project: file.project_id })
    }

    /// A signed assertion for one token.
    fn assertion(&self, now: Duration) -> Result<String, UpstreamError> {
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = part(serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id}));
        let claims = part(serde_json::json!({
            "iss": self.email, "scope": SCOPE, "aud": self.token_uri,
            "iat": now.as_secs(), "exp": (now + ASSERTION).as_secs(),
        }));
        let text = format!("{header}.{claims}");
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| UpstreamError::Token("the assertion could not be signed".to_owned()))?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    async fn fetch(&self, client: &Client) -> Result<Lease<HeaderValue>, UpstreamError> {
        let refused = |why: String| UpstreamError::Token(why);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let form = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={}",
            self.assertion(now)?
        );
        let uri = self.base.join("").ok_or_else(|| refused("`token_uri` is no address".to_owned()))?;
        let request = Request::post(uri)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .map_err(|_| refused("the request for a token cannot be written".to_owned()))?;
        let asked = Instant::now();
        let mut answer = client.send(request).await?;
        let body = short_answer(&mut answer).await?;
        if answer.status != 200 {
            // The server's word for it (`invalid_grant`) holds no secret; its description might.
            let word =
                serde_json::from_slice::<Refused>(&body).map_or_else(|_| "no reason".to_owned(), |body| body.error);
            let word: String = word.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
            let host = self.base.host();
            return Err(refused(format!("`{host}` refused the service account with HTTP {}: {word}", answer.status)));
        }
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| refused(format!("`{}` answered with something that is no token", self.base.host())))?;
        let value = sensitive(&format!("Bearer {}", granted.access_token))
            .map_err(|_| refused("the token does not fit into a header".to_owned()))?;
        Ok(Lease { value, until: asked + Duration::from_secs(granted.expires_in.min(86_400)) })
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

/// The access tokens of an account, as the header's value, kept fresh.
pub(crate) fn tokens(account: ServiceAccount, client: Client) -> Renewed<HeaderValue> {
    let account = Arc::new(account);
    Renewed::new(move || {
        let (account, client) = (Arc::clone(&account), client.clone());
        async move { account.fetch(&client).await }.boxed()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A key that was made for these tests and opens nothing.
    const PEM: &str = include_str!("../tests/data/test_key.pem");

    fn account(token_uri: &str) -> ServiceAccount {
        let file = serde_json::json!({
            "type": "service_account", "project_id": "p", "private_key_id": "k1", "private_key": PEM,
            "client_email": "robot@p.iam.gserviceaccount.com", "token_uri": token_uri,
        });
        ServiceAccount::parse(&Secret::new(file.to_string().as_str())).expect("a key file")
    }

    /// A token server that answers each request with the next answer, the last one for ever.
    async fn server(answers: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}/token", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !String::from_utf8_lossy(&request).contains("assertion=") {
                    let mut piece = [0; 4_096];
                    let read = stream.read(&mut piece).await.expect("a request");
                    request.extend_from_slice(piece.get(..read).unwrap_or_default());
                }
                let number = count.fetch_add(1, Ordering::SeqCst);
                let body = answers.get(number.min(answers.len() - 1)).expect("an answer");
                let status = if body.contains("access_token") { "200 OK" } else { "400 Bad Request" };
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                stream.write_all(head.as_bytes()).await.expect("a reader");
            }
        });
        (address, asked)
    }

    fn client() -> Client {
        Client::new(steersman_net::Limits::default())
    }

    #[test]
    fn an_assertion_is_signed_and_says_who_wants_what_and_how_long() {
        let account = account("https://oauth2.googleapis.com/token");
        let assertion = account.assertion(Duration::from_secs(1_700_000_000)).expect("a signature");
        let [header, claims, signature] = assertion.split('.').collect::<Vec<_>>()[..] else { panic!("{assertion}") };
        let read = |part| -> serde_json::Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
        };
        assert_eq!(read(header), serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
        assert_eq!(read(claims)["exp"], 1_700_003_600);
        assert_eq!(read(claims)["aud"], "https://oauth2.googleapis.com/token");
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, account.key.public_key().as_ref());
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
        key.verify(format!("{header}.{claims}").as_bytes(), &signature).expect("the account's own signature");
    }

    #[tokio::test]
    async fn many_calls_at_once_fetch_one_token_and_it_is_kept() {
        let (address, asked) = server(&[r#"{"access_token":"t1","expires_in":3600}"#]).await;
        let tokens = tokens(account(&address), client());
        let all = futures_util::future::join_all((0..32).map(|_| tokens.value())).await;
        assert!(all.iter().all(|token| token.as_ref().is_ok_and(|value| value == "Bearer t1")), "{all:?}");
        tokens.value().await.expect("kept");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_token_near_its_end_is_renewed_and_outlives_a_renewal_that_fails() {
        let (address, asked) = server(&[
            r#"{"access_token":"t1","expires_in":120}"#,
            r#"{"error":"unavailable"}"#,
            r#"{"access_token":"t2","expires_in":3600}"#,
        ])
        .await;
        let tokens = tokens(account(&address), client());
        for wanted in ["Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2"] {
            assert_eq!(tokens.value().await.expect("a token"), wanted);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_refusal_names_the_server_and_its_word_and_nothing_secret() {
        let (address, _) = server(&[r#"{"error":"invalid_grant","error_description":"assertion eyJ..."}"#]).await;
        let error = tokens(account(&address), client()).value().await.expect_err("refused").to_string();
        assert!(error.contains("invalid_grant") && !error.contains("eyJ"), "{error}");
    }

    #[test]
    fn what_is_no_key_file_is_told_so() {
        let wrong = |text: &str| ServiceAccount::parse(&Secret::new(text)).err().expect("refused").to_string();
        assert!(wrong("{}").contains("service_account"));
        let file = serde_json::json!({"client_email": "a", "private_key": "-----BEGIN", "token_uri": "https://a/b"});
        assert!(wrong(&file.to_string()).contains("PKCS #8"));
    }
}
