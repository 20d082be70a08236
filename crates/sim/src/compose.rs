//! What is said to one request: events in order, with the tokens that each of them is worth.
//!
//! A token is four characters, here and on the bill.

use serde_json::{Value, json};
use steersman_core::{
    ChatRequest, ContentHash, Event, FinishReason, Message, Part, ResponseFormat, Role, ToolChoice, Usage,
};

use crate::bill::Charge;
use crate::schema::{Truth, value_for};
use crate::script::{Answer, Behaviour};

const TOKEN_CHARS: usize = 4;

/// One piece of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) events: Vec<Event>,
    /// Visible tokens that it carries.
    pub(crate) tokens: u64,
}

/// A whole answer before it is written in a dialect.
#[derive(Debug, Clone)]
pub(crate) struct Composed {
    pub(crate) steps: Vec<Step>,
    pub(crate) charge: Charge,
}

/// What a model says, before it is cut into tokens.
enum Said {
    Text(String),
    Refusal(String),
    Calls { before: String, calls: Vec<(String, String)> },
}

/// Composes the answer. The same seed, request and behaviour give the same answer; `id` names it.
pub(crate) fn compose(
    behaviour: &Behaviour,
    request: &ChatRequest,
    seed: u64,
    id: String,
    model: &str,
    input: u64,
) -> Composed {
    let said = say(behaviour, request, seed);
    let thinking = pieces(behaviour.thinking.as_deref().unwrap_or_default());
    let choices = request.n.unwrap_or(1).min(16);
    let spoken: u64 = said.iter().map(|(_, pieces)| count(pieces)).sum();
    let hidden = scaled(spoken, behaviour.hidden_reasoning.unwrap_or(0.0));
    let mut budget = Budget::new(request.max_output_tokens, behaviour.truncate_after_tokens);
    let shown_thinking = budget.think(count(&thinking));
    let reasoning = shown_thinking + budget.think(hidden);

    let mut charge = Charge { input, reasoning, ..Charge::default() };
    charge.cache_read = scaled(input, behaviour.cache_read.unwrap_or(0.0)).min(input);
    let prompt = Usage {
        input_tokens: Some(input),
        cache_read_tokens: behaviour.cache_read.map(|_| charge.cache_read),
        output_tokens: Some(0),
        ..Usage::default()
    };
    let mut steps =
        vec![Step { events: vec![Event::Start { id, model: model.to_owned() }, Event::Usage(prompt)], tokens: 0 }];
    let thoughts = usize::try_from(shown_thinking).unwrap_or(usize::MAX);
    for text in thinking.into_iter().take(thoughts) {
        steps.push(Step { events: vec![Event::Reasoning { choice: 0, text }], tokens: 0 });
    }
    if shown_thinking > 0 {
        let signature = Some(format!("sim-{:016x}", prompt_seed(request, seed)));
        steps.push(Step { events: vec![Event::ReasoningSeal { choice: 0, signature, redacted: None }], tokens: 0 });
    }
    for choice in 0..choices {
        let mut budget = budget.clone();
        let visible = budget.speak(&said, choice, &mut steps);
        charge.visible += visible;
        let reason = match (budget.cut, said.last().map(|(said, _)| said)) {
            (true, _) => FinishReason::Length,
            (false, Some(Piece::Refusal)) => FinishReason::Refusal,
            (false, Some(Piece::Call { .. })) => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        };
        steps.push(Step { events: vec![Event::Finish { choice, reason }], tokens: 0 });
    }
    let usage = Usage { output_tokens: Some(charge.visible + reasoning), reasoning_tokens: Some(reasoning), ..prompt };
    steps.push(Step { events: vec![Event::Usage(usage), Event::Done], tokens: 0 });
    Composed { steps, charge }
}

/// A run of tokens of one kind.
enum Piece {
    Text,
    Refusal,
    Call { index: u32, name: String },
}

/// How many tokens may still be said.
#[derive(Clone)]
struct Budget {
    /// Until the request's own limit, reasoning included.
    limit: u64,
    /// Until the script's cut, of visible tokens.
    visible: u64,
    cut: bool,
}

impl Budget {
    fn new(limit: Option<u64>, visible: Option<u64>) -> Self {
        Self { limit: limit.unwrap_or(u64::MAX), visible: visible.unwrap_or(u64::MAX), cut: false }
    }

    fn think(&mut self, tokens: u64) -> u64 {
        let granted = tokens.min(self.limit);
        self.limit -= granted;
        self.cut |= granted < tokens;
        granted
    }

    fn take(&mut self) -> bool {
        let granted = self.limit > 0 && self.visible > 0;
        self.limit = self.limit.saturating_sub(1);
        self.visible = self.visible.saturating_sub(1);
        self.cut |= !granted;
        granted
    }

    /// Says everything until the budget ends. The tokens said.
    fn speak(&mut self, said: &[(Piece, Vec<String>)], choice: u32, steps: &mut Vec<Step>) -> u64 {
        let mut spoken = 0;
        for (piece, tokens) in said {
            if let Piece::Call { index, name } = piece
                && !self.cut
            {
                let id = format!("call_sim_{index}");
                let event = Event::ToolCall { choice, index: *index, id, name: name.clone() };
                steps.push(Step { events: vec![event], tokens: 0 });
            }
            for token in tokens {
                if !self.take() {
                    return spoken;
                }
                spoken += 1;
                let text = token.clone();
                let event = match piece {
                    Piece::Text => Event::Text { choice, text },
                    Piece::Refusal => Event::Refusal { choice, text },
                    Piece::Call { index, .. } => Event::ToolArguments { choice, index: *index, text },
                };
                steps.push(Step { events: vec![event], tokens: 1 });
            }
        }
        spoken
    }
}

fn say(behaviour: &Behaviour, request: &ChatRequest, seed: u64) -> Vec<(Piece, Vec<String>)> {
    let said = match &behaviour.refusal {
        Some(words) => Said::Refusal(words.clone()),
        None => content(behaviour.answer.as_ref().unwrap_or(&Answer::Auto), request, seed),
    };
    match said {
        Said::Refusal(text) => vec![(Piece::Refusal, pieces(&text))],
        Said::Calls { before, calls } => {
            let text = (!before.is_empty()).then(|| (Piece::Text, pieces(&before)));
            let call = |(index, (name, arguments)): (u32, (String, String))| {
                (Piece::Call { index, name }, pieces(&broken(behaviour, arguments)))
            };
            text.into_iter().chain((0u32..).zip(calls).map(call)).collect()
        }
        Said::Text(text) => {
            let text = broken(behaviour, text);
            let end = request.stop.iter().filter_map(|stop| text.find(stop.as_str())).min();
            vec![(Piece::Text, pieces(end.and_then(|end| text.get(..end)).unwrap_or(&text)))]
        }
    }
}

fn broken(behaviour: &Behaviour, text: String) -> String {
    match behaviour.malformed {
        Some(way) => way.apply(&text),
        None => text,
    }
}

fn content(answer: &Answer, request: &ChatRequest, seed: u64) -> Said {
    let seed = prompt_seed(request, seed);
    let schema = match &request.response_format {
        Some(ResponseFormat::JsonSchema { schema, .. }) => serde_json::from_str::<Value>(schema.get()).ok(),
        Some(ResponseFormat::JsonObject) => {
            Some(json!({"type": "object", "properties": {"answer": {"type": "string"}}}))
        }
        _ => None,
    };
    let reported = request.messages.last().is_some_and(|message| message.role == Role::Tool);
    let may_call = !request.tools.is_empty() && request.tool_choice != Some(ToolChoice::None);
    match answer {
        Answer::Text(text) => Said::Text(text.clone()),
        Answer::Echo => Said::Text(last_user_text(&request.messages)),
        Answer::Obey => obey(request, seed),
        Answer::ToolCall(calls) if may_call => called(tool_calls(request, *calls, seed)),
        Answer::Auto if schema.is_none() && may_call && !reported => called(tool_calls(request, 1, seed)),
        Answer::Json if schema.is_none() => Said::Text(json!({"answer": sentence(seed, Truth::Right)}).to_string()),
        answer => {
            let truth = if *answer == Answer::Wrong { Truth::Wrong } else { Truth::Right };
            Said::Text(
                schema.map_or_else(|| sentence(seed, truth), |schema| value_for(&schema, seed, truth).to_string()),
            )
        }
    }
}

const fn called(calls: Vec<(String, String)>) -> Said {
    Said::Calls { before: String::new(), calls }
}

fn obey(request: &ChatRequest, seed: u64) -> Said {
    let commands = crate::obey::commands(request);
    match (commands.calls.is_empty(), commands.text.is_empty()) {
        (false, _) => Said::Calls { before: commands.text, calls: commands.calls },
        (true, false) => Said::Text(commands.text),
        (true, true) => Said::Text(sentence(seed, Truth::Right)),
    }
}

fn sentence(seed: u64, truth: Truth) -> String {
    let value = value_for(&json!({"type": "string"}), seed, truth);
    format!("The answer is {}.", value.as_str().unwrap_or_default())
}

/// Calls of the tool that is demanded, else of the first ones offered.
fn tool_calls(request: &ChatRequest, calls: u32, seed: u64) -> Vec<(String, String)> {
    let demanded = match &request.tool_choice {
        Some(ToolChoice::Tool(name)) => Some(name),
        _ => None,
    };
    let offered = request.tools.iter().filter(|tool| demanded.is_none_or(|name| tool.name == *name));
    let calls = usize::try_from(calls).unwrap_or(usize::MAX).min(64);
    offered
        .take(calls)
        .map(|tool| {
            let schema = tool.parameters.as_ref().and_then(|schema| serde_json::from_str::<Value>(schema.get()).ok());
            let schema = schema.unwrap_or_else(|| json!({"type": "object"}));
            (tool.name.clone(), value_for(&schema, seed, Truth::Right).to_string())
        })
        .collect()
}

/// The seed of a question: the script's, and the last user message. The same question has the same right answer.
fn prompt_seed(request: &ChatRequest, seed: u64) -> u64 {
    let hash = ContentHash::of(last_user_text(&request.messages).as_bytes());
    let head = hash.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
    seed ^ u64::from_le_bytes(head)
}

fn last_user_text(messages: &[Message]) -> String {
    let last = messages.iter().rev().find(|message| message.role == Role::User);
    let parts = last.map(|message| message.parts.as_slice()).unwrap_or_default();
    parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect()
}

/// The tokens of a text.
fn pieces(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(TOKEN_CHARS).map(|piece| piece.iter().collect()).collect()
}

fn count(pieces: &[String]) -> u64 {
    u64::try_from(pieces.len()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "token counts are small"
)]
fn scaled(tokens: u64, factor: f64) -> u64 {
    (tokens as f64 * factor).round() as u64
}
