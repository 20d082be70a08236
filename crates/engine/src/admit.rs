//! Step 2: whether a key may make this request, and what it may cost.
//!
//! A key has a list of models, requests and tokens a minute, and budgets; so have teams, tasks and the gateway as a
//! whole. The most that a request is likely to cost is reserved on every budget before the call, and what it did cost
//! is settled when its record closes, whatever happened to it. Reservations come out of slabs that were taken from the
//! durable accounts ahead of use, so that a request waits for the database only when a slab has run out.
//!
//! What never happens here: a secret in the clear (a key is known by its hash), a lock across an await.

mod more;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use steersman_core::{Account, Bank, Code, ContentHash, Usd, picos_to_usd};

use crate::catalog::Candidate;
use crate::guard::History;
use crate::meter::{Meter, Period, Takes};
use crate::pace::Pace;
use crate::prepare::Prepared;
use crate::refusal::Refusal;
use crate::reply::Inbound;

pub(crate) use more::priced;

/// What a key may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRules {
    /// Its id, `key_...`; not a secret.
    #[serde(default)]
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// The team that it belongs to.
    #[serde(default)]
    pub team: Option<String>,
    /// Names of models it may ask for; a `*` at the end stands for anything. Empty: all.
    #[serde(default)]
    pub models: Vec<String>,
    /// Where its requests may be processed. Empty: anywhere.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Whether its end users write the messages of its requests themselves, tool results among them: the guard trusts
    /// none.
    #[serde(default)]
    pub end_users: bool,
    /// The most requests in any minute.
    #[serde(default)]
    pub requests_per_minute: Option<u64>,
    /// The most tokens in any minute.
    #[serde(default)]
    pub tokens_per_minute: Option<u64>,
    /// The most money in a day (UTC).
    #[serde(default)]
    pub usd_per_day: Option<Usd>,
    /// The most money in a month (UTC).
    #[serde(default)]
    pub usd_per_month: Option<Usd>,
    /// The most money ever.
    #[serde(default)]
    pub usd_total: Option<Usd>,
}

/// The keys as they stand.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    /// Those that are good, by the hash of their secret.
    pub good: Vec<(ContentHash, KeyRules)>,
    /// Whether there ever was one: from then on nobody passes without, also once the last is revoked.
    pub guarded: bool,
}

/// Budgets that do not belong to a key, by day (UTC).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmitSettings {
    /// For everything together.
    pub all: Option<Usd>,
    /// By task.
    pub tasks: Vec<(String, Usd)>,
    /// By team.
    pub teams: Vec<(String, Usd)>,
    /// Output tokens that are reserved where the request names no limit.
    pub reserve_output_tokens: u64,
}

impl Default for AdmitSettings {
    /// No budgets; 4,096 tokens, which few answers exceed.
    fn default() -> Self {
        Self { all: None, tasks: Vec::new(), teams: Vec::new(), reserve_output_tokens: 4_096 }
    }
}

/// The keys, their pace and the slabs of budgets. It outlives a reload of the configuration.
#[derive(Default)]
pub struct Admit {
    bank: Option<Arc<dyn Bank>>,
    keys: RwLock<Arc<HashMap<ContentHash, Arc<Key>>>>,
    /// Regions of keys that are good no more: what was begun with one goes on, and stays there.
    left: Mutex<HashMap<ContentHash, Vec<String>>>,
    guarded: AtomicBool,
    meters: Mutex<HashMap<Account, Arc<Meter>>>,
    takes: Takes,
}

struct Key {
    rules: KeyRules,
    pace: Mutex<Pace>,
}

/// A request that was let in. Settled when its record closes.
#[derive(Default)]
pub(crate) struct Admitted {
    key: Option<(Arc<Key>, u64)>,
    holds: Vec<(Arc<Meter>, Usd)>,
    shortage: Option<Shortage>,
}

/// What budgets have left for a request, where that is less than it may cost, and what they say to more.
#[derive(Debug, Clone)]
pub(crate) struct Shortage {
    /// The most that all its calls together may cost.
    pub(crate) usd: Usd,
    /// What a client hears where that is not enough.
    pub(crate) refusal: Refusal,
    pub(crate) size: Size,
}

/// What a request asks for, as far as limits are concerned.
pub(crate) struct Asking<'a> {
    model: &'a str,
    task: &'a str,
    joins_task: bool,
    candidates: &'a [Candidate],
    /// Cheaper models that may be allowed to answer in their place.
    stand_ins: &'a [(String, Candidate)],
    max_output_tokens: Option<u64>,
    /// How often a model may be called for it: the steps of a run with tools.
    steps: u64,
}

impl<'a> Asking<'a> {
    /// A request that was read.
    pub(crate) fn of(prepared: &'a Prepared) -> Self {
        let Prepared { asked, task, joins_task, candidates, max_output_tokens, .. } = prepared;
        let (model, task, joins_task) = (asked.as_str(), task.as_str(), *joins_task);
        let max_output_tokens = *max_output_tokens;
        Self { model, task, joins_task, candidates, stand_ins: &[], max_output_tokens, steps: 1 }
    }

    /// The same, answered in up to so many calls of a model.
    pub(crate) fn in_steps(self, most: Option<u32>) -> Self {
        Self { steps: most.map_or(1, u64::from), ..self }
    }

    /// The same, which may go to one of these if that is all that its budgets have left.
    pub(crate) fn or_for_less(self, stand_ins: &'a [(String, Candidate)]) -> Self {
        Self { stand_ins, ..self }
    }

    /// A request that is passed through unread.
    pub(crate) fn passed(protocol: &'a str, candidate: &'a Candidate) -> Self {
        let candidates = std::slice::from_ref(candidate);
        let model = candidate.model.as_str();
        let (joins_task, stand_ins, max_output_tokens) = (false, &[][..], None);
        Self { model, task: protocol, joins_task, candidates, stand_ins, max_output_tokens, steps: 1 }
    }
}

/// What stands on the record.
#[derive(Serialize)]
struct Report<'a> {
    key: Option<&'a str>,
    name: Option<&'a str>,
    team: Option<&'a str>,
    reserved_usd: Option<f64>,
    budgets: Vec<&'a str>,
}

impl Admit {
    /// Over these accounts.
    #[must_use]
    pub fn new(bank: Arc<dyn Bank>) -> Self {
        Self { bank: Some(bank), ..Self::default() }
    }

    /// Puts these keys in the place of those known. Their pace goes on.
    pub fn replace_keys(&self, ring: KeyRing) {
        let known = self.keys();
        let pace_of = |id: &str| {
            let before = known.values().find(|key| key.rules.id == id);
            before.map(|key| lock(&key.pace).clone()).unwrap_or_default()
        };
        let key = |(hash, rules): (ContentHash, KeyRules)| {
            let same = known.get(&hash).filter(|key| key.rules == rules).cloned();
            let fresh = || Arc::new(Key { pace: Mutex::new(pace_of(&rules.id)), rules: rules.clone() });
            (hash, same.unwrap_or_else(fresh))
        };
        self.guarded.store(ring.guarded, Ordering::SeqCst);
        let keys: HashMap<_, _> = ring.good.into_iter().map(key).collect();
        let gone = known.iter().filter(|(hash, key)| !keys.contains_key(hash) && !key.rules.regions.is_empty());
        lock(&self.left).extend(gone.map(|(hash, key)| (*hash, key.rules.regions.clone())));
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The id of the key with this hash; empty for whoever has no virtual key. What one owner keeps no other may see,
    /// and a key that was revoked meanwhile owns nothing.
    #[must_use]
    pub fn owner_of(&self, credential: Option<&ContentHash>) -> String {
        let Some(hash) = credential else { return String::new() };
        self.keys().get(hash).map_or_else(|| format!("nobody/{hash}"), |key| key.rules.id.clone())
    }

    /// Where requests of the key with this hash may be processed, if it says so.
    pub(crate) fn regions_of(&self, credential: Option<&ContentHash>) -> Option<Vec<String>> {
        let hash = credential?;
        let good = self.keys().get(hash).map(|key| key.rules.regions.clone());
        good.or_else(|| lock(&self.left).get(hash).cloned())
    }

    /// Who writes the messages of requests with this key; of one that is good no more, anybody.
    pub(crate) fn history_of(&self, credential: Option<&ContentHash>) -> History {
        let by_end_users = |hash| self.keys().get(hash).is_none_or(|key| key.rules.end_users);
        if credential.is_some_and(by_end_users) { History::EndUsers } else { History::Application }
    }

    /// Whether the key with this hash may ask for a model or task by this name; who has no virtual key may ask for all.
    ///
    /// # Errors
    /// The refusal that a request for it would meet.
    pub fn may_ask(&self, credential: Option<&ContentHash>, name: &str) -> Result<(), Refusal> {
        let Some(hash) = credential else { return Ok(()) };
        allow_model(&self.keys().get(hash).ok_or_else(revoked)?.rules, name)
    }

    /// The owner of what a request keeps, as [`Self::owner_of`], unless its key is good no more or has no room in its
    /// minute: for what is read before a request can be admitted. Counts nothing.
    ///
    /// # Errors
    /// The refusal that the request would meet.
    pub(crate) fn at_the_door(&self, credential: Option<&ContentHash>) -> Result<String, Refusal> {
        let Some(hash) = credential else { return Ok(String::new()) };
        let key = self.keys().get(hash).cloned().ok_or_else(revoked)?;
        let KeyRules { requests_per_minute, tokens_per_minute, .. } = key.rules;
        let room = lock(&key.pace).room(requests_per_minute, tokens_per_minute, 0);
        room.map(|_| key.rules.id.clone()).map_err(|full| full.refusal(&key.rules.name))
    }

    /// Counts a call that asks no model against the key's requests a minute.
    ///
    /// # Errors
    /// The refusal that a request would meet.
    pub fn count(&self, credential: Option<&ContentHash>) -> Result<(), Refusal> {
        let Some(hash) = credential else { return Ok(()) };
        let key = self.keys().get(hash).cloned().ok_or_else(revoked)?;
        let counted = lock(&key.pace).enter(key.rules.requests_per_minute, None, 0);
        counted.map(drop).map_err(|full| full.refusal(&key.rules.name))
    }

    /// What a person calls the key with this hash.
    #[must_use]
    pub fn name_of(&self, hash: &ContentHash) -> String {
        self.keys().get(hash).map_or_else(|| "a key that is good no more".to_owned(), |key| key.rules.name.clone())
    }

    /// Whether there is a key with this hash.
    #[must_use]
    pub fn knows(&self, hash: &ContentHash) -> bool {
        self.keys().contains_key(hash)
    }

    /// Whether clients need a key: there is one, or was.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.guarded.load(Ordering::SeqCst)
    }

    fn keys(&self) -> Arc<HashMap<ContentHash, Arc<Key>>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a request in, or says which limit it meets and when that begins anew.
    pub(crate) async fn admit(
        &self,
        settings: &AdmitSettings,
        inbound: &Inbound,
        asking: &Asking<'_>,
    ) -> Result<(Admitted, Option<serde_json::Value>), Refusal> {
        let key = match &inbound.credential {
            None => None,
            Some(hash) => Some(self.keys().get(hash).cloned().ok_or_else(revoked)?),
        };
        let mut admitted = Admitted::default();
        let estimate = Estimate::of(asking, inbound, settings.reserve_output_tokens);
        if let Some(key) = &key {
            allow_model(&key.rules, asking.model)?;
            if asking.joins_task {
                // Named by a header, a task still brings its tools, its guard and its budget.
                allow_model(&key.rules, &format!("task/{}", asking.task))?;
            }
            let (requests, tokens) = (key.rules.requests_per_minute, key.rules.tokens_per_minute);
            if requests.is_some() || tokens.is_some() {
                let ticket = lock(&key.pace).enter(requests, tokens, estimate.tokens);
                let ticket = ticket.map_err(|full| full.refusal(&key.rules.name))?;
                admitted.key = Some((Arc::clone(key), ticket));
            }
        }
        let rules = key.as_ref().map(|key| &key.rules);
        let budgets = budgets(settings, rules, asking.task);
        if !budgets.is_empty()
            && let Err(refusal) = self.reserve(&budgets, &estimate, asking, &mut admitted).await
        {
            admitted.settle(Some(Usd::ZERO), Some(0));
            return Err(refusal);
        }
        let report = (key.is_some() || !budgets.is_empty()).then(|| {
            let report = Report {
                key: rules.map(|rules| rules.id.as_str()),
                name: rules.map(|rules| rules.name.as_str()),
                team: rules.and_then(|rules| rules.team.as_deref()),
                reserved_usd: admitted.holds.first().map(|(_, usd)| usd.as_f64()),
                budgets: budgets.iter().map(|(name, ..)| name.as_str()).collect(),
            };
            serde_json::json!(report)
        });
        Ok((admitted, report))
    }

    async fn reserve(
        &self,
        budgets: &[(String, Period, Usd)],
        estimate: &Estimate,
        asking: &Asking<'_>,
        admitted: &mut Admitted,
    ) -> Result<(), Refusal> {
        let Some(bank) = &self.bank else { return Ok(()) };
        let cost = estimate.cost.ok_or_else(|| unpriced(&estimate.model))?;
        let refusal = match self.hold(bank, budgets, cost).await {
            Ok(holds) => {
                admitted.holds = holds;
                return Ok(());
            }
            // A bank that fails says nothing of what is left.
            Err(refusal) if refusal.code != Code::BUDGET_EXCEEDED => return Err(refusal),
            Err(refusal) => refusal,
        };
        let cheaper = asking.stand_ins.iter().filter_map(|(_, candidate)| estimate.size.cost(candidate));
        let mut cheaper: Vec<Usd> = cheaper.filter(|usd| *usd < cost).collect();
        cheaper.sort_unstable();
        for usd in cheaper.into_iter().rev() {
            if let Ok(holds) = self.hold(bank, budgets, usd).await {
                admitted.holds = holds;
                admitted.shortage = Some(Shortage { usd, refusal, size: estimate.size });
                return Ok(());
            }
        }
        Err(refusal)
    }

    /// Reserves an amount on every budget, or on none: what is dropped here is given back as if it had cost nothing.
    async fn hold(
        &self,
        bank: &Arc<dyn Bank>,
        budgets: &[(String, Period, Usd)],
        cost: Usd,
    ) -> Result<Vec<(Arc<Meter>, Usd)>, Refusal> {
        let mut held = Admitted::default();
        for (name, period, cap) in budgets {
            let meter = self.meter(name, *period, *cap);
            let got = if cost > *cap { Ok(false) } else { meter.reserve(bank, &self.takes, cost).await };
            if !got.map_err(|error| Refusal::new(Code::STATE_UNAVAILABLE, error.to_string()))? {
                return Err(over(name, *period, *cap, cost));
            }
            held.holds.push((meter, cost));
        }
        Ok(std::mem::take(&mut held.holds))
    }

    fn meter(&self, name: &str, period: Period, cap: Usd) -> Arc<Meter> {
        self.meter_of(Account { name: name.into(), period: period.label_now().into() }, cap)
    }

    pub(crate) fn meter_of(&self, account: Account, cap: Usd) -> Arc<Meter> {
        let mut meters = lock(&self.meters);
        let meter = meters.entry(account).or_insert_with_key(|account| Arc::new(Meter::new(account.clone())));
        meter.set_cap(cap);
        Arc::clone(meter)
    }

    /// Writes what was used since the last time, refills slabs, and gives back those of days that are over. Call it
    /// every half second or so.
    pub async fn flush(&self) {
        let Some(bank) = &self.bank else { return };
        let meters: Vec<_> = lock(&self.meters).values().cloned().collect();
        for meter in meters {
            if let Err(error) = meter.flush(bank, &self.takes).await {
                tracing::warn!(%error, "budgets are settled later");
            }
        }
        // What is over and could not be told yet, or was used since it was told, is still owed.
        lock(&self.meters).retain(|_, meter| !meter.is_over() || Arc::strong_count(meter) > 1 || meter.owes());
    }

    /// Gives everything back that was not used. For the end of the process.
    pub async fn close(&self) {
        self.flush().await;
        let Some(bank) = &self.bank else { return };
        // What is being taken now must be here before it can be given back.
        let takes = std::mem::take(&mut *lock(&self.takes));
        takes.join_all().await;
        let meters: Vec<_> = lock(&self.meters).values().cloned().collect();
        for meter in meters {
            if let Err(error) = meter.give_back(bank.as_ref()).await {
                tracing::warn!(%error, "a slab stays held");
            }
        }
    }
}

impl Admitted {
    /// What its budgets have left, where that is less than it may cost.
    pub(crate) fn shortage(&mut self) -> Option<Shortage> {
        self.shortage.take()
    }

    /// Settles what it did cost. An unknown cost counts as all that was reserved.
    pub(crate) fn settle(mut self, cost: Option<Usd>, tokens: Option<u64>) {
        if let (Some((key, ticket)), Some(tokens)) = (self.key.take(), tokens) {
            lock(&key.pace).settle(ticket, tokens);
        }
        for (meter, held) in std::mem::take(&mut self.holds) {
            meter.settle(held, cost.unwrap_or(held));
        }
    }
}

impl Drop for Admitted {
    /// A request that ended while it was being admitted has made no call: what it had reserved is free again.
    fn drop(&mut self) {
        for (meter, held) in std::mem::take(&mut self.holds) {
            meter.settle(held, Usd::ZERO);
        }
    }
}

/// More than any answer has; a limit beyond it is counted as this.
const MOST_TOKENS: u64 = 1 << 32;

/// What a request is likely to use at most.
struct Estimate {
    tokens: u64,
    cost: Option<Usd>,
    model: String,
    size: Size,
}

/// The most tokens that one call is likely to take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    input: u64,
    output: u64,
}

impl Size {
    /// What they cost with a candidate; `None` for an unknown price.
    pub(crate) fn cost(self, candidate: &Candidate) -> Option<Usd> {
        let rates = candidate.rates()?.for_prompt(self.input);
        Some(picos_to_usd(rates.input.picos_for(self.input) + rates.output.picos_for(self.output)))
    }
}

impl Estimate {
    /// Half a token a byte for the prompt, since no language needs more in practice, and the request's own limit for
    /// the answers. Of several candidates the dearest counts.
    fn of(asking: &Asking<'_>, inbound: &Inbound, reserve_output_tokens: u64) -> Self {
        let input = inbound.body.len() as u64 / 2 + 1;
        let input = input.saturating_mul(asking.steps);
        let output = asking.max_output_tokens.unwrap_or(reserve_output_tokens).saturating_mul(asking.steps);
        let (size, mut cost) = (Size { input, output }, Some(Usd::ZERO));
        let mut model = String::new();
        for candidate in asking.candidates {
            let one = size.cost(candidate);
            if one.is_none() && model.is_empty() {
                model = format!("{}/{}", candidate.provider.name, candidate.model);
            }
            cost = cost.zip(one).map(|(known, one)| known.max(one));
        }
        // For the pace of a key the usual size of the prompt, and of the answer what the request says itself.
        let tokens = inbound.body.len() as u64 / 4 + 1 + asking.max_output_tokens.unwrap_or(0).min(MOST_TOKENS);
        Self { tokens, cost, model, size }
    }
}

/// Every budget that a request falls under, the narrowest first.
fn budgets(settings: &AdmitSettings, key: Option<&KeyRules>, task: &str) -> Vec<(String, Period, Usd)> {
    let mut budgets = Vec::new();
    if let Some(key) = key {
        let own = [(Period::Day, key.usd_per_day), (Period::Month, key.usd_per_month), (Period::Total, key.usd_total)];
        budgets.extend(own.into_iter().filter_map(|(period, cap)| Some((format!("key/{}", key.id), period, cap?))));
    }
    let day = |kind: &str, name: &str, list: &[(String, Usd)]| {
        let cap = list.iter().find(|(known, _)| known == name)?.1;
        Some((format!("{kind}/{name}"), Period::Day, cap))
    };
    budgets.extend(key.and_then(|key| day("team", key.team.as_deref()?, &settings.teams)));
    budgets.extend(day("task", task, &settings.tasks));
    budgets.extend(settings.all.map(|cap| ("all".to_owned(), Period::Day, cap)));
    budgets
}

fn allow_model(rules: &KeyRules, asked: &str) -> Result<(), Refusal> {
    let fits = |pattern: &String| match pattern.strip_suffix('*') {
        Some(prefix) => asked.starts_with(prefix),
        None => asked == pattern,
    };
    if rules.models.is_empty() || rules.models.iter().any(fits) {
        return Ok(());
    }
    let message = format!("the key `{}` may not use `{asked}`; it may use {}", rules.name, rules.models.join(", "));
    Err(Refusal::new(Code::MODEL_NOT_ALLOWED, message).param("model"))
}

fn revoked() -> Refusal {
    Refusal::new(Code::INVALID_KEY, Code::INVALID_KEY.meaning)
}

fn unpriced(model: &str) -> Refusal {
    let message = format!(
        "a budget applies and the price of `{model}` is unknown; set `input_usd_per_million` and `output_usd_per_million`"
    );
    Refusal::new(Code::BUDGET_EXCEEDED, message)
}

fn over(name: &str, period: Period, cap: Usd, cost: Usd) -> Refusal {
    let message = format!(
        "the budget `{name}` of {cap} {} leaves less than the {cost} that this request may cost; {}",
        period.words(),
        period.resets()
    );
    let mut refusal = Refusal::new(Code::BUDGET_EXCEEDED, message);
    refusal.retry_after_s = period.seconds_left();
    refusal
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use steersman_core::RequestId;
    use steersman_wire::openai_chat::OpenAiChat;

    use super::*;

    #[test]
    fn a_key_is_let_in_for_the_tokens_that_its_request_asks_for_and_not_for_its_prompt_alone() {
        let inbound = Inbound::new(RequestId::new(1), 0, &OpenAiChat, Bytes::from(vec![b' '; 399]));
        let asking = |max_output_tokens| {
            let (model, task, joins_task, candidates, stand_ins) = ("m", "t", false, &[][..], &[][..]);
            Asking { model, task, joins_task, candidates, stand_ins, max_output_tokens, steps: 1 }
        };
        let tokens = |limit| Estimate::of(&asking(limit), &inbound, 4_096).tokens;
        assert_eq!((tokens(None), tokens(Some(500))), (100, 600));
        assert!(tokens(Some(u64::MAX)) < u64::from(u32::MAX) * 2, "no sum of a minute overflows");
    }
}
