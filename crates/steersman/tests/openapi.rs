//! Operations of a real OpenAPI document as tools, over the real binary and a server that writes down what it was
//! asked: every place of an argument, the key of an effect, errors, redirects, and an answer that never comes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{House, get, post_with};

/// One request as the server saw it.
#[derive(Debug, Clone)]
struct Asked {
    line: String,
    head: String,
    body: String,
}

/// A pet store that writes down what it was asked.
struct Store {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Store {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let book = Arc::clone(&asked);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (connection, book) = (connection.unwrap(), Arc::clone(&book));
                std::thread::spawn(move || serve(connection, &book));
            }
        });
        Self { address, asked }
    }

    fn of(&self, line: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.line.contains(line)).cloned().collect()
    }
}

fn serve(mut connection: TcpStream, book: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    loop {
        let mut asked = Asked { line: String::new(), head: String::new(), body: String::new() };
        if reader.read_line(&mut asked.line).unwrap_or(0) == 0 {
            return;
        }
        while !asked.head.ends_with("\r\n\r\n") && asked.head != "\r\n" {
            reader.read_line(&mut asked.head).unwrap();
        }
        let length =
            asked.head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).unwrap();
        asked.body = String::from_utf8(body).unwrap();
        let line = asked.line.clone();
        book.lock().unwrap().push(asked);
        let (status, more, body) = match line.as_str() {
            line if line.starts_with("DELETE") => ("404 Not Found", "", r#"{"message":"no such pet"}"#),
            line if line.contains("/store/inventory") => ("302 Found", "location: /admin\r\n", ""),
            // It hears, may have acted, and never answers.
            line if line.contains("name=silent") => return drop(reader.read_to_end(&mut Vec::new())),
            _ => ("200 OK", "", r#"{"id":7,"name":"rex"}"#),
        };
        let length = body.len();
        if write!(connection, "HTTP/1.1 {status}\r\n{more}content-length: {length}\r\n\r\n{body}").is_err() {
            return;
        }
    }
}

fn house(store: &Store) -> House {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/openapi/petstore.json");
    let tools = [
        "getPetById",
        "findPetsByStatus",
        "findPetsByTags",
        "placeOrder",
        "deletePet",
        "updatePetWithForm",
        "getInventory",
    ];
    let text = |effect: &str, names: &[&str]| -> String {
        names.iter().map(|name| format!("[tools.{name}]\neffect = \"{effect}\"\nuntrusted = false\n")).collect()
    };
    let more = format!(
        "[guard]\nmode = \"off\"\n[tasks.pets]\nmodel = \"small\"\ntools = {tools:?}\n\
         [tool_servers.pets]\nopenapi = \"{}\"\nurl = \"http://{}/api/v3\"\napi_key = \"env:SIM_KEY\"\n\
         {}{}[tools.placeOrder]\neffect = \"irreversible\"\nuntrusted = false\nidempotency = \"header:Idempotency-Key\"\n\
         [tools.updatePetWithForm]\neffect = \"irreversible\"\nuntrusted = false\ntimeout_ms = 300\n",
        document.display(),
        store.address,
        text("read", &["getPetById", "findPetsByStatus", "findPetsByTags", "getInventory"]),
        text("write", &["deletePet"]),
    );
    House::start_with("[default]\nanswer = \"obey\"\n", &more)
}

/// Has the model make these calls; gives the story of the request.
fn run(house: &House, calls: &str) -> String {
    let body = json!({ "model": "task/pets", "messages": [{ "role": "user", "content": calls }] });
    let answer = post_with(house.address, "/v1/chat/completions", "", body.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.body);
    let id = answer.header("x-request-id").unwrap().to_owned();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !house.log(1).iter().any(|row| row["id"] == json!(id)) {
        assert!(Instant::now() < deadline, "the record of {id} is not there");
    }
    house.run(&["explain", &id, "--json"])
}

#[test]
fn every_argument_goes_where_the_document_says() {
    let store = Store::open();
    let house = house(&store);
    let story = run(
        &house,
        "[[getPetById {\"petId\":7}]] [[findPetsByStatus {\"status\":\"sold\"}]] [[findPetsByTags {\"tags\":[\"a b\",\"c&d\"]}]] \
         [[placeOrder {\"body\":{\"id\":1,\"petId\":7,\"quantity\":2}}]]",
    );
    assert_eq!(store.of("GET /api/v3/pet/7 ").len(), 1);
    assert_eq!(store.of("GET /api/v3/pet/findByStatus?status=sold ").len(), 1);
    assert_eq!(store.of("GET /api/v3/pet/findByTags?tags=a%20b&tags=c%26d ").len(), 1);
    let orders = store.of("POST /api/v3/store/order ");
    assert_eq!(orders.len(), 1);
    let body: Value = serde_json::from_str(&orders[0].body).unwrap();
    assert_eq!(body, json!({ "id": 1, "petId": 7, "quantity": 2 }));
    let head = orders[0].head.to_lowercase();
    assert!(head.contains("content-type: application/json") && head.contains("authorization: bearer "), "{head}");
    let key = head.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap();
    assert!(story.contains(key), "the key is the effect's own: {story}");
}

#[test]
fn errors_redirects_and_silence_are_told_as_what_they_are() {
    let store = Store::open();
    let house = house(&store);
    let story = run(
        &house,
        "[[deletePet {\"petId\":9,\"api_key\":\"k1\"}]] [[getInventory {}]] [[updatePetWithForm {\"petId\":3,\"name\":\"silent\"}]]",
    );
    let deleted = store.of("DELETE /api/v3/pet/9 ");
    assert!(deleted.len() == 1 && deleted[0].head.to_lowercase().contains("api_key: k1"), "{deleted:?}");
    assert!(story.contains("no such pet"), "the model reads the error's own words: {story}");
    assert!(store.of("/admin").is_empty() && story.contains("a redirect, which is not followed"), "{story}");
    assert_eq!(store.of("name=silent").len(), 1, "what may have acted is not sent again");
    let open = get(house.address, "/api/effects").json()["effects"].as_array().unwrap().clone();
    assert_eq!((open.len(), &open[0]["tool"], &open[0]["state"]), (1, &json!("updatePetWithForm"), &json!("unknown")));
}

/// An address inside the cloud's own network is refused wherever a tool's server is named.
#[test]
fn a_tool_server_at_a_metadata_address_is_refused() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/openapi/petstore.json");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("steersman.toml");
    let text =
        format!("[tool_servers.pets]\nopenapi = \"{}\"\nurl = \"http://169.254.169.254/api\"\n", document.display());
    std::fs::write(&config, text).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_steersman"));
    let out = command
        .args(["tools", "test", "getPetById", "{\"petId\":7}", "--really", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    assert!(!out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(words.contains("169.254.169.254") || words.contains("metadata"), "{words}");
}
