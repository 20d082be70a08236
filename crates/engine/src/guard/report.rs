//! What the guard decided on one answer: for the record, the header, and the words in place of a call.
//!
//! What never happens here: no value of a call reaches the words that a model or a person reads in the answer; those
//! stand on the record alone, since an attacker may have written them.

use serde::Serialize;
use steersman_core::ContentHash;
use steersman_flow::{Decision, Witness};

/// The words with which a refusal in an answer begins. An assistant message of the history that holds them says that a
/// call was refused; a model that writes them itself only makes the guard stricter.
pub(super) const REFUSED: &str = "[refused by the guard]";

/// The note of the room `guard` on the record.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// `on` or `observe`.
    pub(crate) mode: &'static str,
    /// The least trusted source of the context.
    pub(crate) context: &'static str,
    /// Each call, in order.
    pub(crate) calls: Vec<Judged>,
    /// Links that were taken out of action (or would have been), cut to 200 characters.
    pub(crate) links: Vec<String>,
    /// Tools whose calls were taken out without a word in the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stripped: Vec<String>,
    /// Time of all decisions together.
    pub(crate) decision_us: u64,
}

/// One call and its decision.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Judged {
    /// The tool.
    pub(crate) tool: String,
    /// `allow`, `ask` or `deny`.
    pub(crate) decision: &'static str,
    /// The hash of tool and canonical arguments: what an approval is bound to.
    pub(crate) call: String,
    /// Why it was not allowed, for a person; it quotes the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// The same for a program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) witness: Option<Witness>,
    #[serde(skip)]
    shown: String,
}

impl Judged {
    pub(super) fn new(tool: &str, shown: &str, call: ContentHash, decision: &Decision) -> Self {
        let word = match decision {
            Decision::Allow => "allow",
            Decision::Ask(_) => "ask",
            Decision::Deny(_) => "deny",
        };
        let witness = decision.witness().cloned();
        let why = witness.as_ref().map(ToString::to_string);
        Self { tool: tool.to_owned(), decision: word, call: call.to_string(), why, witness, shown: shown.to_owned() }
    }

    /// Why the call was not made, in words of this house only.
    pub(super) fn reason(&self) -> String {
        let mut reason = format!("the call of `{}` was not made", self.shown);
        if let Some(witness) = &self.witness {
            reason.push_str(": ");
            if let Some(argument) = witness.argument.as_deref().filter(|name| is_plain(name)) {
                reason.push_str(&format!("argument `{argument}`: "));
            }
            reason.push_str(&witness.rule.to_string());
        }
        if self.decision == "ask" {
            reason.push_str(&format!("; a person would have to approve call {}", self.call));
        }
        reason
    }
}

/// Names of arguments are the model's words too: only plain ones are repeated.
fn is_plain(name: &str) -> bool {
    name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

impl Report {
    /// The reports of two turns of one run as one: the later context counts, and nothing of the earlier turn is lost.
    pub(crate) fn joined(earlier: Option<Self>, later: Option<Self>) -> Option<Self> {
        match (earlier, later) {
            (Some(mut all), Some(later)) => {
                all.context = later.context;
                all.calls.extend(later.calls);
                all.links.extend(later.links);
                all.stripped.extend(later.stripped);
                all.decision_us += later.decision_us;
                Some(all)
            }
            (earlier, later) => later.or(earlier),
        }
    }

    /// The calls that were not allowed.
    pub(super) fn refused(&self) -> impl Iterator<Item = &Judged> {
        self.calls.iter().filter(|call| call.decision != "allow")
    }

    /// Whether a call was refused, and not merely would have been.
    pub(crate) fn has_refused(&self) -> bool {
        self.mode == "on" && self.refused().next().is_some()
    }

    fn count(&self, decision: &str) -> usize {
        self.calls.iter().filter(|call| call.decision == decision).count()
    }

    /// The value of `x-steersman-guard`.
    pub(crate) fn header(&self) -> String {
        let counts = ["allow", "ask", "deny"].map(|word| format!("{word}={}", self.count(word)));
        let stripped = Some(self.stripped.len()).filter(|count| *count > 0 && self.mode == "on");
        let stripped = stripped.map(|count| format!("; stripped={count}")).unwrap_or_default();
        format!("{}; {}; links={}{stripped}", self.mode, counts.join("; "), self.links.len())
    }

    /// What a stream says of calls that were taken out of it; `None` if there are none.
    pub(crate) fn mark(&self) -> Option<bytes::Bytes> {
        let gone = !self.stripped.is_empty() && self.mode == "on";
        gone.then(|| crate::extension::chunk("guard", &serde_json::json!({ "stripped": self.stripped })))
    }

    /// Why each refused call was refused.
    pub(crate) fn reasons(&self) -> String {
        self.refused().map(Judged::reason).collect::<Vec<_>>().join("; ")
    }
}
