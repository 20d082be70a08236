//! Conversions that lose nothing: a number in quotes, a word for a boolean, a placeholder for null.
//!
//! What never happens here: no rounding, no unit dropped that the member's name does not say.

use super::numbers;
use super::units;
use super::words::words;
use crate::code::Code;
use crate::document::{Kind, Node, encode};
use crate::schema::{Shape, Types};

/// A scalar rewritten for its declared type: text, code and price.
pub(super) struct Coerced {
    pub(super) text: String,
    pub(super) code: Code,
    pub(super) price: u32,
}

const LITERAL: u32 = 2;
const DRESSED: u32 = 4;

pub(super) fn scalar(node: Node<'_>, shape: &Shape) -> Option<Coerced> {
    let to = |text: String, code: Code, price: u32| Some(Coerced { text, code, price });
    match node.kind() {
        Kind::String => {
            let text = node.as_str()?;
            let word = text.trim();
            let grouped = match shape.types.has(Types::NUMBER) {
                true => numbers::is_grouped_by_points(word),
                false => numbers::may_be_grouped_by_points(word),
            };
            if (shape.types.has(Types::NUMBER) || shape.types.has(Types::INTEGER)) && !grouped {
                if let Some(number) = numbers::plain(word).filter(|n| numbers::fits(n, shape.types)) {
                    return to(number, Code::Type, LITERAL);
                }
                let dressed = || numbers::dressed(word, &words(&shape.name), shape.types);
                let count =
                    || numbers::out_of(word, shape.maximum.as_deref()).filter(|n| numbers::fits(n, shape.types));
                if let Some(number) = dressed().or_else(count) {
                    return to(number, Code::Type, DRESSED);
                }
            }
            if shape.types.has(Types::BOOL)
                && let Some(value) = boolean(word, &shape.name)
            {
                return to(value.to_owned(), Code::Type, LITERAL);
            }
            (shape.types.has(Types::NULL) && says_nothing(word)).then(|| Coerced {
                text: "null".to_owned(),
                code: Code::NullWord,
                price: LITERAL,
            })
        }
        Kind::Number if shape.types.has(Types::STRING) => to(encode(node.raw()), Code::Type, LITERAL),
        Kind::Number if shape.types.has(Types::BOOL) => match node.raw() {
            "0" => to("false".to_owned(), Code::Type, DRESSED),
            "1" => to("true".to_owned(), Code::Type, DRESSED),
            _ => None,
        },
        _ => None,
    }
}

/// What stands beside the number says another unit than the member's name: why it was not taken.
pub(super) fn unit_of_another(node: Node<'_>, shape: &Shape) -> Option<String> {
    let text = node.as_str()?;
    let found = numbers::quantity(&text)?;
    units::is_another(found.mark, &words(&shape.name))
        .then(|| format!("{} is of another unit than `{}`", node.raw(), shape.name))
}

/// A word that stands for null.
pub(super) fn says_nothing(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "n/a" | "na" | "null" | "none" | "nil" | "nan" | "undefined")
}

/// Yes and no, in the languages that models answer in, as a tick, and as the member's own name
/// (`passed: "not passed"`).
fn boolean(word: &str, name: &str) -> Option<&'static str> {
    const YES: [&str; 24] = [
        "true", "yes", "y", "on", "ja", "oui", "sí", "si", "sì", "sim", "evet", "tak", "да", "はい", "是", "예", "نعم",
        "✓", "✔", "✅", "☑", "[x]", "vrai", "wahr",
    ];
    const NO: [&str; 24] = [
        "false",
        "no",
        "n",
        "off",
        "nein",
        "non",
        "não",
        "nao",
        "hayır",
        "hayir",
        "nie",
        "нет",
        "いいえ",
        "否",
        "아니오",
        "لا",
        "✗",
        "✘",
        "❌",
        "☐",
        "[ ]",
        "faux",
        "falsch",
        "nee",
    ];
    let word = word.trim().trim_end_matches(['.', '!', '\u{fe0f}']).to_lowercase();
    if YES.contains(&word.as_str()) {
        return Some("true");
    }
    if NO.contains(&word.as_str()) {
        return Some("false");
    }
    let (said, own) = (words(&word), words(name));
    match said.split_first() {
        _ if said.is_empty() || own.is_empty() => None,
        _ if said == own => Some("true"),
        Some((first, rest)) if first == "not" && rest == own.as_slice() => Some("false"),
        _ => None,
    }
}
