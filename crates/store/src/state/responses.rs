//! Answers that a client may ask for again by their id, or go on from: `GET /v1/responses/ID`, `previous_response_id`.
//!
//! A response is written once, whole, and never changed. It belongs to the virtual key that made it. It is forgotten
//! when its client says so, or when it is older than the operator keeps them. Cost: one durable commit a response, one
//! question a read.

use steersman_core::StoredResponse;

use super::{Migration, State};
use crate::StoreError;
use crate::driver::{DatabaseError, Driver};
use crate::value::{Cell, Fields, Value};

pub(super) const MIGRATION: Migration =
    Migration { both: include_str!("../../migrations/state_0003_responses.sql"), postgres: "" };

impl State {
    /// Keeps a response; one that is there already stays as it is. Forgets those that are older than `days`.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn keep_response(&self, kept: StoredResponse, days: u64) -> Result<(), StoreError> {
        self.apply("keep a response", move |driver| keep(driver, &kept, days)).await
    }

    /// The response with this id; `None` if there is none.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn response(&self, id: &str) -> Result<Option<StoredResponse>, StoreError> {
        let id = id.to_owned();
        let sql = "SELECT id, owner, provider, created_at_us, input, conversation, response FROM state_responses WHERE id = $1";
        let rows = self.ask("read a response", move |driver| driver.query(sql, &[Value::Text(&id)])).await?;
        rows.into_iter().next().map(response).transpose()
    }

    /// Forgets a response of this owner. False if there was none.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn forget_response(&self, id: &str, owner: &str) -> Result<bool, StoreError> {
        let (id, owner) = (id.to_owned(), owner.to_owned());
        let sql = "DELETE FROM state_responses WHERE id = $1 AND owner = $2";
        let work = move |driver: &mut dyn Driver| {
            Ok(driver.execute(sql, &[vec![Value::Text(&id), Value::Text(&owner)]])?.first() == Some(&1))
        };
        self.apply("forget a response", work).await
    }
}

fn keep(driver: &mut dyn Driver, kept: &StoredResponse, days: u64) -> Result<(), DatabaseError> {
    let span_us = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(86_400_000_000);
    let oldest = kept.created_at_us.saturating_sub(span_us);
    driver.execute("DELETE FROM state_responses WHERE created_at_us < $1", &[vec![Value::Int(oldest)]])?;
    let row = vec![
        Value::Text(&kept.id),
        Value::Text(&kept.owner),
        Value::text_or_null(kept.provider.as_deref()),
        Value::Int(kept.created_at_us),
        Value::Text(&kept.input),
        Value::Text(&kept.conversation),
        Value::Text(&kept.response),
    ];
    let sql = "INSERT INTO state_responses (id, owner, provider, created_at_us, input, conversation, response)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING";
    driver.execute(sql, &[row]).map(drop)
}

fn response(cells: Vec<Cell>) -> Result<StoredResponse, StoreError> {
    let mut fields = Fields::new("response", cells);
    Ok(StoredResponse {
        id: fields.text()?,
        owner: fields.text()?,
        provider: fields.maybe_text()?,
        created_at_us: fields.int()?,
        input: fields.text()?,
        conversation: fields.text()?,
        response: fields.text()?,
    })
}
