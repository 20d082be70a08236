//! Budgets of tokens, money and calls: an amount is reserved on a whole chain of budgets before work starts and settled
//! after.
//!
//! A reservation locks the chain from the leaf to the root (always in that order, so two of them cannot wait for each
//! other), checks every cap and only then writes: `spent + held <= cap` holds at every level at every moment, and no
//! reservation is refused because of another one that is about to fail. What was used is counted even after the
//! budget was closed, since the provider bills it all the same. Nothing here waits, and nothing reads a clock.

use steersman_core::Usd;

use crate::sync::{Arc, Mutex, MutexGuard, lock};

/// How much of each kind: tokens, money, calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount([u64; 3]);

impl Amount {
    /// Nothing at all.
    pub const ZERO: Self = Self([0; 3]);

    /// This many tokens and nothing else.
    #[must_use]
    pub const fn tokens(tokens: u64) -> Self {
        Self([tokens, 0, 0])
    }

    /// This many calls and nothing else.
    #[must_use]
    pub const fn calls(calls: u64) -> Self {
        Self([0, 0, calls])
    }

    /// This much money and nothing else. A negative amount counts as none: a reservation never gives.
    #[must_use]
    pub fn cost(cost: Usd) -> Self {
        Self([0, u64::try_from(cost.nanos()).unwrap_or(0), 0])
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }

    /// How much of one kind; money in nano-dollars.
    #[must_use]
    pub const fn of(self, kind: Kind) -> u64 {
        let Self([tokens, cost, calls]) = self;
        match kind {
            Kind::Tokens => tokens,
            Kind::NanoUsd => cost,
            Kind::Calls => calls,
        }
    }

    fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        let (Self([a, b, c]), Self([x, y, z])) = (self, other);
        Self([f(a, x), f(b, y), f(c, z)])
    }

    fn less(self, other: Self) -> Self {
        self.zip(other, u64::saturating_sub)
    }
}

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Tokens, input and output together.
    Tokens,
    /// Money, in nano-dollars.
    NanoUsd,
    /// Calls.
    Calls,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Tokens, Self::NanoUsd, Self::Calls];
}

/// The most of each kind; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caps {
    /// The most tokens.
    pub tokens: Option<u64>,
    /// The most money.
    pub cost: Option<Usd>,
    /// The most calls.
    pub calls: Option<u64>,
}

impl Caps {
    fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Tokens => self.tokens.unwrap_or(u64::MAX),
            Kind::NanoUsd => self.cost.map_or(u64::MAX, |usd| u64::try_from(usd.nanos()).unwrap_or(0)),
            Kind::Calls => self.calls.unwrap_or(u64::MAX),
        }
    }
}

/// Why a reservation was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverBudget {
    /// A budget of the chain has too little left.
    #[error("budget `{budget}` has {left} of {kind:?} left, {asked} were asked for")]
    Spent {
        /// Whose cap it is.
        budget: Arc<str>,
        /// Of what.
        kind: Kind,
        /// How much was asked for.
        asked: u64,
        /// How much is left, reservations of others counted as spent.
        left: u64,
    },
    /// A budget of the chain is closed: its scope has ended.
    #[error("budget `{0}` is closed")]
    Closed(Arc<str>),
}

#[derive(Debug, Default)]
struct State {
    spent: Amount,
    held: Amount,
    closed: bool,
}

#[derive(Debug)]
struct Node {
    name: Arc<str>,
    caps: Caps,
    parent: Option<Budget>,
    state: Mutex<State>,
}

/// One budget of a tree. Cheap to clone; clones are the same budget.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Node>);

impl Budget {
    /// A budget without a parent.
    #[must_use]
    pub fn new(name: &str, caps: Caps) -> Self {
        Self(Arc::new(Node { name: name.into(), caps, parent: None, state: Mutex::default() }))
    }

    /// A budget whose reservations must also fit into this one.
    #[must_use]
    pub fn child(&self, name: &str, caps: Caps) -> Self {
        Self(Arc::new(Node { name: name.into(), caps, parent: Some(self.clone()), state: Mutex::default() }))
    }

    /// Reserves on this budget and all above it, or on none.
    ///
    /// # Errors
    /// [`OverBudget`] names the first budget of the chain, from here up, that is closed or has too little left.
    pub fn reserve(&self, asked: Amount) -> Result<Hold, OverBudget> {
        let mut chain = self.chain();
        for (node, state) in &chain {
            if state.closed {
                return Err(OverBudget::Closed(Arc::clone(&node.name)));
            }
            let used = state.spent.and(state.held);
            for kind in Kind::ALL {
                let left = node.caps.of(kind).saturating_sub(used.of(kind));
                if asked.of(kind) > left {
                    let (budget, asked) = (Arc::clone(&node.name), asked.of(kind));
                    return Err(OverBudget::Spent { budget, kind, asked, left });
                }
            }
        }
        for (_, state) in &mut chain {
            state.held = state.held.and(asked);
        }
        drop(chain);
        Ok(Hold { budget: self.clone(), held: asked })
    }

    /// What was used so far, here and below.
    #[must_use]
    pub fn spent(&self) -> Amount {
        lock(&self.0.state).spent
    }

    /// What is reserved and not yet settled, here and below.
    #[must_use]
    pub fn held(&self) -> Amount {
        lock(&self.0.state).held
    }

    /// Closes the budget and gives back, all the way up, what is still held in it. Returns that amount: zero unless
    /// a [`Hold`] left the scope it belonged to. Later reservations are refused; later charges still count.
    pub fn close(&self) -> Amount {
        let mut chain = self.chain();
        let left_over = match chain.first_mut() {
            Some((_, own)) if !own.closed => {
                own.closed = true;
                own.held
            }
            _ => Amount::ZERO,
        };
        let mut passed_closed = false;
        for (i, (_, state)) in chain.iter_mut().enumerate() {
            passed_closed |= i > 0 && state.closed;
            if !passed_closed {
                state.held = state.held.less(left_over);
            }
        }
        left_over
    }

    /// Moves `used` to spent on the whole chain and takes `released` off what is held, up to the first closed budget
    /// (whose closing already gave everything below it back).
    fn settle(&self, used: Amount, released: Amount) {
        let mut passed_closed = false;
        for (_, state) in &mut self.chain() {
            passed_closed |= state.closed;
            state.spent = state.spent.and(used);
            if !passed_closed {
                state.held = state.held.less(released);
            }
        }
    }

    fn chain(&self) -> Vec<(&Node, MutexGuard<'_, State>)> {
        let mut chain = Vec::with_capacity(4);
        let mut next = Some(self);
        while let Some(budget) = next {
            chain.push((&*budget.0, lock(&budget.0.state)));
            next = budget.0.parent.as_ref();
        }
        chain
    }
}

/// A reserved amount. Dropping it gives back what was not charged.
#[derive(Debug)]
#[must_use = "dropping a hold gives the reservation back at once"]
pub struct Hold {
    budget: Budget,
    held: Amount,
}

impl Hold {
    /// What is still reserved.
    #[must_use]
    pub const fn left(&self) -> Amount {
        self.held
    }

    /// Counts `used` as spent now, so that it stays counted if the work is cancelled later. Using more than was
    /// reserved is counted in full: a bill is a fact.
    pub fn charge(&mut self, used: Amount) {
        let released = used.zip(self.held, u64::min);
        self.budget.settle(used, released);
        self.held = self.held.less(released);
    }

    /// Ends the reservation with what was used in all since the last charge.
    pub fn settle(mut self, used: Amount) {
        self.charge(used);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.held != Amount::ZERO {
            self.budget.settle(Amount::ZERO, self.held);
        }
    }
}
