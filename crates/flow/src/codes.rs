//! Codes that stand for words: what a user says in words, interfaces want as `EUR`, `de`, `FR`, `kg` or `mon`.
//!
//! Each line is a code of a public standard (ISO 4217, 639-1, 3166-1, the SI) or a usual abbreviation, with the words
//! that mean it. A code is the user's if one of its words is. The table is closed, so a value gains nothing by looking
//! like one.
//!
//! What never happens here: no code is guessed from its letters.

use std::sync::LazyLock;

use crate::hashed::HashMap;
use crate::request::Request;
use crate::text;

const CODES: &[(&str, &str)] = &[
    ("eur", "euro euros €"),
    ("usd", "dollar dollars $ bucks"),
    ("gbp", "pound pounds quid sterling £"),
    ("chf", "franc francs"),
    ("jpy", "yen ¥"),
    ("sek nok dkk", "krona kronor krone kroner"),
    ("pln", "zloty"),
    ("inr", "rupee rupees"),
    ("en eng en-us en-gb", "english"),
    ("de deu ger de-de", "german"),
    ("fr fra fre fr-fr", "french"),
    ("es spa es-es", "spanish"),
    ("it ita", "italian"),
    ("pt por", "portuguese"),
    ("nl nld dut", "dutch"),
    ("pl pol", "polish"),
    ("ja jpn", "japanese"),
    ("zh zho chi", "chinese mandarin"),
    ("ru rus", "russian"),
    ("tr tur", "turkish"),
    ("sv swe", "swedish"),
    ("us usa", "america states american"),
    ("gb uk gbr", "britain kingdom british england"),
    ("de deu", "germany"),
    ("fr fra", "france"),
    ("es esp", "spain"),
    ("it ita", "italy"),
    ("at aut", "austria"),
    ("ch che", "switzerland"),
    ("nl nld", "netherlands holland"),
    ("pl pol", "poland"),
    ("jp jpn", "japan"),
    ("mon mo", "monday mondays"),
    ("tue tu tues", "tuesday tuesdays"),
    ("wed we", "wednesday wednesdays"),
    ("thu th thurs", "thursday thursdays"),
    ("fri fr", "friday fridays"),
    ("sat sa", "saturday saturdays"),
    ("sun su", "sunday sundays"),
    ("kg", "kilo kilos kilogram kilograms"),
    ("g", "gram grams"),
    ("km", "kilometre kilometer kilometres kilometers"),
    ("m", "metre meter metres meters"),
    ("cm", "centimetre centimeter centimetres centimeters"),
    ("l", "litre liter litres liters"),
    ("ml", "millilitre milliliter millilitres milliliters"),
    ("h hr hrs", "hour hours hourly"),
    ("min mins", "minute minutes"),
    ("c celsius", "degrees degree"),
    ("xs", "extra-small"),
    ("s", "small"),
    ("m", "medium"),
    ("l", "large"),
    ("pdf", "pdf"),
    ("pct %", "percent percentage"),
    ("daily day", "daily day nightly night everyday"),
    ("weekly week", "weekly week"),
    ("monthly month", "monthly month"),
    ("yearly annual annually year", "yearly year annual annually"),
    ("quarterly quarter", "quarterly quarter"),
    ("high urgent critical p1", "urgent urgently asap critical important immediately top highest"),
    ("low minor p4", "low minor trivial unimportant"),
    ("business", "business"),
    ("m male", "man male mr boy"),
    ("f female", "woman female mrs ms girl"),
];

/// Whether a value is a code for something that the user said.
pub(crate) fn means(request: &Request, value: &str) -> bool {
    if value.len() > 10 {
        return false;
    }
    static MEANT: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
        let mut meant: HashMap<&str, Vec<&str>> = HashMap::default();
        for (codes, words) in CODES {
            codes.split(' ').for_each(|code| meant.entry(code).or_default().extend(words.split(' ')));
        }
        meant
    });
    let said =
        |word: &&str| if word.is_ascii() && *word != "$" { request.has_word(word) } else { request.has_sign(word) };
    MEANT.get(text::exact(value).as_str()).is_some_and(|words| words.iter().any(said))
}
