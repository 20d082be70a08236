//! An answer that a model gave as the call of a tool it was made to call, heard as the text of the answer.
//!
//! Where a provider knows no schemas, the schema goes out as that of the one tool ([`Level::Tool`]). What comes back is
//! heard here, before anything else reads it: the arguments of the call are the text, and an end for the sake of tools
//! is an end. The judge, the gate, previews and the client never learn of the tool; the record keeps the provider's own
//! words.
//!
//! What never happens here: an answer to a request with tools of its own is touched.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use steersman_core::{Event, FinishReason, ToolChoice, ToolSpec};
use steersman_structured::Level;
use steersman_wire::{AnswerDecoder, DecodeError, Dialect};

use crate::prepare::Target;

/// The tool's name where the form has none that a tool may bear.
const NAME: &str = "answer";
/// The longest name of a tool that every provider takes.
const MAX_NAME_CHARS: usize = 64;

/// The one tool of a form.
pub(crate) fn tool(name: Option<&str>, description: Option<String>, schema: Box<RawValue>) -> ToolSpec {
    let fits = |name: &&str| {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        plain && (1..=MAX_NAME_CHARS).contains(&name.len()) && name.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    let name = name.filter(fits).unwrap_or(NAME).to_owned();
    let description = description.or_else(|| Some("Gives the whole answer. Call it once.".to_owned()));
    ToolSpec { name, description, parameters: Some(schema), strict: None }
}

/// That this tool must be called.
pub(crate) fn choice(tool: &ToolSpec) -> ToolChoice {
    ToolChoice::Tool(tool.name.clone())
}

/// How the answer of one attempt is heard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hearing {
    dialect: &'static dyn Dialect,
    /// Whether the answer is what a tool is called with.
    unwraps: bool,
}

impl Hearing {
    /// How this target's answer is heard.
    pub(crate) fn of(target: &Target) -> Self {
        let unwraps = target.constraint.as_ref().is_some_and(|constraint| constraint.obtained == Level::Tool);
        Self { dialect: target.dialect, unwraps }
    }

    /// Heard as it is said.
    pub(crate) fn plain(dialect: &'static dyn Dialect) -> Self {
        Self { dialect, unwraps: false }
    }

    /// Whether an answer can reach a client of this dialect as it came.
    pub(crate) fn passes_to(&self, client: &dyn Dialect) -> bool {
        !self.unwraps && self.dialect.name() == client.name()
    }

    /// The name of its dialect.
    pub(crate) fn name(&self) -> &'static str {
        self.dialect.name()
    }

    /// The events of an unstreamed answer.
    pub(crate) fn decode(&self, body: &[u8]) -> Result<Vec<Event>, DecodeError> {
        let events = self.dialect.decode_answer(body)?;
        Ok(if self.unwraps { Calls::default().unwrap(events) } else { events })
    }

    /// A reader for one streamed answer.
    pub(crate) fn decoder(&self) -> Box<dyn AnswerDecoder> {
        let decoder = self.dialect.answer_decoder();
        if self.unwraps { Box::new(Unwrapping { decoder, calls: Calls::default() }) } else { decoder }
    }
}

struct Unwrapping {
    decoder: Box<dyn AnswerDecoder>,
    calls: Calls,
}

impl AnswerDecoder for Unwrapping {
    fn frame(&mut self, event: Option<&[u8]>, data: &[u8]) -> Result<Vec<Event>, DecodeError> {
        Ok(self.calls.unwrap(self.decoder.frame(event, data)?))
    }
}

/// The calls of one answer.
#[derive(Default)]
struct Calls {
    /// Choices of which something was said.
    begun: BTreeSet<u32>,
}

impl Calls {
    fn unwrap(&mut self, events: Vec<Event>) -> Vec<Event> {
        events.into_iter().filter_map(|event| self.heard(event)).collect()
    }

    fn heard(&mut self, event: Event) -> Option<Event> {
        match event {
            // Words before the call, and a second call, stay apart from it.
            Event::ToolCall { choice, .. } => {
                (!self.begun.insert(choice)).then(|| Event::Text { choice, text: "\n".to_owned() })
            }
            Event::ToolArguments { choice, text, .. } => Some(Event::Text { choice, text }),
            Event::Finish { choice, reason: FinishReason::ToolCalls } => {
                Some(Event::Finish { choice, reason: FinishReason::Stop })
            }
            Event::Text { choice, text } => {
                self.begun.insert(choice);
                Some(Event::Text { choice, text })
            }
            other => Some(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(events: Vec<Event>) -> (String, Vec<FinishReason>) {
        let (mut said, mut ends) = (String::new(), Vec::new());
        for event in Calls::default().unwrap(events) {
            match event {
                Event::Text { text, .. } => said.push_str(&text),
                Event::Finish { reason, .. } => ends.push(reason),
                other => panic!("{other:?}"),
            }
        }
        (said, ends)
    }

    #[test]
    fn a_call_is_the_text_of_the_answer_apart_from_words_and_calls_beside_it() {
        let call = |index| Event::ToolCall { choice: 0, index, id: "c".to_owned(), name: "answer".to_owned() };
        let more = |index, text: &str| Event::ToolArguments { choice: 0, index, text: text.to_owned() };
        let end = |reason| Event::Finish { choice: 0, reason };
        let words = Event::Text { choice: 0, text: "Here:".to_owned() };
        let (said, ends) = heard(vec![call(0), more(0, "{\"a\""), more(0, ":1}"), end(FinishReason::ToolCalls)]);
        assert_eq!((said.as_str(), ends), ("{\"a\":1}", vec![FinishReason::Stop]));
        let (said, ends) =
            heard(vec![words, call(0), more(0, "{}"), call(1), more(1, "{}"), end(FinishReason::Length)]);
        assert_eq!((said.as_str(), ends), ("Here:\n{}\n{}", vec![FinishReason::Length]));
    }

    #[test]
    fn a_form_lends_the_tool_its_name_where_a_tool_may_bear_it() {
        let schema = || RawValue::from_string("{}".to_owned()).unwrap_or_default();
        let named = |name| tool(Some(name), None, schema()).name;
        assert_eq!(
            (named("ticket_2").as_str(), named("ticket 2").as_str(), named("").as_str()),
            ("ticket_2", NAME, NAME)
        );
    }
}
