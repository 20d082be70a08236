//! What a translation had no words for, in a request and in its answer: told in a header where one can still be sent, and
//! on the record always.

use steersman_wire::Loss;

/// The losses of one request and of its answer, each once.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    request: Vec<Loss>,
    answer: Vec<Loss>,
}

impl Losses {
    /// Sets what the request lost on its way to the provider that answered.
    pub(crate) fn of_request(&mut self, losses: &[Loss]) {
        losses.clone_into(&mut self.request);
    }

    /// Adds what the answer lost on its way back.
    pub(crate) fn of_answer(&mut self, losses: &[Loss]) {
        for loss in losses {
            if !self.answer.contains(loss) {
                self.answer.push(loss.clone());
            }
        }
    }

    /// The members that were lost, as a header's value; `None` if there were none.
    pub(crate) fn header(&self) -> Option<String> {
        let answer = self.answer.iter().map(|loss| format!("answer.{}", loss.param));
        let lost: Vec<String> = self.request.iter().map(|loss| loss.param.clone()).chain(answer).collect();
        // A name may come from a body, and a header takes visible ASCII alone.
        let shown = || lost.join(", ").replace(|c: char| !c.is_ascii_graphic() && c != ' ', "?");
        (!lost.is_empty()).then(shown)
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
