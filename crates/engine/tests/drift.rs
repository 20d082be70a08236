//! The memory of forms: counters that outlive their engine, and names that are understood once they were confirmed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod house;

use std::collections::BTreeMap;

use house::{House, content};
use serde_json::{Value, json};
use steersman_engine::FormSettings;
use steersman_structured::AS_SENT;
use steersman_wire::openai_chat;

fn house() -> House {
    House::new(&openai_chat::OpenAiChat, &AS_SENT, FormSettings::default())
}

fn ticket() -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["severity"], "properties": {
        "severity": {"type": "string"}, "note": {"type": "string"}}})
}

/// Every answer stays right while one repair becomes common; gives the alarms.
async fn rising_repairs(house: &House) -> usize {
    for (answers, text) in [(110, r#"{"severity": "high"}"#), (40, r#"{"ticket_severity": "high"}"#)] {
        for _ in 0..answers {
            assert_eq!(house.ask("how bad", &ticket(), &[text]).await.status, 200);
        }
    }
    house.engine.remembered().1.len()
}

#[tokio::test(start_paused = true)]
async fn repairs_that_mask_a_decline_raise_an_alarm_and_none_where_the_loop_is_cut() {
    assert_eq!(rising_repairs(&house()).await, 1);
    let mut deaf = house();
    deaf.engine = deaf.engine.clone().without_drift();
    assert_eq!(rising_repairs(&deaf).await, 0, "the alarm comes from this loop and no other");
}

#[tokio::test(start_paused = true)]
async fn counters_go_on_in_the_next_process() {
    let before = house();
    for _ in 0..110 {
        before.ask("how bad", &ticket(), &[r#"{"severity": "high"}"#]).await;
    }
    for _ in 0..8 {
        before.ask("how bad", &ticket(), &[r#"{"ticket_severity": "high"}"#]).await;
    }
    assert!(before.engine.remembered().1.is_empty(), "too few for an alarm");
    let after = house();
    for (_, kept) in before.engine.changed_drift() {
        after.engine.restore_drift(&kept).unwrap();
    }
    *after.says.version.lock().unwrap() = "m-2".to_owned();
    for _ in 0..8 {
        after.ask("how bad", &ticket(), &[r#"{"ticket_severity": "high"}"#]).await;
    }
    let (rows, alarms) = after.engine.remembered();
    let [alarm] = alarms.as_slice() else { panic!("{alarms:?}") };
    assert_eq!((alarm.form.old.as_str(), alarm.served_before.as_slice()), ("ticket_severity", &["m-1".to_owned()][..]));
    assert_eq!((rows[0].repairs, rows[0].answers), (16, 126));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_second_answers_confirmed_is_understood_at_once_and_recorded() {
    let house = house();
    let (odd, right) = (r#"{"heat": "high"}"#, r#"{"severity": "high"}"#);
    let reply = house.ask("how bad", &ticket(), &[odd, right]).await;
    assert_eq!((content(reply).as_str(), house.sent().len()), (right, 2), "a name of no kin is asked about");
    let evidence = house.engine.take_evidence();
    let [seen] = evidence.as_slice() else { panic!("{evidence:?}") };
    assert_eq!((seen.alias.old.as_str(), seen.alias.new.as_str(), seen.model.as_str()), ("heat", "severity", "p/m"));

    let key = (seen.model.clone(), seen.schema.clone());
    house.engine.replace_aliases(BTreeMap::from([(key, vec![seen.alias.clone()])]));
    let reply = house.ask("how bad", &ticket(), &[odd]).await;
    assert_eq!((content(reply).as_str(), house.sent().len()), (right, 1));
    assert_eq!(house.note()["repairs"][0]["code"], "alias");
    // A declared name that is there is never overridden.
    let both = r#"{"severity": "low", "heat": "high"}"#;
    let reply = house.ask("how bad", &ticket(), &[both, both]).await;
    assert!(reply.status == 422 || content(reply) == r#"{"severity": "low"}"#);

    house.engine.replace_aliases(BTreeMap::new());
    house.ask("how bad", &ticket(), &[odd, right]).await;
    assert_eq!(house.sent().len(), 2, "the kill switch");
}
