//! The usage bill: what this provider would charge for.
//!
//! Charged are the prompt as soon as the answer's head is out, and each output token that was handed to the connection.
//! A complete answer is charged in full, hidden reasoning included; a stream that ends early, for the tokens that left
//! before and for the hidden ones that came before them. Errors cost nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything charged so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Requests that arrived at a model's address, whatever came of them.
    pub requests: u64,
    /// The most that were in flight at once.
    pub peak_in_flight: u64,
    /// By the model that was served.
    pub models: BTreeMap<String, ModelBill>,
    /// Each answer that its client did not wait for, in order of its end.
    pub cancelled: Vec<Cancelled>,
}

/// What one model was used for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelBill {
    /// Requests that reached it.
    pub requests: u64,
    /// Complete answers.
    pub answered: u64,
    /// Error answers, by HTTP status.
    pub errors: BTreeMap<u16, u64>,
    /// Answers that the provider itself cut.
    pub cut: u64,
    /// Answers that the client did not wait for.
    pub cancelled: u64,
    /// Prompt tokens, cached ones included.
    pub input_tokens: u64,
    /// Of those, read from the cache.
    pub cache_read_tokens: u64,
    /// Output tokens, hidden ones included.
    pub output_tokens: u64,
    /// Of those, reasoning.
    pub reasoning_tokens: u64,
    /// What of it no client can know: answers that were cut or cancelled before they reported their usage.
    #[serde(default)]
    pub unreported: Unreported,
}

/// Charges without a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreported {
    /// Answers whose head went out and whose end did not.
    pub answers: u64,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
}

/// An answer that its client did not wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// The request's index.
    pub request: u64,
    /// The model that was served.
    pub model: String,
    /// Visible tokens handed to the connection before it closed.
    pub tokens_sent: u64,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Complete,
    Cut,
    Cancelled,
}

/// What one answer is charged for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) input: u64,
    pub(crate) cache_read: u64,
    pub(crate) visible: u64,
    pub(crate) reasoning: u64,
}

impl Bill {
    /// Books the end of an answer whose head went out.
    pub(crate) fn close(&mut self, request: u64, model: &str, charge: Charge, sent: u64, ended: Ended) {
        let account = self.account(model);
        account.input_tokens += charge.input;
        account.cache_read_tokens += charge.cache_read;
        account.output_tokens += sent + charge.reasoning;
        account.reasoning_tokens += charge.reasoning;
        if ended != Ended::Complete && charge.input > 0 {
            account.unreported.answers += 1;
            account.unreported.input_tokens += charge.input;
            account.unreported.output_tokens += sent + charge.reasoning;
        }
        match ended {
            Ended::Complete => account.answered += 1,
            Ended::Cut => account.cut += 1,
            Ended::Cancelled => {
                account.cancelled += 1;
                self.cancelled.push(Cancelled { request, model: model.to_owned(), tokens_sent: sent });
            }
        }
    }

    pub(crate) fn error(&mut self, model: &str, status: u16) {
        *self.account(model).errors.entry(status).or_default() += 1;
    }

    pub(crate) fn account(&mut self, model: &str) -> &mut ModelBill {
        // One lookup without an allocation for a model that is known: this is on the path of the benchmark upstream.
        if !self.models.contains_key(model) {
            self.models.insert(model.to_owned(), ModelBill::default());
        }
        self.models.get_mut(model).expect("invariant: the account was opened")
    }
}
