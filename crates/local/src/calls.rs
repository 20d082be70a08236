//! Reads tool calls out of a model's text while it is written.
//!
//! Text passes through at once, except what could be the beginning of a tag; a call is passed on when it is whole. Some
//! models forget the tags and answer with the bare JSON of a call, often in a code fence: an answer that begins so is
//! held to its end, and counts as a call if it is nothing else and names an offered tool. What looks like a call and
//! cannot be read stays text, as the model wrote it: it is for the reader to judge, not for us to hide.

use serde_json::value::RawValue;

use crate::tools::{CLOSE_TAG, OPEN_TAG};

/// What a model's text turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Words.
    Text(String),
    /// A call.
    Call {
        /// The tool's name.
        name: String,
        /// The arguments, as the model wrote them.
        arguments: String,
    },
}

/// Reads one answer.
#[derive(Debug, Default)]
pub(crate) struct CallReader {
    /// The tools that a call without tags may name.
    offered: Vec<String>,
    shape: Shape,
    held: String,
    inside: bool,
    called: bool,
}

/// How an answer begins.
#[derive(Debug, Default, PartialEq, Eq)]
enum Shape {
    /// Too little has come to say.
    #[default]
    Unknown,
    /// As JSON or as a code fence: it may be a call without tags.
    Bare,
    /// As anything else.
    Tagged,
}

/// What fences code.
const FENCE: &str = "```";

#[derive(serde::Deserialize)]
struct Written {
    name: String,
    #[serde(default)]
    arguments: Option<Box<RawValue>>,
}

impl CallReader {
    /// A reader of an answer to a request that offered these tools.
    pub(crate) fn new(offered: Vec<String>) -> Self {
        Self { offered, ..Self::default() }
    }

    /// Takes more of the model's text.
    pub(crate) fn push(&mut self, text: &str) -> Vec<Said> {
        self.held.push_str(text);
        if self.shape == Shape::Unknown {
            self.shape = self.shape_of_beginning();
        }
        if self.shape == Shape::Tagged { self.read_tagged() } else { Vec::new() }
    }

    fn shape_of_beginning(&self) -> Shape {
        let begun = self.held.trim_start();
        if self.offered.is_empty() {
            Shape::Tagged
        } else if begun.starts_with('{') || begun.starts_with(FENCE) {
            Shape::Bare
        } else if FENCE.starts_with(begun) {
            Shape::Unknown
        } else {
            Shape::Tagged
        }
    }

    /// The calls of an answer that is nothing but calls without tags.
    fn read_bare(&self) -> Option<Vec<Said>> {
        let answer = self.held.trim();
        let fenced = answer.strip_prefix(FENCE).and_then(|rest| rest.strip_suffix(FENCE));
        let json = fenced.map_or(answer, |inside| inside.trim_start_matches(|c: char| c.is_ascii_alphabetic()));
        let written: Vec<Written> =
            serde_json::Deserializer::from_str(json).into_iter().collect::<Result<_, _>>().ok()?;
        let calls = written.into_iter().map(|written| {
            let arguments = written.arguments.filter(|json| json.get().starts_with('{'))?;
            let name = Some(written.name).filter(|name| self.offered.contains(name))?;
            Some(Said::Call { name, arguments: arguments.get().to_owned() })
        });
        calls.collect::<Option<Vec<_>>>().filter(|calls| !calls.is_empty())
    }

    fn read_tagged(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        loop {
            let tag = if self.inside { CLOSE_TAG } else { OPEN_TAG };
            let Some((before, after)) = self.held.split_once(tag) else { break };
            let (before, after) = (before.to_owned(), after.to_owned());
            if self.inside {
                said.push(self.read(&before, CLOSE_TAG));
            } else {
                self.say(&mut said, before.trim_end());
            }
            self.inside = !self.inside;
            self.held = after;
        }
        if !self.inside {
            let open = self.undecided();
            let ripe = self.held.len() - open;
            let rest = self.held.split_off(ripe);
            let text = std::mem::replace(&mut self.held, rest);
            self.say(&mut said, &text);
        }
        said
    }

    /// The answer is over.
    pub(crate) fn finish(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        if self.shape != Shape::Tagged {
            if let Some(calls) = self.read_bare() {
                self.held.clear();
                return calls;
            }
            said = self.read_tagged();
        }
        let held = std::mem::take(&mut self.held);
        if std::mem::take(&mut self.inside) {
            // Some models end their turn instead of the tag.
            said.push(self.read(&held, ""));
        } else {
            let text = if self.called { held.trim() } else { held.as_str() };
            self.say(&mut said, text);
        }
        said
    }

    /// Space between and after calls is part of the form, not of the answer.
    fn say(&self, said: &mut Vec<Said>, text: &str) {
        if !(text.is_empty() || self.called && text.trim().is_empty()) {
            said.push(Said::Text(text.to_owned()));
        }
    }

    fn read(&mut self, inside: &str, closed_by: &str) -> Said {
        match serde_json::from_str::<Written>(inside) {
            Ok(written) => {
                self.called = true;
                let arguments = written.arguments.map_or_else(|| "{}".to_owned(), |json| json.get().to_owned());
                Said::Call { name: written.name, arguments }
            }
            Err(_) => Said::Text(format!("{OPEN_TAG}{inside}{closed_by}")),
        }
    }

    /// How many bytes at the end may still belong to a tag, or to the space before one.
    fn undecided(&self) -> usize {
        let partial = (1..OPEN_TAG.len())
            .rev()
            .find(|length| OPEN_TAG.get(..*length).is_some_and(|start| self.held.ends_with(start)))
            .unwrap_or(0);
        let settled = self.held.get(..self.held.len() - partial).unwrap_or_default();
        self.held.len() - settled.trim_end().len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&str]) -> Vec<Said> {
        let mut reader = CallReader::new(vec!["c".to_owned()]);
        let mut said: Vec<Said> = pieces.iter().flat_map(|piece| reader.push(piece)).collect();
        said.extend(reader.finish());
        // Neighbouring text is one text, however it was cut.
        said.into_iter().fold(Vec::new(), |mut merged, next| {
            match (merged.last_mut(), next) {
                (Some(Said::Text(last)), Said::Text(more)) => last.push_str(&more),
                (_, next) => merged.push(next),
            }
            merged
        })
    }

    fn text(text: &str) -> Said {
        Said::Text(text.to_owned())
    }

    fn call(name: &str, arguments: &str) -> Said {
        Said::Call { name: name.to_owned(), arguments: arguments.to_owned() }
    }

    const TWO: &str = "Let me see. \n<tool_call>\n{\"name\": \"a\", \"arguments\": {\"x\":  1.50}}\n</tool_call>\n<tool_call>\n{\"name\": \"b\"}\n</tool_call>\n";

    #[test]
    fn calls_are_read_and_their_arguments_stay_as_written() {
        assert_eq!(read(&[TWO]), [text("Let me see."), call("a", "{\"x\":  1.50}"), call("b", "{}")]);
    }

    #[test]
    fn a_call_that_the_end_of_the_turn_closes_counts() {
        assert_eq!(read(&["<tool_call>\n{\"name\": \"a\", \"arguments\": {}}"]), [call("a", "{}")]);
    }

    #[test]
    fn an_answer_that_is_nothing_but_the_json_of_an_offered_tool_is_a_call() {
        let json = "{\"name\": \"c\", \"arguments\": {\"x\": 1}}";
        for bare in [json.to_owned(), format!("```json\n{json}\n```"), format!("\n```\n{json}```\n")] {
            assert_eq!(read(&[&bare]), [call("c", "{\"x\": 1}")], "{bare}");
        }
        assert_eq!(read(&[&format!("```json\n{json}\n{json}\n```")]).len(), 2);
        for words in [
            format!("{json} is a call"),
            json.replace("\"c\"", "\"d\""),
            "{\"name\": \"c\"}".to_owned(),
            format!("So: {json}"),
        ] {
            assert_eq!(read(&[&words]), [text(&words)], "{words}");
        }
    }

    #[test]
    fn what_cannot_be_read_stays_text() {
        for broken in [
            "<tool_call>{\"name\": }</tool_call>",
            "<tool_call>a(1)</tool_call> so",
            "<tool_call>\n{\"na",
            "a < b <tool",
            "ends in space \n",
        ] {
            assert_eq!(read(&[broken]), [text(broken)]);
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_text_is_cut(
            parts in proptest::collection::vec(prop_oneof![
                Just(TWO), Just("<tool_call>"), Just("</tool_call>"), Just(" "), Just("é<"), Just("{\"name\": \"c\", \"arguments\": {}}"), Just("<tool_"), Just("```"),
            ], 0..6),
            cuts in proptest::collection::vec(0_usize..400, 0..8),
        ) {
            let whole = parts.concat();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| whole.floor_char_boundary(cut.min(whole.len()))).collect();
            cuts.extend([0, whole.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).map(|pair| whole.get(pair[0]..pair[1]).unwrap()).collect();
            prop_assert_eq!(read(&pieces), read(&[&whole]));
        }
    }
}
