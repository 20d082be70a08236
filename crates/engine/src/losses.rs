//! What a translation had no words for, in a request and in its answer: told in a header where one can still be sent,
//! and on the record always.

use steersman_wire::Loss;

/// The longest list that a header holds; the record has all of them.
const MAX_HEADER_BYTES: usize = 4 << 10;

/// The losses of one request and of its answer, each once.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    request: Vec<Loss>,
    answer: Vec<Loss>,
}

impl Losses {
    /// Sets what the request lost on its way to the provider that answered.
    pub(crate) fn of_request(&mut self, losses: &[Loss]) {
        self.request.clear();
        add(&mut self.request, losses);
    }

    /// Adds what the answer lost on its way back.
    pub(crate) fn of_answer(&mut self, losses: &[Loss]) {
        add(&mut self.answer, losses);
    }

    /// What the answer has lost so far.
    pub(crate) fn in_answer(&self) -> &[Loss] {
        &self.answer
    }

    /// Another answer takes the place of the one that lost these.
    pub(crate) fn forget_answer(&mut self) {
        self.answer.clear();
    }

    /// The members that were lost, as a header's value; `None` if there were none.
    pub(crate) fn header(&self) -> Option<String> {
        let answer = self.answer.iter().map(|loss| format!("answer.{}", loss.param));
        let mut header = String::new();
        for lost in self.request.iter().map(|loss| loss.param.clone()).chain(answer) {
            if header.len() + lost.len() > MAX_HEADER_BYTES {
                header.push_str(", ...");
                break;
            }
            header.push_str(if header.is_empty() { "" } else { ", " });
            // A name may come from a body, and a header takes visible ASCII alone.
            header.push_str(&lost.replace(|c: char| !c.is_ascii_graphic() && c != ' ', "?"));
        }
        (!header.is_empty()).then_some(header)
    }

    /// The note for the record; `None` if nothing was lost.
    pub(crate) fn note(&self) -> Option<serde_json::Value> {
        let lines = |losses: &[Loss]| -> Vec<String> {
            losses.iter().map(|loss| format!("{}: {}", loss.param, loss.what)).collect()
        };
        let any = !self.request.is_empty() || !self.answer.is_empty();
        any.then(|| serde_json::json!({ "request": lines(&self.request), "answer": lines(&self.answer) }))
    }
}

/// Adds those that are not there yet; a long conversation loses the same in every turn.
fn add(known: &mut Vec<Loss>, losses: &[Loss]) {
    for loss in losses {
        if !known.contains(loss) {
            known.push(loss.clone());
        }
    }
}
