//! `steersman check` and `steersman up` over wrong configurations: one word from both, with its place and what to do.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::process::{Command, Stdio};

/// What a command says on stderr of a file with this text, and whether it was content.
fn said(command: &[&str], text: &[u8]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("steersman.toml"), text).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_steersman"));
    run.args(command).args(["--config", "steersman.toml"]).current_dir(folder.path()).env_clear();
    let out = run.env("XDG_DATA_HOME", folder.path()).output().unwrap();
    (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
}

/// The first and the last line of what both say, and the place between.
fn verdict(text: &[u8]) -> String {
    let (fine, check) = said(&["check"], text);
    assert!(!fine, "check is content with {}", String::from_utf8_lossy(text));
    let (_, up) = said(&["up", "--listen", "127.0.0.1:0"], text);
    assert_eq!(check, up, "check and up disagree");
    check.lines().filter(|line| !line.contains(" |") && !line.contains(" | ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_wrong_value_or_shape_says_where_it_stands_and_what_to_write() {
    insta::assert_snapshot!(verdict(b"[server]\nmax_body_bytes = \"10MB\"\n"), @r#"
    error: `server.max_body_bytes` must be a whole number
     --> steersman.toml:2:18
    hint: write it like `max_body_bytes = 20971520`
    "#);
    insta::assert_snapshot!(verdict(b"[server]\nlisten = 4180\n"), @r#"
    error: `server.listen` must be a string
     --> steersman.toml:2:10
    hint: write it like `listen = "127.0.0.1:4180"`
    "#);
    insta::assert_snapshot!(verdict(b"[server.listen]\nport = 4180\n"), @r#"
    error: `server.listen` is a value, not a section
     --> steersman.toml:1:9
    hint: write it like `listen = "127.0.0.1:4180"`
    "#);
    insta::assert_snapshot!(verdict(b"server = \"127.0.0.1:4180\"\n"), @r#"
    error: `server` is a section, not a value
     --> steersman.toml:1:10
    hint: write it as a table: `[server]`
    "#);
    insta::assert_snapshot!(verdict(b"listen = \"127.0.0.1:4180\"\n"), @r#"
    error: unknown key `listen`
     --> steersman.toml:1:1
    hint: it belongs below `[server]`
    "#);
    insta::assert_snapshot!(verdict(b"[tasks.a]\nmodel = \"m\"\n[tasks.a]\ncache = true\n"), @r#"
    error: duplicate key
     --> steersman.toml:3:8
    hint: write each table and each key once
    "#);
}

#[test]
fn what_is_missing_from_a_table_is_told_at_its_header() {
    insta::assert_snapshot!(verdict(b"[tasks.a]\ncache = true\n"), @r#"
    error: `tasks.a` needs a `model`
     --> steersman.toml:1:8
    hint: name the model that serves it, or give it an objective with a `reference`
    "#);
    assert!(verdict(b"[tasks.a]\n").contains("`tasks.a` needs a `model`"), "an empty table is a table");
    insta::assert_snapshot!(verdict(b"[providers.mine]\nbase_url = \"http://127.0.0.1:1/v1\"\n"), @r#"
    error: `mine` is not a vendor, so `providers.mine` needs a `kind`
     --> steersman.toml:1:12
    hint: known: openai, openai-responses, anthropic, gemini, azure, vertex, vertex-anthropic, vertex-openai, bedrock, bedrock-openai, deepseek, groq, mistral, openrouter, together, xai, ollama, vllm, local, openai-compatible
    "#);
    insta::assert_snapshot!(verdict(b"[tools.send]\nsink = [\"to\"]\n"), @r#"
    error: `tools.send` needs an `effect`
     --> steersman.toml:1:8
    hint: write `effect = "read"`, `"write"` (can be changed back) or `"irreversible"`
    "#);
}

#[test]
fn a_model_that_nobody_serves_is_told_before_the_start() {
    insta::assert_snapshot!(verdict(b"[tasks.a]\nmodel = \"gpt-4o\"\n"), @r#"
    error: no provider serves the model `gpt-4o`, which `tasks.a.model` names
     --> steersman.toml:2:9
    hint: no model can be reached at all: set a provider's key (OPENAI_API_KEY, ...), write `[providers.NAME]`, or fetch a model with `steersman models pull`
    "#);
    let served = "[providers.openai]\napi_key = \"env:K\"\n";
    insta::assert_snapshot!(verdict(format!("{served}[tasks.a]\nmodel = \"gpt-4o-mimi\"\n").as_bytes()), @r#"
    error: no provider serves the model `gpt-4o-mimi`, which `tasks.a.model` names
     --> steersman.toml:4:9
    hint: did you mean `gpt-4o-mini`?
    "#);
    insta::assert_snapshot!(verdict(format!("{served}[guard]\nreader = \"zzz\"\n").as_bytes()), @r#"
    error: no provider serves the model `zzz`, which `guard.reader` names
     --> steersman.toml:4:10
    hint: list it in `providers.NAME.models`, write `[models."zzz"]`, or name it `PROVIDER/zzz`
    "#);
    insta::assert_snapshot!(verdict(format!("{served}[models.m]\nprovider = \"openai\"\nfallbacks = [\"zzz\"]\n").as_bytes()), @r#"
    error: no provider serves the model `zzz`, which `models.m.fallbacks` names
     --> steersman.toml:5:13
    hint: list it in `providers.NAME.models`, write `[models."zzz"]`, or name it `PROVIDER/zzz`
    "#);
}

#[test]
fn a_wrong_value_of_the_right_kind_says_so_and_a_secret_is_not_repeated() {
    insta::assert_snapshot!(verdict(b"[server]\nlisten = \"localhost:4180\"\n"), @r#"
    error: `localhost:4180` is not an address and port such as `127.0.0.1:4180`
     --> steersman.toml:2:10
    hint: write it like `listen = "127.0.0.1:4180"`
    "#);
    insta::assert_snapshot!(verdict(b"[teams.a]\nusd_per_day = -3\n"), @r#"
    error: `teams.a.usd_per_day` must not be negative
     --> steersman.toml:2:15
    hint: write it like `usd_per_day = 20`
    "#);
    insta::assert_snapshot!(verdict(b"[providers.openai]\nbase_url = \"https://h/v1/chat/completions/\"\n"), @r#"
    error: `providers.openai.base_url` is the address of one endpoint
     --> steersman.toml:2:12
    hint: write it up to and including the version: `https://h/v1`
    "#);
    assert!(verdict(b"[store]\nqueue = 9223372036854775807\n").contains("`store.queue` must be at most 1000000"));
    assert!(verdict(b"[tasks.a]\nmodel = \"\"\n").starts_with("error: `tasks.a` needs a `model`"));
    let literal = b"[providers.openai]\nmodels = []\napi_key = \"sk-planted\"\n";
    insta::assert_snapshot!(verdict(literal), @r#"
    error: `providers.openai.api_key`: a secret must be written as `env:NAME` or `file:path`, never as the secret itself
     --> steersman.toml:3:11
    hint: put it into an environment variable, and write `api_key = "env:VARIABLE"`
    "#);
    let inline = b"[providers]\nbedrock = { region = \"r\", secret_access_key = \"planted\", api_key = \"planted\" }\n";
    let unquoted = b"[store]\ndatabase_url=postgres://user:planted@db/x\n";
    let address = b"[providers.openai]\nbase_url = \"https://h/v1?key=planted\"\n";
    let endpoint = b"[providers.openai]\nbase_url = \"https://u:planted@h/v1/messages\"\n";
    for text in [&literal[..], inline, unquoted, address, endpoint] {
        assert!(!said(&["check"], text).1.contains("planted"), "{}", said(&["check"], text).1);
    }
}

#[test]
fn a_name_that_leads_nowhere_is_told_where_it_stands() {
    insta::assert_snapshot!(verdict(b"[guard]\npolicy = \"nowhere.json\"\n"), @r#"
    error: the policy `nowhere.json` cannot be read: No such file or directory (os error 2)
     --> steersman.toml:2:10
    hint: a path is taken from the folder of the configuration
    "#);
    insta::assert_snapshot!(verdict(b"[tasks.a]\nmodel = \"m\"\ntools = [\"shop/*\"]\n"), @r#"
    error: there is no tool server `shop`
     --> steersman.toml:3:9
    hint: add `[tool_servers.shop]`; configured: none
    "#);
    let openai = "[providers.openai]\napi_key = \"env:K\"\n";
    let itself = format!("{openai}[models.a]\nprovider = \"openai\"\nfallbacks = [\"a\"]\n");
    insta::assert_snapshot!(verdict(itself.as_bytes()), @r#"
    error: `models.a` falls back to itself
     --> steersman.toml:5:13
    hint: name other models; `retry.attempts` says how often the same one is tried
    "#);
    let ungraded = "[tasks.a.objective]\nreference = \"m\"\ncandidates = [\"n\"]\n";
    insta::assert_snapshot!(verdict(ungraded.as_bytes()), @r#"
    error: `tasks.a.objective` needs `evaluator`
     --> steersman.toml:1:10
    hint: no cheaper model is used without somebody who grades it: `agreement` (with the reference) or `truth` (`POST /v1/feedback`)
    "#);
    insta::assert_snapshot!(verdict(b"[tls]\nkey = \"k.pem\"\n"), @r#"
    error: `[tls]` names only one of its two files
     --> steersman.toml:1:2
    hint: set both `tls.certificate` and `tls.key`, PEM files
    "#);
    insta::assert_snapshot!(verdict(b"[tool_servers.shop]\nprefix = \"x\"\n"), @r#"
    error: `tool_servers.shop` does not say how it is reached
     --> steersman.toml:1:15
    hint: write `command` (an MCP server as a program), `url` (one over HTTP), or `openapi` with `url`
    "#);
}

#[test]
fn what_may_be_elsewhere_or_is_rarely_meant_is_a_warning_of_check() {
    let text = b"[tool_servers.shop]\ncommand = \"no-such-program\"\n\
        [tool_servers.api]\nurl = \"http://127.0.0.1:1\"\nopenapi = \"nowhere.yaml\"\n\
        [limits]\nusd_per_day = 0\n[store]\nretention_mb = 1\n";
    let (fine, check) = said(&["check"], text);
    assert!(fine, "{check}");
    assert!(check.contains("warning: `tool_servers.shop`: the program `no-such-program` is not here"), "{check}");
    assert!(check.contains("warning: `tool_servers.api`: the document `nowhere.yaml` is not here"), "{check}");
    assert!(check.contains("warning: `limits.usd_per_day` is 0: whatever has a price is refused"), "{check}");
    assert!(check.contains("warning: `store.retention_mb` is less than 16"), "{check}");
    let text = b"[providers.openai]\napi_key = \"env:K\"\n[tasks.a]\nmodel = \"gpt-4o\"\ntools = [\"send\"]\n";
    let (fine, check) = said(&["check"], text);
    assert!(fine && check.contains("warning: `tasks.a.tools`: there is no `[tool_servers.NAME]`"), "{check}");
}

#[test]
fn what_check_can_know_of_tools_it_says() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/openapi/petstore.json");
    let api = format!("[tool_servers.pets]\nurl = \"http://127.0.0.1:1\"\nopenapi = \"{document}\"\n");
    let order = |idempotency: &str| {
        let tools = format!("[tools.placeOrder]\neffect = \"irreversible\"\nidempotency = \"{idempotency}\"\n");
        said(&["check"], format!("{api}{tools}").as_bytes())
    };
    for fine in ["header:Idempotency-Key", "argument:id", "lookup:getOrderById"] {
        assert!(!order(fine).1.contains("is opaque"), "{}", order(fine).1);
    }
    for (wrong, told) in [
        ("argument:request_id", "neither a parameter nor a member of the body `request_id`"),
        ("lookup:wasOrdered", "no operation `wasOrdered`"),
    ] {
        let (fine, check) = order(wrong);
        assert!(fine && check.contains("warning: `placeOrder` is opaque") && check.contains(told), "{check}");
    }
    let shop = "[tool_servers.shop]\ncommand = \"sh\"\n[tools.charge]\neffect = \"irreversible\"\n";
    let (_, check) = said(&["check"], format!("{shop}idempotency = \"header:Key\"\n").as_bytes());
    assert!(check.contains("warning: `tools.charge.idempotency`: no OpenAPI document has this tool"), "{check}");
    let (_, check) = said(&["check"], format!("{shop}idempotency = \"lookup:charged\"\n").as_bytes());
    assert!(check.contains("`tools.charge.idempotency`: nothing is known of a tool `charged`"), "{check}");
    let served = "[providers.openai]\napi_key = \"env:K\"\n[tasks.a]\nmodel = \"gpt-4o\"\n";
    let tasks = |tools: &str| said(&["check"], format!("{shop}{served}tools = {tools}\n").as_bytes()).1;
    assert!(tasks("[\"chagre\"]").contains("did you mean `charge`?"), "{}", tasks("[\"chagre\"]"));
    assert!(tasks("[\"files.read\"]").contains("models see it as `files_read`"));
    assert!(!tasks("[\"charge\", \"shop/*\"]").contains("tasks.a.tools"));
}

#[test]
fn a_file_that_is_no_toml_is_told_so() {
    insta::assert_snapshot!(verdict(b"{\"server\": {\"listen\": \"127.0.0.1:4180\"}}\n"), @r#"
    error: invalid key-value pair, expected key
     --> steersman.toml:1:1
    hint: the file is TOML: `key = value` below a `[section]`; `steersman init -` prints every key
    "#);
    insta::assert_snapshot!(verdict(b"server:\n  listen: 127.0.0.1:4180\n"), @r#"
    error: key with no value, expected `=`
     --> steersman.toml:1:8
    hint: the file is TOML: `key = value` below a `[section]`; `steersman init -` prints every key
    "#);
    insta::assert_snapshot!(verdict(b"\xff\xfe[\x00"), @r#"
    error: the configuration `steersman.toml` cannot be read: stream did not contain valid UTF-8
    hint: save it as UTF-8 text
    "#);
    // A mark of the byte order and the line ends of another system are as good as none.
    assert!(verdict(b"\xef\xbb\xbf[server]\r\nlsten = 1\r\n").contains("steersman.toml:2:1"));
}

#[test]
fn a_secret_that_is_not_here_is_a_warning_of_check_and_stops_the_start() {
    let text = b"[server]\napi_key = \"env:NOBODY_SET_THIS\"\n[tls]\ncertificate = \"a.pem\"\nkey = \"b.pem\"\n";
    let (fine, check) = said(&["check"], text);
    assert!(fine && check.contains("warning: `server.api_key`: the environment variable `NOBODY_SET_THIS` is not set"));
    assert!(check.contains("warning: `[tls]`: the certificate `a.pem` cannot be read"), "{check}");
    let (fine, up) = said(&["up", "--listen", "127.0.0.1:0"], text);
    assert!(!fine && up.contains("error: "), "{up}");
}

#[test]
fn a_database_that_cannot_be_used_is_named_by_doctor_and_up_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let said = |command: &[&str], url: &str| {
        let text = if url.is_empty() { "" } else { "[store]\ndatabase_url = \"env:URL\"\n" };
        std::fs::write(folder.path().join("steersman.toml"), text).unwrap();
        let mut run = Command::new(env!("CARGO_BIN_EXE_steersman"));
        run.args(command).args(["--config", "steersman.toml", "--data", "data"]).current_dir(folder.path());
        let out = run.env_clear().env("URL", url).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    };
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let (_, fine) = said(&["doctor"], "");
    assert!(fine.contains("ok      database data/steersman.db, which the first start makes"), "{fine}");
    std::fs::write(folder.path().join("data/steersman.db"), "this is text, and no database".repeat(99)).unwrap();
    for (url, named) in [
        ("", "the database `data/steersman.db`: "),
        ("postgres://user:planted@127.0.0.1:1/records", "the database `127.0.0.1:1/records`: cannot "),
        ("postgres//user:planted@127.0.0.1/records?a=b", "it is no address such as `postgres://user:password@"),
    ] {
        for command in [&["doctor"][..], &["up", "--listen", "127.0.0.1:0"]] {
            let (ok, text) = said(command, url);
            assert!(!ok && text.contains(named) && text.contains("hint: "), "{command:?} {url}: {text}");
            assert!(!text.contains("planted"), "{text}");
        }
    }
}

#[test]
fn a_script_that_nobody_reads_to_its_end_ends_without_a_word() {
    let mut run = Command::new(env!("CARGO_BIN_EXE_steersman"));
    let mut child = run.args(["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
}
