//! What the other arms would have answered: the request is read back from its record and put to each of them.
//!
//! What never happens here: tools that run, a byte for a client, a grade.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use steersman_core::{AttemptRecord, ChatRequest, Note, RequestRecord, Usage, Usd};
use steersman_engine::{Aside, Board, Candidate, Likelihood, ask_aside, is_usable, last_question, short_answer, unit};
use steersman_routing::answer_key;
use steersman_store::rows::RequestStory;
use steersman_wire::{Answer, Dialect, dialect, sse::SseDecoder};

use crate::judge;
use crate::labels::{Call, Cell, Row};
use crate::measured::Measured;
use crate::purse::Spent;
use crate::settings::ObjectiveSettings;

/// The largest frame of a recorded stream.
const MAX_FRAME_BYTES: usize = 4 << 20;
/// The longest text that is kept with a label: as much as a router reads.
const MAX_TEXT_BYTES: usize = 4_096;

/// A finished request, as far as a label needs it.
pub(crate) struct Served {
    /// What a router may see.
    pub(crate) text: String,
    request: ChatRequest,
    /// The arm whose answer the client got, where the route's note says it.
    arm: Option<String>,
    cell: Cell,
    /// Tokens of the attempt that the client got its answer from.
    usage: Usage,
    /// What other arms answered that were asked before, by name.
    held_back: Vec<(String, Cell)>,
}

impl Served {
    /// What an arm has answered already.
    fn known(&self, name: &str) -> Option<&Cell> {
        if self.arm.as_deref() == Some(name) {
            return Some(&self.cell);
        }
        self.held_back.iter().find(|(arm, _)| arm == name).map(|(_, cell)| cell)
    }

    /// Tells the board of a session that the reference has answered.
    pub(crate) fn pin(&self, board: &Board, reference: &str, bytes: usize) {
        if self.arm.as_deref() == Some(reference) {
            board.answered_by_reference(&self.request.messages, self.usage, bytes);
        }
    }

    /// Whether a candidate's answer was good enough to be released; `None` where none was asked.
    pub(crate) fn candidate_valid(&self, reference: &str) -> Option<bool> {
        self.arm.as_ref().filter(|arm| *arm != reference).map(|_| self.cell.valid)
    }
}

/// Reads a record. `None` if it is not of a dialect that this build knows.
pub(crate) fn served(record: &RequestRecord, settings: &ObjectiveSettings) -> Option<Served> {
    let pointer = settings.answer.as_deref();
    let dialect = dialect(record.protocol)?;
    let request = dialect.decode_request(&record.request_body).ok()?;
    let answer = read_answer(dialect, record.streamed, &record.response_body)?;
    let Path { asked, arm, likelihood } = path_of(record);
    let told = |name: &str| likelihood.iter().find(|(known, _)| known == name).map(|(_, told)| *told);
    // Where each arm was asked once, attempts that gave an answer are the arms' in their order.
    let answers: Vec<&AttemptRecord> =
        record.attempts.iter().filter(|attempt| attempt.status == Some(200) && attempt.code.is_none()).collect();
    let calls: Vec<(&String, &AttemptRecord)> =
        if asked.len() == answers.len() { asked.iter().zip(answers).collect() } else { Vec::new() };
    let own = calls.iter().find(|(name, _)| Some(*name) == arm.as_ref()).map(|(_, attempt)| *attempt);
    let own = own.or(record.attempts.last());
    let (cell, usage) = (
        cell_of(&answer, own, arm.as_deref().and_then(told), pointer),
        own.map(|attempt| attempt.usage).unwrap_or_default(),
    );
    let others = calls.iter().filter(|(name, _)| Some(*name) != arm.as_ref());
    let held_back = others.filter_map(|(name, attempt)| {
        let (_, candidate) = settings.arms.iter().find(|(known, _)| known == *name)?;
        let spoken = candidate.provider.dialect_for(dialect);
        let answer = read_answer(spoken, false, attempt.response_body.as_ref()?)?;
        Some(((*name).clone(), cell_of(&answer, Some(attempt), told(name), pointer)))
    });
    let held_back = held_back.collect();
    Some(Served { text: cut(last_question(&request.messages)), request, arm, cell, usage, held_back })
}

fn cell_of(answer: &Answer, attempt: Option<&AttemptRecord>, likelihood: Option<f32>, pointer: Option<&str>) -> Cell {
    let thought = attempt.and_then(|attempt| attempt.usage.reasoning_tokens);
    Cell {
        quality: None,
        cost_usd: attempt.and_then(|attempt| attempt.cost).map(Usd::as_f64),
        call: attempt.map(|attempt| Call {
            provider: attempt.provider.as_str().to_owned(),
            model: attempt.requested_model.clone(),
            served: attempt.served_model.clone(),
            usage: attempt.usage,
        }),
        answer: short_answer(answer, pointer),
        valid: is_usable(answer),
        latency_ms: attempt.map(|attempt| attempt.timing.total_us as f32 / 1e3),
        reasoning_tokens: thought.and_then(|n| u32::try_from(n).ok()),
        likelihood,
        judged: None,
    }
}

/// What a stored request asked and got, as far as a grade needs it.
pub(crate) struct Said {
    /// What a router may see.
    pub(crate) text: String,
    /// The short answer.
    pub(crate) answer: Option<String>,
    /// Whether validators accept it.
    pub(crate) valid: bool,
}

/// Reads it from the store. `None` if a body is gone or of a dialect that this build does not know.
pub(crate) fn answer_of(story: &RequestStory, pointer: Option<&str>) -> Option<Said> {
    let dialect = dialect(&story.request.protocol)?;
    let request = dialect.decode_request(&story.request_body.as_ref()?.content).ok()?;
    let answer = read_answer(dialect, story.request.streamed, &story.response_body.as_ref()?.content)?;
    let answered = short_answer(&answer, pointer);
    Some(Said { text: cut(last_question(&request.messages)), answer: answered, valid: is_usable(&answer) })
}

fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT_BYTES)).unwrap_or_default().to_owned()
}

/// What the route's note says of the way a request took.
#[derive(Default)]
struct Path {
    /// The arms that were asked, in order.
    asked: Vec<String>,
    /// Whose answer was given.
    arm: Option<String>,
    /// How likely arms found their answers, where that was asked.
    likelihood: Vec<(String, f32)>,
}

#[derive(Deserialize)]
struct RouteNote {
    served: Option<steersman_routing::Served>,
    #[serde(default)]
    steps: Vec<RouteStep>,
}

#[derive(Deserialize)]
struct RouteStep {
    arm: String,
    likelihood: Option<f32>,
}

fn path_of(record: &RequestRecord) -> Path {
    let note = record.notes.iter().find(|note| note.room == "route");
    let Some(note) = note.and_then(|note| serde_json::from_str::<RouteNote>(&note.content).ok()) else {
        return Path::default();
    };
    let Some(served) = note.served else { return Path::default() };
    let likelihood = note.steps.into_iter().filter_map(|step| Some((step.arm, step.likelihood?))).collect();
    Path { asked: served.asked, arm: Some(served.answered), likelihood }
}

fn read_answer(dialect: &'static dyn Dialect, streamed: bool, body: &Bytes) -> Option<Answer> {
    if !streamed {
        return Some(Answer::collect(&dialect.decode_answer(body).ok()?));
    }
    let (mut frames, mut decoder, mut answer) =
        (SseDecoder::new(MAX_FRAME_BYTES), dialect.answer_decoder(), Answer::default());
    frames.push(body.clone());
    while let Some(frame) = frames.next_frame().ok()? {
        if let Some(data) = frame.data() {
            decoder.frame(frame.event(), data).ok()?.iter().for_each(|event| answer.push(event));
        }
    }
    Some(answer)
}

/// Whom a label asks: every arm by name, the reference last, and the judge with its share.
pub(crate) struct Panel {
    pub(crate) arms: Vec<(String, Candidate)>,
    pub(crate) judge: Option<(Candidate, f64)>,
}

impl Panel {
    /// Everybody, each at the places that may process the request by what its record says of regions; `None` where one
    /// of them has no such place.
    pub(crate) fn of(notes: &[Note], settings: &ObjectiveSettings) -> Option<Self> {
        let Some(note) = notes.iter().find(|note| note.room == "region") else {
            return Some(Self { arms: settings.arms.clone(), judge: settings.judge.clone() });
        };
        let RegionNote { met_by } = serde_json::from_str(&note.content).ok()?;
        let keep = |candidate: &Candidate| candidate.at(|place| met_by.iter().any(|name| name == place.as_str()));
        let arms = settings.arms.iter().map(|(name, arm)| Some((name.clone(), keep(arm)?)));
        let judge = match &settings.judge {
            Some((judge, share)) => Some((keep(judge)?, *share)),
            None => None,
        };
        Some(Self { arms: arms.collect::<Option<_>>()?, judge })
    }
}

#[derive(Deserialize)]
struct RegionNote {
    /// The providers that may process it.
    met_by: Vec<String>,
}

/// What the shadow calls gave.
pub(crate) struct Gathered {
    /// The ungraded label; `None` if an arm gave no answer at all.
    pub(crate) row: Option<Row>,
    /// What the calls cost.
    pub(crate) spent: Spent,
}

/// Asks every arm that has not answered already. The reference is asked last: without the others it would be wasted.
pub(crate) async fn gather(
    record: &RequestRecord,
    served: Served,
    settings: &ObjectiveSettings,
    panel: &Panel,
    limit: Duration,
) -> Gathered {
    let mut gathered = Gathered { row: None, spent: Spent::default() };
    let mut arms = Vec::with_capacity(panel.arms.len());
    for (name, candidate) in &panel.arms {
        let cell = if let Some(known) = served.known(name) {
            known.clone()
        } else {
            let weighed = settings.likelihood && *name != settings.plan.reference;
            let likelihood = if weighed { Likelihood::Asked } else { Likelihood::Unasked };
            match ask_aside(candidate, &served.request, likelihood, limit).await {
                Ok(aside) => {
                    gathered.spent.add(aside.cost);
                    cell(&aside, candidate, settings.answer.as_deref())
                }
                Err(error) => {
                    tracing::debug!(%error, arm = %name, request = %record.id, "a shadow call gave no answer");
                    return gathered;
                }
            }
        };
        arms.push((name.clone(), cell));
    }
    gathered.spent.add_all(judge_all(record, &served.text, &mut arms, panel, limit).await);
    gathered.row = Some(Row {
        id: record.id.to_string(),
        task: record.task.to_string(),
        text: served.text,
        arms,
        measured: Measured::of(settings),
        propensity: settings.shadow_share,
    });
    gathered
}

/// Asks the judge about a stratified sample of the candidates' answers; gives what that cost.
async fn judge_all(
    record: &RequestRecord,
    question: &str,
    arms: &mut [(String, Cell)],
    panel: &Panel,
    limit: Duration,
) -> Spent {
    let mut spent = Spent::default();
    let Some((judge, share)) = &panel.judge else { return spent };
    let [candidates @ .., (_, reference)] = arms else { return spent };
    let Some(theirs) = reference.answer.as_deref() else { return spent };
    for (name, cell) in candidates {
        let Some(own) = cell.answer.as_deref() else { continue };
        let agrees = answer_key(own) == answer_key(theirs);
        if unit(&record.id, &format!("judge/{name}")) < judge::propensity(*share, agrees) {
            let (judged, cost) = judge::judge(judge, question, [own, theirs], limit).await;
            cell.judged = judged;
            spent.add_all(cost);
        }
    }
    spent
}

fn cell(aside: &Aside, candidate: &Candidate, pointer: Option<&str>) -> Cell {
    let thought = aside.answer.usage.and_then(|usage| usage.reasoning_tokens);
    Cell {
        quality: None,
        cost_usd: aside.cost.map(Usd::as_f64),
        call: aside.answer.usage.map(|usage| Call {
            provider: candidate.provider.name.as_str().to_owned(),
            model: candidate.model.clone(),
            served: (!aside.answer.model.is_empty()).then(|| aside.answer.model.as_str().into()),
            usage,
        }),
        answer: short_answer(&aside.answer, pointer),
        valid: is_usable(&aside.answer),
        latency_ms: Some(aside.took.as_secs_f32() * 1e3),
        reasoning_tokens: thought.and_then(|n| u32::try_from(n).ok()),
        likelihood: aside.likelihood,
        judged: None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use steersman_core::{BoxFuture, Upstream, UpstreamAnswer, UpstreamCall, UpstreamError};
    use steersman_engine::{Catalog, Deployment, Provider};
    use steersman_wire::openai_chat::OpenAiChat;

    use super::*;

    /// A place that nobody may reach.
    struct Unreached;

    impl Upstream for Unreached {
        fn call(&self, call: UpstreamCall) -> BoxFuture<'_, Result<UpstreamAnswer, UpstreamError>> {
            panic!("{} was reached", call.path)
        }
    }

    #[test]
    fn a_request_that_must_stay_in_a_region_is_put_to_nobody_outside_of_it() {
        let mut catalog = Catalog::default();
        for name in ["eu", "us"] {
            catalog.add_provider(Provider::new(name, &OpenAiChat, Arc::new(Unreached)), [format!("in-{name}")]);
        }
        let candidate = |name: &str| -> Candidate { catalog.candidate(name).ok().unwrap() };
        let [eu, us] = ["in-eu", "in-us"].map(candidate);
        let mut both = us.clone();
        let place =
            |one: &Candidate| Deployment { provider: Arc::clone(&one.provider), model: one.model.clone(), weight: 1 };
        both.deployments = Arc::new([place(&us), place(&eu)]);
        let asked = |content: Option<&str>, arms: &[&Candidate]| -> Option<Vec<String>> {
            let notes: Vec<Note> =
                content.map(|content| Note { room: "region", content: content.to_owned() }).into_iter().collect();
            let arms = arms.iter().map(|arm| (String::new(), (*arm).clone())).collect();
            let panel = Panel::of(&notes, &ObjectiveSettings { arms, ..crate::fixtures::nobody() })?;
            Some(panel.arms.iter().map(|(_, arm)| arm.provider.name.as_str().to_owned()).collect())
        };
        let eu_alone = Some(r#"{"demanded":[["eu"]],"met_by":["eu","local"],"left_out":[]}"#);
        assert!(asked(None, &[&eu, &us]).is_some(), "nobody demands anything");
        assert!(asked(eu_alone, &[&eu, &eu]).is_some() && asked(eu_alone, &[&eu, &us]).is_none());
        assert_eq!(asked(eu_alone, &[&both, &eu]).unwrap(), ["eu", "eu"], "a model is asked where it may be");
        assert!(asked(Some(r#"{"met_by":["eu","us"]}"#), &[&eu, &us]).is_some());
        assert!(asked(Some("?"), &[&eu, &us]).is_none(), "what cannot be read forbids");
    }
}
