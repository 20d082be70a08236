//! Running the tool calls of a turn: n replies for n calls, and what each kind of call is told.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use steersman_core::{BoxFuture, ContentHash, Contract, Effect, Idempotency, ToolCall};
use steersman_scope::{
    AllowAll, Child, DiskFiles, Dispatch, EffectKey, Journal, JournalOptions, Ledger, LedgerError, OpenError, Root,
    RunId, RunOpened, Runner, RunnerOptions, Scope, Status, Tool, ToolFault, ToolReply,
};

/// A tool that does what its arguments say, and counts.
struct Puppet {
    contract: Contract,
    made: Arc<AtomicU32>,
}

impl Tool for Puppet {
    fn contract(&self) -> &Contract {
        &self.contract
    }

    fn call(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<String, ToolFault>> {
        Box::pin(async move {
            self.made.fetch_add(1, Ordering::SeqCst);
            match dispatch.arguments["do"].as_str().unwrap_or_default() {
                "fail" => Err(ToolFault::Failed("no".into())),
                "lose" => Err(ToolFault::Lost("reset".into())),
                "panic" => panic!("tool"),
                "hang" => std::future::pending().await,
                "long" => Ok("ä".repeat(3_000)),
                word => Ok(format!("did {word}")),
            }
        })
    }
}

#[derive(Clone)]
struct Bench {
    runner: Runner,
    journal: Arc<Journal>,
    reads: Arc<AtomicU32>,
    writes: Arc<AtomicU32>,
}

async fn journal(folder: &Path) -> Arc<Journal> {
    let files = Arc::new(DiskFiles::open(folder).unwrap());
    Arc::new(Journal::open(files, JournalOptions::default()).await.unwrap())
}

async fn bench(folder: &Path) -> Bench {
    let (reads, writes) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let puppet = |name: &str, effect: Effect, made: &Arc<AtomicU32>| {
        let contract = Contract { effect, timeout_ms: Some(200), ..Contract::unknown(name) };
        Arc::new(Puppet { contract, made: Arc::clone(made) })
    };
    let journal = journal(folder).await;
    let options = RunnerOptions { max_output_bytes: 1_001, max_identical_reads: 2, ..RunnerOptions::default() };
    let runner = Runner::over(Arc::clone(&journal) as _)
        .tool(puppet("read", Effect::Read, &reads), None)
        .tool(puppet("pay", Effect::Irreversible, &writes), None)
        .tool(puppet("save", Effect::Write, &writes), None)
        .options(options)
        .build();
    Bench { runner, journal, reads, writes }
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() }
}

/// Makes these turns of one run, each as a step of its own, and returns all replies.
async fn turns(bench: &Bench, turns: Vec<Vec<ToolCall>>) -> Vec<ToolReply> {
    let (root, run) = (Root::unlimited("test"), bench.runner.run(RunId::from("run"), ContentHash::of(b"request")));
    let child = Child::<_, String>::graceful("run", move |scope: Scope| async move {
        let mut replies = Vec::new();
        for (i, calls) in turns.iter().enumerate() {
            replies.extend(run.tool_calls(&scope, &format!("step {i}"), calls).await.replies);
        }
        Ok(replies)
    });
    let replies = root.scope("request").run(child).await.unwrap();
    root.shutdown().await;
    replies
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn n_calls_get_n_replies_in_request_order_each_with_its_id(
        picks in proptest::collection::vec((0..4usize, 0..7usize, 0..4u32), 0..14),
    ) {
        std::panic::set_hook(Box::new(|_| ()));
        let words = ["ok", "fail", "lose", "panic", "hang", "long", "\"broken"];
        let names = ["read", "pay", "save", "nobody"];
        // Ids repeat on purpose: they are the model's, and pair nothing here.
        let calls: Vec<_> = picks.iter().map(|&(name, word, id)| {
            call(&format!("call_{id}"), names[name], &format!("{{\"do\":\"{}\",\"n\":{id}}}", words[word]))
        }).collect();
        let folder = tempfile::tempdir().unwrap();
        let replies = runtime().block_on(async { turns(&bench(folder.path()).await, vec![calls.clone()]).await });
        let paired: Vec<_> = replies.iter().map(|reply| (&reply.call_id, &reply.tool)).collect();
        let asked: Vec<_> = calls.iter().map(|call| (&call.id, &call.name)).collect();
        prop_assert_eq!(paired, asked);
    }
}

/// Each reply as `status: text`, cut.
fn said(replies: &[ToolReply]) -> String {
    let line = |reply: &ToolReply| {
        let text: String = reply.text.chars().take(60).collect();
        format!("{:?}: {}", reply.status, text.trim_end())
    };
    replies.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_cannot_be_made_is_a_reply_that_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path()).await;
    let calls = vec![
        call("1", "nobody", "{}"),
        call("2", "read", "{\"a\":1,\"a\":2}"),
        call("3", "read", "[]"),
        call("4", "read", "{\"do\":\"fail\"}"),
        call("5", "read", ""),
        call("6", "read", "{\"do\":\"hang\"}"),
    ];
    insta::assert_snapshot!(said(&turns(&bench, vec![calls]).await), @r#"
    Refused(NoTool("nobody")): there is no tool `nobody`
    Refused(Arguments("the arguments are not valid JSON: member `a` is given twice at line 1 column 13")): the arguments are not valid JSON: member `a` is given twice
    Refused(Arguments("the arguments are not a JSON object")): the arguments are not a JSON object
    Failed: no
    Done: did
    TimedOut: no answer within 200ms
    "#);
}

#[tokio::test]
async fn an_irreversible_call_is_made_once_until_a_repeat_is_granted() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path()).await;
    let pay = |id: &str| vec![call(id, "pay", "{\"do\": \"it\"}")];
    let replies = turns(&bench, vec![pay("a"), pay("b")]).await;
    assert_eq!((&replies[0].status, bench.writes.load(Ordering::SeqCst)), (&Status::Done, 1));
    assert!(matches!(&replies[1].status, Status::Duplicate { of } if of.path.as_ref() == "step 0"));
    assert_eq!(replies[1].text, "did it");

    bench.journal.grant_repeat(EffectKey::twin(&"run".into(), "pay", "{\"do\":\"it\"}")).await.unwrap();
    let replies = turns(&bench, vec![pay("a"), pay("b"), vec![], pay("c")]).await;
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status.clone()).collect();
    assert_eq!(statuses[..2], [Status::Replayed, Status::Done]);
    assert!(matches!(statuses[2], Status::Duplicate { .. }));
    assert_eq!(bench.writes.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_reversible_call_may_be_made_again_but_not_while_its_twin_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path()).await;
    let save = |word: &str| vec![call("id", "save", &format!("{{\"do\":\"{word}\"}}"))];
    let replies = turns(&bench, vec![save("a"), save("a"), save("lose"), save("lose")]).await;
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status.clone()).collect();
    assert_eq!(statuses, [Status::Done, Status::Done, Status::Unknown, Status::Unknown]);
    assert_eq!(bench.writes.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn going_round_in_circles_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path()).await;
    let read = |word: &str| vec![call("id", "read", &format!("{{\"do\":\"{word}\"}}"))];
    let replies =
        turns(&bench, vec![read("a"), read("b"), read("a"), read("c"), read("a"), read("d"), read("d"), read("d")])
            .await;
    insta::assert_snapshot!(said(&replies[4..]), @"
    Refused(Repeated(2)): this very call was made 2 times in this run; its answer will
    Done: did d
    Done: did d
    Refused(Loop { period: 1 }): the last turns repeat the same 1 turns; do something else or
    ");
    assert_eq!(bench.reads.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn a_long_output_is_cut_at_a_character_and_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path()).await;
    let replies =
        turns(&bench, vec![vec![call("1", "read", "{\"do\":\"long\"}"), call("2", "pay", "{\"do\":\"long\"}")]]).await;
    for reply in replies {
        let text = format!("{}\n(cut here: the result has 6000 bytes, these are the first 1000)", "ä".repeat(500));
        assert_eq!((reply.status, reply.text), (Status::Done, text));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_tool_cannot_carry_any_more_is_not_sent_again_because_it_once_could() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path()).await;
    let runner = |idempotency: Idempotency| {
        let contract = Contract { idempotency, ..Contract::unknown("pay") };
        let tool = Arc::new(Puppet { contract, made: Arc::clone(&bench.writes) });
        bench.runner.with([(tool as Arc<dyn Tool>, None)], Arc::new(AllowAll))
    };
    let keyed = runner(Idempotency::Keyed { header: None, argument: Some("key".into()) });
    let lost = || vec![vec![call("1", "pay", "{\"do\":\"lose\"}")]];
    let first = turns(&Bench { runner: keyed, ..bench.clone() }, lost()).await.remove(0);
    let sent = bench.writes.load(Ordering::SeqCst);
    assert!(first.status == Status::Unknown && sent > 1, "a key makes it safe to send it again: {first:?}");
    let opaque = Bench { runner: runner(Idempotency::Opaque), ..bench.clone() };
    assert_eq!(turns(&opaque, lost()).await.remove(0).status, Status::Unknown);
    assert_eq!(bench.writes.load(Ordering::SeqCst), sent);
}

#[tokio::test]
async fn reads_leave_no_trace_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path()).await;
    let size =
        || std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>();
    let before = size();
    turns(&bench, vec![vec![call("1", "read", "{}"), call("2", "read", "{\"do\":\"hang\"}")]]).await;
    assert!(size() <= before + 64, "only the lease may have been written");
}

#[tokio::test]
async fn a_run_belongs_to_one_request_until_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let (run, one, other) = (RunId::from("run"), ContentHash::of(b"one"), ContentHash::of(b"other"));
    let ledger = journal(folder.path()).await;
    assert_eq!(ledger.open_run(&run, one).await.unwrap(), RunOpened::New);
    assert_eq!(ledger.open_run(&run, other).await.unwrap(), RunOpened::OtherRequest);
    ledger.close_run(&run).await.unwrap();
    Arc::into_inner(ledger).unwrap().close().await;
    // A restart and a new segment change nothing of it.
    let ledger = journal(folder.path()).await;
    assert_eq!(ledger.open_run(&run, one).await.unwrap(), RunOpened::Known);
    ledger.forget_run(&run).await.unwrap();
    assert_eq!(ledger.open_run(&run, other).await.unwrap(), RunOpened::New);
    assert!(matches!(ledger.close_run(&"nobody".into()).await, Err(LedgerError::NoRun(_))));
}

#[tokio::test]
async fn a_journal_has_one_owner_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = journal(folder.path()).await;
    let again = Arc::new(DiskFiles::open(folder.path()).unwrap());
    let second = Journal::open(Arc::clone(&again) as _, JournalOptions::default()).await;
    assert!(matches!(second, Err(OpenError::Owned)));
    let epoch = first.opened().epoch;
    Arc::into_inner(first).unwrap().close().await;
    let second = Journal::open(again, JournalOptions::default()).await.unwrap();
    assert_eq!((second.opened().epoch, second.opened().lost_bytes), (epoch + 1, 0));
}
