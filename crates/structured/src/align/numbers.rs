//! Numbers as people write them: grouped, with a decimal comma, in other digits, with a unit or a currency.
//!
//! A number is taken only if its separators can be read in one way. One point or comma with three digits behind it
//! groups or divides, and half the world does the other thing: it is left, unless a currency or a second separator says
//! which. What stands beside the number must be a unit that its member is counted in.
//!
//! What never happens here: no rounding, no conversion of units, no number word.

use super::units;
use crate::document::number_len;
use crate::schema::Types;

/// `42`, `+42`, `42.0`; `042` is none: leading zeros may be part of a code.
pub(super) fn plain(word: &str) -> Option<String> {
    let text = word.strip_prefix('+').filter(|text| !text.starts_with('-')).unwrap_or(word);
    (number_len(text.as_bytes()) == Some(text.len())).then(|| whole(text))
}

/// `42.0` as a string for an integer: written as the integer it is.
fn whole(text: &str) -> String {
    match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|b| b == b'0') && !text.contains(['e', 'E']) => whole.to_owned(),
        _ => text.to_owned(),
    }
}

/// `12.000` in quotes for an integer: twelve with its fraction, or twelve thousand.
pub(super) fn may_be_grouped_by_points(word: &str) -> bool {
    word.split_once('.').is_some_and(|(whole, rest)| {
        (1..=3).contains(&whole.trim_start_matches('-').len())
            && rest.len() == 3
            && rest.bytes().all(|b| b.is_ascii_digit())
    })
}

/// `1.200` in quotes: a fraction is not written to three places with a nought at its end, thousands are.
pub(super) fn is_grouped_by_points(word: &str) -> bool {
    may_be_grouped_by_points(word) && word.ends_with('0') && !word.trim_start_matches('-').starts_with('0')
}

/// Whether a number's text is an integer where only integers are allowed.
pub(super) fn fits(text: &str, types: Types) -> bool {
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

/// A number and the one mark beside it.
pub(super) struct Quantity<'t> {
    negative: bool,
    digits: &'t str,
    pub(super) mark: &'t str,
}

/// Takes a text apart into a number and what stands before or behind it, if that is one mark.
pub(super) fn quantity(text: &str) -> Option<Quantity<'_>> {
    let text = text.trim();
    let (outer, text) = unsigned(text);
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let behind = text.get(start..)?;
    let len = behind.find(|c: char| !(c.is_ascii_digit() || is_separator(c))).unwrap_or(behind.len());
    let digits = behind.get(..len)?.trim_end_matches(|c: char| !c.is_ascii_digit());
    let head = text.get(..start)?.trim();
    let tail = text.get(start + digits.len()..)?.trim();
    let (inner, head) = match unsigned_behind(head) {
        Some(head) => (true, head),
        None => (false, head),
    };
    if !(head.is_empty() || tail.is_empty()) || (outer && inner) {
        return None;
    }
    Some(Quantity { negative: outer || inner, digits, mark: if head.is_empty() { tail } else { head } })
}

fn unsigned(text: &str) -> (bool, &str) {
    match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    }
}

/// `$-5`: the sign between the mark and the number.
fn unsigned_behind(head: &str) -> Option<&str> {
    head.strip_suffix(['-', '−']).filter(|rest| !rest.is_empty() && !rest.ends_with(char::is_alphanumeric))
}

fn is_separator(c: char) -> bool {
    matches!(c, '.' | ',' | '\'' | '’' | '_') || is_space(c)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}')
}

/// The number of a text for a member of this name; `None` if it can be read in two ways or something stands beside it
/// that says more than the name.
pub(super) fn dressed(text: &str, name: &[String], types: Types) -> Option<String> {
    let ascii = ascii_digits(text);
    let text = ascii.as_deref().unwrap_or(text);
    let found = quantity(text)?;
    let whole_only = !types.has(Types::NUMBER) && groups_by_commas(found.digits);
    let number = match found.mark {
        mark if whole_only && units::belongs(mark, name) => ungrouped(found.digits)?,
        "" => spelled(found.digits, Marked::No)?,
        "#" | "№" | "no." | "No." | "Nr." | "nr." | "nº" | "n°" if found.digits.bytes().all(|b| b.is_ascii_digit()) => {
            found.digits.to_owned()
        }
        mark if units::belongs(mark, name) => {
            let groups = units::marked(mark).into_iter().any(units::groups_by_commas);
            spelled(found.digits, if groups { Marked::GroupsByCommas } else { Marked::Yes })?
        }
        mark if is_counted(mark, name) => spelled(found.digits, Marked::Yes)?,
        _ => return None,
    };
    let number = if types.has(Types::NUMBER) { number } else { whole(&number) };
    let signed = if found.negative { format!("-{number}") } else { number };
    (number_len(signed.as_bytes()) == Some(signed.len()) && fits(&signed, types)).then_some(signed)
}

/// `84,200 km` for an integer: the comma groups, since the other reading is none. `84,000` could be eighty-four.
fn groups_by_commas(digits: &str) -> bool {
    digits.split_once(',').is_some_and(|(whole, rest)| {
        let bare = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        (1..=3).contains(&whole.len())
            && !whole.starts_with('0')
            && bare(whole)
            && rest.len() == 3
            && bare(rest)
            && rest != "000"
    })
}

/// `3 rooms` for `rooms`, `page 12` for `page`: the word is the member's own.
fn is_counted(mark: &str, name: &[String]) -> bool {
    let mark = mark.trim_end_matches([':', '.']).to_lowercase();
    name.last().is_some_and(|last| mark.len() > 2 && super::words::stem(&mark) == super::words::stem(last))
}

/// `72/100` and `4 out of 5` where the schema's maximum is what stands behind.
pub(super) fn out_of(text: &str, maximum: Option<&str>) -> Option<String> {
    let maximum = maximum?;
    let (count, all) = ["/", " out of ", " of ", " von ", " sur ", " de "].iter().find_map(|m| text.split_once(m))?;
    let (count, all) = (count.trim(), all.trim());
    let number = plain(count)?;
    (plain(all).as_deref() == Some(whole(maximum).as_str())).then_some(number)
}

/// Decimal digits of other scripts as ASCII; `None` if there are none.
fn ascii_digits(text: &str) -> Option<String> {
    const ZEROS: [char; 7] = ['٠', '۰', '०', '০', '๐', '０', '𝟎'];
    if text.is_ascii() {
        return None;
    }
    let digit = |c: char| {
        let value = |zero: &char| (c as u32).checked_sub(*zero as u32).filter(|n| *n < 10);
        ZEROS.iter().find_map(value).and_then(|n| char::from_digit(n, 10))
    };
    let one = |c: char| {
        digit(c).unwrap_or(match c {
            '٫' | '．' => '.',
            '٬' | '，' => ',',
            '−' | '－' => '-',
            '％' | '٪' => '%',
            other => other,
        })
    };
    Some(text.chars().map(one).collect())
}

/// Whether something beside the digits speaks of a number, and how it is grouped there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marked {
    No,
    Yes,
    GroupsByCommas,
}

/// Digits with separators as a JSON number, if they can be read in one way.
fn spelled(digits: &str, marked: Marked) -> Option<String> {
    let count = |mark: char| digits.matches(mark).count();
    let (points, commas) = (count('.'), count(','));
    let spaced = digits.contains(|c: char| is_space(c) || matches!(c, '\'' | '’' | '_'));
    let decimal = match (points, commas) {
        (0, 0) => None,
        (_, 0) | (0, _) => {
            let mark = if points > 0 { '.' } else { ',' };
            let (whole, fraction) = digits.rsplit_once(mark)?;
            if points + commas > 1 {
                None
            } else if spaced || fraction.len() != 3 || whole.len() > 3 || whole == "0" {
                Some(mark)
            } else if mark == ',' && marked == Marked::GroupsByCommas {
                None
            } else {
                return None;
            }
        }
        _ => digits.chars().rev().find(|c| matches!(c, '.' | ',')),
    };
    let (whole, fraction) = match decimal {
        Some(mark) => digits.rsplit_once(mark)?,
        None => (digits, ""),
    };
    let bare = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let whole = ungrouped(whole)?;
    match decimal {
        Some(_) if bare(fraction) => Some(format!("{whole}.{fraction}")),
        Some(_) => None,
        None => Some(whole),
    }
}

/// The digits of groups that one separator parts: of three each, or of two with three at the end as in India.
fn ungrouped(text: &str) -> Option<String> {
    let Some(mark) = text.chars().find(|c| !c.is_ascii_digit()) else { return Some(text.to_owned()) };
    let groups: Vec<&str> = text.split(mark).collect();
    let bare = groups.iter().all(|g| !g.is_empty() && g.bytes().all(|b| b.is_ascii_digit()));
    let (first, rest) = groups.split_first()?;
    let (last, middle) = rest.split_last()?;
    let threes = (1..=3).contains(&first.len()) && rest.iter().all(|g| g.len() == 3);
    let indian =
        mark == ',' && (1..=2).contains(&first.len()) && middle.iter().all(|g| g.len() == 2) && last.len() == 3;
    (bare && (threes || indian)).then(|| groups.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::words::words;

    fn check(text: &str, name: &str, types: Types, expected: Option<&str>) {
        assert_eq!(dressed(text, &words(name), types).as_deref(), expected, "{text} for {name}");
    }

    #[test]
    fn a_number_is_read_only_where_one_number_is_meant() {
        for (text, number) in [
            ("$1,234.50", "1234.50"),
            ("1,234,567", "1234567"),
            ("€12.5", "12.5"),
            ("-$5", "-5"),
            ("$-5", "-5"),
            ("18.40 €", "18.40"),
            ("USD 18.40", "18.40"),
            ("$0.125", "0.125"),
            ("289.000,00 €", "289000.00"),
            ("1 074,90", "1074.90"),
            ("₹1,23,456.00", "123456.00"),
            ("1.308.660", "1308660"),
            ("1'308'660", "1308660"),
            ("2,35", "2.35"),
            ("٢٩", "29"),
            ("#12", "12"),
        ] {
            check(text, "total", Types::NUMBER, Some(number));
        }
        for text in [
            "1.234 €",
            "18.40 kg",
            "1,234 EUR",
            "€ EUR",
            "1,234",
            "50%",
            "36 years",
            "€1,234",
            "$",
            "1,234,56",
            "3-4",
            ">70",
            "at least 2",
            "12 or 13",
            "1.2.3",
            "12:30",
            "5 kg 3",
            "about 12",
            "~5",
            "64 m² (living), 70 m² (total)",
            "007",
        ] {
            check(text, "total", Types::NUMBER, None);
        }
        assert!(spelled("1,234", Marked::GroupsByCommas).as_deref() == Some("1234"));
        check("1,5", "rooms", Types::INTEGER, None);
        check("72,0", "score", Types::INTEGER, Some("72"));
    }

    #[test]
    fn a_unit_goes_if_the_member_is_counted_in_it() {
        check("2,5 kg", "weight_kg", Types::NUMBER, Some("2.5"));
        check("64 m²", "area_m2", Types::NUMBER, Some("64"));
        check("38.4°C", "temperature_c", Types::NUMBER, Some("38.4"));
        check("45 minutes", "durationMinutes", Types::INTEGER, Some("45"));
        check("p. 12", "page", Types::INTEGER, Some("12"));
        check("3 rooms", "rooms", Types::INTEGER, Some("3"));
        check("17.5%", "share_percent", Types::NUMBER, Some("17.5"));
        check("5 lb", "weight_kg", Types::NUMBER, None);
        check("101.1 °F", "temperature_c", Types::NUMBER, None);
        check("17.5%", "confidence", Types::NUMBER, None);
        assert_eq!(out_of("72/100", Some("100")).as_deref(), Some("72"));
        assert_eq!(out_of("72/100", Some("10")), None);
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
