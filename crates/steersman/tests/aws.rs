//! Keys of Amazon that nobody names: a profile, the role of an instance and of a container, over the real binary
//! against a metadata service on loopback and a provider that verifies the signature.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use steersman_sim::{Script, Sim};
use support::{Answer, SECRET, post, spawn_with};

/// A provider that knows one secret, and a gateway with a provider `aws` of which the file says this much.
struct House {
    gateway: Child,
    address: SocketAddr,
    data: tempfile::TempDir,
    _sim: Sim,
    _runtime: tokio::runtime::Runtime,
}

impl House {
    fn start(aws: &str, variables: &[(&str, &str)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let script = format!("api_key = \"{SECRET}\"\n[default]\nanswer = \"auto\"\n");
        let sim = runtime.block_on(Sim::start(Script::from_toml(&script).unwrap())).unwrap();
        let data = tempfile::tempdir().unwrap();
        let config = data.path().join("steersman.toml");
        let text = format!(
            "[retry]\nattempts = 1\n[providers.aws]\nkind = \"bedrock\"\nbase_url = \"{}\"\nmodels = [\"anthropic.c\"]\n{aws}\n",
            sim.base_url()
        );
        std::fs::write(&config, text).unwrap();
        let home = data.path().to_string_lossy().into_owned();
        let variables: Vec<_> = variables.iter().copied().chain([("HOME", home.as_str())]).collect();
        let (gateway, address, _) = spawn_with(&config, data.path(), &variables);
        Self { gateway, address, data, _sim: sim, _runtime: runtime }
    }

    fn ask(&self) -> Answer {
        let body = json!({ "model": "anthropic.c", "messages": [{ "role": "user", "content": "hello" }] });
        post(self.address, "/v1/chat/completions", body.to_string().as_bytes())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        drop(self.gateway.kill());
        drop(self.gateway.wait());
    }
}

/// A service that gives the keys to who shows what it wants, and counts how often it did. They are good for `seconds`.
fn service(seconds: i64) -> (String, Arc<AtomicUsize>) {
    serve(move |stream| answer(&head(stream), seconds))
}

/// A server of one answer a connection, and how often it gave keys.
fn serve(answer: impl Fn(&mut TcpStream) -> (u16, String) + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let given = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&given);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (status, body) = answer(&mut stream);
            count.fetch_add(usize::from(body.contains("AKIDEXAMPLE")), Ordering::SeqCst);
            let length = body.len();
            let whole = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            drop(stream.write_all(whole.as_bytes()));
        }
    });
    (address, given)
}

/// What the service answers to a head in lower case.
fn answer(head: &str, seconds: i64) -> (u16, String) {
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    let keys = json!({
        "Code": "Success", "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET, "Token": "session",
        "Expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    let (line, _) = head.split_once(" http/1.1").unwrap_or((head, ""));
    let has = |header: &str| head.contains(&format!("\r\n{header}"));
    let shown = has("x-aws-ec2-metadata-token: t0k3n\r\n");
    match line {
        "put /latest/api/token" if has("x-aws-ec2-metadata-token-ttl-seconds: ") => (200, "t0k3n".to_owned()),
        "get /latest/meta-data/iam/security-credentials/" if shown => (200, "my-role".to_owned()),
        "get /latest/meta-data/iam/security-credentials/my-role" if shown => (200, keys.to_string()),
        "get /creds" if has("authorization: of-the-container\r\n") => (200, keys.to_string()),
        _ => (401, String::new()),
    }
}

/// The head of a request, in lower case.
fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 1_024];
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&bytes).to_ascii_lowercase()
}

#[test]
fn the_role_of_an_instance_signs_calls_and_its_keys_are_kept_until_they_are_near_their_end() {
    for (seconds, fetches) in [(3_600, 1), (120, 2)] {
        let (service, given) = service(seconds);
        let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.as_str())];
        let house = House::start("region = \"eu-central-1\"\nrole = \"instance\"", &variables);
        for _ in 0..2 {
            let answer = house.ask();
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        assert_eq!(given.load(Ordering::SeqCst), fetches, "keys that are good for {seconds} s");
    }
}

#[test]
fn the_role_of_a_container_is_found_by_its_variables_and_a_refusal_tells_nothing_secret() {
    let (service, given) = service(3_600);
    let uri = format!("{service}/creds");
    let region = "region = \"eu-central-1\"";
    let variables =
        |token| [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token)];
    let house = House::start(region, &variables("of-the-container"));
    assert_eq!((house.ask().status, given.load(Ordering::SeqCst)), (200, 1));
    let refused = House::start(region, &variables("of-somebody-else")).ask();
    let code = refused.json()["error"]["code"].clone();
    assert_eq!((refused.status, &code), (502, &"upstream_auth".into()), "{}", refused.body);
    assert!(refused.body.contains("401") && !refused.body.contains("somebody"), "{}", refused.body);
}

#[test]
fn a_profile_signs_calls_and_gives_its_region() {
    let files = tempfile::tempdir().unwrap();
    let credentials = format!(
        "[default]\naws_access_key_id = A\naws_secret_access_key = wrong\n[work]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = {SECRET}\n"
    );
    let at = |name: &str, text: &str| {
        std::fs::write(files.path().join(name), text).unwrap();
        files.path().join(name).to_string_lossy().into_owned()
    };
    let (credentials, config) =
        (at("credentials", &credentials), at("config", "[profile work]\nregion = eu-central-1\n"));
    let variables = [("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()), ("AWS_CONFIG_FILE", config.as_str())];
    let answer = House::start("profile = \"work\"", &variables).ask();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let by_variable: Vec<_> = variables.iter().copied().chain([("AWS_PROFILE", "work")]).collect();
    assert_eq!(House::start("", &by_variable).ask().status, 200);
    let default = House::start("region = \"eu-central-1\"", &variables).ask();
    let code = default.json()["error"]["code"].clone();
    assert_eq!(code, "upstream_auth", "the default profile has another key: {}", default.body);

    let file = files.path().join("unknown.toml");
    std::fs::write(&file, "[providers.bedrock]\nprofile = \"wrok\"\n").unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_steersman"));
    let out = check.args(["check", "--config"]).arg(&file).envs(variables).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("no profile `wrok`"), "{said}");
}

/// The portal: gives the keys of a role of an account to who shows the token of a sign-in.
fn portal() -> (String, Arc<AtomicUsize>) {
    serve(|stream| {
        let head = head(stream);
        let asked = head.starts_with("get /federation/credentials?account_id=123456789012&role_name=models ");
        if !asked || !head.contains("\r\nx-amz-sso_bearer_token: t0k3n\r\n") {
            return (401, json!({ "message": "Session token not found or invalid" }).to_string());
        }
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3_600);
        let keys = json!({ "accessKeyId": "AKIDEXAMPLE", "secretAccessKey": SECRET, "sessionToken": "session",
            "expiration": until.as_millisecond() });
        (200, json!({ "roleCredentials": keys }).to_string())
    })
}

#[test]
fn a_profile_that_somebody_signed_in_for_has_its_keys_from_the_portal() {
    let (portal, given) = portal();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&folder).unwrap();
    let config = home.path().join("config");
    std::fs::write(
        &config,
        "[profile work]\nregion = eu-central-1\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Models\n\
         [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = https://corp.test/start\n",
    )
    .unwrap();
    let token = |name: &str, url: &str, token: &str, hours: i64| {
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        let until = until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let text = json!({ "startUrl": url, "accessToken": token, "expiresAt": until, "region": "eu-central-1" });
        std::fs::write(folder.join(name), text.to_string()).unwrap();
    };
    token("a.json", "https://corp.test/start/", "t0k3n", 1);
    token("b.json", "https://other.test/start", "other", 2);
    token("c.json", "https://corp.test/start", "old", -1);
    std::fs::write(folder.join("client.json"), "{\"clientId\":\"x\"}").unwrap();
    let config = config.to_string_lossy().into_owned();
    let variables = [("AWS_CONFIG_FILE", config.as_str()), ("AWS_ENDPOINT_URL_SSO", portal.as_str())];
    let at_home = |house: &House| std::fs::rename(home.path().join(".aws"), house.data.path().join(".aws")).unwrap();
    let house = House::start("profile = \"work\"", &variables);
    let nobody = house.ask();
    assert_eq!((nobody.status, &nobody.json()["error"]["code"]), (502, &"upstream_auth".into()), "{}", nobody.body);
    assert!(nobody.body.contains("aws sso login --profile work"), "{}", nobody.body);
    at_home(&house);
    for _ in 0..2 {
        let answer = house.ask();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(given.load(Ordering::SeqCst), 1, "the keys are kept");
}

/// STS: gives the keys of a role to whoever signs with the right key and asks for the right role.
fn sts() -> (String, Arc<AtomicUsize>) {
    serve(|stream| {
        let mut whole = head(stream);
        while !whole.contains("externalid=of-theirs") && !whole.contains("refused") {
            let mut piece = [0; 1_024];
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "{whole}");
            whole.push_str(&String::from_utf8_lossy(&piece[..read]).to_ascii_lowercase());
        }
        let signed = whole.contains("credential=akwork/") && whole.contains("/eu-central-1/sts/aws4_request");
        let asked =
            whole.contains("action=assumerole&") && whole.contains("rolearn=arn%3aaws%3aiam%3a%3a1%3arole%2fmodels");
        if !signed || !asked {
            return (403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>".to_owned());
        }
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3_600);
        let keys = format!(
            "<AccessKeyId>AKIDEXAMPLE</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>\
             <SessionToken>session</SessionToken><Expiration>{until:.0}</Expiration>"
        );
        (200, format!("<AssumeRoleResponse><Credentials>{keys}</Credentials></AssumeRoleResponse>"))
    })
}

#[test]
fn a_profile_assumes_its_role_with_the_keys_of_another_and_a_refusal_is_told() {
    let (sts, given) = sts();
    let files = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| {
        std::fs::write(files.path().join(name), text).unwrap();
        files.path().join(name).to_string_lossy().into_owned()
    };
    let credentials = at("credentials", "[work]\naws_access_key_id = AKWORK\naws_secret_access_key = w\n");
    let role = |name: &str, end: &str| {
        format!(
            "[profile {name}]\nregion = eu-central-1\nsource_profile = work\nrole_arn = arn:aws:iam::1:role/{end}\n"
        )
    };
    let round = role("a", "a").replace("= work", "= b") + &role("b", "b").replace("= work", "= a");
    let config = role("models", "models\nexternal_id = of-theirs") + &role("other", "refused") + &round;
    let config = at("config", &config);
    let variables = [
        ("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()),
        ("AWS_CONFIG_FILE", config.as_str()),
        ("AWS_ENDPOINT_URL_STS", sts.as_str()),
    ];
    let house = House::start("profile = \"models\"", &variables);
    for _ in 0..2 {
        let answer = house.ask();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(given.load(Ordering::SeqCst), 1, "the keys of a role are kept");
    let refused = House::start("profile = \"other\"", &variables).ask();
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (502, &"upstream_auth".into()), "{}", refused.body);
    assert!(refused.body.contains("AccessDenied") && refused.body.contains("role/refused"), "{}", refused.body);
    let file = files.path().join("round.toml");
    std::fs::write(&file, "[providers.bedrock]\nprofile = \"a\"\nmodels = [\"m\"]\n").unwrap();
    let mut up = Command::new(env!("CARGO_BIN_EXE_steersman"));
    up.args(["up", "--listen", "127.0.0.1:0", "--config"]).arg(&file).arg("--data").arg(files.path());
    let said = String::from_utf8_lossy(&up.envs(variables).output().unwrap().stderr).into_owned();
    assert!(said.contains("lead in a circle") && !said.contains("no profile"), "{said}");
}
