//! Strings in another form than the schema's pattern asks for: a date, a phone number with spaces, a code in small
//! letters.
//!
//! The forms are tried from near to far, each against the schema's own check. A form is taken if its step yields one
//! string that passes; two that pass are a choice, and none is made. A date that can be read in two orders is none.
//!
//! What never happens here: no word is joined to another, no digit changed; dates keep year, month and day.

use jiff::civil::Date;

/// The one string of the same meaning that passes the check.
pub(super) fn reshaped(text: &str, passes: &dyn Fn(&str) -> bool) -> Option<String> {
    let text = text.trim();
    let bare = undecorated(text);
    for step in [&[bare.clone()][..], &respelled(&bare), &cased(&bare), &dates(&bare), &pieces(&bare)] {
        let mut found: Vec<&String> = step.iter().filter(|form| passes(form)).collect();
        found.sort();
        found.dedup();
        match found.as_slice() {
            [] => {}
            [only] => return Some((*only).clone()),
            _ => return None,
        }
    }
    None
}

/// Without quotes and marks of emphasis around it, and with ASCII for full-width letters and dashes.
fn undecorated(text: &str) -> String {
    let text =
        text.trim_matches(|c: char| matches!(c, '"' | '\'' | '`' | '*' | '“' | '”' | '<' | '>') || c.is_whitespace());
    text.chars().map(super::letters::narrow).collect()
}

/// Letters and digits stay; what parts them goes, or becomes the hyphen. Only of codes and numbers: words would run
/// together.
fn respelled(text: &str) -> Vec<String> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let part = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '_' | '·' | '\u{a0}' | '*' | '•');
    if digits < 3 || digits < letters {
        return Vec::new();
    }
    let joined: String = text.chars().filter(|c| !part(*c)).collect();
    let hyphened: String = text.split(part).filter(|p| !p.is_empty()).collect::<Vec<_>>().join("-");
    let mut forms = vec![joined.clone(), joined.to_uppercase(), hyphened.clone(), hyphened.to_uppercase()];
    if let Some(rest) = joined.strip_prefix("00") {
        forms.push(format!("+{rest}"));
    }
    let boundary =
        joined.char_indices().zip(joined.chars().skip(1)).find(|((_, a), b)| a.is_alphabetic() && b.is_ascii_digit());
    if let Some(((at, a), _)) = boundary {
        let (head, tail) = joined.split_at(at + a.len_utf8());
        forms.push(format!("{}-{tail}", head.to_uppercase()));
    }
    forms
}

/// In capitals or in small letters, of a word that is one or the other throughout.
fn cased(text: &str) -> Vec<String> {
    let (upper, lower) = (text.to_uppercase(), text.to_lowercase());
    let uniform = [&upper, &lower].iter().any(|form| form.as_str() == text);
    if uniform { vec![upper, lower] } else { Vec::new() }
}

/// `Munich (MUC)`: the parts of a text that is a name and a code.
fn pieces(text: &str) -> Vec<String> {
    let parts: Vec<&str> =
        text.split(['(', ')', '[', ']', ':', ',', '–']).flat_map(|p| p.split(" - ")).map(str::trim).collect();
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let doubtful = super::enums::is_doubtful(text);
    let digits = parts.iter().filter(|part| part.contains(|c: char| c.is_ascii_digit())).count();
    if parts.len() != 2 || doubtful || digits > 1 {
        return Vec::new();
    }
    parts.into_iter().map(str::to_owned).collect()
}

/// The forms in which a schema may ask for the date or time that a text says.
fn dates(text: &str) -> Vec<String> {
    let (day, time) = day_and_time(text);
    let Some(date) = day_of(day) else { return Vec::new() };
    let mut forms = Vec::new();
    if time.is_empty() || is_midnight(time) {
        forms.push(date.to_string());
        forms.push(date.strftime("%d.%m.%Y").to_string());
        forms.push(date.strftime("%Y%m%d").to_string());
    }
    if !time.is_empty() {
        forms.push(format!("{date}T{}", without_zero_fraction(time)));
    }
    forms
}

fn day_and_time(text: &str) -> (&str, &str) {
    let is_digit = |c: char| c.is_ascii_digit();
    if let Some((day, time)) = text.split_once('T')
        && day.ends_with(is_digit)
        && time.starts_with(is_digit)
    {
        return (day, time);
    }
    match text.rsplit_once(' ') {
        Some((day, time)) if time.contains(':') && time.starts_with(is_digit) => (day.trim_end_matches(','), time),
        _ => (text, ""),
    }
}

/// `10:00:00.000Z` is `10:00:00Z`.
fn without_zero_fraction(time: &str) -> String {
    let Some((clock, rest)) = time.split_once('.') else { return time.to_owned() };
    let zone = rest.trim_start_matches('0');
    if zone.starts_with(|c: char| c.is_ascii_digit()) { time.to_owned() } else { format!("{clock}{zone}") }
}

fn is_midnight(time: &str) -> bool {
    let clock = time.trim_end_matches('Z').trim_end_matches("+00:00");
    clock.chars().all(|c| matches!(c, '0' | ':' | '.'))
}

/// The day that a text names, if its parts can be read in one order.
fn day_of(text: &str) -> Option<Date> {
    let text = text.trim().trim_end_matches(['.', '日']);
    let words: Vec<String> = text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '/' | '.' | '-' | '年' | '月' | '\u{a0}'))
        .filter(|part| !part.is_empty())
        .map(str::to_lowercase)
        .filter(|word| !is_filler(word))
        .collect();
    let [a, b, c] = words.as_slice() else { return None };
    let number =
        |word: &str| ordinal(word).filter(|w| w.bytes().all(|x| x.is_ascii_digit())).and_then(|w| w.parse().ok());
    let year = |word: &str| (word.len() == 4).then(|| number(word)).flatten();
    let small = |word: &str| number(word).filter(|n: &i16| *n <= 31).and_then(|n| i8::try_from(n).ok());
    if let (Some(y), Some(m), Some(d)) = (year(a), small(b).or_else(|| month(b)), small(c)) {
        return Date::new(y, m, d).ok();
    }
    let y = year(c)?;
    match (small(a), month(a), small(b), month(b)) {
        (Some(d), None, None, Some(m)) | (None, Some(m), Some(d), None) => Date::new(y, m, d).ok(),
        (Some(first), None, Some(second), None) if text.contains('.') || first > 12 || first == second => {
            Date::new(y, second, first).ok()
        }
        (Some(first), None, Some(second), None) if second > 12 => Date::new(y, first, second).ok(),
        _ => None,
    }
}

/// `14th`, `1er`, `14.`: the number alone.
fn ordinal(word: &str) -> Option<&str> {
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (digits, suffix) = word.split_at_checked(end)?;
    matches!(suffix, "" | "st" | "nd" | "rd" | "th" | "er" | "º" | "°" | "日").then_some(digits)
}

/// Words that stand in dates and say nothing of them; names of weekdays.
fn is_filler(word: &str) -> bool {
    const WORDS: [&str; 5] = ["de", "of", "the", "den", "del"];
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    const LONG: [&str; 14] = [
        "montag",
        "dienstag",
        "mittwoch",
        "donnerstag",
        "freitag",
        "samstag",
        "sonntag",
        "lundi",
        "mardi",
        "mercredi",
        "jeudi",
        "vendredi",
        "samedi",
        "dimanche",
    ];
    let english = DAYS.iter().any(|day| word == *day || (word.starts_with(day) && word.ends_with("day")));
    WORDS.contains(&word) || english || LONG.contains(&word)
}

/// The month of a name: English, German, French, Spanish, Italian, Portuguese, Turkish, Polish, Russian; three letters
/// of an English one do.
fn month(word: &str) -> Option<i8> {
    const NAMES: [&[&str]; 12] = [
        &["january", "jan", "januar", "jänner", "janvier", "enero", "gennaio", "janeiro", "ocak", "stycznia", "января"],
        &["february", "feb", "februar", "février", "febrero", "febbraio", "fevereiro", "şubat", "lutego", "февраля"],
        &["march", "mar", "märz", "mars", "marzo", "março", "mart", "marca", "марта"],
        &["april", "apr", "avril", "abril", "aprile", "nisan", "kwietnia", "апреля"],
        &["may", "mai", "mayo", "maggio", "maio", "mayıs", "maja", "мая"],
        &["june", "jun", "juni", "juin", "junio", "giugno", "junho", "haziran", "czerwca", "июня"],
        &["july", "jul", "juli", "juillet", "julio", "luglio", "julho", "temmuz", "lipca", "июля"],
        &["august", "aug", "août", "agosto", "ağustos", "sierpnia", "августа"],
        &[
            "september",
            "sep",
            "sept",
            "septembre",
            "septiembre",
            "settembre",
            "setembro",
            "eylül",
            "września",
            "сентября",
        ],
        &[
            "october",
            "oct",
            "oktober",
            "okt",
            "octobre",
            "octubre",
            "ottobre",
            "outubro",
            "ekim",
            "października",
            "октября",
        ],
        &["november", "nov", "novembre", "noviembre", "novembro", "kasım", "listopada", "ноября"],
        &[
            "december",
            "dec",
            "dezember",
            "dez",
            "décembre",
            "diciembre",
            "dicembre",
            "dezembro",
            "aralık",
            "grudnia",
            "декабря",
        ],
    ];
    let at = NAMES.iter().position(|names| names.contains(&word))?;
    i8::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_iso(text: &str) -> bool {
        text.len() == 10
            && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
    }

    #[test]
    fn a_date_is_taken_if_its_parts_have_one_order() {
        for (text, date) in [
            ("2024/10/02", "2024-10-02"),
            ("14.02.1978", "1978-02-14"),
            ("June 14, 2025", "2025-06-14"),
            ("Saturday, 14th of June 2025", "2025-06-14"),
            ("14 de junio de 2025", "2025-06-14"),
            ("1er août 2024", "2024-08-01"),
            ("2025年6月14日", "2025-06-14"),
            ("25/12/2024", "2024-12-25"),
            ("12/25/2024", "2024-12-25"),
            ("2025-06-14T00:00:00Z", "2025-06-14"),
            ("2025-6-4", "2025-06-04"),
        ] {
            assert_eq!(reshaped(text, &is_iso).as_deref(), Some(date), "{text}");
        }
        for text in
            ["03/04/2024", "July 2023", "Q2 2026", "next Friday", "31.02.2024", "14.02.78", "2025-06-14T09:30:00Z"]
        {
            assert_eq!(reshaped(text, &is_iso), None, "{text}");
        }
    }

    #[test]
    fn a_code_is_respelled_and_words_are_not() {
        let airport = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
        assert_eq!(reshaped("muc", &airport).as_deref(), Some("MUC"));
        assert_eq!(reshaped("Munich (MUC)", &airport).as_deref(), Some("MUC"));
        assert_eq!(reshaped("London (LHR or LGW)", &airport), None);
        assert_eq!(reshaped("Munich", &airport), None);
        let phone =
            |text: &str| text.strip_prefix('+').is_some_and(|t| t.len() >= 8 && t.bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(reshaped("+49 151 23456789", &phone).as_deref(), Some("+4915123456789"));
        assert_eq!(reshaped("Jane Doe", &|text| !text.contains(' ')), None);
    }
}
