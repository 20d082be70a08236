//! The log of served requests that somebody has graded: what an estimate of another policy is made from.
//!
//! A decision stands on the request's record, a grade in the state: a label, a client's truth, or a client's score.
//! They are joined when the log is asked for, so that serving a request costs nothing more.
//!
//! What never happens here: a decision without its propensity, or a grade of an answer that nobody saw.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use steersman_core::{RequestId, Usd};
use steersman_routing::{Served, answer_key};
use steersman_store::rows::RequestStory;
use steersman_store::{Page, Reader, RequestFilter, StoreError};

use crate::labels::Row;
use crate::measured::Measured;
use crate::objectives::{LABEL, Objectives, SCORE, TRUTH};
use crate::settings::ObjectiveSettings;
use crate::shadow::answer_of;

/// The log holds so many of the newest decisions; each is a read of the store.
const MOST: usize = 20_000;
/// A client's word names a request and no task: which are the task's is read from so many lists of a thousand of its
/// newest.
const LISTS: usize = 20;

/// What is known of a request's worth.
enum Grade {
    Label(Box<Row>),
    Truth(String),
    Score(f64),
}

impl Objectives {
    /// A task's graded decisions as recorded traffic with `served`, newest first. What the store no longer keeps is
    /// left out. Cost: a read of the store for each.
    ///
    /// # Errors
    /// The store or the state cannot be read.
    pub async fn decisions(&self, task: &str, reader: &Reader) -> Result<Vec<Value>, StoreError> {
        self.newest_decisions(task, reader, MOST).await
    }

    /// The same, at most so many.
    pub(crate) async fn newest_decisions(
        &self,
        task: &str,
        reader: &Reader,
        most: usize,
    ) -> Result<Vec<Value>, StoreError> {
        let Some(settings) = self.settings(task) else { return Ok(Vec::new()) };
        let mut graded = Vec::new();
        let of_task = self.newest_requests(task, reader).await?;
        for (kind, read) in [(LABEL, label as fn(&str) -> Option<Grade>), (TRUTH, truth), (SCORE, score)] {
            for document in self.state().documents(kind).await? {
                let id = match document.name.rsplit_once('/') {
                    Some((named, id)) => Some(id).filter(|_| named == task),
                    None => Some(document.name.as_str()).filter(|id| of_task.contains(*id)),
                };
                let id = id.and_then(RequestId::parse);
                graded.extend(id.zip(read(&document.content)).map(|(id, grade)| (document.updated_at_us, id, grade)));
            }
        }
        graded.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
        let mut log = Vec::new();
        let mut known = BTreeSet::new();
        for (_, id, grade) in graded {
            if log.len() == most {
                break;
            }
            let story = reader.request(&id).await?.filter(|story| story.request.task == task);
            let decision = story.and_then(|story| decision(&story, &grade, settings));
            // Of a label and a score of the same request the newer one counts.
            log.extend(decision.filter(|_| known.insert(id.to_string())));
        }
        Ok(log)
    }

    /// The ids of a task's newest requests.
    async fn newest_requests(&self, task: &str, reader: &Reader) -> Result<BTreeSet<String>, StoreError> {
        let filter = RequestFilter { task: Some(task.to_owned()), ..RequestFilter::default() };
        let mut page = Page { limit: Page::MAX_LIMIT, before: None, after: None };
        let mut ids = BTreeSet::new();
        for _ in 0..LISTS {
            let list = reader.requests(&filter, &page).await?;
            ids.extend(list.requests.iter().map(|row| row.id.to_string()));
            page.before = list.next;
            if page.before.is_none() {
                break;
            }
        }
        Ok(ids)
    }
}

fn label(content: &str) -> Option<Grade> {
    serde_json::from_str(content).ok().map(|row| Grade::Label(Box::new(row)))
}

fn truth(content: &str) -> Option<Grade> {
    Some(Grade::Truth(content.to_owned()))
}

fn score(content: &str) -> Option<Grade> {
    content.parse().ok().map(Grade::Score)
}

/// One line of the log; `None` if the record does not say how the request was served.
fn decision(story: &RequestStory, grade: &Grade, settings: &ObjectiveSettings) -> Option<Value> {
    let note = story.notes.get("route")?;
    let served: Served = serde_json::from_value(note.get("served")?.clone()).ok()?;
    // Where an arm was left out, the path was not the scores' choice alone, and its chance is not theirs.
    let left_out = note.get("left_out").and_then(Value::as_array).is_some_and(|arms| !arms.is_empty());
    if left_out && !served.fixed {
        return None;
    }
    if let Grade::Label(row) = grade {
        if row.measured.otherwise(&Measured::of(settings)).is_some() {
            return None;
        }
        let mut line = row.recorded(&settings.arms);
        line.as_object_mut()?.insert("served".to_owned(), json!(served));
        return Some(line);
    }
    let said = answer_of(story, settings.answer.as_deref())?;
    let quality = match grade {
        Grade::Truth(right) => {
            let right = answer_key(right);
            f64::from(u8::from(right.is_some() && said.answer.as_deref().and_then(answer_key) == right && said.valid))
        }
        Grade::Score(score) => *score,
        Grade::Label(_) => return None,
    };
    // The record knows what all calls of the request cost together; only their sum is looked at.
    let cost = |name: &String| match story.request.cost {
        Some(total) if *name == served.answered => Some(total.as_f64()),
        Some(_) => Some(Usd::ZERO.as_f64()),
        None => None,
    };
    let steps = note.get("steps").and_then(Value::as_array).into_iter().flatten();
    let cells = served.asked.iter().zip(steps).map(|(name, step)| {
        let answer = step.get("answer").and_then(Value::as_u64).map(|key| format!("answer {key}"));
        let quality = (*name == served.answered).then_some(quality);
        let cell = json!({
            "quality": quality, "cost_usd": cost(name), "answer": answer, "valid": step.get("valid"),
            "likelihood": step.get("likelihood"),
        });
        (name.clone(), cell)
    });
    let cells: serde_json::Map<String, Value> = cells.collect();
    Some(json!({
        "id": story.request.id, "text": said.text, "group": "", "split": "test", "arms": cells, "served": served,
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use steersman_core::{ContentHash, Note, OutcomeKind, Recorder as _, RequestRecord, Timing, Usage};
    use steersman_store::{Engine, Redactor, Store, StoreConfig, now_us};

    use super::*;
    use crate::fixtures::nobody;

    fn served(id: RequestId, task: &str) -> RequestRecord {
        let note = json!({
            "served": { "asked": ["small"], "answered": "small", "propensity": 1.0 },
            "steps": [{ "arm": "small", "valid": true }],
        });
        let said = json!({ "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "delivery" } }] });
        RequestRecord {
            id,
            started_at_us: now_us(),
            task: task.into(),
            protocol: "openai.chat",
            streamed: false,
            requested_model: "task/x".into(),
            status: 200,
            outcome: OutcomeKind::Accepted,
            code: None,
            usage: Usage::default(),
            cost: Some(Usd::from_nanos(1_500)),
            timing: Timing::default(),
            fingerprint: ContentHash::of(b"system"),
            parameters: "{}".to_owned(),
            request_body: Bytes::from_static(
                br#"{"model":"task/x","messages":[{"role":"user","content":"where is it?"}]}"#,
            ),
            response_body: Bytes::from(said.to_string()),
            attempts: Vec::new(),
            notes: vec![Note { room: "route", content: note.to_string() }],
        }
    }

    #[tokio::test]
    async fn a_task_with_few_grades_has_its_log_beside_a_neighbour_with_many_newer_ones() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::Sqlite { path: folder.path().join("steersman.db") };
        let store = Store::open(StoreConfig::new(engine)).await.unwrap();
        let millis = u64::try_from(now_us()).unwrap() / 1_000;
        let id = |number: u8| RequestId::from_parts(millis - 100 + u64::from(number), [number; 10]);
        for number in 0..40 {
            let task = if number < 4 { "quiet" } else { "loud" };
            store.record(served(id(number), task));
            let (name, at) = (id(number).to_string(), now_us() + i64::from(number));
            store.state().put_document(SCORE, &name, None, "1", at).await.unwrap();
        }
        store.flush().await.unwrap();
        let settings = ["quiet", "loud"].map(|task| (task.to_owned(), nobody()));
        let objectives =
            Objectives::open(BTreeMap::from(settings), store.state().clone(), Redactor::new(&[])).await.unwrap();
        for (task, most, found) in [("quiet", 10, 4), ("quiet", 3, 3), ("loud", 10, 10), ("loud", 100, 36)] {
            let log = objectives.newest_decisions(task, store.reader(), most).await.unwrap();
            assert_eq!(log.len(), found, "`{task}`, at most {most}");
        }
        store.close().await;
    }
}
