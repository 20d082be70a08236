//! Units and currencies: how values carry them, and how the names of members say which one is meant.
//!
//! A unit behind a number may go only if the member's own name says it (`"2.5 kg"` for `weight_kg`) or leaves no other
//! (`"36 years"` for `age`). Nothing is ever converted: `5 lb` is no number of kilograms.
//!
//! What never happens here: no arithmetic.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A unit: its marks beside a number, its words in the names of members, and the members that are counted in it by
/// nature.
struct Unit {
    marks: &'static [&'static str],
    names: &'static [&'static str],
    members: &'static [&'static str],
}

const fn unit(
    marks: &'static [&'static str],
    names: &'static [&'static str],
    members: &'static [&'static str],
) -> Unit {
    Unit { marks, names, members }
}

/// So many entries at the head of the table are currencies: prices name them by themselves.
const CURRENCIES: usize = 18;

/// Index of a unit in the table.
pub(super) type UnitId = u8;

static UNITS: [Unit; 65] = [
    unit(&["$", "us$", "usd", "dollar", "dollars", "us dollar", "us dollars"], &["usd", "dollar", "dollars"], &[]),
    unit(&["€", "eur", "euro", "euros"], &["eur", "euro", "euros"], &[]),
    unit(&["£", "gbp", "pound sterling"], &["gbp", "sterling"], &[]),
    unit(&["¥", "jpy", "yen", "円"], &["jpy", "yen"], &[]),
    unit(&["chf", "fr.", "sfr"], &["chf", "franc", "francs"], &[]),
    unit(&["₹", "inr", "rs", "rs.", "rupees"], &["inr", "rupee", "rupees"], &[]),
    unit(&["cny", "¥", "rmb", "yuan", "元"], &["cny", "rmb", "yuan"], &[]),
    unit(&["₩", "krw", "won", "원"], &["krw"], &[]),
    unit(&["₺", "tl", "try", "lira"], &["try", "tl", "lira"], &[]),
    unit(&["zł", "zl", "pln"], &["pln", "zloty"], &[]),
    unit(&["₽", "rub", "руб", "руб."], &["rub", "rubles"], &[]),
    unit(&["sek", "kr", "skr"], &["sek"], &[]),
    unit(&["nok", "kr", "nkr"], &["nok"], &[]),
    unit(&["dkk", "kr", "dkr"], &["dkk"], &[]),
    unit(&["cad", "$", "c$", "ca$"], &["cad"], &[]),
    unit(&["aud", "$", "a$", "au$"], &["aud"], &[]),
    unit(&["r$", "brl", "reais"], &["brl", "reais"], &[]),
    unit(&["kč", "czk"], &["czk"], &[]),
    unit(
        &["kg", "kgs", "kilo", "kilos", "kilogram", "kilograms", "kilogramm", "кг"],
        &["kg", "kilos", "kilogram", "kilograms"],
        &[],
    ),
    unit(&["g", "gr", "gram", "grams", "gramm", "grammes"], &["g", "gram", "grams"], &[]),
    unit(&["mg", "milligram", "milligrams"], &["mg", "milligrams"], &[]),
    unit(&["lb", "lbs", "pound", "pounds"], &["lb", "lbs", "pounds"], &[]),
    unit(&["oz", "ounce", "ounces"], &["oz", "ounces"], &[]),
    unit(&["t", "ton", "tons", "tonne", "tonnes"], &["tons", "tonnes"], &[]),
    unit(
        &["km", "kms", "kilometer", "kilometers", "kilometre", "kilometres", "км"],
        &["km", "kilometers", "kilometres"],
        &[],
    ),
    unit(&["m", "meter", "meters", "metre", "metres"], &["m", "meter", "meters", "metres"], &[]),
    unit(&["cm", "centimeter", "centimeters", "centimetres"], &["cm", "centimeters"], &[]),
    unit(&["mm", "millimeter", "millimeters", "millimetres"], &["mm", "millimeters"], &[]),
    unit(&["mi", "mile", "miles"], &["mi", "miles"], &[]),
    unit(&["ft", "foot", "feet"], &["ft", "feet"], &[]),
    unit(&["inch", "inches", "\""], &["inch", "inches"], &[]),
    unit(
        &[
            "m²",
            "m2",
            "m^2",
            "qm",
            "sqm",
            "sq m",
            "sq. m",
            "square meter",
            "square meters",
            "square metres",
            "quadratmeter",
            "м²",
        ],
        &["m2", "sqm", "qm"],
        &[],
    ),
    unit(&["km²", "km2", "sq km", "square kilometers", "square kilometres"], &["km2", "sqkm"], &[]),
    unit(&["ft²", "ft2", "sqft", "sq ft", "sq. ft", "square feet"], &["ft2", "sqft"], &[]),
    unit(&["ha", "hectare", "hectares"], &["ha", "hectares"], &[]),
    unit(&["l", "liter", "liters", "litre", "litres"], &["l", "liter", "liters", "litres"], &[]),
    unit(&["ml", "milliliter", "milliliters", "millilitre", "millilitres"], &["ml", "milliliters"], &[]),
    unit(&["°c", "c", "ºc", "℃", "celsius", "degrees celsius", "deg c", "grad celsius"], &["c", "celsius"], &[]),
    unit(&["°f", "f", "ºf", "℉", "fahrenheit", "degrees fahrenheit", "deg f"], &["f", "fahrenheit"], &[]),
    unit(&["k", "kelvin"], &["kelvin"], &[]),
    unit(
        &["ms", "msec", "msecs", "millis", "millisecond", "milliseconds", "millisekunden"],
        &["ms", "msec", "millis", "milliseconds"],
        &[],
    ),
    unit(
        &["s", "sec", "secs", "second", "seconds", "sekunde", "sekunden", "secondes", "segundos", "秒"],
        &["s", "sec", "secs", "seconds", "sekunden"],
        &[],
    ),
    unit(
        &["min", "mins", "minute", "minutes", "minuten", "minutos", "minuti", "dakika", "минут", "分", "分鐘", "分钟"],
        &["min", "mins", "minute", "minutes", "minuten"],
        &[],
    ),
    unit(
        &[
            "h",
            "hr",
            "hrs",
            "hour",
            "hours",
            "std",
            "stunde",
            "stunden",
            "heures",
            "horas",
            "saat",
            "часов",
            "時間",
            "小时",
        ],
        &["h", "hr", "hrs", "hour", "hours", "stunden"],
        &[],
    ),
    unit(
        &[
            "d", "day", "days", "tag", "tage", "jours", "jour", "días", "dia", "dias", "giorni", "gün", "дней", "日",
            "天",
        ],
        &["day", "days", "tage"],
        &[],
    ),
    unit(&["w", "wk", "week", "weeks", "woche", "wochen"], &["week", "weeks", "wochen"], &[]),
    unit(&["mo", "month", "months", "monat", "monate"], &["month", "months", "monate"], &[]),
    unit(
        &[
            "y",
            "yr",
            "yrs",
            "year",
            "years",
            "year old",
            "years old",
            "y/o",
            "yo",
            "jahre",
            "jahre alt",
            "ans",
            "años",
            "anos",
            "anni",
            "yaş",
            "yaşında",
            "lat",
            "лет",
            "歳",
            "岁",
        ],
        &["year", "years", "yrs", "jahre"],
        &["age", "alter", "edad", "âge", "età", "idade", "yaş", "wiek", "возраст", "年齢", "年龄"],
    ),
    unit(&["kb"], &["kb"], &[]),
    unit(&["mb"], &["mb"], &[]),
    unit(&["gb"], &["gb"], &[]),
    unit(&["tb"], &["tb"], &[]),
    unit(&["km/h", "kmh", "kph"], &["kmh", "kph"], &[]),
    unit(&["mph"], &["mph"], &[]),
    unit(&["w", "watt", "watts"], &["watt", "watts", "w"], &[]),
    unit(&["kwh"], &["kwh"], &[]),
    unit(&["kcal", "calories", "cal"], &["kcal", "calories"], &["calories"]),
    unit(
        &["%", "percent", "pct", "per cent", "prozent", "por ciento"],
        &["percent", "pct", "percentage", "prozent"],
        &[],
    ),
    unit(&["bpm", "beats per minute", "/min"], &["bpm"], &["heart_rate", "heartrate", "pulse", "hr"]),
    unit(
        &["pt", "pts", "point", "points", "punkte", "puntos", "puan", "marks"],
        &["points", "pts", "punkte"],
        &["score", "grade", "marks", "punkte", "punktzahl"],
    ),
    unit(&["p", "pp", "pg", "page", "pages", "seite", "seiten"], &["page", "pages", "seite"], &[]),
    unit(&["px", "pixel", "pixels"], &["px", "pixels"], &[]),
    unit(&["tbsp", "tablespoon", "tablespoons", "el", "esslöffel"], &["tbsp"], &[]),
    unit(&["tsp", "teaspoon", "teaspoons", "tl", "teelöffel"], &["tsp"], &[]),
    unit(
        &["pc", "pcs", "piece", "pieces", "stk", "stück", "pièces", "adet", "unit", "units"],
        &["pieces", "pcs", "adet"],
        &["quantity", "qty", "count", "adet", "anzahl", "stock"],
    ),
];

/// Parts of a currency: an amount of dollars is no number of these.
const MINOR: [&str; 15] = [
    "cent", "cents", "penny", "pence", "pennies", "minor", "satoshi", "satoshis", "sats", "wei", "gwei", "paise",
    "kopeks", "centavos", "centimes",
];
/// What lasts, so that `min` behind it are minutes.
const LASTING: [&str; 8] = ["duration", "time", "timeout", "length", "delay", "runtime", "interval", "estimate"];

fn ids(named: impl Fn(&Unit) -> bool) -> impl Iterator<Item = UnitId> {
    UNITS.iter().enumerate().filter(move |(_, unit)| named(unit)).filter_map(|(i, _)| UnitId::try_from(i).ok())
}

/// The units that a mark beside a number may stand for.
pub(super) fn marked(mark: &str) -> Vec<UnitId> {
    let mark = mark.trim().to_lowercase();
    let bare = mark.trim_end_matches('.');
    ids(|unit| unit.marks.iter().any(|m| *m == mark || *m == bare)).collect()
}

/// The unit that a member's name says: by its last word, or by any word of more than three letters.
pub(super) fn named(words: &[String]) -> Option<UnitId> {
    static NAMES: LazyLock<BTreeMap<&'static str, UnitId>> = LazyLock::new(|| {
        let mut names = BTreeMap::new();
        for (id, unit) in UNITS.iter().enumerate() {
            for name in unit.names {
                names.entry(*name).or_insert(UnitId::try_from(id).unwrap_or(UnitId::MAX));
            }
        }
        names
    });
    let says = |word: &str| NAMES.get(word).copied();
    let last = words.last().filter(|word| words.len() > 1 || word.len() > 1).filter(|word| {
        // `price_min` is a minimum; only what lasts has minutes.
        *word != "min" || words.iter().any(|w| LASTING.contains(&w.as_str()))
    });
    let last = last.and_then(|word| says(word));
    last.or_else(|| words.iter().filter(|word| word.len() > 3).find_map(|word| says(word)))
}

/// Whether a number of this unit is what the member holds: its name says the unit, or has no other by nature.
pub(super) fn belongs(mark: &str, member: &[String]) -> bool {
    if is_quotient_of(mark, member) {
        return true;
    }
    let units = exactly_marked(mark);
    let minor = member.iter().any(|word| MINOR.contains(&word.as_str()));
    match named(member) {
        Some(own) => units.contains(&own) && !(minor && is_currency(own)),
        None => units.iter().any(|&id| (is_currency(id) && !minor) || is_natural(id, member)),
    }
}

/// The units of a mark whose case is not another unit's: `Mb` are megabits and `M` are millions or nautical miles,
/// `MB` and `m` are what they say.
fn exactly_marked(mark: &str) -> Vec<UnitId> {
    const OTHERS: [&str; 10] = ["M", "Mb", "Gb", "Kb", "kb", "Tb", "mb", "gb", "Mg", "Ms"];
    if OTHERS.contains(&mark.trim().trim_end_matches('.')) { Vec::new() } else { marked(mark) }
}

/// `mg/L` for `result_mg_l`: the name says both units, in their order.
fn is_quotient_of(mark: &str, member: &[String]) -> bool {
    let units: Vec<String> = mark.split('/').map(|unit| unit.trim().to_lowercase()).collect();
    let said: Vec<&String> = member.iter().filter(|word| *word != "per").collect();
    units.len() > 1 && said.ends_with(&units.iter().collect::<Vec<_>>())
}

/// Whether the mark is a unit, and the member is counted in another: `5 lb` for `weight_kg`.
pub(super) fn is_another(mark: &str, member: &[String]) -> bool {
    let units = marked(mark);
    !units.is_empty() && named(member).is_some_and(|own| !units.contains(&own))
}

pub(super) fn is_currency(id: UnitId) -> bool {
    usize::from(id) < CURRENCIES
}

/// Currencies whose prices are grouped by commas wherever they are written.
pub(super) fn groups_by_commas(id: UnitId) -> bool {
    matches!(UNITS.get(usize::from(id)), Some(unit) if ["$", "£", "¥", "₹", "₩", "cad", "aud", "cny"].contains(unit.marks.first().unwrap_or(&"")))
}

/// Whether what a member of this name holds has a unit by nature, and it is another one: `age` is no number of months.
pub(super) fn is_unnatural(id: UnitId, member: &[String]) -> bool {
    let natural = |id: &UnitId| is_natural(*id, member);
    ids(|unit| !unit.members.is_empty()).any(|other| natural(&other)) && !natural(&id)
}

fn is_natural(id: UnitId, member: &[String]) -> bool {
    let joined = member.join("_");
    let last = member.last().map_or("", String::as_str);
    UNITS.get(usize::from(id)).is_some_and(|unit| unit.members.iter().any(|m| *m == joined || *m == last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_goes_only_where_the_member_says_it() {
        let words = |name: &str| super::super::words::words(name);
        for (mark, member, goes) in [
            ("kg", "weight_kg", true),
            ("m²", "area_m2", true),
            ("°C", "temperatureC", true),
            ("min", "duration_minutes", true),
            ("years", "age", true),
            ("points", "score", true),
            ("p.", "page", true),
            ("%", "share_percent", true),
            ("lb", "weight_kg", false),
            ("°F", "temperature_c", false),
            ("kg", "weight", false),
            ("%", "confidence", false),
            ("s", "timeout_ms", false),
            ("mg/L", "result_mg_l", true),
            ("mg/L", "result_mg_per_l", true),
            ("mg/dL", "result_mg_l", false),
            ("L/mg", "result_mg_l", false),
            ("$", "price_usd", true),
            ("$", "price_cents", false),
            ("$", "price_usd_cents", false),
            ("$", "amount_minor", false),
            ("£", "fee_pence", false),
            ("MB", "size_mb", true),
            ("Mb", "size_mb", false),
            ("M", "distance_m", false),
        ] {
            assert_eq!(belongs(mark, &words(member)), goes, "{mark} for {member}");
        }
        assert!(is_another("5 lb".trim_start_matches(['5', ' ']), &words("weight_kg")));
        assert!(named(&words("min_price")).is_none(), "a minimum is no minute");
    }
}
