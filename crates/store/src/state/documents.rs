//! Small durable things with a name and a version: what has no table of its own because it needs none.
//!
//! A change says which version it has seen (none: the document must be new), in the one statement that makes it; of two
//! that race, one hears that it lost. Cost: one durable commit a change, one question a read.

use std::collections::BTreeMap;

use super::{Migration, State};
use crate::StoreError;
use crate::driver::{DatabaseError, Driver};
use crate::value::{Cell, Fields, Value};

pub(super) const MIGRATION: Migration =
    Migration { both: include_str!("../../migrations/state_0002_documents.sql"), postgres: "" };

/// Documents that belong to somebody.
pub(super) const OWNERS: Migration =
    Migration { both: include_str!("../../migrations/state_0060_owners.sql"), postgres: "" };

/// A document as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name, unique within its kind.
    pub name: String,
    /// How often it was written, from 1.
    pub version: u64,
    /// When it was last written, in microseconds since the Unix epoch.
    pub updated_at_us: i64,
    /// What it holds, JSON in text by convention.
    pub content: String,
}

impl State {
    /// Writes a document if the version that stands is `seen` (`None`: there is none). Gives its new version, or `None`
    /// if somebody else was faster.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn put_document(
        &self,
        kind: &'static str,
        name: &str,
        seen: Option<u64>,
        content: &str,
        now_us: i64,
    ) -> Result<Option<u64>, StoreError> {
        self.put_document_of("", kind, name, seen, content, now_us).await
    }

    /// The same for one that belongs to somebody; whoever wrote it first owns it.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn put_document_of(
        &self,
        owner: &str,
        kind: &'static str,
        name: &str,
        seen: Option<u64>,
        content: &str,
        now_us: i64,
    ) -> Result<Option<u64>, StoreError> {
        let (owner, name, content) = (owner.to_owned(), name.to_owned(), content.to_owned());
        let work = move |driver: &mut dyn Driver| put(driver, (kind, &name, &owner), seen, &content, now_us);
        self.apply("write a document", work).await
    }

    /// Deletes a document if the version that stands is `seen`. False if it is another one, or none.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn delete_document(&self, kind: &'static str, name: &str, seen: u64) -> Result<bool, StoreError> {
        let name = name.to_owned();
        let sql = "DELETE FROM state_documents WHERE kind = $1 AND name = $2 AND version = $3";
        let work = move |driver: &mut dyn Driver| {
            let row = vec![Value::Text(kind), Value::Text(&name), Value::count(seen)];
            Ok(driver.execute(sql, &[row])?.first() == Some(&1))
        };
        self.apply("delete a document", work).await
    }

    /// One document; `None` if there is none.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn document(&self, kind: &'static str, name: &str) -> Result<Option<Document>, StoreError> {
        let name = name.to_owned();
        let sql = "SELECT name, version, updated_at_us, content FROM state_documents WHERE kind = $1 AND name = $2";
        let work = move |driver: &mut dyn Driver| driver.query(sql, &[Value::Text(kind), Value::Text(&name)]);
        self.ask("read a document", work).await?.into_iter().next().map(document).transpose()
    }

    /// The names and versions of a kind's documents that nobody has changed since before `until_us`, without their
    /// content.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn unchanged_since(&self, kind: &'static str, until_us: i64) -> Result<Vec<(String, u64)>, StoreError> {
        let sql = "SELECT name, version FROM state_documents WHERE kind = $1 AND updated_at_us < $2 ORDER BY name";
        let work = move |driver: &mut dyn Driver| driver.query(sql, &[Value::Text(kind), Value::Int(until_us)]);
        let name = |cells| {
            let mut fields = Fields::new("document", cells);
            Ok((fields.text()?, fields.number()?))
        };
        self.ask("read documents", work).await?.into_iter().map(name).collect()
    }

    /// How many bytes the documents of a kind hold, by owner. Cost: every row of the kind is visited, without the bulk
    /// of long contents, and whoever writes meanwhile waits.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn documents_bytes(&self, kind: &'static str) -> Result<BTreeMap<String, u64>, StoreError> {
        let sql = "SELECT owner, CAST(SUM(OCTET_LENGTH(content)) AS BIGINT) FROM state_documents WHERE kind = $1
             GROUP BY owner";
        let rows = self.ask("count documents", move |driver| driver.query(sql, &[Value::Text(kind)])).await?;
        let owner = |cells| {
            let mut fields = Fields::new("documents", cells);
            Ok((fields.text()?, fields.number()?))
        };
        rows.into_iter().map(owner).collect()
    }

    /// All documents of a kind, in order of name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn documents(&self, kind: &'static str) -> Result<Vec<Document>, StoreError> {
        let sql = "SELECT name, version, updated_at_us, content FROM state_documents WHERE kind = $1 ORDER BY name";
        let rows = self.ask("read documents", move |driver| driver.query(sql, &[Value::Text(kind)])).await?;
        rows.into_iter().map(document).collect()
    }
}

fn put(
    driver: &mut dyn Driver,
    (kind, name, owner): (&'static str, &str, &str),
    seen: Option<u64>,
    content: &str,
    now_us: i64,
) -> Result<Option<u64>, DatabaseError> {
    let version = seen.map_or(1, |seen| seen + 1);
    let changed = match seen {
        None => driver.execute(
            "INSERT INTO state_documents (kind, name, version, updated_at_us, content, owner)
             VALUES ($1, $2, 1, $3, $4, $5) ON CONFLICT (kind, name) DO NOTHING",
            &[vec![Value::Text(kind), Value::Text(name), Value::Int(now_us), Value::Text(content), Value::Text(owner)]],
        )?,
        Some(seen) => driver.execute(
            "UPDATE state_documents SET version = version + 1, updated_at_us = $1, content = $2
             WHERE kind = $3 AND name = $4 AND version = $5",
            &[vec![Value::Int(now_us), Value::Text(content), Value::Text(kind), Value::Text(name), Value::count(seen)]],
        )?,
    };
    Ok((changed.first() == Some(&1)).then_some(version))
}

fn document(cells: Vec<Cell>) -> Result<Document, StoreError> {
    let mut fields = Fields::new("document", cells);
    Ok(Document {
        name: fields.text()?,
        version: fields.number()?,
        updated_at_us: fields.int()?,
        content: fields.text()?,
    })
}
