//! The repairs of an answer, marked on the text that the model wrote: what was taken out, and what stands there now.
//!
//! What a model wrote is text here, never markup.

use bytes::Bytes;
use maud::{Markup, html};
use serde_json::Value;
use steersman_core::Part;
use steersman_store::rows::RequestStory;
use steersman_wire::{Answer, DIALECTS, Dialect};

use crate::transcript::{streamed_events, words};

/// A change of the model's text.
struct Mark<'a> {
    start: usize,
    end: usize,
    after: &'a str,
    code: String,
    place: &'a str,
}

/// The model's text with its repairs; `None` if there were none.
pub(crate) fn marked(story: &RequestStory) -> Option<Markup> {
    let repairs = story.notes.get("structured")?.get("repairs")?.as_array().filter(|repairs| !repairs.is_empty())?;
    let text = story.attempts.iter().rev().find_map(|attempt| {
        let body = &attempt.response_body.as_ref()?.content;
        texts(body).into_iter().find(|text| marks(text, repairs).is_some())
    });
    let later = repairs.iter().filter(|repair| repair.get("pass").and_then(Value::as_u64) != Some(0));
    Some(html! {
        h2 { "Repairs" }
        @match &text {
            Some(text) => {
                @let marks = marks(text, repairs).unwrap_or_default();
                pre.repaired { @for piece in pieces(text, &marks) { (piece) } }
            }
            None => { p.notice { "The text that they were made on was not kept." } }
        }
        @let rest: Vec<&Value> = if text.is_some() { later.collect() } else { repairs.iter().collect() };
        @if !rest.is_empty() {
            table {
                thead { tr { th { "Repair" } th { "Place" } th { "Before" } th { "After" } } }
                tbody { @for repair in rest { tr {
                    td { (word(repair, "code").replace('_', " ")) } td { code { (place(repair)) } }
                    td { code { (words(word(repair, "before"))) } } td { code { (words(word(repair, "after"))) } }
                } } }
            }
        }
    })
}

fn word<'a>(repair: &'a Value, name: &str) -> &'a str {
    repair.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn place(repair: &Value) -> &str {
    Some(word(repair, "pointer")).filter(|pointer| !pointer.is_empty()).unwrap_or("/")
}

/// The changes of the first pass, in order; `None` if they were not made on this text.
fn marks<'a>(text: &str, repairs: &'a [Value]) -> Option<Vec<Mark<'a>>> {
    let mut marks = Vec::new();
    let mut at = 0;
    for repair in repairs.iter().filter(|repair| repair.get("pass").and_then(Value::as_u64) == Some(0)) {
        let offset = |name: &str| usize::try_from(repair.get(name)?.as_u64()?).ok();
        let (start, end) = (offset("start")?, offset("end")?);
        if start < at || text.get(start..end)? != word(repair, "before") {
            return None;
        }
        at = end;
        let code = word(repair, "code").replace('_', " ");
        marks.push(Mark { start, end, after: word(repair, "after"), code, place: place(repair) });
    }
    (!marks.is_empty()).then_some(marks)
}

fn pieces(text: &str, marks: &[Mark<'_>]) -> Vec<Markup> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for mark in marks {
        let title = format!("{} at {}", mark.code, mark.place);
        pieces.push(html! {
            (words(text.get(at..mark.start).unwrap_or_default()))
            @if mark.start < mark.end {
                del title=(title) { (words(text.get(mark.start..mark.end).unwrap_or_default())) }
            }
            @if !mark.after.is_empty() { ins title=(title) { (words(mark.after)) } }
        });
        at = mark.end;
    }
    pieces.push(html! { (words(text.get(at..).unwrap_or_default())) });
    pieces
}

/// Every text of an answer as a provider sent it, whichever dialect it speaks: its words, and the arguments of its
/// calls.
fn texts(body: &Bytes) -> Vec<String> {
    let read = |dialect: &&'static dyn Dialect| {
        let events = dialect.decode_answer(body).ok().or_else(|| streamed_events(*dialect, body))?;
        let texts: Vec<String> =
            Answer::collect(&events).choices.iter().flat_map(|choice| said(&choice.parts)).collect();
        texts.iter().any(|text| !text.is_empty()).then_some(texts)
    };
    DIALECTS.iter().find_map(read).unwrap_or_default()
}

fn said(parts: &[Part]) -> Vec<String> {
    let text: String =
        parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect();
    let calls = parts
        .iter()
        .filter_map(|part| if let Part::ToolCall(call) = part { Some(call.arguments.clone()) } else { None });
    std::iter::once(text).chain(calls).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_is_marked_where_it_was_made_and_what_a_model_wrote_is_escaped() {
        let text = "<script>alert(1)</script> {'a': 1}";
        let repairs = serde_json::json!([
            {"code": "wrapper", "pass": 0, "start": 0, "end": 26, "pointer": "", "before": text.get(..26), "after": ""},
            {"code": "quotes", "pass": 0, "start": 27, "end": 30, "pointer": "/a", "before": "'a'", "after": "\"a\""},
        ]);
        let repairs = repairs.as_array().expect("a list");
        let marks = marks(text, repairs).expect("they were made on it");
        let html: String = pieces(text, &marks).into_iter().map(Markup::into_string).collect();
        let wanted = "<del title=\"wrapper at /\">&lt;script&gt;alert(1)&lt;/script&gt; </del>{<del title=\"quotes at /a\">'a'</del>\
                      <ins title=\"quotes at /a\">&quot;a&quot;</ins>: 1}";
        assert_eq!(html, wanted);
        assert!(super::marks("another text", repairs).is_none());
    }
}
