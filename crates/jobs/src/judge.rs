//! A judge: a model that says whether an answer is as good as the reference's, asked twice with the order turned round.
//!
//! It is asked on a stratified sample of the labels, off the hot path and within the shadow calls' budget: answers that
//! differ from the reference's four times as often as those that agree. Its verdict makes no label. It is kept beside
//! the grade, so that what it is worth is measured.
//!
//! What never happens here: a verdict that hangs on which answer came first, or a judge that hears whose answer is
//! whose.

use std::time::Duration;

use steersman_core::{ChatRequest, Message, Part, Role};
use steersman_engine::{Candidate, Likelihood, ask_aside, short_answer};

use crate::purse::Spent;

/// Answers that agree are judged this much more seldom: there is little to find out.
const SELDOM: f64 = 0.25;
const QUESTION: &str = "Two answers to one question follow. Compare how well they answer it. Reply with one letter: A if the \
    first is better, B if the second is better, S if they are equally good.";

/// The share of labels to judge, by whether the answer agrees with the reference's.
pub(crate) fn propensity(share: f64, agrees: bool) -> f64 {
    if agrees { share * SELDOM } else { share }
}

/// 1 if the answer is as good as the reference's in both orders, 0 if in neither, a half where the order decided; with
/// what the two calls cost. `None` where the judge gave no verdict.
pub(crate) async fn judge(
    judge: &Candidate,
    question: &str,
    [answer, reference]: [&str; 2],
    limit: Duration,
) -> (Option<f32>, Spent) {
    let (mut spent, mut good) = (Spent::default(), 0_u8);
    for (first, second, better) in [(answer, reference, 'A'), (reference, answer, 'B')] {
        let said = ask_aside(judge, &request(question, first, second), Likelihood::Unasked, limit).await;
        let Ok(said) = said else { return (None, spent) };
        spent.add(said.cost);
        match short_answer(&said.answer, None).as_deref().and_then(verdict) {
            Some(letter) => good += u8::from(letter == better || letter == 'S'),
            None => return (None, spent),
        }
    }
    (Some(f32::from(good) / 2.0), spent)
}

/// The letter, where nothing but a letter is said.
fn verdict(said: &str) -> Option<char> {
    let bare = said.trim().trim_matches(|c: char| c.is_ascii_punctuation());
    let mut letters = bare.chars();
    let letter = letters.next().map(|letter| letter.to_ascii_uppercase())?;
    (letters.next().is_none() && matches!(letter, 'A' | 'B' | 'S')).then_some(letter)
}

fn request(question: &str, first: &str, second: &str) -> ChatRequest {
    let said = |role, text: String| Message { role, parts: vec![Part::Text(text)] };
    let shown = format!("Question:\n{question}\n\nAnswer A:\n{first}\n\nAnswer B:\n{second}");
    ChatRequest {
        messages: vec![said(Role::System, QUESTION.to_owned()), said(Role::User, shown)],
        temperature: Some(0.0),
        max_output_tokens: Some(4),
        ..ChatRequest::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_a_verdict_and_a_sentence_is_none() {
        let said = ["A", " b.", "**S**", "Answer A", "C", "", "both"];
        assert_eq!(said.map(verdict), [Some('A'), Some('B'), Some('S'), None, None, None, None]);
    }
}
