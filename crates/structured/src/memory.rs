//! Drift memory: how often each repair is needed, by model, schema and place, and an alarm on a jump.
//!
//! A repair is a signal. The day a provider renames `category`, the value still arrives, and the share of answers that
//! need that one repair jumps. The alarm compares the last [`WINDOW`] answers with all before them: at least
//! [`JUMP`] repairs there where fewer than one in twenty were needed before. At a steady rate of 5 % the chance of that
//! in one window is below 10^-7 (binomial tail), at 1 % below 10^-16.
//!
//! The counters of each model and schema can be written down and read back, so that they survive their process.
//!
//! What never happens here: no repair is learnt from. An alarm tells a person; it changes no later answer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::record::Repair;

/// Answers that are looked at as the present.
const WINDOW: usize = 50;
/// So many of them must have needed one and the same repair.
const JUMP: usize = 15;
/// One in so many was the most before.
const BEFORE_ONE_IN: u64 = 20;
/// Answers that must have been seen before the window.
const HISTORY: u64 = 50;
/// Models and schemas, and repairs of one of them, that are kept.
const STREAMS_MAX: usize = 1_024;
const FORMS_MAX: usize = 256;

/// A repair as a form: what stood where, and what stands there now. Values of members are no forms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Form {
    /// The pointer, with every index as `*`.
    pub pointer: String,
    /// The repair's code.
    pub code: Code,
    /// What the model wrote; empty for repairs whose text is content.
    pub old: String,
    /// What it stands for.
    pub new: String,
}

/// A jump of one repair's share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The model that was asked.
    pub model: String,
    /// Hash of the schema, as text.
    pub schema: String,
    /// Which repair.
    pub form: Form,
    /// Repairs in the window, and the window.
    pub now: (usize, usize),
    /// Repairs before it, and answers before it.
    pub before: (u64, u64),
    /// The model versions that served before the window and in it.
    pub served_before: Vec<String>,
    /// See above.
    pub served_now: Vec<String>,
}

/// One row of the memory.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The model that was asked.
    pub model: String,
    /// Hash of the schema, as text.
    pub schema: String,
    /// Which repair.
    pub form: Form,
    /// How often it was made.
    pub repairs: u64,
    /// Answers of this model under this schema.
    pub answers: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Stream {
    answers: u64,
    /// Each recent answer's version and forms, oldest first.
    recent: VecDeque<(String, Vec<usize>)>,
    forms: Vec<(Form, u64, bool)>,
    served_before: Vec<String>,
    /// Those that were raised, oldest first.
    alarms: Vec<Alarm>,
}

/// The counters of one model and schema, written down.
#[derive(Serialize, Deserialize)]
struct Kept<S> {
    model: String,
    schema: String,
    stream: S,
}

/// All counters.
#[derive(Debug, Default)]
pub struct DriftMemory {
    streams: BTreeMap<(String, String), Stream>,
    /// Those that were counted in since they were last written down.
    changed: BTreeSet<(String, String)>,
}

impl DriftMemory {
    /// Counts one accepted answer and what it needed. Gives the alarms that it raises: one for each repair that jumped,
    /// once.
    pub fn observe(&mut self, model: &str, served: &str, schema: &str, repairs: &[Repair]) -> Vec<Alarm> {
        let key = (model.to_owned(), schema.to_owned());
        if self.streams.len() >= STREAMS_MAX && !self.streams.contains_key(&key) {
            return Vec::new();
        }
        self.changed.insert(key.clone());
        let stream = self.streams.entry(key).or_default();
        let forms = stream.count(repairs);
        let needed = forms.clone();
        stream.recent.push_back((served.to_owned(), forms));
        stream.answers += 1;
        if stream.recent.len() > WINDOW
            && let Some((version, _)) = stream.recent.pop_front()
            && !stream.served_before.contains(&version)
        {
            stream.served_before.push(version);
        }
        let raised = stream.jumps(&needed, model, schema);
        stream.alarms.extend(raised.iter().cloned());
        raised
    }

    /// All counters, most frequent first.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self
            .streams
            .iter()
            .flat_map(|((model, schema), stream)| {
                stream.forms.iter().map(|(form, repairs, _)| Row {
                    model: model.clone(),
                    schema: schema.clone(),
                    form: form.clone(),
                    repairs: *repairs,
                    answers: stream.answers,
                })
            })
            .collect();
        rows.sort_by(|a, b| b.repairs.cmp(&a.repairs).then_with(|| a.form.cmp(&b.form)));
        rows
    }

    /// Alarms, by model and schema, the oldest of each first.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        self.streams.values().flat_map(|stream| stream.alarms.iter().cloned()).collect()
    }

    /// What was counted since the last call, written down: a name, unique by model and schema, and JSON for
    /// [`DriftMemory::restore`].
    pub fn changed(&mut self) -> Vec<(String, String)> {
        let changed = std::mem::take(&mut self.changed);
        let written = changed.into_iter().filter_map(|(model, schema)| {
            let name = format!("{model} {schema}");
            let stream = self.streams.get(&(model.clone(), schema.clone()))?;
            Some((name, serde_json::to_string(&Kept { model, schema, stream }).ok()?))
        });
        written.collect()
    }

    /// Takes counters that were written down; those that are there stay.
    ///
    /// # Errors
    /// If the text is no such counters.
    pub fn restore(&mut self, content: &str) -> Result<(), serde_json::Error> {
        let kept: Kept<Stream> = serde_json::from_str(content)?;
        if self.streams.len() < STREAMS_MAX {
            self.streams.entry((kept.model, kept.schema)).or_insert(kept.stream);
        }
        Ok(())
    }
}

impl Stream {
    fn count(&mut self, repairs: &[Repair]) -> Vec<usize> {
        let mut seen = Vec::new();
        for form in repairs.iter().filter_map(form) {
            let index = match self.forms.iter().position(|(known, ..)| *known == form) {
                Some(index) => index,
                None if self.forms.len() < FORMS_MAX => {
                    self.forms.push((form, 0, false));
                    self.forms.len() - 1
                }
                None => continue,
            };
            if !seen.contains(&index) {
                seen.push(index);
                if let Some((_, count, _)) = self.forms.get_mut(index) {
                    *count += 1;
                }
            }
        }
        seen
    }

    fn jumps(&mut self, needed: &[usize], model: &str, schema: &str) -> Vec<Alarm> {
        let window = self.recent.len();
        let before = self.answers - window as u64;
        if before < HISTORY {
            return Vec::new();
        }
        let mut raised = Vec::new();
        for (index, (form, count, told)) in
            self.forms.iter_mut().enumerate().filter(|(index, _)| needed.contains(index))
        {
            let now = self.recent.iter().filter(|(_, forms)| forms.contains(&index)).count();
            let earlier = *count - now as u64;
            if *told || now < JUMP || earlier * BEFORE_ONE_IN > before {
                continue;
            }
            *told = true;
            let mut served_now = Vec::new();
            for (version, _) in self.recent.iter().filter(|(_, forms)| forms.contains(&index)) {
                if !served_now.contains(version) {
                    served_now.push(version.clone());
                }
            }
            raised.push(Alarm {
                model: model.to_owned(),
                schema: schema.to_owned(),
                form: form.clone(),
                now: (now, window),
                before: (earlier, before),
                served_before: self.served_before.clone(),
                served_now,
            });
        }
        raised
    }
}

/// What of a repair is a form. Text around the document and inside strings is content and is left out.
fn form(repair: &Repair) -> Option<Form> {
    // A null that becomes absent is how optional members come back from a provider that requires them all.
    let named = match repair.code {
        Code::NullDropped => return None,
        Code::RenamedKey | Code::KeyStyle | Code::EnumStyle | Code::EnumNear => true,
        _ => false,
    };
    let text = |text: &str| if named { text.trim_matches('"').to_owned() } else { String::new() };
    let pointer = repair.pointer.split('/').map(|step| if step.parse::<u32>().is_ok() { "*" } else { step });
    Some(Form {
        pointer: pointer.collect::<Vec<_>>().join("/"),
        code: repair.code,
        old: text(&repair.before),
        new: text(&repair.after),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CompiledSchema, Conditions, Reading, read};

    fn repairs(text: &str) -> Vec<Repair> {
        let schema =
            CompiledSchema::new(&serde_json::json!({"type": "object", "properties": {"category": {"type": "string"}},
            "required": ["category"], "additionalProperties": false}))
            .expect("a schema");
        match read(text, Some(&schema), Conditions::default()) {
            Reading::Accepted(accepted) => accepted.repairs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_renamed_key_raises_one_alarm_that_names_both_forms_and_both_versions() {
        let mut memory = DriftMemory::default();
        for _ in 0..120 {
            assert!(memory.observe("m", "m-1", "s", &repairs(r#"{"category":"bug"}"#)).is_empty());
        }
        let drifted = repairs(r#"{"ticket_category":"bug"}"#);
        let raised: Vec<Alarm> = (0..60).flat_map(|_| memory.observe("m", "m-2", "s", &drifted)).collect();
        let [alarm] = raised.as_slice() else { panic!("{raised:?}") };
        assert_eq!((alarm.form.old.as_str(), alarm.form.new.as_str()), ("ticket_category", "category"));
        assert_eq!((&alarm.served_before, &alarm.served_now), (&vec!["m-1".to_owned()], &vec!["m-2".to_owned()]));
        assert_eq!(alarm.now, (JUMP, WINDOW));
    }

    #[test]
    fn counters_that_were_written_down_go_on_where_they_were() {
        let (sound, drifted) = (repairs(r#"{"category":"bug"}"#), repairs(r#"{"ticket_category":"bug"}"#));
        let mut before = DriftMemory::default();
        for _ in 0..120 {
            before.observe("m", "m-1", "s", &sound);
        }
        (0..8).for_each(|_| assert!(before.observe("m", "m-2", "s", &drifted).is_empty()));
        let kept = before.changed();
        assert!(before.changed().is_empty(), "nothing was counted since");
        let mut after = DriftMemory::default();
        kept.iter().for_each(|(_, content)| after.restore(content).expect("its own words"));
        let raised: Vec<Alarm> = (0..60).flat_map(|_| after.observe("m", "m-2", "s", &drifted)).collect();
        assert_eq!(raised.iter().map(|alarm| alarm.now).collect::<Vec<_>>(), [(JUMP, WINDOW)]);
        let mut again = DriftMemory::default();
        after.changed().iter().for_each(|(_, content)| again.restore(content).expect("its own words"));
        assert_eq!(again.alarms(), raised, "an alarm that was raised is remembered");
    }

    #[test]
    fn a_steady_rate_of_repairs_stays_quiet() {
        let mut memory = DriftMemory::default();
        let (sound, drifted) = (repairs(r#"{"category":"bug"}"#), repairs(r#"{"ticket_category":"bug"}"#));
        for n in 0_u32..2_000 {
            let needed = if n.is_multiple_of(10) { &drifted } else { &sound };
            assert!(memory.observe("m", "m-1", "s", needed).is_empty());
        }
        assert_eq!(memory.rows().first().map(|row| (row.repairs, row.answers)), Some((200, 2_000)));
    }
}
