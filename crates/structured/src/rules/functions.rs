//! What rules can call besides the functions of CEL.
//!
//! What never happens here: no clock, no I/O. A function that gets what it cannot read is an error, and so its rule
//! does not hold.

use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, Value};

use super::placeholder::is_placeholder;
use super::source::Source;

/// Names of the functions below.
pub(super) const OWN: [&str; 9] =
    ["sum", "abs", "round", "date", "time", "quoted", "mentioned", "placeholder", "unique"];

static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

type Answer = Result<Value, ExecutionError>;

/// A context with all functions; those that ask for the source ask for this one.
pub(super) fn context<'s>(source: &Arc<Source>) -> Result<Context<'s, 's>, cel::DeclarationError> {
    let mut context = Context::with_env(Arc::clone(&STANDARD));
    context.add_function("sum", |list: Value| sum(&list))?;
    context.add_function("abs", |n: Value| decimal("abs", &n).map(|n| Value::Float(n.abs())))?;
    context.add_function("round", |number: Value, places: Value| round(&number, &places))?;
    context.add_function("date", |text: Value| date(&text))?;
    context.add_function("time", |text: Value| time(&text))?;
    context.add_function("unique", |list: Value| unique(&list))?;
    let asked = Arc::clone(source);
    context.add_function("quoted", move |text: Value| each_text("quoted", &text, &|text| asked.quotes(text)))?;
    let asked = Arc::clone(source);
    context
        .add_function("mentioned", move |text: Value| each_text("mentioned", &text, &|text| asked.mentions(text)))?;
    let asked = Arc::clone(source);
    context.add_function("placeholder", move |text: Value| {
        each_text("placeholder", &text, &|text| is_placeholder(text, &[], &asked))
    })?;
    Ok(context)
}

fn wrong(function: &str, message: impl std::fmt::Display) -> ExecutionError {
    ExecutionError::function_error(function, message)
}

fn decimal(function: &str, value: &Value) -> Result<f64, ExecutionError> {
    match value {
        Value::Float(number) => Ok(*number),
        #[expect(clippy::cast_precision_loss, reason = "only integers beyond 2^53 come here")]
        Value::Int(number) => Ok(*number as f64),
        other => Err(wrong(function, format!("{} is no number", other.type_of()))),
    }
}

/// Adds decimal fractions as they are written, so that 0.1 and 0.2 are 0.3.
fn sum(list: &Value) -> Answer {
    let Value::List(items) = list else { return Err(wrong("sum", "wants a list of numbers")) };
    let numbers = items.iter().map(|item| decimal("sum", item)).collect::<Result<Vec<_>, _>>()?;
    let exact = numbers.iter().try_fold(0_i128, |total, number| total.checked_add(scaled(*number)?));
    let total = exact.and_then(unscaled).unwrap_or_else(|| numbers.iter().sum());
    Ok(Value::Float(total))
}

const PLACES: usize = 12;

/// A number in units of 10^-12, if its shortest decimal has no more places.
fn scaled(number: f64) -> Option<i128> {
    let text = format!("{number}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if fraction.len() > PLACES || whole.len() > 20 {
        return None;
    }
    format!("{whole}{fraction:0<PLACES$}").parse().ok()
}

fn unscaled(units: i128) -> Option<f64> {
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = PLACES + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len() - PLACES)?;
    format!("{}{whole}.{fraction}", if units < 0 { "-" } else { "" }).parse().ok()
}

/// Rounds to so many decimal places, halves away from zero.
fn round(number: &Value, places: &Value) -> Answer {
    let (number, places) = (decimal("round", number)?, decimal("round", places)?);
    if !(0.0..=12.0).contains(&places) {
        return Err(wrong("round", "wants 0 to 12 decimal places"));
    }
    let unit = 10_f64.powf(places.trunc());
    Ok(Value::Float((number * unit).round() / unit))
}

/// Days since 1970-01-01 of an ISO 8601 date, or of the day a date and time begins with.
fn date(text: &Value) -> Answer {
    let text = words("date", text)?;
    let date: jiff::civil::Date =
        text.get(..10).unwrap_or(&text).parse().map_err(|_| wrong("date", format!("`{text}` is no date")))?;
    let days = date.since((jiff::Unit::Day, jiff::civil::date(1970, 1, 1))).map_err(|error| wrong("date", error))?;
    Ok(Value::Float(f64::from(days.get_days())))
}

/// Seconds since 1970-01-01T00:00:00Z of an RFC 3339 time; one without an offset is taken as UTC.
fn time(text: &Value) -> Answer {
    let text = words("time", text)?;
    let moment = text.parse::<jiff::Timestamp>().or_else(|_| {
        let civil = text.parse::<jiff::civil::DateTime>()?;
        jiff::tz::TimeZone::UTC.to_timestamp(civil)
    });
    let moment = moment.map_err(|_| wrong("time", format!("`{text}` is no date and time")))?;
    Ok(Value::Float(moment.as_duration().as_secs_f64()))
}

/// Whether no element of a list stands in it twice.
fn unique(list: &Value) -> Answer {
    let Value::List(items) = list else { return Err(wrong("unique", "wants a list")) };
    let mut seen: Vec<String> = items.iter().map(spelled).collect();
    seen.sort_unstable();
    Ok(Value::Bool(seen.windows(2).all(|pair| matches!(pair, [a, b] if a != b))))
}

/// A value as text, its members in the order of their names.
fn spelled(value: &Value) -> String {
    match value {
        Value::List(items) => format!("[{}]", items.iter().map(spelled).collect::<Vec<_>>().join(",")),
        Value::Map(map) => {
            let mut members: Vec<String> =
                map.map.iter().map(|(key, value)| format!("{key:?}:{}", spelled(value))).collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
        value => format!("{value:?}"),
    }
}

fn words(function: &str, value: &Value) -> Result<Arc<String>, ExecutionError> {
    match value {
        Value::String(text) => Ok(Arc::clone(text)),
        other => Err(wrong(function, format!("{} is no text", other.type_of()))),
    }
}

/// Of a text or a number, or of every element of a list of them.
fn each_text(function: &str, value: &Value, holds: &dyn Fn(&str) -> bool) -> Answer {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(holds(text)),
        Value::Float(number) => Ok(holds(&number.to_string())),
        Value::Int(number) => Ok(holds(&number.to_string())),
        other => Err(wrong(function, format!("{} is no text", other.type_of()))),
    };
    match value {
        Value::List(items) => {
            let all = items.iter().map(one).collect::<Result<Vec<_>, _>>()?;
            Ok(Value::Bool(all.into_iter().all(|holds| holds)))
        }
        value => one(value).map(Value::Bool),
    }
}
