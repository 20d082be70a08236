//! One condition: parsed, its names looked up, its steps counted before it runs.
//!
//! CEL ends always, but a comprehension inside a comprehension takes the square of a list's length. The steps that a
//! condition can take at most are therefore counted from its text and the widest list of the value, and a value that
//! would need more than [`STEPS_MAX`] is refused unread.
//!
//! What never happens here: a condition that is run to see how long it takes.

use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::{ExecutionError, Value};
use steersman_core::nearest;

use super::functions::{OWN, context};
use super::source::Source;

/// The longest condition.
const TEXT_MAX: usize = 2_000;
/// Brackets and alternatives inside each other: the parser is recursive.
const DEPTH_MAX: usize = 24;
/// Comprehensions inside each other, and in all.
const NESTED_MAX: u32 = 3;
const COMPREHENSIONS_MAX: u32 = 8;
/// Steps of one condition over all its places: some tens of milliseconds.
const STEPS_MAX: u64 = 400_000;
/// Bytes of the source that a question reads in the time of one step.
const BYTES_A_STEP: usize = 256;

const STANDARD: [&str; 13] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "type",
    "dyn",
];
const VARIABLES: [&str; 3] = ["value", "it", "source"];

/// A condition that can be asked.
pub(super) struct Program {
    pub(super) text: String,
    pub(super) reads_source: bool,
    program: cel::Program,
    /// Steps outside any comprehension, inside one, inside two, ...
    steps: [u64; NESTED_MAX as usize + 1],
    /// Questions to the source at each of those depths.
    asks: [u64; NESTED_MAX as usize + 1],
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("text", &self.text).finish_non_exhaustive()
    }
}

impl Program {
    /// Reads a condition. The error is a column, where one is known, and a message that goes on after the rule's name.
    pub(super) fn new(text: &str, has_it: bool) -> Result<Self, (Option<usize>, String)> {
        if text.len() > TEXT_MAX {
            return Err((None, format!("is longer than {TEXT_MAX} bytes")));
        }
        if depth(text) > DEPTH_MAX {
            return Err((None, format!("holds more than {DEPTH_MAX} brackets or alternatives inside each other")));
        }
        let program = cel::Program::compile(text).map_err(|errors| {
            let first = errors.errors.first();
            let column = first.and_then(|error| usize::try_from(error.pos.1).ok());
            let message = first.map_or_else(String::new, |error| error.msg.clone());
            (column.map(|column| column.saturating_sub(1)), format!("is no CEL expression: {message}"))
        })?;
        let mut walk = Walk::new(&program, has_it);
        walk.expression(program.expression(), &mut Vec::new(), 0)?;
        let Walk { steps, asks, reads_source, .. } = walk;
        Ok(Self { text: text.to_owned(), reads_source, program, steps, asks })
    }

    /// Whether it holds. The error says why it cannot be answered; `None` in it: it does not hold.
    pub(super) fn holds(
        &self,
        value: &Value,
        it: Option<Value>,
        places: usize,
        widest: usize,
        source: &Source,
    ) -> Result<(), Option<String>> {
        if self.most_steps(places, widest, source.len()) > STEPS_MAX {
            return Err(Some(format!("the value is too large for the rule `{}`", self.text)));
        }
        let source = Arc::new(source.clone());
        let Ok(mut context) = context(&source) else {
            return Err(Some(format!("`{}` cannot be evaluated", self.text)));
        };
        context.add_variable_from_value("value", value.clone());
        context.add_variable_from_value("it", it.unwrap_or(Value::Null));
        if self.reads_source {
            context.add_variable_from_value("source", source.text().to_owned());
        }
        match self.program.execute(&context) {
            Ok(Value::Bool(true)) => Ok(()),
            Ok(Value::Bool(false)) => Err(None),
            Ok(other) => Err(Some(format!("`{}` gives {}, not true or false", self.text, other.type_of()))),
            Err(error) => Err(Some(format!("`{}` cannot be evaluated: {}", self.text, why(&error)))),
        }
    }

    fn most_steps(&self, places: usize, widest: usize, source: usize) -> u64 {
        let (places, widest) = (places as u64, (widest as u64).max(1));
        let question = (source / BYTES_A_STEP) as u64 + 1;
        let mut times = places;
        let mut all = 0_u64;
        for (steps, asks) in self.steps.iter().zip(self.asks) {
            all = all.saturating_add(times.saturating_mul(steps.saturating_add(asks.saturating_mul(question))));
            times = times.saturating_mul(widest);
        }
        all
    }
}

/// An error in the terms of whoever wrote the value; the values in it may be whole documents and are left out.
fn why(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("there is no member `{name}`"),
        ExecutionError::FunctionError { message, .. } => message.clone(),
        ExecutionError::NoSuchOverload(overload) => {
            let types: Vec<_> = overload.argument_types().iter().map(String::as_str).collect();
            format!("`{}` does not work on {}", overload.function(), types.join(" and "))
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "a division by zero".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "an index outside of its list".to_owned(),
        _ => "its values do not go together".to_owned(),
    }
}

type Wrong = (Option<usize>, String);

/// Looks names up and counts steps.
struct Walk<'p> {
    program: &'p cel::Program,
    has_it: bool,
    reads_source: bool,
    comprehensions: u32,
    steps: [u64; NESTED_MAX as usize + 1],
    asks: [u64; NESTED_MAX as usize + 1],
}

impl<'p> Walk<'p> {
    const fn new(program: &'p cel::Program, has_it: bool) -> Self {
        let none = [0; NESTED_MAX as usize + 1];
        Self { program, has_it, reads_source: false, comprehensions: 0, steps: none, asks: none }
    }

    /// `scope` holds the names that comprehensions around it bind; `depth` is how many there are.
    fn expression(&mut self, at: &'p IdedExpr, scope: &mut Vec<&'p str>, depth: usize) -> Result<(), Wrong> {
        count(&mut self.steps, depth);
        match &at.expr {
            Expr::Ident(name) => self.variable(at, name, scope),
            Expr::Select(select) => self.expression(&select.operand, scope, depth),
            Expr::Call(call) => {
                self.function(at, &call.func_name, depth)?;
                let target = call.target.as_deref();
                target.into_iter().chain(&call.args).try_for_each(|part| self.expression(part, scope, depth))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|item| self.expression(item, scope, depth)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.expression(&entry.key, scope, depth)?;
                    self.expression(&entry.value, scope, depth)
                }
                EntryExpr::StructField(field) => self.expression(&field.value, scope, depth),
            }),
            Expr::Comprehension(inner) => {
                self.comprehensions += 1;
                if depth >= NESTED_MAX as usize || self.comprehensions > COMPREHENSIONS_MAX {
                    let message = format!(
                        "holds more than {NESTED_MAX} comprehensions inside each other or {COMPREHENSIONS_MAX} in all"
                    );
                    return Err((self.column(at), message));
                }
                self.expression(&inner.iter_range, scope, depth)?;
                self.expression(&inner.accu_init, scope, depth)?;
                let outside = scope.len();
                scope.extend([inner.iter_var.as_str(), inner.accu_var.as_str()]);
                scope.extend(inner.iter_var2.as_deref());
                self.expression(&inner.loop_cond, scope, depth + 1)?;
                self.expression(&inner.loop_step, scope, depth + 1)?;
                self.expression(&inner.result, scope, depth)?;
                scope.truncate(outside);
                Ok(())
            }
            Expr::Struct(_) => Err((self.column(at), "makes a message, and rules have none".to_owned())),
            Expr::Literal(_) | Expr::Unspecified => Ok(()),
        }
    }

    fn variable(&mut self, at: &IdedExpr, name: &str, scope: &[&str]) -> Result<(), Wrong> {
        self.reads_source |= name == "source";
        if scope.contains(&name) || name == "value" || name == "source" || (name == "it" && self.has_it) {
            return Ok(());
        }
        let message = if name == "it" {
            "asks for `it`, which only a rule with `each` has; the whole value is `value`".to_owned()
        } else {
            unknown("variable", name, &VARIABLES)
        };
        Err((self.column(at), message))
    }

    fn function(&mut self, at: &IdedExpr, name: &str, depth: usize) -> Result<(), Wrong> {
        if matches!(name, "quoted" | "mentioned" | "placeholder") {
            self.reads_source = true;
            count(&mut self.asks, depth);
        }
        // A function of a list looks at each of its elements.
        if matches!(name, "sum" | "unique" | "quoted" | "mentioned" | "placeholder" | "@in" | "contains") {
            count(&mut self.steps, depth + 1);
        }
        let operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
        if operator || STANDARD.contains(&name) || OWN.contains(&name) {
            return Ok(());
        }
        Err((self.column(at), unknown("function", name, &[&STANDARD[..], &OWN[..]].concat())))
    }

    /// The character at which an expression begins, from 0.
    fn column(&self, at: &IdedExpr) -> Option<usize> {
        self.program.source_info().offset_for(at.id).map(|(start, _)| start as usize)
    }
}

/// Brackets open at once, and every `?`, which opens an alternative. Those inside of strings count too.
fn depth(text: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' | b'?' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

fn count(counters: &mut [u64], depth: usize) {
    let last = counters.len().saturating_sub(1);
    if let Some(counter) = counters.get_mut(depth.min(last)) {
        *counter += 1;
    }
}

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()).first() {
        Some(close) => format!("names the {what} `{name}`, which there is not; did you mean `{close}`?"),
        None => format!("names the {what} `{name}`, which there is not; there are `{}`", known.join("`, `")),
    }
}
