//! Marks of a currency that go from amounts: they must not say another one than the answer does.
//!
//! `"$12.50"` for a number loses its mark. That is no loss where the answer names the currency in a member of its own,
//! or where all marks that go are the same. One that contradicts the member beside it, or another mark, is a reading
//! with a rival.
//!
//! What never happens here: no conversion, and no choice of a currency.

use super::Misfit;
use super::numbers;
use super::units::{self, UnitId};
use crate::code::Code;
use crate::document::{Document, Kind, Node};
use crate::record::Edit;

/// The first amount whose mark contradicts the currency that is named beside or above it, or the mark of another
/// amount.
pub(super) fn contradiction(document: &Document, edits: &[Edit]) -> Option<Misfit> {
    // Looked for only where a text became a number.
    if !edits.iter().any(|edit| edit.code == Code::Type) {
        return None;
    }
    let mut check = Check { edits, bare: None };
    check.value(document.root(), None)
}

struct Check<'e> {
    edits: &'e [Edit],
    /// The currencies that the marks without a named one beside them allow, and the first of these marks.
    bare: Option<(Vec<UnitId>, String)>,
}

/// A currency that a member names, and the text that does.
type Named = (Vec<UnitId>, String);

impl Check<'_> {
    fn value(&mut self, node: Node<'_>, named: Option<&Named>) -> Option<Misfit> {
        match node.kind() {
            Kind::Object => {
                let mut own = node.members().filter_map(|(key, value)| currency_of(key, value));
                // Of two currencies nobody knows which amount is in which.
                let own = own.next().filter(|_| own.next().is_none());
                let named = own.as_ref().or(named);
                let amounts = node.members().filter(|(key, _)| !says_its_currency(*key));
                amounts.map(|(_, value)| value).find_map(|value| self.value(value, named))
            }
            Kind::Array => node.items().find_map(|item| self.value(item, named)),
            Kind::String => self.amount(node, named),
            _ => None,
        }
    }

    fn amount(&mut self, node: Node<'_>, named: Option<&Named>) -> Option<Misfit> {
        let (start, end) = node.span();
        let at = self.edits.binary_search_by_key(&(start, end), |edit| (edit.start, edit.end)).ok()?;
        self.edits.get(at).filter(|edit| edit.code == Code::Type)?;
        let text = node.as_str()?;
        let mark = numbers::quantity(&text)?.mark.to_owned();
        let marked = currencies(&mark);
        if marked.is_empty() {
            return None;
        }
        let rival = named.cloned().or_else(|| self.bare.take());
        let Some((others, other)) = rival else {
            self.bare = Some((marked, mark));
            return None;
        };
        let both: Vec<UnitId> = marked.into_iter().filter(|id| others.contains(id)).collect();
        if both.is_empty() {
            return Some(Misfit::tie(node, "currency", "the currency of an amount", &mark, &other));
        }
        if named.is_none() {
            self.bare = Some((both, other));
        }
        None
    }
}

/// Whether an amount's own name says its currency: `price_eur`.
fn says_its_currency(key: Node<'_>) -> bool {
    let words = key.as_str().map(|key| key.to_lowercase()).unwrap_or_default();
    words.split(|c: char| !c.is_alphanumeric()).any(|word| word.len() == 3 && !currencies(word).is_empty())
}

/// A text that is the mark or the code of a currency and nothing else. `won` and `try` are words as well, where the
/// member is not called so.
fn currency_of(key: Node<'_>, value: Node<'_>) -> Option<Named> {
    let called = key.as_str().is_some_and(|key| key.to_lowercase().contains("cur"));
    let text = value.as_str().filter(|text| text.len() <= 16)?;
    let ids = currencies(&text);
    let is_code = text.chars().all(|c| c.is_ascii_uppercase()) || !text.chars().any(char::is_alphabetic);
    (!ids.is_empty() && (called || is_code)).then(|| (ids, text.into_owned()))
}

fn currencies(mark: &str) -> Vec<UnitId> {
    units::marked(mark).into_iter().filter(|id| units::is_currency(*id)).collect()
}
