//! What a room decided, in sentences: the same ones on a request's page and in `steersman explain`.
//!
//! A room's note is a JSON document of its own shape. A room without a teller is told member by member, so that a new
//! note is readable before anybody has found words for it. Values may come from a model: callers escape what they show.

use serde_json::Value;

/// A room's note in sentences, without its name.
type Teller = fn(&Value) -> Vec<String>;

/// Rooms whose notes have words.
static TELLERS: &[(&str, Teller)] = &[
    ("admit", admit),
    ("region", region),
    ("route", route),
    ("structured", structured),
    ("previews", previews),
    ("canary", canary),
    ("guard", guard),
    ("tools", tools),
    ("cache", cache),
];

/// One line each; never empty, so that a reader sees that the room took part.
#[must_use]
pub fn told(room: &str, note: &Value) -> Vec<String> {
    let teller = TELLERS.iter().find(|(name, _)| *name == room).map_or(members as Teller, |(_, teller)| *teller);
    let lines = teller(note);
    if lines.is_empty() { vec!["nothing to decide".to_owned()] } else { lines }
}

fn text<'a>(note: &'a Value, key: &str) -> Option<&'a str> {
    note.get(key).and_then(Value::as_str)
}

fn list<'a>(note: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    note.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// A value as a reader wants it: a text without its quotes, all else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn admit(note: &Value) -> Vec<String> {
    let key = text(note, "name").or_else(|| text(note, "key")).map(|key| format!("key {key}"));
    let team = text(note, "team").map(|team| format!("team {team}"));
    let budgets: Vec<_> = list(note, "budgets").filter_map(Value::as_str).collect();
    let reserved = note.get("reserved_usd").and_then(Value::as_f64).map(|usd| format!("${usd} reserved"));
    let on = (!budgets.is_empty()).then(|| format!("on {}", budgets.join(", ")));
    let words: Vec<_> = [key, team, reserved, on].into_iter().flatten().collect();
    if words.is_empty() { Vec::new() } else { vec![words.join(", ")] }
}

fn region(note: &Value) -> Vec<String> {
    let words = |list: &Value| list.as_array().into_iter().flatten().map(plain).collect::<Vec<_>>().join(" or ");
    let demanded: Vec<String> = list(note, "demanded").map(words).collect();
    let left_out: Vec<String> = list(note, "left_out").map(plain).collect();
    let mut lines = vec![format!("must be processed in {}", demanded.join(", and in "))];
    lines.extend((!left_out.is_empty()).then(|| format!("not asked: {}", left_out.join(", "))));
    lines
}

fn route(note: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let phase = text(note, "phase").unwrap_or("no objective");
    let reason = text(note, "reason").unwrap_or("as configured");
    let policy = note.get("policy").map(plain).filter(|policy| !["null", "none"].contains(&policy.as_str()));
    let policy = policy.map(|policy| format!(", policy {policy}")).unwrap_or_default();
    lines.push(if phase == reason { format!("{phase}{policy}") } else { format!("{phase}: {reason}{policy}") });
    if let (Some(rung), Some(rungs)) =
        (note.get("rung").and_then(Value::as_u64), note.get("rungs").and_then(Value::as_u64))
        && rungs > 0
    {
        let chance = note.get("propensity").and_then(Value::as_f64).map(|p| format!(", drawn with propensity {p:.3}"));
        let price = note.get("price_of_quality").and_then(Value::as_f64).filter(|price| *price > 0.0);
        let price = price.map(|price| format!(", threshold {price:.4} (quality that a reference call must add)"));
        lines.push(format!("rung {rung} of {rungs}{}{}", chance.unwrap_or_default(), price.unwrap_or_default()));
    }
    let chances = note.get("chance_of_being_right").and_then(Value::as_object).into_iter().flatten();
    let chances: Vec<_> = chances.map(|(arm, chance)| format!("{arm} {chance}")).collect();
    if !chances.is_empty() {
        lines.push(format!("chance of being right: {}", chances.join(", ")));
    }
    lines.extend(text(note, "stream").map(|how| format!("streamed: {how}")));
    for out in list(note, "left_out") {
        let (filter, why) = (text(out, "filter").unwrap_or("filter"), text(out, "why").unwrap_or_default());
        lines.push(format!("left out ({filter}): {why}"));
    }
    for step in list(note, "steps") {
        let form =
            step.get("valid").and_then(Value::as_bool).map(|valid| if valid { ", form kept" } else { ", form broken" });
        let (arm, did) = (text(step, "arm").unwrap_or_default(), text(step, "did").unwrap_or_default());
        lines.push(format!("{arm}: {did}{}", form.unwrap_or_default()));
    }
    lines.extend(text(note, "answered").map(|arm| format!("answered by {arm}")));
    if let Some(leaving) = note.get("leaving").filter(|leaving| !leaving.is_null()) {
        let cost =
            |key| leaving.get(key).and_then(Value::as_f64).map_or("unknown".to_owned(), |usd| format!("${usd:.6}"));
        let cached = leaving.get("cached_tokens").and_then(Value::as_u64).unwrap_or_default();
        let (stay, leave) = (cost("stay_usd"), cost("leave_usd"));
        lines.push(format!("session on the reference, {cached} tokens cached: {stay} to stay, {leave} to leave"));
    }
    let signals: Vec<_> = list(note, "signals").filter_map(Value::as_str).collect();
    if !signals.is_empty() {
        let chance = note.pointer("/served/propensity").and_then(Value::as_f64);
        let chance = chance.map(|chance| format!("; this path had a chance of {chance:.3}")).unwrap_or_default();
        lines.push(format!("looked at {}{chance}", signals.join(", ")));
    }
    lines
}

fn structured(note: &Value) -> Vec<String> {
    let form = note.get("form").and_then(|form| Some((text(form, "asked")?, text(form, "obtained")?)));
    let form = form.map(|(asked, obtained)| {
        if asked == obtained {
            format!(", sent as {asked}")
        } else {
            format!(", wanted as {asked}, sent as {obtained}")
        }
    });
    let mut lines =
        vec![format!("schema {}{}", text(note, "schema").unwrap_or("without a name"), form.unwrap_or_default())];
    if let Some(rejected) = note.get("rejected") {
        lines = vec![format!("rejected at the layer of {}", text(rejected, "layer").unwrap_or("form"))];
        lines.extend(list(rejected, "violations").map(|violation| {
            let place = text(violation, "pointer").filter(|pointer| !pointer.is_empty()).unwrap_or("/");
            let (rule, message) = (text(violation, "rule").unwrap_or_default(), text(violation, "message"));
            format!("{rule} at {place}: {}", message.unwrap_or_default())
        }));
    }
    lines.extend(counted(list(note, "repairs").map(|repair| {
        let code = text(repair, "code").unwrap_or("repair").replace('_', " ");
        let place = text(repair, "pointer").filter(|pointer| !pointer.is_empty()).unwrap_or("/");
        format!("{code} at {place}")
    })));
    lines.extend(list(note, "alarms").map(|alarm| format!("drift: {alarm}")));
    lines
}

/// Equal lines once, with their number.
fn counted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<(String, u32)> = Vec::new();
    for line in lines {
        match found.iter_mut().find(|(known, _)| *known == line) {
            Some((_, count)) => *count += 1,
            None => found.push((line, 1)),
        }
    }
    found.into_iter().map(|(line, count)| if count > 1 { format!("{line}, {count} times") } else { line }).collect()
}

fn canary(note: &Value) -> Vec<String> {
    let word = |key: &str| text(note, key).unwrap_or_default();
    let mut lines =
        vec![format!("fixed input {}, replayed ({}), served by {}", word("input"), word("cause"), word("served"))];
    lines.extend(list(note, "differences").map(|found| {
        let word = |key: &str| text(found, key).unwrap_or_default();
        let (rule, place) = (word("rule").replace('_', " "), word("pointer"));
        format!("not as confirmed: {rule} at {place}, `{}` -> `{}`", word("old"), word("new"))
    }));
    lines
}

fn previews(note: &Value) -> Vec<String> {
    let count = |key: &str| note.get(key).and_then(Value::as_u64).unwrap_or(0);
    vec![format!(
        "{} parts of the value were shown while it was held, the first after {} ms",
        count("chunks"),
        count("first_ms")
    )]
}

fn guard(note: &Value) -> Vec<String> {
    let decided = |call: &Value| {
        let (tool, decision) = (text(call, "tool").unwrap_or_default(), text(call, "decision").unwrap_or_default());
        match (text(call, "why"), text(call, "call")) {
            (Some(why), Some(hash)) if decision == "ask" => format!("{decision}: {why}; approve it as `{hash}`"),
            (Some(why), _) => format!("{decision}: {why}"),
            (None, _) => format!("{decision}: `{tool}`"),
        }
    };
    let mut lines: Vec<_> = list(note, "calls").map(decided).collect();
    lines.extend(list(note, "links").filter_map(Value::as_str).map(|link| format!("link taken out of action: {link}")));
    lines
}

fn tools(note: &Value) -> Vec<String> {
    let call = |call: &Value| {
        let (tool, status) = (text(call, "tool").unwrap_or_default(), text(call, "status").unwrap_or_default());
        let sends = call.get("sends").and_then(Value::as_u64).filter(|sends| *sends > 1);
        format!("`{tool}` {status}{}", sends.map(|sends| format!(" after {sends} sends")).unwrap_or_default())
    };
    let step = |calls: &Value| calls.as_array().into_iter().flatten().map(call).collect::<Vec<_>>().join(", ");
    let planned = note.get("plan").map(|_| list(note, "plan").filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
    let mut lines: Vec<_> =
        planned.map(|tools| format!("planned before anything was read: {tools}")).into_iter().collect();
    lines.extend((1..).zip(list(note, "steps")).map(|(number, calls)| format!("step {number}: {}", step(calls))));
    lines.extend(list(note, "reads").map(read));
    lines
}

/// How a result was kept from the model of a run.
fn read(read: &Value) -> String {
    let tool = text(read, "tool").unwrap_or_default();
    let handles = read.get("handles").and_then(Value::as_u64).unwrap_or_default();
    match (text(read, "by"), text(read, "failed")) {
        (Some(model), Some(code)) => format!("`{tool}` kept from the model: {model} could not read it ({code})"),
        (Some(model), None) => format!("`{tool}` kept from the model: read by {model}, {handles} handles"),
        (None, _) => format!("`{tool}` kept from the model: not read, {handles} handles"),
    }
}

fn cache(note: &Value) -> Vec<String> {
    let waited = note.get("waited").and_then(Value::as_bool).unwrap_or_default();
    let waited = if waited { ", after a wait for the same request" } else { "" };
    match text(note, "state") {
        Some("hit") => {
            let saved = note.get("saved_usd").and_then(Value::as_f64).map(|usd| format!("${usd}"));
            let age = note.get("age_s").and_then(Value::as_u64).unwrap_or_default();
            let (of, model) = (text(note, "of").unwrap_or_default(), text(note, "model").unwrap_or_default());
            let saved = saved.unwrap_or_else(|| "an unknown cost".to_owned());
            vec![format!("hit: the answer of {of} by {model}, {age} s old{waited}; saved {saved}")]
        }
        Some("miss") => vec![format!("miss{waited}")],
        _ => vec![format!("bypass: {}", text(note, "why").unwrap_or_default())],
    }
}

fn members(note: &Value) -> Vec<String> {
    let Some(members) = note.as_object() else { return vec![plain(note)] };
    let is_said = |value: &Value| !value.is_null() && value != &Value::Array(Vec::new());
    members
        .iter()
        .filter(|(_, value)| is_said(value))
        .map(|(name, value)| format!("{name}: {}", plain(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_room_is_told_in_its_own_words() {
        let note = json!({ "calls": [
            { "tool": "find", "decision": "allow", "call": "h1" },
            { "tool": "send", "decision": "ask", "call": "h2", "why": "`send`: argument `to`" },
        ], "links": ["http://x"] });
        let lines = told("guard", &note);
        assert_eq!(lines[0], "allow: `find`");
        assert_eq!(lines[1], "ask: `send`: argument `to`; approve it as `h2`");
        assert!(lines[2].ends_with("http://x"), "{lines:?}");
        let note = json!({ "run": "r", "steps": [[{ "tool": "charge", "status": "done", "sends": 2 }]] });
        assert_eq!(told("tools", &note), ["step 1: `charge` done after 2 sends"]);
        let planned = json!({ "plan": ["find", "send"], "steps": [] });
        assert_eq!(told("tools", &planned), ["planned before anything was read: find, send"]);
        let reads = json!({ "steps": [], "reads": [
            { "tool": "read", "by": "small", "handles": 2 }, { "tool": "read", "by": "small", "handles": 1, "failed": "output_rejected" },
            { "tool": "find", "handles": 1 }] });
        let expected = [
            "`read` kept from the model: read by small, 2 handles",
            "`read` kept from the model: small could not read it (output_rejected)",
            "`find` kept from the model: not read, 1 handles",
        ];
        assert_eq!(told("tools", &reads), expected);
        let note = json!({
            "phase": "armed", "reason": "the floor is proved", "policy": "ab12", "rung": 5, "rungs": 90,
            "propensity": 0.05, "price_of_quality": 0.031, "chance_of_being_right": { "small": 0.9, "big": 0.95 },
            "steps": [{ "arm": "small", "valid": true, "did": "accepted" }], "answered": "small",
            "signals": ["the prompt", "the answer's form"], "served": { "propensity": 0.25 },
            "left_out": [{ "arm": "mid", "filter": "region", "why": "`mid` is not known to process requests in eu" }],
            "leaving": { "cached_tokens": 2000, "stay_usd": 0.001, "leave_usd": 0.0005 },
        });
        let expected = [
            "armed: the floor is proved, policy ab12",
            "rung 5 of 90, drawn with propensity 0.050, threshold 0.0310 (quality that a reference call must add)",
            "chance of being right: small 0.9, big 0.95",
            "left out (region): `mid` is not known to process requests in eu",
            "small: accepted, form kept",
            "answered by small",
            "session on the reference, 2000 tokens cached: $0.001000 to stay, $0.000500 to leave",
            "looked at the prompt, the answer's form; this path had a chance of 0.250",
        ];
        assert_eq!(told("route", &note), expected);
        let note = json!({ "key": "key_1", "name": "web", "team": null, "reserved_usd": 0.5, "budgets": ["day"] });
        assert_eq!(told("admit", &note), ["key web, $0.5 reserved, on day"]);
    }

    #[test]
    fn a_repair_that_was_made_often_is_one_line() {
        let quotes = json!({ "code": "single_quotes", "pointer": "/a" });
        let note = json!({ "schema": "s", "repairs": [quotes, { "code": "wrapper", "pointer": "" }, quotes] });
        assert_eq!(told("structured", &note), ["schema s", "single quotes at /a, 2 times", "wrapper at /"]);
    }

    #[test]
    fn the_cache_says_whose_answer_it_gave_and_what_that_saved() {
        let note =
            json!({ "state": "hit", "of": "req_1", "model": "p/m", "age_s": 4, "waited": false, "saved_usd": 0.5 });
        assert_eq!(told("cache", &note), ["hit: the answer of req_1 by p/m, 4 s old; saved $0.5"]);
        let note = json!({ "state": "miss", "key": "0123", "waited": true });
        assert_eq!(told("cache", &note), ["miss, after a wait for the same request"]);
    }

    #[test]
    fn a_room_without_words_is_told_by_its_members_and_silence_is_said() {
        assert_eq!(told("other", &json!({ "did": "hit", "age_s": 4, "none": null })), ["did: hit", "age_s: 4"]);
        assert_eq!(told("guard", &json!({ "calls": [] })), ["nothing to decide"]);
    }
}
