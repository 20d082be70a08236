//! What a running gateway takes over from its file, what it says of the rest, and that it outlives whoever read its
//! log.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test that panics has failed")]

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use steersman_sim::{Script, Sim};
use support::{SECRET, get, place, post, until};

/// A provider that calls the one tool it is offered, and holds what is asked slowly.
const CALLS: &str = "[default]\nanswer = { tool_call = 1 }\n[[rules]]\nwhen = { contains = \"tool_call_id\" }\nthen = { answer = { text = \"it is done\" } }\n\
    [[rules]]\nwhen = { contains = \"slowly\" }\nthen = { answer = { text = \"at last\" }, fault = { hold_until_request = 2 } }\n";

fn up(folder: &Path, log: Stdio) -> (Child, std::net::SocketAddr) {
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_steersman"))
        .args(["up", "--json", "--listen", "127.0.0.1:0", "--config"])
        .arg(folder.join("steersman.toml"))
        .arg("--data")
        .arg(folder)
        .env("SIM_KEY", SECRET)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(gateway.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    (gateway, place(&ready["address"]))
}

fn config(sim: &Sim, log: &Path, tools: &str, more: &str) -> String {
    format!(
        "{more}[guard]\nmode = \"off\"\n[tasks.shop]\nmodel = \"small\"\ntools = {tools}\n\
         [tool_servers.shop]\ncommand = \"{}\"\nargs = [\"sim\", \"--tools\", \"{}\"]\n\
         [tools.send_mail]\neffect = \"irreversible\"\nuntrusted = false\n\
         [providers.sim]\nkind = \"openai-compatible\"\nbase_url = \"{}/v1\"\napi_key = \"env:SIM_KEY\"\nmodels = [\"small\"]\n",
        env!("CARGO_BIN_EXE_steersman"),
        log.display(),
        sim.base_url()
    )
}

#[test]
fn a_tool_that_was_taken_out_of_a_task_is_run_no_more_and_what_waits_for_a_restart_is_named() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sim = runtime.block_on(Sim::start(Script::from_toml(CALLS).unwrap())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, mails, log) =
        (folder.path().join("steersman.toml"), folder.path().join("mails"), folder.path().join("log"));
    std::fs::write(&file, config(&sim, &mails, "[\"send_mail\"]", "")).unwrap();
    let (mut gateway, address) = up(folder.path(), File::create(&log).unwrap().into());
    let said = || std::fs::read_to_string(&log).unwrap();
    let ask = || {
        let body = json!({ "model": "task/shop", "messages": [{ "role": "user", "content": "write to Ada" }] });
        assert_eq!(post(address, "/v1/chat/completions", body.to_string().as_bytes()).status, 200);
        std::fs::read_to_string(&mails).unwrap_or_default().matches("send_mail").count()
    };
    let before = ask();
    assert!(before > 0);
    std::fs::write(&file, config(&sim, &mails, "[]", "")).unwrap();
    until("the reload", || said().contains("the new configuration is in force\n"));
    assert_eq!(ask(), before, "the tool was run after it was taken out");
    std::fs::write(&file, config(&sim, &mails, "[]", "[server]\nmax_waiting = 7\n").replace("send_mail]", "other]"))
        .unwrap();
    until("the second reload", || said().contains("but for what changed in `[server]`, the contracts of tools"));
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    runtime.block_on(sim.shutdown());
}

#[test]
fn a_task_whose_model_is_another_now_goes_to_its_reference_until_a_restart_and_asks_nobody_beside() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sim = runtime.block_on(Sim::start(Script::from_toml("").unwrap())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("steersman.toml"), folder.path().join("log"));
    let configured = |upstream: &str| {
        let objective = format!(
            "[models.cheap]\nprovider = \"sim\"\nupstream = \"{upstream}\"\n\
             [tasks.sort.objective]\nreference = \"small\"\ncandidates = [\"cheap\"]\nevaluator = \"agreement\"\nshadow_share = 1.0\n"
        );
        config(&sim, &folder.path().join("mails"), "[]", &objective)
    };
    std::fs::write(&file, configured("tiny")).unwrap();
    let (mut gateway, address) = up(folder.path(), File::create(&log).unwrap().into());
    let standing = || get(address, "/v1/objectives").json()["data"]["sort"].clone();
    let ask = || {
        let body = json!({ "model": "task/sort", "messages": [{ "role": "user", "content": "where is it" }] });
        let answer = post(address, "/v1/chat/completions", body.to_string().as_bytes());
        assert_eq!(answer.header("x-steersman-model"), Some("sim/small"), "{}", answer.body);
    };
    ask();
    until("a label", || standing()["fitted_on"] == 1);
    std::fs::write(&file, configured("untried")).unwrap();
    until("the reload", || standing()["next_step"].as_str().unwrap().contains("until a restart"));
    ask();
    std::fs::write(&file, configured("tiny")).unwrap();
    until("the way back", || !standing()["next_step"].as_str().unwrap().contains("until a restart"));
    ask();
    until("the next label", || standing()["fitted_on"] == 2);
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    std::fs::write(&file, configured("untried")).unwrap();
    let (mut gateway, address) = up(folder.path(), Stdio::null());
    let told = get(address, "/v1/objectives").json()["data"]["sort"].clone();
    let why = told["next_step"].as_str().unwrap();
    assert_eq!(told["fitted_on"], 0, "{told}");
    assert!(why.contains("2 kept labels do not count: the last is about `cheap` as `sim/tiny` at "), "{why}");
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    runtime.block_on(sim.shutdown());
}

#[test]
fn a_gateway_whose_log_is_read_no_more_still_drains() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sim = runtime.block_on(Sim::start(Script::from_toml(CALLS).unwrap())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("steersman.toml"), config(&sim, &folder.path().join("mails"), "[]", "")).unwrap();
    let (mut gateway, address) = up(folder.path(), Stdio::piped());
    drop(gateway.stderr.take());
    let ask = |address, content: &str| {
        let body = json!({ "model": "small", "messages": [{ "role": "user", "content": content }] });
        post(address, "/v1/chat/completions", body.to_string().as_bytes())
    };
    let asked = std::thread::spawn(move || ask(address, "slowly"));
    until("the request", || sim.bill().requests == 1);
    assert!(Command::new("kill").arg(gateway.id().to_string()).status().unwrap().success());
    until("it drains", || TcpStream::connect(address).is_err());
    assert_eq!(ask(place(&json!(sim.base_url())), "the second").status, 200);
    let answer = asked.join().unwrap();
    assert!(answer.status == 200 && answer.body.contains("at last"), "{} {}", answer.status, answer.body);
    assert!(gateway.wait().unwrap().success());
    runtime.block_on(sim.shutdown());
}

#[test]
fn a_providers_key_that_is_not_there_is_not_taken_over_and_the_log_alone_names_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sim = runtime.block_on(Sim::start(Script::from_toml(CALLS).unwrap())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, mails, log) =
        (folder.path().join("steersman.toml"), folder.path().join("mails"), folder.path().join("log"));
    std::fs::write(&file, config(&sim, &mails, "[]", "")).unwrap();
    let (mut gateway, address) = up(folder.path(), File::create(&log).unwrap().into());
    let said = || std::fs::read_to_string(&log).unwrap();
    std::fs::write(&file, config(&sim, &mails, "[]", "").replace("env:SIM_KEY", "env:ABSENT_KEY")).unwrap();
    until("it is refused", || {
        said().contains("`providers.sim`: the environment variable `ABSENT_KEY` is not set\nhint: ")
    });
    let ready = support::get(address, "/readyz").body;
    assert!(ready.contains("file is not in force") && !ready.contains("ABSENT_KEY"), "{ready}");
    let body = json!({ "model": "small", "messages": [{ "role": "user", "content": "tool_call_id" }] });
    assert_eq!(post(address, "/v1/chat/completions", body.to_string().as_bytes()).status, 200, "the old key is used");
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    runtime.block_on(sim.shutdown());
}
