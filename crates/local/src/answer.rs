//! From the pieces of a job to the events of an answer.

use serde_json::{Value, json};
use steersman_core::{Event, FinishReason, Usage};

use crate::calls::{CallReader, Said};
use crate::job::{Piece, TokenLogprob};
use crate::prepare::Reading;

/// The name of the dialect that log probabilities and our own extension are written in.
const DIALECT: &str = steersman_wire::openai_chat::NAME;

/// Reads the pieces of one job.
#[derive(Debug)]
pub struct AnswerReader {
    id: String,
    model: String,
    reading: Reading,
    is_constrained: bool,
    choices: Vec<ChoiceReader>,
    usage: Usage,
}

#[derive(Debug, Default)]
struct ChoiceReader {
    calls: CallReader,
    /// The whole text, where it is one call.
    whole: String,
    called: u32,
}

impl AnswerReader {
    /// A reader of an answer with this id from this model.
    #[must_use]
    pub fn new(id: String, model: String, reading: Reading, is_constrained: bool) -> Self {
        Self { id, model, reading, is_constrained, choices: Vec::new(), usage: Usage::default() }
    }

    /// The events that a piece makes. A failure makes none: it is the transport's to tell.
    pub fn read(&mut self, piece: Piece) -> Vec<Event> {
        match piece {
            Piece::Started { input_tokens, cached_tokens, unenforced } => {
                self.usage.input_tokens = Some(input_tokens);
                self.usage.cache_read_tokens = Some(cached_tokens);
                self.begin(&unenforced)
            }
            Piece::Token { choice, text, logprob } => {
                let mut events = self.spoken(choice, &text);
                events.extend(logprob.map(|logprob| Event::Foreign {
                    choice: Some(choice),
                    dialect: DIALECT,
                    name: "logprobs".to_owned(),
                    json: json!({"content": [written(&logprob)], "refusal": null}).to_string(),
                }));
                events
            }
            Piece::Finished { choice, reason, tokens } => {
                *self.usage.output_tokens.get_or_insert(0) += tokens;
                self.finished(choice, reason)
            }
            Piece::Done => vec![Event::Usage(self.usage), Event::Done],
            Piece::Failed(_) => Vec::new(),
        }
    }

    fn begin(&self, unenforced: &[String]) -> Vec<Event> {
        let mut events = vec![Event::Start { id: self.id.clone(), model: self.model.clone() }];
        if self.is_constrained {
            let label = match unenforced {
                [] => json!({"constrained": true}),
                kept_out => json!({"constrained": true, "unenforced": kept_out}),
            };
            events.push(Event::Foreign {
                choice: None,
                dialect: DIALECT,
                name: "steersman".to_owned(),
                json: label.to_string(),
            });
        }
        events
    }

    fn spoken(&mut self, choice: u32, text: &str) -> Vec<Event> {
        match self.reading.clone() {
            Reading::Words => words(choice, text),
            Reading::Calls(_) => {
                let said = self.choice(choice).calls.push(text);
                self.said(choice, said)
            }
            Reading::ArgumentsOf(name) => {
                let mut events = self.open_call(choice, name);
                events.extend(arguments(choice, 0, text));
                events
            }
            Reading::OneCall => {
                self.choice(choice).whole.push_str(text);
                Vec::new()
            }
        }
    }

    fn finished(&mut self, choice: u32, reason: FinishReason) -> Vec<Event> {
        let mut events = match self.reading.clone() {
            Reading::Words => Vec::new(),
            Reading::Calls(_) => {
                let said = self.choice(choice).calls.finish();
                self.said(choice, said)
            }
            Reading::ArgumentsOf(name) => self.open_call(choice, name),
            Reading::OneCall => {
                // The text is the inside of a call; the reader knows how to read it, or to leave it as text.
                let whole = std::mem::take(&mut self.choice(choice).whole);
                let mut reader = CallReader::default();
                let mut said = reader.push(&format!("{}{whole}", crate::tools::OPEN_TAG));
                said.extend(reader.finish());
                self.said(choice, said)
            }
        };
        let called = self.choice(choice).called > 0;
        let reason = if called && reason == FinishReason::Stop { FinishReason::ToolCalls } else { reason };
        events.push(Event::Finish { choice, reason });
        events
    }

    fn said(&mut self, choice: u32, said: Vec<Said>) -> Vec<Event> {
        let mut events = Vec::new();
        for said in said {
            match said {
                Said::Text(text) => events.extend(words(choice, &text)),
                Said::Call { name, arguments: text } => {
                    let index = self.choice(choice).called;
                    self.choice(choice).called += 1;
                    events.push(Event::ToolCall { choice, index, id: self.call_id(choice, index), name });
                    events.extend(arguments(choice, index, &text));
                }
            }
        }
        events
    }

    /// The beginning of the one forced call, the first time.
    fn open_call(&mut self, choice: u32, name: String) -> Vec<Event> {
        if std::mem::replace(&mut self.choice(choice).called, 1) > 0 {
            return Vec::new();
        }
        vec![Event::ToolCall { choice, index: 0, id: self.call_id(choice, 0), name }]
    }

    fn call_id(&self, choice: u32, index: u32) -> String {
        let answer = self.id.rsplit('-').next().unwrap_or_default();
        format!("call_{answer}_{choice}_{index}")
    }

    fn choice(&mut self, choice: u32) -> &mut ChoiceReader {
        let at = usize::try_from(choice).unwrap_or(0);
        if self.choices.len() <= at {
            let offered = if let Reading::Calls(offered) = &self.reading { offered.as_slice() } else { &[] };
            let fresh = || ChoiceReader { calls: CallReader::new(offered.to_vec()), ..ChoiceReader::default() };
            self.choices.resize_with(at + 1, fresh);
        }
        self.choices.get_mut(at).expect("invariant: the list reaches to the choice")
    }
}

/// Joins the log probabilities of each choice, which come token by token, into one member, as a whole answer has them.
#[must_use]
pub(crate) fn with_joined_logprobs(events: Vec<Event>) -> Vec<Event> {
    let mut joined: std::collections::BTreeMap<u32, Vec<Value>> = std::collections::BTreeMap::new();
    let mut rest = Vec::with_capacity(events.len());
    for event in events {
        match event {
            Event::Foreign { choice: Some(choice), ref name, ref json, .. } if name == "logprobs" => {
                let mut value: Value = serde_json::from_str(json).unwrap_or_default();
                if let Some(Value::Array(tokens)) = value.get_mut("content").map(Value::take) {
                    joined.entry(choice).or_default().extend(tokens);
                }
            }
            other => rest.push(other),
        }
    }
    rest.extend(joined.into_iter().map(|(choice, tokens)| Event::Foreign {
        choice: Some(choice),
        dialect: DIALECT,
        name: "logprobs".to_owned(),
        json: json!({"content": tokens, "refusal": null}).to_string(),
    }));
    rest
}

fn words(choice: u32, text: &str) -> Vec<Event> {
    if text.is_empty() { Vec::new() } else { vec![Event::Text { choice, text: text.to_owned() }] }
}

fn arguments(choice: u32, index: u32, text: &str) -> Option<Event> {
    (!text.is_empty()).then(|| Event::ToolArguments { choice, index, text: text.to_owned() })
}

fn written(token: &TokenLogprob) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let top: Vec<Value> = token
        .top
        .iter()
        .map(|(bytes, logprob)| json!({"token": text(bytes), "logprob": logprob, "bytes": bytes}))
        .collect();
    json!({"token": text(&token.bytes), "logprob": token.logprob, "bytes": token.bytes, "top_logprobs": top})
}

#[cfg(test)]
mod tests {
    use steersman_core::Part;
    use steersman_wire::Answer;

    use super::*;

    fn read(reading: Reading, texts: &[&str], reason: FinishReason) -> Answer {
        let mut reader = AnswerReader::new("chatcmpl-7".to_owned(), "m".to_owned(), reading, false);
        let mut pieces = vec![Piece::Started { input_tokens: 5, cached_tokens: 2, unenforced: Vec::new() }];
        pieces.extend(texts.iter().map(|text| Piece::Token { choice: 0, text: (*text).to_owned(), logprob: None }));
        pieces.push(Piece::Finished { choice: 0, reason, tokens: 9 });
        pieces.push(Piece::Done);
        let events: Vec<Event> = pieces.into_iter().flat_map(|piece| reader.read(piece)).collect();
        Answer::collect(&events)
    }

    fn calls(answer: &Answer) -> Vec<(&str, &str, &str)> {
        let parts = &answer.choices[0].parts;
        parts
            .iter()
            .filter_map(|part| match part {
                Part::ToolCall(call) => Some((call.id.as_str(), call.name.as_str(), call.arguments.as_str())),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn words_are_words_and_tokens_are_counted() {
        let answer = read(Reading::Words, &["a ", "<tool_call>"], FinishReason::Stop);
        assert_eq!(answer.choices[0].text(), "a <tool_call>");
        assert_eq!(answer.choices[0].finish, Some(FinishReason::Stop));
        let usage = answer.usage.unwrap();
        assert_eq!((usage.input_tokens, usage.cache_read_tokens, usage.output_tokens), (Some(5), Some(2), Some(9)));
    }

    #[test]
    fn two_calls_have_ids_of_their_own() {
        let call = "<tool_call>{\"name\": \"a\", \"arguments\": {}}</tool_call>";
        let answer = read(Reading::Calls(vec!["a".to_owned()]), &[call, "\n", call], FinishReason::Stop);
        assert_eq!(calls(&answer), [("call_7_0_0", "a", "{}"), ("call_7_0_1", "a", "{}")]);
        assert_eq!(answer.choices[0].finish, Some(FinishReason::ToolCalls));
    }

    #[test]
    fn the_arguments_of_a_named_tool_stream_as_they_come() {
        let answer = read(Reading::ArgumentsOf("a".to_owned()), &["{\"x\"", ": 1}"], FinishReason::Stop);
        assert_eq!(calls(&answer), [("call_7_0_0", "a", "{\"x\": 1}")]);
        assert_eq!(answer.choices[0].finish, Some(FinishReason::ToolCalls));
    }

    #[test]
    fn a_required_call_is_read_whole() {
        let answer = read(Reading::OneCall, &["{\"name\": \"b\", ", "\"arguments\": {\"x\": 1}}"], FinishReason::Stop);
        assert_eq!(calls(&answer), [("call_7_0_0", "b", "{\"x\": 1}")]);
    }

    #[test]
    fn a_call_that_the_limit_cut_is_reported_as_cut() {
        let answer = read(Reading::ArgumentsOf("a".to_owned()), &["{\"x"], FinishReason::Length);
        assert_eq!(answer.choices[0].finish, Some(FinishReason::Length));
    }
}
