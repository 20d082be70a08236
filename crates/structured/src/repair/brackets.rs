//! The search for the one bracket that is wrong.
//!
//! When the tokens do not nest, every single edit is tried that could make them nest: write, drop, replace or swap
//! one bracket at any place before the fault. Each edit that works is a reading. One reading is an answer; several
//! are an ambiguity, which only indentation, a repeated key or the schema may settle.
//! This is minimum-distance error correction (Aho and Peterson, A Minimum Distance Error-Correcting Parser for
//! Context-Free Languages, SIAM J. Comput. 1972) at distance one, with all solutions kept instead of the first.
//!
//! What never happens here: no choice among equals.

use super::token::{Frame, Kind, Token};

/// One edit of the token sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Write a closing bracket before token `at`.
    Close { at: usize, frame: Frame },
    /// Write an opening bracket before token `at`.
    Open { at: usize, frame: Frame },
    /// Drop token `at`.
    Drop { at: usize },
    /// Make the closing bracket `at` one of the other family.
    Replace { at: usize, frame: Frame },
    /// Swap the closing brackets `at` and `at + 1`.
    Swap { at: usize },
}

impl Op {
    /// Whether it writes a bracket.
    pub(crate) fn is_left_out(self) -> bool {
        matches!(self, Self::Close { .. } | Self::Open { .. })
    }

    /// The first word that it changes, or stands before.
    pub(crate) fn at(self) -> usize {
        match self {
            Self::Close { at, .. }
            | Self::Open { at, .. }
            | Self::Drop { at }
            | Self::Replace { at, .. }
            | Self::Swap { at } => at,
        }
    }
}

/// What the search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Nesting {
    /// The tokens nest as they stand.
    Sound,
    /// These single edits make them nest.
    Repairable(Vec<Op>),
    /// No single edit does; so many brackets were open at the end.
    Broken { open: Vec<Frame>, at: usize },
}

/// At most so many readings are kept: more are as ambiguous as these.
const READINGS_MAX: usize = 48;
/// Steps of simulation per token, and at least so many: bounds the search in time linear in the text.
const STEPS_PER_TOKEN: usize = 24;
const STEPS_MIN: usize = 40_000;

pub(super) fn search(tokens: &[Token]) -> Nesting {
    let mut base = Machine::default();
    let mut fault = tokens.len();
    for (i, token) in tokens.iter().enumerate() {
        if !base.step(token.kind) {
            fault = i;
            break;
        }
    }
    if fault == tokens.len() && base.done && base.stack.is_empty() {
        return Nesting::Sound;
    }
    let open = base.stack;
    let surplus = Surplus::of(tokens);
    if surplus.beyond_one_edit() {
        return Nesting::Broken { open, at: fault };
    }
    let budget = STEPS_MIN.max(tokens.len() * STEPS_PER_TOKEN);
    let mut search = Search { tokens, found: Vec::new(), budget, surplus, scratch: Machine::default() };
    let mut prefix = Machine::default();
    for i in 0..=fault {
        search.try_at(i, &prefix);
        if search.budget == 0 {
            return Nesting::Broken { open, at: fault };
        }
        if let Some(token) = tokens.get(i)
            && !prefix.step(token.kind)
        {
            break;
        }
    }
    if search.found.is_empty() { Nesting::Broken { open, at: fault } } else { Nesting::Repairable(search.found) }
}

/// Whether the tokens nest but for brackets that are still open at the end.
pub(super) fn search_open(tokens: &[Token]) -> bool {
    let mut machine = Machine::default();
    tokens.iter().all(|token| machine.step(token.kind)) && !machine.stack.is_empty()
}

/// How many more brackets of each family were opened than closed. One edit has to make up for all of it, so the counts
/// alone say which kinds of edit can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Surplus {
    objects: i64,
    arrays: i64,
}

impl Surplus {
    fn of(tokens: &[Token]) -> Self {
        tokens
            .iter()
            .map(|token| Self::of_kind(token.kind))
            .fold(Self::default(), |a, b| Self { objects: a.objects + b.objects, arrays: a.arrays + b.arrays })
    }

    fn beyond_one_edit(self) -> bool {
        !matches!((self.objects, self.arrays), (0, -1..=1) | (-1 | 1, 0) | (1, -1) | (-1, 1))
    }

    fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::OpenObject => Self::of_frame(Frame::Object, 1),
            Kind::OpenArray => Self::of_frame(Frame::Array, 1),
            Kind::CloseObject => Self::of_frame(Frame::Object, -1),
            Kind::CloseArray => Self::of_frame(Frame::Array, -1),
            Kind::Key | Kind::Scalar => Self::default(),
        }
    }

    fn of_frame(frame: Frame, n: i64) -> Self {
        Self::default().and(frame, n)
    }

    fn and(mut self, frame: Frame, n: i64) -> Self {
        match frame {
            Frame::Object => self.objects += n,
            Frame::Array => self.arrays += n,
        }
        self
    }
}

struct Search<'t> {
    tokens: &'t [Token],
    found: Vec<Op>,
    budget: usize,
    surplus: Surplus,
    /// The machine of the attempt at hand: one allocation for all of them.
    scratch: Machine,
}

impl Search<'_> {
    fn try_at(&mut self, i: usize, prefix: &Machine) {
        let next = self.tokens.get(i).copied();
        let prev = i.checked_sub(1).and_then(|p| self.tokens.get(p)).map(|t| t.kind);
        if let Some(&frame) = prefix.stack.last()
            && self.surplus == Surplus::of_frame(frame, 1)
            && !prefix.need_value
            && may_close(prev, next)
            && prefix.goes_on_outside(next.map(|token| token.kind))
        {
            self.attempt(Op::Close { at: i, frame }, prefix, Some(close_kind(frame)), i);
        }
        let Some(next) = next else { return };
        for frame in [Frame::Object, Frame::Array] {
            if self.surplus == Surplus::of_frame(frame, -1) && may_open(frame, prefix, prev, next) {
                self.attempt(Op::Open { at: i, frame }, prefix, Some(open_kind(frame)), i);
            }
        }
        let after = self.tokens.get(i + 1).map(|t| t.kind);
        match next.kind {
            Kind::CloseObject | Kind::CloseArray => {
                let (own, other) = match next.kind {
                    Kind::CloseObject => (Frame::Object, Frame::Array),
                    _ => (Frame::Array, Frame::Object),
                };
                if self.surplus == Surplus::of_frame(own, -1) {
                    self.attempt(Op::Drop { at: i }, prefix, None, i + 1);
                }
                if self.surplus == Surplus::of_frame(own, -1).and(other, 1) {
                    self.attempt(Op::Replace { at: i, frame: other }, prefix, Some(close_kind(other)), i + 1);
                }
                if self.surplus == Surplus::default()
                    && matches!(after, Some(Kind::CloseObject | Kind::CloseArray))
                    && after != Some(next.kind)
                {
                    self.swap(i, prefix, next.kind, close_kind(other));
                }
            }
            // The outermost bracket makes the document; it is extra only if another follows.
            Kind::OpenObject | Kind::OpenArray
                if self.surplus == Surplus::of_kind(next.kind)
                    && prev != Some(next.kind)
                    && (i > 0 || matches!(after, Some(Kind::OpenObject | Kind::OpenArray))) =>
            {
                self.attempt(Op::Drop { at: i }, prefix, None, i + 1);
            }
            _ => {}
        }
    }

    fn swap(&mut self, i: usize, prefix: &Machine, first: Kind, second: Kind) {
        self.scratch.copy(prefix);
        if self.scratch.step(second) && self.scratch.step(first) {
            self.finish(Op::Swap { at: i }, i + 2);
        }
    }

    fn attempt(&mut self, op: Op, prefix: &Machine, written: Option<Kind>, from: usize) {
        // Copying the stack is work too: a text of brackets alone must not cost its square.
        self.budget = self.budget.saturating_sub(prefix.stack.len() / 16);
        if self.budget == 0 {
            return;
        }
        self.scratch.copy(prefix);
        if written.is_none_or(|kind| self.scratch.step(kind)) {
            self.finish(op, from);
        }
    }

    fn finish(&mut self, op: Op, from: usize) {
        let machine = &mut self.scratch;
        if self.found.len() >= READINGS_MAX {
            return;
        }
        for token in self.tokens.get(from..).unwrap_or(&[]) {
            self.budget = self.budget.saturating_sub(1);
            if self.budget == 0 || !machine.step(token.kind) {
                return;
            }
        }
        if machine.done && machine.stack.is_empty() {
            self.found.push(op);
        }
    }
}

/// A bracket was left out between `prev` and `next` only if the comma that followed it is still there.
fn may_close(prev: Option<Kind>, next: Option<Token>) -> bool {
    let Some(next) = next else { return true };
    let after_open = matches!(prev, Some(Kind::OpenObject | Kind::OpenArray));
    match next.kind {
        Kind::CloseObject | Kind::CloseArray => true,
        _ => next.comma || (!after_open && next.indent.is_some()),
    }
}

fn may_open(frame: Frame, prefix: &Machine, prev: Option<Kind>, next: Token) -> bool {
    let place = prefix.need_value
        || (prev != Some(open_kind(frame)) && prefix.stack.last() == Some(&Frame::Array))
        || prev.is_none();
    let fits = match frame {
        Frame::Object => matches!(next.kind, Kind::Key | Kind::CloseObject),
        Frame::Array => !matches!(next.kind, Kind::Key | Kind::CloseObject),
    };
    // An empty bracket is written only where something has to stand.
    let empty = matches!(next.kind, Kind::CloseObject | Kind::CloseArray);
    let wanted = prefix.need_value || next.comma || matches!(prev, Some(Kind::OpenArray | Kind::OpenObject) | None);
    place && fits && (!empty || wanted) && !(prefix.need_value && next.comma)
}

pub(super) fn close_kind(frame: Frame) -> Kind {
    if frame == Frame::Object { Kind::CloseObject } else { Kind::CloseArray }
}

pub(super) fn open_kind(frame: Frame) -> Kind {
    if frame == Frame::Object { Kind::OpenObject } else { Kind::OpenArray }
}

/// The grammar of tokens.
#[derive(Debug, Clone, Default)]
struct Machine {
    stack: Vec<Frame>,
    need_value: bool,
    done: bool,
}

impl Machine {
    fn copy(&mut self, other: &Machine) {
        self.stack.clear();
        self.stack.extend_from_slice(&other.stack);
        self.need_value = other.need_value;
        self.done = other.done;
    }

    /// Whether this word can stand behind the bracket that closes the innermost frame.
    fn goes_on_outside(&self, next: Option<Kind>) -> bool {
        let outer = self.stack.len().checked_sub(2).and_then(|i| self.stack.get(i));
        match next {
            None => outer.is_none(),
            Some(Kind::Key | Kind::CloseObject) => outer == Some(&Frame::Object),
            Some(_) => outer == Some(&Frame::Array),
        }
    }

    #[inline]
    fn step(&mut self, kind: Kind) -> bool {
        let item = match self.stack.last() {
            Some(Frame::Object) => self.need_value,
            Some(Frame::Array) => true,
            None => !self.done,
        };
        match kind {
            Kind::OpenObject | Kind::OpenArray => {
                self.stack.push(if kind == Kind::OpenObject { Frame::Object } else { Frame::Array });
                self.need_value = false;
                self.done = true;
                item
            }
            Kind::Scalar => {
                self.need_value = false;
                self.done = true;
                item
            }
            Kind::Key => {
                let fits = self.stack.last() == Some(&Frame::Object) && !self.need_value;
                self.need_value = true;
                fits
            }
            Kind::CloseObject => !self.need_value && self.stack.pop() == Some(Frame::Object),
            Kind::CloseArray => !self.need_value && self.stack.pop() == Some(Frame::Array),
        }
    }
}

/// Edits inside a run of equal brackets give the same text; they share a key.
pub(super) fn same(tokens: &[Token], op: Op) -> (u8, usize, bool) {
    let run_end = |mut at: usize, kind: Kind| {
        while tokens.get(at).is_some_and(|t| t.kind == kind) {
            at += 1;
        }
        at
    };
    match op {
        Op::Close { at, frame } => (0, run_end(at, close_kind(frame)), frame == Frame::Object),
        Op::Open { at, frame } => (1, at, frame == Frame::Object),
        Op::Drop { at } => (2, tokens.get(at).map_or(at, |t| run_end(at, t.kind)), false),
        Op::Replace { at, frame } => (3, at, frame == Frame::Object),
        Op::Swap { at } => (4, at, false),
    }
}

/// Walks the token sequence an edit leads to: kind, index of the token it comes from (or stands before), and whether it
/// was there before.
pub(super) fn walk(tokens: &[Token], op: Option<Op>, mut visit: impl FnMut(Kind, usize, bool)) {
    let written = match op {
        Some(Op::Close { at, frame }) => Some((at, close_kind(frame))),
        Some(Op::Open { at, frame }) => Some((at, open_kind(frame))),
        _ => None,
    };
    let kind = |i: usize| tokens.get(i).map_or(Kind::Scalar, |token| token.kind);
    for i in 0..=tokens.len() {
        if let Some((_, bracket)) = written.filter(|(at, _)| *at == i) {
            visit(bracket, i, false);
        }
        if i == tokens.len() {
            return;
        }
        match op {
            Some(Op::Drop { at }) if at == i => {}
            Some(Op::Replace { at, frame }) if at == i => visit(close_kind(frame), i, true),
            Some(Op::Swap { at }) if at == i => visit(kind(i + 1), i, true),
            Some(Op::Swap { at }) if at + 1 == i => visit(kind(at), i, true),
            _ => visit(kind(i), i, true),
        }
    }
}

/// How far back in an object a key is compared with those before it.
const KEYS_BACK: usize = 128;

/// How much layout and keys speak against a reading: repeated keys, and lines whose indentation contradicts the depth.
pub(super) fn strangeness(text: &str, tokens: &[Token], op: Op) -> usize {
    // The keys of all open objects, and where those of each begin.
    let mut keys: Vec<&str> = Vec::with_capacity(32);
    let mut opened: Vec<usize> = Vec::with_capacity(16);
    let mut columns: Vec<Option<u16>> = Vec::new();
    let mut odd = 0;
    walk(tokens, Some(op), |kind, index, real| {
        let token = tokens.get(index);
        if matches!(kind, Kind::CloseObject | Kind::CloseArray) {
            keys.truncate(opened.pop().unwrap_or(0));
        }
        if let Some(column) = token.filter(|_| real).and_then(|t| t.indent) {
            columns.resize(columns.len().max(opened.len() + 1), None);
            if let Some(slot) = columns.get_mut(opened.len()) {
                odd += usize::from(slot.get_or_insert(column) != &column);
            }
        }
        match kind {
            Kind::OpenObject | Kind::OpenArray => opened.push(keys.len()),
            Kind::Key => {
                let name = token.and_then(|t| text.get(t.start as usize..t.end as usize)).unwrap_or("");
                let from = opened.last().copied().unwrap_or(0).max(keys.len().saturating_sub(KEYS_BACK));
                odd += 4 * usize::from(keys.get(from..).is_some_and(|seen| seen.contains(&name)));
                keys.push(name);
            }
            _ => {}
        }
    });
    let mut known: Vec<u16> = columns.into_iter().flatten().collect();
    let written = known.len();
    known.sort_unstable();
    known.dedup();
    odd + (written - known.len())
}
