//! The guard: a transcript folded message by message, and decisions on proposed calls.
//!
//! One guard stands for one conversation. Every push returns it to a state that is a pure function of what was pushed;
//! a decision changes nothing. Calls proposed together are decided against one state, so their order cannot matter.
//!
//! What never happens here: no call is carried out, and nothing a model says about a call is read.

use std::sync::Arc;

use serde_json::Value;
use steersman_core::ContentHash;

use crate::calls::call_hash;
use crate::decision::{Decision, ProposedCall, Rule, Witness};
use crate::egress::{self, Answer};
use crate::judge::Judge;
use crate::label::Label;
use crate::policy::{Doubt, Policy};
use crate::record::bind;
use crate::tool::{Tool, Toolbox};
use crate::transcript::Transcript;

/// A standing approval: this argument of this tool may take values from this row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) tool: String,
    pub(crate) argument: Option<String>,
    pub(crate) row: Option<u32>,
    pub(crate) rule: Rule,
    pub(crate) call: ContentHash,
}

/// The guard of one conversation. A copy costs little; the first push to one of two copies costs as much as all that
/// was pushed before takes room.
#[derive(Debug, Clone)]
pub struct Guard {
    tools: Arc<Toolbox>,
    policy: Arc<Policy>,
    /// Shared by copies until one of them hears more.
    transcript: Arc<Transcript>,
    grants: Vec<Grant>,
}

impl Guard {
    /// A guard at the start of a conversation.
    #[must_use]
    pub fn new(tools: Arc<Toolbox>, policy: Arc<Policy>) -> Self {
        Self { tools, policy, transcript: Arc::default(), grants: Vec::new() }
    }

    /// A system or developer message: the operator's word.
    pub fn push_system(&mut self, text: &str) {
        Arc::make_mut(&mut self.transcript).push_system(text);
    }

    /// A message of the user's. Text pasted into it counts as the user's own, unless it is pushed apart by
    /// [`Guard::push_quoted`].
    pub fn push_user(&mut self, text: &str) {
        Arc::make_mut(&mut self.transcript).push_user(text);
        Arc::make_mut(&mut self.transcript).user.leave_open(&self.tools);
    }

    /// A segment of a user message that somebody else wrote, a file or an image's text; `origin` names it in witnesses.
    pub fn push_quoted(&mut self, origin: &str, text: &str) {
        Arc::make_mut(&mut self.transcript).push_untrusted(origin, text);
    }

    /// A retrieved passage. It counts as untrusted unless the policy trusts its corpus.
    pub fn push_passage(&mut self, corpus: &str, text: &str) {
        if self.policy.trusts_corpus(corpus) {
            Arc::make_mut(&mut self.transcript).push_system(text);
        } else {
            Arc::make_mut(&mut self.transcript).push_untrusted(corpus, text);
        }
    }

    /// An assistant message. Its text is the join of all before it and no source of its own.
    pub fn push_assistant(&mut self, _text: &str) {
        Arc::make_mut(&mut self.transcript).push_assistant();
    }

    /// A call that the model made. Push it before its result.
    pub fn push_tool_call(&mut self, id: &str, tool: &str, arguments: &Value) {
        match self.tools.named(tool) {
            Some(tool) => Arc::make_mut(&mut self.transcript).push_call(id, tool, arguments),
            None => Arc::make_mut(&mut self.transcript).push_call(id, &Tool::unknown(tool), arguments),
        }
    }

    /// The result of a call: a JSON value, or the text that came back.
    pub fn push_tool_result(&mut self, id: &str, result: &Value) {
        Arc::make_mut(&mut self.transcript).push_result(id, &self.tools, result);
    }

    /// A call that was pushed was not carried out, because the guard or a person refused it. An agent that tried one
    /// effect that nobody asked for is not trusted to choose for the user any more.
    pub fn push_refusal(&mut self, id: &str) {
        Arc::make_mut(&mut self.transcript).refuse(id);
    }

    /// A call of this conversation was refused, and the call itself is not in the transcript any more.
    pub fn strike(&mut self) {
        Arc::make_mut(&mut self.transcript).struck = true;
    }

    /// A person approved the call with this hash (`call_hash`), and no other. A policy that denies it still does.
    pub fn approve_call(&mut self, call: ContentHash) {
        let rule = Rule::NotAskedFor;
        self.grants.push(Grant { tool: String::new(), argument: None, row: None, rule, call });
    }

    /// Whether a result that not everybody may see stands in the conversation.
    #[must_use]
    pub fn holds_private(&self) -> bool {
        self.transcript.sources.iter().any(|source| source.private)
    }

    /// The label of the whole context: what an assistant message written now would carry.
    #[must_use]
    pub fn label(&self) -> &Label {
        &self.transcript.label
    }

    /// Decides calls that were proposed together, in their order. The decisions do not depend on the order, and none
    /// of them sees an effect of another.
    #[must_use]
    pub fn decide(&self, calls: &[ProposedCall]) -> Vec<Decision> {
        let judge = |struck: bool| -> Vec<Result<(), Box<Witness>>> {
            let judge = Judge::new(&self.tools, &self.policy, &self.transcript, &self.grants, calls, struck);
            calls.iter().map(|call| judge.call(call)).collect()
        };
        let struck = self.transcript.struck;
        let mut verdicts = judge(struck);
        let caught = |verdict: &Result<(), Box<Witness>>| {
            verdict.as_ref().is_err_and(|witness| witness.rule == Rule::UntrustedSink)
        };
        if !struck && calls.len() > 1 && verdicts.iter().any(caught) {
            verdicts = judge(true);
        }
        verdicts.into_iter().map(|verdict| self.decision(verdict)).collect()
    }

    /// Decides one call.
    #[must_use]
    pub fn decide_one(&self, call: &ProposedCall) -> Decision {
        self.decide(std::slice::from_ref(call)).pop().unwrap_or(Decision::Allow)
    }

    fn decision(&self, verdict: Result<(), Box<Witness>>) -> Decision {
        match verdict {
            Ok(()) => Decision::Allow,
            Err(witness)
                if self.policy.on_doubt == Doubt::Deny
                    || matches!(witness.rule, Rule::Policy(_) | Rule::Unreadable) =>
            {
                Decision::Deny(*witness)
            }
            Err(witness) => Decision::Ask(*witness),
        }
    }

    /// A person approved this call, having seen this witness. The approval holds for exactly this call, and for later
    /// values of the same argument of the same tool that stand in the same row of the same result.
    pub fn approve(&mut self, call: &ProposedCall, witness: &Witness) {
        self.grants.push(Grant {
            tool: call.tool.clone(),
            argument: witness.argument.clone(),
            row: witness.origin.as_ref().map(|origin| origin.row),
            rule: witness.rule.clone(),
            call: call_hash(&call.tool, &call.arguments),
        });
    }

    /// Neutralises the links and images of an answer that neither the user, nor a platform, nor the policy vouches for.
    #[must_use]
    pub fn check_answer(&self, text: &str) -> Answer {
        if !self.transcript.is_tainted() {
            return Answer { text: text.to_owned(), neutralised: Vec::new() };
        }
        egress::neutralise(text, |link| self.vouches(link))
    }

    fn vouches(&self, link: &egress::Link) -> bool {
        let transcript = &self.transcript;
        egress::is_listed(&link.host, self.policy.trusted_hosts.iter())
            || transcript.user.says(&link.whole)
            || transcript.operator.says(&link.whole)
            || !transcript.attested(&link.whole).is_empty()
            || self.was_asked_for(&link.whole)
    }

    /// Whether the user asked for a link and this one stands, whole, in a row that the user named.
    fn was_asked_for(&self, link: &str) -> bool {
        const WORDS: &[&str] = &["link", "url", "websit", "address", "addres"];
        let transcript = &self.transcript;
        WORDS.iter().any(|word| transcript.user.has_stem(word))
            && transcript.tainted_source(link).is_some_and(|field| {
                let meant = transcript
                    .row(field.row)
                    .is_some_and(|row| row.bind & (bind::LITERAL | bind::NAMED | bind::QUERY) != 0);
                meant && field.raw.contains(link)
            })
    }
}
