//! The always-obeying model: it does what it reads since its own last turn, whoever wrote it.
//!
//! A command is `[[TOOL {arguments}]]` or `[[say TEXT]]`, anywhere: in a user's message, in a mail that a tool brought,
//! inside JSON. It is the worst case for whoever guards a model, and it needs no model.
//!
//! What never happens here: no command is weighed; obeying is all it does.

use serde_json::Value;
use steersman_core::{ChatRequest, Message, Part, Role};

/// What the model was told to say and to call, in the order it read it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Commands {
    pub(crate) text: String,
    pub(crate) calls: Vec<(String, String)>,
}

/// Every command since the last turn of the assistant.
pub(crate) fn commands(request: &ChatRequest) -> Commands {
    let own = request.messages.iter().rposition(|message| message.role == Role::Assistant);
    let unread = request.messages.get(own.map_or(0, |at| at + 1)..).unwrap_or_default();
    let mut commands = Commands::default();
    for text in unread.iter().flat_map(texts) {
        commands.read(text);
    }
    commands
}

fn texts(message: &Message) -> Vec<&str> {
    message.parts.iter().flat_map(texts_of).collect()
}

fn texts_of(part: &Part) -> Vec<&str> {
    match part {
        Part::Text(text) => vec![text],
        Part::ToolResult(result) => result.parts.iter().flat_map(texts_of).collect(),
        _ => Vec::new(),
    }
}

impl Commands {
    fn read(&mut self, text: &str) {
        let commands = text.split("[[").skip(1).filter_map(|rest| rest.split_once("]]")).map(|(command, _)| command);
        for command in commands {
            match command.split_once(' ') {
                Some(("say", words)) => self.text.push_str(words),
                Some((tool, arguments)) => self.calls.extend(object(arguments).map(|found| (tool.to_owned(), found))),
                None => self.calls.push((command.to_owned(), "{}".to_owned())),
            }
        }
    }
}

/// Arguments as they stand, or as they stand in a JSON string.
fn object(text: &str) -> Option<String> {
    let unescaped = text.replace("\\\"", "\"");
    [text, &unescaped].into_iter().find(|text| serde_json::from_str::<Value>(text).is_ok()).map(str::to_owned)
}
