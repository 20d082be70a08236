//! A call with named arguments, as Python and many models write one: `get_forecast(city="Oslo", days=3)`.
//!
//! The arguments are an object in a foreign spelling, which the parser knows: only the brackets change.
//!
//! What never happens here: no positional argument gets a name, and of several calls none is picked.

use crate::document::encode;

pub(super) fn forms(text: &str) -> Vec<String> {
    let Some((name, arguments)) = call(text) else { return Vec::new() };
    vec![format!("{{{arguments}}}"), format!("{{\"name\":{},\"arguments\":{{{arguments}}}}}", encode(name))]
}

/// The name and the arguments of the only call.
fn call(text: &str) -> Option<(&str, &str)> {
    let mut text = text.trim().trim_matches('`').trim().trim_end_matches(';').trim_end();
    for (open, close) in [("[", "]"), ("print(", ")")] {
        if let Some(inner) = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            text = inner.trim();
        }
    }
    text = text.strip_prefix("await ").unwrap_or(text);
    if let Some((target, value)) = text.split_once(" = ").filter(|(target, _)| target.chars().all(is_part)) {
        text = if target.is_empty() { text } else { value.trim() };
    }
    let open = text.find('(')?;
    let (name, rest) = text.split_at_checked(open)?;
    let arguments = rest.strip_prefix('(')?.strip_suffix(')')?.trim();
    let named = name.chars().all(is_part) && name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let first = arguments.find(['=', ':']).and_then(|at| arguments.get(..at))?;
    (named && !first.trim().is_empty() && first.trim().chars().all(is_part))
        .then(|| (name.rsplit('.').next().unwrap_or(name), arguments))
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.')
}
