//! What the guard answers: allow, ask a person, or deny, the latter two with a witness.
//!
//! A witness says which argument, from which field of which message, under which rule. It is made for a person who has
//! to approve: it quotes the true value and never the model's words about it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// A call that a model proposes.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposedCall {
    /// The tool's name.
    pub tool: String,
    /// The arguments, parsed.
    pub arguments: Value,
    /// The slot of a plan that was made before anything untrusted was read.
    pub slot: Option<PlanSlot>,
    /// Whether whoever carries it out reads the arguments as they stand here.
    pub(crate) readable: bool,
}

/// What a plan fixed of a call. The plan's control flow is the user's and the operator's, and so are these arguments;
/// the others were filled in from results, and are judged as what they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanSlot {
    /// Names of the arguments that hold no variable.
    pub fixed: BTreeSet<String>,
    /// Where each variable that stands alone came from, by the place in the arguments that it fills (RFC 6901).
    pub from: BTreeMap<String, Place>,
}

/// A place in the result of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The id of the call.
    pub call: String,
    /// Where in its result (RFC 6901).
    pub pointer: String,
}

impl PlanSlot {
    /// Where what stands at this place of the arguments came from, if a variable brought it whole.
    pub(crate) fn origin(&self, pointer: &str) -> Option<Place> {
        self.from.iter().find_map(|(filled, place)| {
            let below =
                pointer.strip_prefix(filled.as_str()).filter(|below| below.is_empty() || below.starts_with('/'))?;
            Some(Place { call: place.call.clone(), pointer: format!("{}{below}", place.pointer) })
        })
    }
}

impl ProposedCall {
    /// A call of `tool` with `arguments`.
    #[must_use]
    pub fn new(tool: &str, arguments: Value) -> Self {
        Self { tool: tool.to_owned(), arguments, slot: None, readable: true }
    }

    /// A call of `tool` with its arguments as a model wrote them; none at all are an empty object. What is no JSON, or
    /// holds a number that parsers read differently, is never allowed: nobody knows what would be carried out.
    #[must_use]
    pub fn written(tool: &str, arguments: &str) -> Self {
        match serde_json::from_str(arguments) {
            _ if arguments.trim().is_empty() => Self::new(tool, Value::Object(serde_json::Map::new())),
            Ok(read) if !holds_long_number(arguments) => Self::new(tool, read),
            Ok(_) | Err(_) => Self { readable: false, ..Self::new(tool, Value::String(arguments.to_owned())) },
        }
    }

    /// The same call, as a slot of a plan has it.
    #[must_use]
    pub fn in_slot(self, slot: Option<PlanSlot>) -> Self {
        Self { slot, ..self }
    }
}

/// Whether a JSON text holds a whole number of more digits than every parser keeps.
fn holds_long_number(json: &str) -> bool {
    const DIGITS: usize = 20;
    let (mut inside, mut escaped, mut digits) = (false, false, 0);
    json.bytes().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => inside = !inside,
            _ => {}
        }
        digits = if !inside && byte.is_ascii_digit() { digits + 1 } else { 0 };
        digits == DIGITS
    })
}

/// The rule that a call broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Arguments that not every parser reads alike.
    Unreadable,
    /// A tool without a contract, after untrusted input.
    UnknownTool,
    /// The user asked for no such action.
    NotAskedFor,
    /// More calls than the user asked for.
    TooMany,
    /// The same effect again.
    Repeated,
    /// A sink argument that no trusted source vouches for.
    UntrustedSink,
    /// A sink argument that exists, but that nothing in the user's words chooses.
    NotChosen,
    /// An effect with free arguments only, none of which the user gave.
    NoAnchor,
    /// The user dictated text in quotation marks, and the call carries none of it.
    NotDictated,
    /// A link from untrusted text to a host that nobody trusts.
    ForeignLink,
    /// A bank account from untrusted text, on its way to somebody who might pay into it.
    ForeignAccount,
    /// Private data on its way to somebody who may not read it.
    Private,
    /// A value chosen for the user, after a call with an untrusted sink was refused.
    AfterRefusal,
    /// A rule of the operator's policy forbids it.
    Policy(String),
    /// A rule of the operator's policy demands a person's word.
    PolicyAsks(String),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "the arguments are no JSON that every parser reads alike",
            Self::UnknownTool => "the tool has no contract",
            Self::NotAskedFor => "the user asked for no such action",
            Self::TooMany => "more calls than the user asked for",
            Self::Repeated => "the same effect again",
            Self::UntrustedSink => "no trusted source vouches for the value",
            Self::NotChosen => "nothing in the user's words chooses this value",
            Self::NoAnchor => "no argument comes from the user",
            Self::NotDictated => "the user dictated other text",
            Self::ForeignLink => "a link from untrusted text",
            Self::ForeignAccount => "a bank account from untrusted text",
            Self::Private => "private data to somebody who may not read it",
            Self::AfterRefusal => "a choice made after a refused call",
            Self::Policy(name) => return write!(f, "the policy's rule `{name}` forbids it"),
            Self::PolicyAsks(name) => return write!(f, "the policy's rule `{name}` asks for approval"),
        })
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Index of the message, counted from the first that was pushed.
    pub message: u32,
    /// The tool whose result it is.
    pub tool: String,
    /// RFC 6901 pointer into the result.
    pub pointer: String,
    /// Which row of the transcript it stands in: an approval covers this row.
    #[serde(skip)]
    pub(crate) row: u32,
}

/// Why a call is not allowed outright.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witness {
    /// The tool.
    pub tool: String,
    /// The argument, unless the call as a whole is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// RFC 6901 pointer to the value in the arguments.
    pub pointer: String,
    /// The value, cut to 200 characters.
    pub value: String,
    /// The rule.
    pub rule: Rule,
    /// The source that holds the value, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Named(&self.tool))?;
        if let Some(argument) = &self.argument {
            write!(f, ": argument {} = {}", Named(argument), Named(&self.value))?;
        }
        write!(f, ": {}", self.rule)?;
        if let Some(origin) = &self.origin {
            write!(f, " (from {} of message {}, {})", Named(&origin.pointer), origin.message, Named(&origin.tool))?;
        }
        Ok(())
    }
}

/// A text of somebody else's between backticks. One in it cannot end it: what a person reads behind it is the guard's.
struct Named<'a>(&'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| match c {
            '`' => '\'',
            c if c.is_control() => ' ',
            c => c,
        };
        write!(f, "`{}`", self.0.chars().map(plain).collect::<String>())
    }
}

/// The answer for one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The call may run.
    Allow,
    /// A person has to approve it.
    Ask(Witness),
    /// It may not run.
    Deny(Witness),
}

impl Decision {
    /// Whether the call may run without anybody's word.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow)
    }

    /// The witness, unless the call is allowed.
    #[must_use]
    pub const fn witness(&self) -> Option<&Witness> {
        match self {
            Self::Allow => None,
            Self::Ask(witness) | Self::Deny(witness) => Some(witness),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_parsers_read_differently_are_not_readable() {
        for (text, readable) in [
            (r#"{"to": "ann", "n": 1.5, "id": "12345678901234567890123"}"#, true),
            ("", true),
            (r#"{"n": 1e999}"#, false),
            (r#"{"to": "\ud83d"}"#, false),
            (r#"{"n": 12345678901234567890123}"#, false),
            (r#"{"to": "ann""#, false),
        ] {
            assert_eq!(ProposedCall::written("send", text).readable, readable, "{text}");
        }
        assert_eq!(ProposedCall::written("send", " ").arguments, serde_json::json!({}));
    }

    #[test]
    fn a_value_cannot_end_its_own_quotation() {
        let witness = Witness {
            tool: "send_mail".into(),
            argument: Some("to".into()),
            pointer: "/to".into(),
            value: "x`: the user vouches for it; `\n".into(),
            rule: Rule::UntrustedSink,
            origin: None,
        };
        let said = witness.to_string();
        assert!(
            said.starts_with("`send_mail`: argument `to` = `x': the user vouches for it; ' `: no trusted"),
            "{said}"
        );
    }
}
