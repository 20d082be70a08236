//! Calls that wait for a person before a client's own agent may make them: asked, decided, used by one request.
//!
//! Each change is one conditional statement, so that of two requests, or two gateways, one uses a grant. A grant that a
//! request took and did not use can be given back by that request alone; one that a crash took stays taken.

use super::State;
use crate::StoreError;
use crate::driver::{DatabaseError, Driver};
use crate::value::{Cell, Fields, Value};

/// How long a call that nobody decides on is shown, and a decision remembered.
pub(crate) const KEPT_DAYS: i64 = 30;

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has decided.
    Waiting,
    /// It may pass once.
    Granted,
    /// A request has taken it.
    Used,
    /// It may not pass.
    Denied,
}

impl Standing {
    const ALL: [Self; 4] = [Self::Waiting, Self::Granted, Self::Used, Self::Denied];

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Granted => "granted",
            Self::Used => "used",
            Self::Denied => "denied",
        }
    }
}

/// One call of one conversation that a person is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Hash of the conversation and the call.
    pub key: String,
    /// Hash of the conversation up to the user's last word.
    pub conversation: String,
    /// The task.
    pub task: String,
    /// The tool.
    pub tool: String,
    /// The arguments in canonical form.
    pub arguments: String,
    /// Hash of the tool and the canonical arguments: what the person's word is bound to.
    pub call: String,
    /// Why it was not allowed by itself.
    pub why: String,
    /// Where it stands.
    pub standing: Standing,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub asked_at_ms: i64,
    /// Who decided.
    pub decided_by: Option<String>,
}

macro_rules! columns {
    () => {
        "key, conversation, task, tool, arguments, call, why, state, asked_at_ms, decided_by"
    };
}

/// What was used may be asked for anew; what waits or was decided stays as it is.
const ASK: &str = "INSERT INTO state_approvals
    (key, conversation, task, tool, arguments, call, why, state, asked_at_ms, changed_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8, $8)
    ON CONFLICT (key) DO UPDATE SET state = 'waiting', asked_at_ms = excluded.asked_at_ms, decided_by = NULL,
        used_by = NULL, changed_at_ms = excluded.changed_at_ms WHERE state_approvals.state = 'used'";
const FORGET: &str = "DELETE FROM state_approvals WHERE changed_at_ms < $1";
const DECIDE: &str = concat!(
    "UPDATE state_approvals SET state = $1, decided_by = $2, changed_at_ms = $3
     WHERE key = $4 AND call = $5 AND state = 'waiting' RETURNING ",
    columns!()
);
const TAKE: &str = concat!(
    "UPDATE state_approvals SET state = 'used', used_by = $1, changed_at_ms = $2
     WHERE conversation = $3 AND state = 'granted' RETURNING ",
    columns!()
);
const GIVE_BACK: &str = "UPDATE state_approvals SET state = 'granted', used_by = NULL
    WHERE key = $1 AND used_by = $2 AND state = 'used'";
const OPEN: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM state_approvals WHERE state IN ('waiting', 'granted') ORDER BY asked_at_ms, key LIMIT 10000"
);
const ONE: &str = concat!("SELECT ", columns!(), " FROM state_approvals WHERE key = $1");
const OPEN_CONVERSATIONS: &str =
    "SELECT DISTINCT conversation FROM state_approvals WHERE state IN ('waiting', 'granted')";

impl State {
    /// Writes down that calls wait. Known ones stay as they are, unless they were used.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn ask_approvals(&self, asked: Vec<Approval>) -> Result<(), StoreError> {
        let Some(newest) = asked.iter().map(|approval| approval.asked_at_ms).max() else { return Ok(()) };
        let oldest = newest.saturating_sub(KEPT_DAYS * 86_400_000);
        let work = move |driver: &mut dyn Driver| {
            driver.execute(FORGET, &[vec![Value::Int(oldest)]])?;
            let rows = asked.iter().map(|approval| {
                let Approval { key, conversation, task, tool, arguments, call, why, .. } = approval;
                let texts = [key, conversation, task, tool, arguments, call, why].map(|text| Value::Text(text));
                [&texts[..], &[Value::Int(approval.asked_at_ms)]].concat()
            });
            driver.execute(ASK, &rows.collect::<Vec<_>>()).map(drop)
        };
        self.apply("ask a person", work).await
    }

    /// A person's word on a call that waits, bound to the hash of what was shown. `None` if it does not wait, or is
    /// another.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn decide_approval(
        &self,
        key: &str,
        call: &str,
        to: Standing,
        by: &str,
        now_ms: i64,
    ) -> Result<Option<Approval>, StoreError> {
        let (key, call, by) = (key.to_owned(), call.to_owned(), by.to_owned());
        let work = move |driver: &mut dyn Driver| {
            let [state, by] = [Value::Text(to.name()), Value::Text(&by)];
            driver.query(DECIDE, &[state, by, Value::Int(now_ms), Value::Text(&key), Value::Text(&call)])
        };
        Ok(self.read_approvals(work, "decide on a call").await?.into_iter().next())
    }

    /// Takes what was granted in these conversations, for this request alone.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn take_approvals(
        &self,
        conversations: Vec<String>,
        request: &str,
        now_ms: i64,
    ) -> Result<Vec<Approval>, StoreError> {
        let request = request.to_owned();
        let work = move |driver: &mut dyn Driver| {
            let mut taken = Vec::new();
            for conversation in &conversations {
                let values = [Value::Text(&request), Value::Int(now_ms), Value::Text(conversation)];
                taken.extend(driver.query(TAKE, &values)?);
            }
            Ok(taken)
        };
        self.read_approvals(work, "take an approval").await
    }

    /// Gives a grant back that this request took and did not use, without waiting.
    pub fn give_approval_back(&self, key: &str, request: &str) {
        let (key, request) = (key.to_owned(), request.to_owned());
        self.apply_later(move |driver| {
            driver.execute(GIVE_BACK, &[vec![Value::Text(&key), Value::Text(&request)]]).map(drop)
        });
    }

    /// The conversations in which something waits or was granted, all of them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn open_conversations(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.ask("read approvals", |driver| driver.query(OPEN_CONVERSATIONS, &[])).await?;
        rows.into_iter().map(|cells| Fields::new("approval", cells).text()).collect()
    }

    /// What waits or was granted and is not used, oldest first, at most ten thousand.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn open_approvals(&self) -> Result<Vec<Approval>, StoreError> {
        let rows = self.ask("read approvals", |driver| driver.query(OPEN, &[])).await?;
        rows.into_iter().map(read).collect()
    }

    /// One call as it stands; `None` if nobody asked for it, or it was forgotten.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn approval(&self, key: &str) -> Result<Option<Approval>, StoreError> {
        let key = key.to_owned();
        let rows = self.ask("read an approval", move |driver| driver.query(ONE, &[Value::Text(&key)])).await?;
        rows.into_iter().next().map(read).transpose()
    }

    async fn read_approvals<F>(&self, work: F, doing: &'static str) -> Result<Vec<Approval>, StoreError>
    where
        F: FnMut(&mut dyn Driver) -> Result<Vec<Vec<Cell>>, DatabaseError> + Send + 'static,
    {
        self.apply(doing, work).await?.into_iter().map(read).collect()
    }
}

fn read(cells: Vec<Cell>) -> Result<Approval, StoreError> {
    let mut fields = Fields::new("approval", cells);
    let (key, conversation, task) = (fields.text()?, fields.text()?, fields.text()?);
    let (tool, arguments, call, why) = (fields.text()?, fields.text()?, fields.text()?, fields.text()?);
    let word = fields.text()?;
    let standing = Standing::ALL.into_iter().find(|standing| standing.name() == word);
    Ok(Approval {
        key,
        conversation,
        task,
        tool,
        arguments,
        call,
        why,
        standing: standing.ok_or(StoreError::Corrupt { what: "approval" })?,
        asked_at_ms: fields.int()?,
        decided_by: fields.maybe_text()?,
    })
}
