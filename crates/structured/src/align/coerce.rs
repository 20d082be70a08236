//! Conversions that lose nothing: a number in quotes, a word for a boolean, a placeholder for null.
//!
//! What never happens here: no rounding, no unit dropped, no decimal comma guessed.

use super::words::words;
use crate::code::Code;
use crate::document::{Kind, Node, encode, number_len};
use crate::schema::{Shape, Types};
use std::borrow::Cow;

/// A scalar rewritten for its declared type: text, code and price.
pub(super) struct Coerced {
    pub(super) text: String,
    pub(super) code: Code,
    pub(super) price: u32,
}

const LITERAL: u32 = 2;
const DRESSED: u32 = 4;

pub(super) fn scalar(node: Node<'_>, shape: &Shape, lenient: bool) -> Option<Coerced> {
    let to = |text: String, code: Code, price: u32| Some(Coerced { text, code, price });
    match node.kind() {
        Kind::String => {
            let text = node.as_str()?;
            let word = text.trim();
            if shape.types.has(Types::NUMBER) || shape.types.has(Types::INTEGER) {
                if let Some(number) = plain_number(word).filter(|n| fits_integer(n, shape.types)) {
                    return to(number, Code::Type, LITERAL);
                }
                if let Some(number) = dressed_number(word).filter(|n| fits_integer(n, shape.types)) {
                    return to(number, Code::Type, DRESSED);
                }
            }
            if shape.types.has(Types::BOOL)
                && let Some(value) = boolean(word)
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
        Kind::Number if shape.types.has(Types::BOOL) && lenient => match node.raw() {
            "0" => to("false".to_owned(), Code::Type, LITERAL),
            "1" => to("true".to_owned(), Code::Type, LITERAL),
            _ => None,
        },
        _ => None,
    }
}

/// A word that stands for null.
pub(super) fn says_nothing(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "n/a" | "na" | "null" | "none" | "nil" | "nan" | "undefined")
}

fn boolean(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" => Some("true"),
        "false" | "no" => Some("false"),
        _ => None,
    }
}

/// Whether a number's text is an integer where only integers are allowed.
pub(super) fn fits_integer(text: &str, types: Types) -> bool {
    types.has(Types::NUMBER) || integral(text)
}

/// Exactly: no digit but zero behind the point once the exponent has moved it.
pub(crate) fn integral(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let Ok(exponent) = exponent.trim_start_matches('+').parse::<i64>() else { return false };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    if exponent >= 0 {
        return i64::try_from(fraction.len()).unwrap_or(i64::MAX) <= exponent;
    }
    let zeros = whole.bytes().rev().take_while(|b| *b == b'0').count();
    let nothing = whole.bytes().all(|b| matches!(b, b'0' | b'-'));
    fraction.is_empty() && (nothing || i64::try_from(zeros).unwrap_or(0) >= -exponent)
}

/// `42`, `+42`, `42.0`, `042` is none: leading zeros may be part of a code.
fn plain_number(word: &str) -> Option<String> {
    let text = word.strip_prefix('+').unwrap_or(word);
    (number_len(text.as_bytes()) == Some(text.len())).then(|| whole(text))
}

/// `42.0` as a string for an integer: written as the integer it is.
fn whole(text: &str) -> String {
    match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|b| b == b'0') && !text.contains(['e', 'E']) => whole.to_owned(),
        _ => text.to_owned(),
    }
}

/// `$1,234.50`, `1,234,567`, `€ 12`, `18.40 EUR`: a currency before or behind, groups of three. One group alone without
/// point or sign could be a decimal comma and is left, and so is a price with three digits behind the point: half the
/// world groups by points.
fn dressed_number(word: &str) -> Option<String> {
    let (negative, body) = match word.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    let bare = without_currency(body);
    let signed = bare.len() != body.len();
    let (whole, fraction) = match bare.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (bare, None),
    };
    let groups: Vec<&str> = whole.split(',').collect();
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let grouped = groups.len() > 1
        && groups.first().is_some_and(|g| (1..=3).contains(&g.len()))
        && groups.iter().skip(1).all(|g| g.len() == 3);
    let certain = if groups.len() == 1 {
        signed && (fraction.is_none_or(|digits| digits.len() != 3) || whole.len() > 3 || whole == "0")
    } else {
        grouped && (signed && !body.contains(['€', 'E', 'C']) || fraction.is_some() || groups.len() > 2)
    };
    if !certain || !groups.iter().all(|g| digits(g)) || !fraction.is_none_or(digits) {
        return None;
    }
    let text: Cow<'_, str> = match fraction {
        Some(fraction) => format!("{}.{fraction}", groups.concat()).into(),
        None => groups.concat().into(),
    };
    (number_len(text.as_bytes()) == Some(text.len()))
        .then(|| if negative { format!("-{text}") } else { text.into_owned() })
}

/// A currency: how prices mark it, and how the names of members say it.
struct Currency {
    marks: &'static [&'static str],
    words: &'static [&'static str],
}

static CURRENCIES: [Currency; 5] = [
    Currency { marks: &["$", "US$", "USD"], words: &["usd", "dollar", "dollars"] },
    Currency { marks: &["€", "EUR"], words: &["eur", "euro", "euros"] },
    Currency { marks: &["£", "GBP"], words: &["gbp", "sterling"] },
    Currency { marks: &["¥", "JPY"], words: &["jpy", "yen"] },
    Currency { marks: &["CHF"], words: &["chf", "franc", "francs"] },
];

/// The number of a price that names its currency once, by sign or by ISO 4217 code, before it or behind.
fn without_currency(text: &str) -> &str {
    let marks = || CURRENCIES.iter().flat_map(|currency| currency.marks);
    let before = marks().filter_map(|mark| text.strip_prefix(mark)).min_by_key(|rest| rest.len());
    let behind = || marks().filter_map(|mark| text.strip_suffix(mark)).min_by_key(|rest| rest.len());
    before.or_else(behind).map_or(text, str::trim)
}

/// Whether a price is marked with one currency where the member's name says another: `€45` for `amount_usd`.
pub(super) fn is_of_another_currency(price: &str, member: &str) -> bool {
    let words = words(member);
    let named = CURRENCIES.iter().position(|c| c.words.iter().any(|word| words.iter().any(|w| w == word)));
    let price = price.trim().trim_start_matches('-');
    let is_marked = |mark: &&str| price.starts_with(mark) || price.ends_with(mark);
    let marked = CURRENCIES.iter().position(|c| c.marks.iter().any(is_marked));
    matches!((named, marked), (Some(named), Some(marked)) if named != marked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_in_another_currency_than_the_members_is_none() {
        for (price, member, other) in [
            ("€45.00", "amount_usd", true),
            ("45.00 USD", "totalEur", true),
            ("$45.00", "amount_usd", false),
            ("US$ 5", "priceInDollars", false),
            ("€45.00", "amount", false),
            ("45.00", "amount_usd", false),
        ] {
            assert_eq!(is_of_another_currency(price, member), other, "{price} for {member}");
        }
    }

    #[test]
    fn numbers_are_undressed_only_where_one_number_is_meant() {
        for (word, number) in [
            ("$1,234.50", Some("1234.50")),
            ("1,234,567", Some("1234567")),
            ("€12.5", Some("12.5")),
            ("-$5", Some("-5")),
            ("18.40 €", Some("18.40")),
            ("USD 18.40", Some("18.40")),
            ("$0.125", Some("0.125")),
        ] {
            assert_eq!(dressed_number(word).as_deref(), number, "{word}");
        }
        for word in [
            "1.234 €",
            "$1.234",
            "18.40 kg",
            "1,234 EUR",
            "€ EUR",
            "1,234",
            "1.234,50",
            "50%",
            "36 years",
            "€1,234",
            "12",
            "1,23",
            "$",
            "1,234,56",
        ] {
            assert_eq!(dressed_number(word), None, "{word}");
        }
    }

    #[test]
    fn integers_are_told_exactly() {
        for yes in ["36", "36.0", "1.5e1", "0e-5", "100e-2", "-7"] {
            assert!(integral(yes), "{yes}");
        }
        for no in ["36.7", "1e-1", "1.25e1", "105e-2"] {
            assert!(!integral(no), "{no}");
        }
    }
}
