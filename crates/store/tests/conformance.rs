//! What every engine must do: the same statements about the store, held against SQLite and PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "statements held against both engines are plain functions"
)]

mod support;

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use steersman_core::{Code, FinishReason, Note, OutcomeKind, Recorder, Secret, Timing, Usage, Usd};
use steersman_store::rows::{RequestRow, Server};
use steersman_store::{OverviewQuery, Page, Reader, RequestFilter, Retention, Store, StoreError, TimeRange};
use support::{Place, attempt, day_ms, failed, id, on_both_engines, record};

on_both_engines! {
    a_request_is_read_back_whole,
    what_is_unknown_stays_unknown,
    what_the_guard_decided_is_paged_newest_first,
    each_filter_finds_its_own_and_nothing_else,
    pages_visit_every_request_once_and_newest_first,
    a_log_is_followed_without_a_gap,
    equal_long_bodies_are_kept_once,
    what_short_bodies_repeat_takes_little_room,
    calls_of_older_records_are_read_from_their_rows,
    what_long_bodies_have_in_common_is_kept_once_and_as_long_as_it_is_needed,
    the_overview_shows_each_model_over_time,
    an_answer_that_was_cut_or_kept_is_no_error,
    facets_count_every_name,
    a_rollup_grows_over_batches_and_runs,
    a_second_record_of_one_id_is_counted_and_not_kept,
    a_store_reopened_still_has_its_records_and_its_runs,
    a_newer_schema_is_refused,
    planted_secrets_are_read_back_nowhere,
    requests_past_their_days_go_with_their_bodies,
    a_name_with_a_zero_byte_does_not_cost_its_batch,
    names_that_clients_invent_do_not_multiply_rollups,
    records_after_closing_are_dropped_and_counted,
}

async fn write(store: &Store, records: impl IntoIterator<Item = steersman_core::RequestRecord>) {
    records.into_iter().for_each(|record| store.record(record));
    store.flush().await.unwrap();
}

async fn listed(reader: &Reader, filter: RequestFilter) -> Vec<RequestRow> {
    reader.requests(&filter, &Page::newest(100)).await.unwrap().requests
}

async fn what_the_guard_decided_is_paged_newest_first(place: Place) {
    let store = place.open().await;
    let noted = |number: u64| {
        let mut noted = record(number);
        let room = if number.is_multiple_of(2) { "guard" } else { "route" };
        noted.notes = vec![Note { room, content: format!(r#"{{"number":{number},"calls":[{{}}],"links":[]}}"#) }];
        noted
    };
    write(&store, (1..=7).map(noted)).await;
    // Requests of whose answers it had nothing to decide do not stand before those of which it had.
    let idle = |number: u64| {
        let content = r#"{"mode":"on","calls":[],"links":[]}"#.to_owned();
        steersman_core::RequestRecord { notes: vec![Note { room: "guard", content }], ..record(number) }
    };
    write(&store, (8..=2_500).map(idle)).await;
    let numbers = |page: &steersman_store::rows::NotedPage| -> Vec<i64> {
        page.rows.iter().map(|row| row.note["number"].as_i64().unwrap()).collect()
    };
    let first = store.reader().guarded(None, 2).await.unwrap();
    assert_eq!(numbers(&first), [6, 4]);
    let second = store.reader().guarded(first.next.as_ref(), 2).await.unwrap();
    assert_eq!((numbers(&second), second.next), (vec![2], None));
}

async fn a_request_is_read_back_whole(place: Place) {
    let store = place.open().await;
    let mut whole = record(1);
    let mut first = attempt("anthropic", "claude");
    first.status = Some(529);
    first.code = Some(Code::UPSTREAM_ERROR);
    first.finish_reason = None;
    first.request_body = Some(Bytes::from_static(b"sent upstream"));
    first.response_body = Some(Bytes::from_static(b"overloaded \xff"));
    let mut second = attempt("openai", "gpt-4o");
    second.reason = "retry";
    second.finish_reason = Some(FinishReason::ToolCalls);
    whole.attempts = vec![first, second];
    whole.streamed = true;
    whole.notes = vec![
        Note { room: "route", content: r#"{"reason":"pinned"}"#.to_owned() },
        Note { room: "guard", content: "[]".to_owned() },
    ];
    whole.usage.reasoning_tokens = Some(7);
    write(&store, [whole.clone()]).await;

    let story = store.reader().request(&whole.id).await.unwrap().unwrap();
    assert_eq!(story.notes["route"]["reason"], "pinned");
    let line = &story.request;
    assert_eq!((line.id.clone(), line.started_at_us), (whole.id.clone(), whole.started_at_us));
    assert_eq!((line.task.as_str(), line.protocol.as_str(), line.streamed), ("triage", "openai.chat", true));
    assert_eq!((line.requested_model.as_str(), line.model.as_deref()), ("fast", Some("gpt-4o")));
    assert_eq!((line.provider.as_deref(), line.status, line.outcome), (Some("openai"), 200, OutcomeKind::Accepted));
    assert_eq!((line.usage, line.cost, line.timing), (whole.usage, whole.cost, whole.timing));
    assert_eq!((line.attempts, &line.fingerprint), (2, &whole.fingerprint.to_string()));
    assert_eq!(story.parameters, whole.parameters);
    assert_eq!(story.request_body.as_ref().unwrap().content, whole.request_body);
    assert_eq!(story.response_body.as_ref().unwrap().content, whole.response_body);
    let [first, second] = &story.attempts[..] else { panic!("two attempts") };
    assert_eq!(
        (first.status, first.code.as_deref(), first.finish_reason.as_deref()),
        (Some(529), Some("upstream_error"), None)
    );
    assert_eq!(first.request_body.as_ref().unwrap().content, b"sent upstream"[..]);
    assert_eq!(first.response_body.as_ref().unwrap().content, b"overloaded \xff"[..]);
    assert_eq!((second.reason.as_str(), second.finish_reason.as_deref()), ("retry", Some("tool_calls")));
    assert_eq!(
        (second.served_model.as_deref(), second.response_id.as_deref()),
        (Some("gpt-4o-2026-01-01"), Some("chatcmpl-1"))
    );
    assert_eq!(
        (second.usage, second.cost, second.timing),
        (whole.attempts[1].usage, whole.attempts[1].cost, whole.attempts[1].timing)
    );
    assert_eq!(store.reader().request(&id(2)).await.unwrap(), None);
}

async fn what_is_unknown_stays_unknown(place: Place) {
    let store = place.open().await;
    let mut bare = record(1);
    bare.usage = Usage::default();
    bare.cost = None;
    bare.timing = Timing { total_us: 9, ..Timing::default() };
    bare.attempts.clear();
    bare.response_body = Bytes::new();
    write(&store, [bare.clone()]).await;
    let story = store.reader().request(&bare.id).await.unwrap().unwrap();
    assert_eq!((story.request.usage, story.request.cost), (Usage::default(), None));
    assert_eq!((story.request.timing, story.request.model, story.request.provider), (bare.timing, None, None));
    assert_eq!(story.response_body, None);
    let total = day_overview(store.reader(), 24).await.total;
    assert_eq!((total.cost_known, total.cost_unknown_requests), (Usd::ZERO, 1));
    assert_eq!(total.first_token.p50_us, None);
    assert_eq!(
        place.number("SELECT COUNT(*) FROM requests WHERE cost_nanos IS NULL AND input_tokens IS NULL").await,
        1
    );
}

async fn each_filter_finds_its_own_and_nothing_else(place: Place) {
    let store = place.open().await;
    let mut other = record(2);
    other.task = "summary".into();
    other.attempts = vec![attempt("anthropic", "claude")];
    other.timing.total_us = 3_000_000;
    write(&store, [record(1), other, failed(3)]).await;
    let all = RequestFilter::default;
    let us = |n: u64| Some(i64::try_from((day_ms() + n) * 1_000).unwrap());
    let table = [
        (all(), vec![3, 2, 1]),
        (RequestFilter { task: Some("summary".into()), ..all() }, vec![2]),
        (RequestFilter { model: Some("gpt-4o-mini".into()), ..all() }, vec![3, 1]),
        (RequestFilter { provider: Some("anthropic".into()), ..all() }, vec![2]),
        (RequestFilter { outcome: Some(OutcomeKind::Failed), ..all() }, vec![3]),
        (RequestFilter { code: Some("upstream_error".into()), ..all() }, vec![3]),
        (RequestFilter { status_class: Some(2), ..all() }, vec![2, 1]),
        (RequestFilter { status_class: Some(5), task: Some("triage".into()), ..all() }, vec![3]),
        (RequestFilter { min_latency_us: Some(1_000_000), ..all() }, vec![2]),
        (RequestFilter { id_contains: Some(id(2).to_string()), ..all() }, vec![2]),
        (RequestFilter { id_contains: Some(id(3).to_string()[10..].to_uppercase()), ..all() }, vec![3]),
        (RequestFilter { id_contains: Some("100%".into()), ..all() }, vec![]),
        (RequestFilter { range: TimeRange { from_us: us(2), until_us: us(3) }, ..all() }, vec![2]),
        (RequestFilter { range: TimeRange { from_us: us(2), until_us: None }, ..all() }, vec![3, 2]),
    ];
    for (filter, expected) in table {
        let found: Vec<_> = listed(store.reader(), filter.clone()).await.into_iter().map(|row| row.id).collect();
        assert_eq!(found, expected.into_iter().map(id).collect::<Vec<_>>(), "{filter:?}");
    }
}

async fn pages_visit_every_request_once_and_newest_first(place: Place) {
    let store = place.open().await;
    write(&store, (0..25).map(record)).await;
    let filter = RequestFilter { provider: Some("openai".into()), ..RequestFilter::default() };
    let (mut seen, mut page) = (Vec::new(), Page::newest(10));
    loop {
        let found = store.reader().requests(&filter, &page).await.unwrap();
        seen.extend(found.requests.into_iter().map(|row| row.id));
        let Some(next) = found.next else { break };
        page.before = Some(next);
    }
    assert_eq!(seen, (0..25).rev().map(id).collect::<Vec<_>>());
}

async fn a_log_is_followed_without_a_gap(place: Place) {
    let store = place.open().await;
    write(&store, (0..25).map(record)).await;
    let (mut seen, mut after) = (Vec::new(), id(4));
    loop {
        let page = Page { limit: 8, before: None, after: Some(after.clone()) };
        let found = store.reader().requests(&RequestFilter::default(), &page).await.unwrap().requests;
        let Some(newest) = found.first() else { break };
        after = newest.id.clone();
        seen.extend(found.into_iter().rev().map(|row| row.id));
    }
    assert_eq!(seen, (5..25).map(id).collect::<Vec<_>>());
}

async fn equal_long_bodies_are_kept_once(place: Place) {
    let said = Bytes::from_static(include_bytes!("../../../docs/config.md"));
    let store = place.open().await;
    let same = |n| {
        let mut record = record(n);
        record.request_body = said.clone();
        record
    };
    write(&store, (0..5).map(same)).await;
    let first = place.number("SELECT COUNT(*) FROM bodies").await;
    write(&store, (5..10).map(same)).await;
    store.close().await;
    // A new process does not remember, the database does.
    let store = place.open().await;
    write(&store, (10..15).map(same)).await;
    assert_eq!(place.number("SELECT COUNT(*) FROM bodies").await, first);
    assert_eq!(place.number("SELECT COUNT(*) FROM bodies WHERE parts IS NOT NULL").await, 1);
    let story = store.reader().request(&id(12)).await.unwrap().unwrap();
    assert_eq!(story.request_body.unwrap().content, said);
}

async fn what_short_bodies_repeat_takes_little_room(place: Place) {
    let store = place.open().await;
    let asked = |n: u64| {
        let mut record = record(n);
        record.request_body = format!("{n}: {}", include_str!("../../../docs/sim.md").get(..4_000).unwrap()).into();
        record
    };
    write(&store, [asked(0)]).await;
    let one = place.number("SELECT CAST(SUM(LENGTH(content)) AS BIGINT) FROM packs").await;
    write(&store, (1..101).map(asked)).await;
    let all = place.number("SELECT CAST(SUM(LENGTH(content)) AS BIGINT) FROM packs").await;
    assert!(all < 30 * one, "101 of a kind take {all} bytes, the first {one}");
    assert_eq!(place.number("SELECT COUNT(*) FROM bodies").await, 0);
    for n in [0, 57, 100] {
        let story = store.reader().request(&id(n)).await.unwrap().unwrap();
        assert_eq!(story.request_body.unwrap().content, asked(n).request_body);
        assert_eq!(story.attempts.len(), 1);
    }
}

async fn calls_of_older_records_are_read_from_their_rows(place: Place) {
    let store = place.open().await;
    write(&store, [record(1)]).await;
    let id = id(1);
    place.number(&format!("UPDATE requests SET calls = NULL WHERE id = '{id}' RETURNING attempts")).await;
    let row = format!(
        "INSERT INTO attempts (request_id, position, started_us, provider, requested_model, status, hold_us, total_us, \
         reason) VALUES ('{id}', 0, 10, 'openai', 'gpt-4o-mini', 200, 0, 19000, 'first') RETURNING position"
    );
    place.number(&row).await;
    let story = store.reader().request(&id).await.unwrap().unwrap();
    let [call] = &story.attempts[..] else { panic!("one call") };
    assert_eq!((call.provider.as_str(), call.status, call.timing.total_us), ("openai", Some(200), 19_000));
    assert_eq!(call.usage, Usage::default());
}

async fn what_long_bodies_have_in_common_is_kept_once_and_as_long_as_it_is_needed(place: Place) {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let said = concat!(include_str!("../../../docs/cli.md"), include_str!("../../../docs/config.md")).as_bytes();
    let turn = |mut record: steersman_core::RequestRecord, turns: usize| {
        record.request_body = [said, &b"and one turn more; ".repeat(turns)].concat().into();
        record
    };
    let store = place.open().await;
    write(&store, [turn(aged(1, now_ms), 1)]).await;
    let first = place.number("SELECT SUM(LENGTH(content)) FROM bodies WHERE parts IS NULL").await;
    write(&store, (2..12).map(|n| turn(aged(n, now_ms), usize::try_from(n).unwrap()))).await;
    let kept = turn(fresh(1_000, now_ms), 3);
    write(&store, [kept.clone()]).await;
    let all = place.number("SELECT SUM(LENGTH(content)) FROM bodies WHERE parts IS NULL").await;
    assert!(all < 5 * first, "twelve turns of one conversation take {all} bytes, its first {first}");
    store.close().await;

    let mut config = place.config();
    config.retention = Retention { max_bytes: None, max_days: Some(30) };
    let store = Store::open(config).await.unwrap();
    write(&store, [fresh(1_001, now_ms)]).await;
    assert_eq!(listed(store.reader(), RequestFilter::default()).await.len(), 2);
    assert_eq!(place.number("SELECT COUNT(*) FROM bodies WHERE parts IS NOT NULL").await, 1);
    let story = store.reader().request(&kept.id).await.unwrap().unwrap();
    assert_eq!(story.request_body.unwrap().content, kept.request_body);
}

async fn day_overview(reader: &Reader, max_points: u32) -> steersman_store::rows::Overview {
    let from_us = i64::try_from(day_ms() * 1_000).unwrap();
    let until_us = from_us + 86_400 * 1_000_000;
    let query = OverviewQuery { from_us, until_us, max_points, task: None, model: None, provider: None };
    reader.overview(&query).await.unwrap()
}

async fn an_answer_that_was_cut_or_kept_is_no_error(place: Place) {
    let store = place.open().await;
    let mut cut = record(1);
    cut.outcome = OutcomeKind::Truncated;
    let mut starved = failed(2);
    (starved.outcome, starved.code) = (OutcomeKind::Truncated, Some(Code::OUTPUT_STARVED));
    let mut kept = record(3);
    kept.attempts.clear();
    let mut unreached = failed(4);
    unreached.attempts.clear();
    write(&store, [cut, starved, kept, unreached]).await;

    let overview = day_overview(store.reader(), 24).await;
    let total = &overview.total;
    assert_eq!((total.requests, total.errors, total.truncated), (4, 2, 1));
    let by: Vec<_> =
        overview.models.iter().map(|line| (&line.server, line.total.requests, line.total.errors)).collect();
    assert!(by.contains(&(&Server::Cache, 1, 0)) && by.contains(&(&Server::Nobody, 1, 1)), "{by:?}");
    let tasks = store.reader().tasks(0).await.unwrap();
    assert_eq!((tasks[0].aggregate.errors, tasks[0].aggregate.truncated), (2, 1));
}

async fn the_overview_shows_each_model_over_time(place: Place) {
    let store = place.open().await;
    let hour_ms = 3_600_000;
    let slow = (0..100).map(|n| {
        let mut record = record(n);
        record.timing.total_us = (n + 1) * 1_000;
        record
    });
    let mut other = record(5 * hour_ms);
    other.attempts = vec![attempt("anthropic", "claude")];
    let mut refused = failed(5 * hour_ms + 1);
    refused.outcome = OutcomeKind::Refused;
    write(&store, slow.chain([other, refused, failed(5 * hour_ms + 2)])).await;

    let overview = day_overview(store.reader(), 24).await;
    assert_eq!((overview.step_us, overview.steps), (3_600_000_000, 24));
    assert_eq!((overview.total.requests, overview.total.errors, overview.total.refused), (103, 1, 1));
    assert_eq!((overview.total.cost_known.nanos(), overview.total.cost_unknown_requests), (101 * 1_500, 2));
    assert_eq!((overview.total.tokens.input, overview.total.tokens.output), (10_300, 1_030));
    let models: Vec<_> = overview.models.iter().map(|line| (line.server.clone(), line.total.requests)).collect();
    let model = |name: &str| Server::Model(name.to_owned());
    assert_eq!(models, [(model("gpt-4o-mini"), 102), (model("claude"), 1)]);
    let points: Vec<_> = overview.models[0]
        .points
        .iter()
        .map(|point| (point.at_us - overview.from_us, point.aggregate.requests))
        .collect();
    assert_eq!(points, [(0, 100), (5 * 3_600_000_000, 2)]);
    let latency = overview.models[0].points[0].aggregate.latency;
    for (found, truth) in [(latency.p50_us, 50_000), (latency.p95_us, 95_000), (latency.p99_us, 99_000)] {
        assert!(found.unwrap().abs_diff(truth) <= truth / 50, "{found:?} for {truth}");
    }
    assert_eq!(overview.points.iter().map(|point| point.aggregate.requests).sum::<u64>(), 103);

    let fine = day_overview(store.reader(), 1_000).await;
    assert_eq!((fine.step_us, fine.total), (120_000_000, overview.total));
}

async fn facets_count_every_name(place: Place) {
    let store = place.open().await;
    let mut other = record(2);
    other.task = "summary".into();
    other.attempts.clear();
    write(&store, [record(0), record(1), other, failed(3)]).await;
    let whole = store.reader().facets(TimeRange::default()).await.unwrap();
    let from_us = i64::try_from(day_ms() * 1_000).unwrap();
    let within = TimeRange { from_us: Some(from_us), until_us: Some(from_us + 60_000_000) };
    assert_eq!(store.reader().facets(within).await.unwrap(), whole);
    let named = |facets: &[steersman_store::rows::Facet]| {
        facets.iter().map(|f| (f.name.clone(), f.requests)).collect::<Vec<_>>()
    };
    assert_eq!(named(&whole.tasks), [("triage".to_owned(), 3), ("summary".to_owned(), 1)]);
    assert_eq!(named(&whole.models), [("gpt-4o-mini".to_owned(), 3)]);
    assert_eq!(named(&whole.providers), [("openai".to_owned(), 3)]);
    assert_eq!(named(&whole.outcomes), [("accepted".to_owned(), 3), ("failed".to_owned(), 1)]);
    assert_eq!(named(&whole.codes), [("upstream_error".to_owned(), 1)]);
    let before = TimeRange { from_us: None, until_us: Some(from_us - 86_400_000_000) };
    assert_eq!(store.reader().facets(before).await.unwrap().tasks, []);
}

async fn a_rollup_grows_over_batches_and_runs(place: Place) {
    for run in 0..3 {
        let store = place.open().await;
        for batch in 0..3 {
            write(&store, [record(run * 10 + batch)]).await;
        }
        store.close().await;
    }
    let store = place.open().await;
    assert_eq!(day_overview(store.reader(), 24).await.total.requests, 9);
    // One row a tier and run, not one a batch.
    assert_eq!(place.number("SELECT COUNT(*) FROM rollups").await, 9);
}

async fn a_second_record_of_one_id_is_counted_and_not_kept(place: Place) {
    let store = place.open().await;
    write(&store, [record(1), record(1), record(2)]).await;
    let stats = store.stats();
    assert_eq!((stats.accepted, stats.written, stats.failed, stats.queued), (3, 2, 1, 0));
    assert!(stats.last_error.unwrap().contains("same id"));
    assert_eq!(day_overview(store.reader(), 24).await.total.requests, 2);
}

async fn a_store_reopened_still_has_its_records_and_its_runs(place: Place) {
    let store = place.open().await;
    write(&store, (0..3).map(record)).await;
    let stats = store.close().await;
    assert_eq!((stats.accepted, stats.written, stats.queued), (3, 3, 0));
    let store = place.open().await;
    assert_eq!(listed(store.reader(), RequestFilter::default()).await.len(), 3);
    let reader = Reader::open(&place.engine).await.unwrap();
    let runs = reader.runs(10).await.unwrap();
    let [now, before] = &runs[..] else { panic!("two runs: {runs:?}") };
    assert_eq!((now.ended_at_us, now.written), (None, 0));
    assert!(before.ended_at_us.is_some());
    assert_eq!((before.accepted, before.written, before.dropped, before.failed, before.lost_by_kill), (3, 3, 0, 0, 0));
}

async fn a_newer_schema_is_refused(place: Place) {
    place.open().await.close().await;
    place.number("UPDATE steersman_schema SET version = 99 RETURNING version").await;
    for refused in [Store::open(place.config()).await.err(), Reader::open(&place.engine).await.err()] {
        let error = refused.unwrap();
        assert!(matches!(error, StoreError::NewerSchema { found: 99, .. }), "{error}");
        assert!(error.to_string().contains("hint: use the newer steersman"), "{error}");
    }
    place.number("UPDATE steersman_schema SET version = 3 RETURNING version").await;
    let error = Reader::open(&place.engine).await.err().unwrap();
    assert!(matches!(error, StoreError::OlderSchema { found: 3, .. }), "{error}");
}

async fn planted_secrets_are_read_back_nowhere(place: Place) {
    const CONFIGURED: &str = "wonderland-0123456789";
    const KNOWN: &str = "sk-proj-abcdEFGH1234abcdEFGH1234";
    let mut config = place.config();
    config.secrets = vec![Secret::new(CONFIGURED)];
    let store = Store::open(config).await.unwrap();
    let planted = |n: u64, secret: &str| {
        let mut record = record(n);
        let body = Bytes::from(format!(r#"{{"content":"it is {secret}, keep it"}}"#));
        record.request_body = body.clone();
        record.response_body = body.clone();
        record.parameters = format!(r#"{{"user":"{secret}"}}"#);
        record.task = format!("task {secret}").into();
        record.requested_model = secret.into();
        record.attempts[0].requested_model = secret.into();
        record.attempts[0].served_model = Some(secret.into());
        record.attempts[0].response_id = Some(secret.to_owned());
        record.attempts[0].request_body = Some(body.clone());
        record.attempts[0].response_body = Some(body);
        record
    };
    write(&store, [planted(1, CONFIGURED), planted(2, KNOWN)]).await;
    for n in [1, 2] {
        let story = store.reader().request(&id(n)).await.unwrap().unwrap();
        let shown = serde_json::to_string(&story).unwrap();
        assert!(!shown.contains(CONFIGURED) && !shown.contains(KNOWN), "{shown}");
        assert_eq!(shown.matches("[redacted:").count(), 11, "{shown}");
    }
    let facets = serde_json::to_string(&store.reader().facets(TimeRange::default()).await.unwrap()).unwrap();
    assert!(!facets.contains(CONFIGURED) && !facets.contains(KNOWN), "{facets}");
}

async fn requests_past_their_days_go_with_their_bodies(place: Place) {
    let store = place.open().await;
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let (old, kept) = ((0..600).map(|n| aged(n, now_ms)), fresh(1_000, now_ms));
    write(&store, old.chain([kept.clone()])).await;
    assert!(place.number("SELECT COUNT(*) FROM packs").await > 2);
    store.close().await;

    let mut config = place.config();
    config.retention = Retention { max_bytes: None, max_days: Some(30) };
    let store = Store::open(config).await.unwrap();
    let next = fresh(1_001, now_ms);
    write(&store, [next.clone()]).await;
    let rows = listed(store.reader(), RequestFilter::default()).await;
    assert_eq!(rows.into_iter().map(|row| row.id).collect::<BTreeSet<_>>(), BTreeSet::from([kept.id.clone(), next.id]));
    assert_eq!(place.number("SELECT COUNT(*) FROM packs").await, 2);
    let story = store.reader().request(&kept.id).await.unwrap().unwrap();
    assert_eq!(story.attempts.len(), 1);
    assert_eq!(story.response_body.unwrap().content, kept.response_body);
}

/// A request of now.
fn fresh(n: u64, now_ms: u128) -> steersman_core::RequestRecord {
    let mut fresh = record(n);
    fresh.id = steersman_core::RequestId::new(u64::try_from(now_ms).unwrap());
    fresh.started_at_us = i64::try_from(now_ms * 1_000).unwrap();
    fresh
}

/// A request of forty days ago.
fn aged(n: u64, now_ms: u128) -> steersman_core::RequestRecord {
    let mut old = record(n);
    let at_ms = u64::try_from(now_ms).unwrap() - 40 * 86_400_000 + n;
    old.id = steersman_core::RequestId::new(at_ms);
    old.started_at_us = i64::try_from(at_ms * 1_000).unwrap();
    old
}

async fn a_name_with_a_zero_byte_does_not_cost_its_batch(place: Place) {
    let store = place.open().await;
    let mut odd = record(2);
    odd.task = "a\0b".into();
    odd.attempts[0].response_id = Some("\0".to_owned());
    write(&store, [record(1), odd, record(3)]).await;
    assert_eq!((store.stats().written, store.stats().failed), (3, 0));
    assert_eq!(listed(store.reader(), RequestFilter::default()).await.len(), 3);
}

async fn names_that_clients_invent_do_not_multiply_rollups(place: Place) {
    let store = place.open().await;
    let invented = (0..600).map(|n| {
        let mut record = record(n);
        record.task = format!("task {n}").into();
        record
    });
    write(&store, invented).await;
    let rows = place.number("SELECT COUNT(*) FROM rollups").await;
    assert!(rows <= 3 * 257, "{rows}");
    let facets = store.reader().facets(TimeRange::default()).await.unwrap();
    assert_eq!(facets.tasks.iter().map(|facet| facet.requests).sum::<u64>(), 600);
    assert_eq!((facets.tasks[0].name.as_str(), facets.tasks[0].requests), ("(other)", 600 - 256));
}

async fn records_after_closing_are_dropped_and_counted(place: Place) {
    let store = place.open().await;
    write(&store, [record(1)]).await;
    store.close().await;
    store.record(record(2));
    let stats = store.stats();
    assert_eq!((stats.accepted, stats.written, stats.dropped, stats.queued), (1, 1, 1, 0));
    store.flush().await.unwrap();
}

#[tokio::test]
async fn two_gateways_on_one_postgres_share_bodies_and_add_up() {
    let place = Place::postgres().await;
    let mut other_config = place.config();
    let steersman_store::Engine::Postgres { mark, .. } = &mut other_config.engine else { panic!("a postgres") };
    *mark = Some(place.folder.path().join("other-mark"));
    let (one, other) = (place.open().await, Store::open(other_config).await.unwrap());
    for round in 0..5 {
        for n in 0..40 {
            let numbered = |gateway: u64| {
                let mut record = record(round * 1_000 + n * 2 + gateway);
                // In opposite orders, so that a lock taken in the order of arrival would meet itself.
                let shared = if gateway == 0 { n } else { 39 - n };
                record.request_body = format!("{:17000} question {round} {shared}", "shared").into();
                record
            };
            one.record(numbered(0));
            other.record(numbered(1));
        }
        let (first, second) = tokio::join!(one.flush(), other.flush());
        first.and(second).unwrap();
    }
    assert_eq!((one.stats().written, other.stats().written), (200, 200));
    assert_eq!(place.number("SELECT COUNT(DISTINCT request_body) FROM requests").await, 200);
    assert_eq!(day_overview(one.reader(), 24).await.total.requests, 400);
}
