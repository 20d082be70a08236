//! Bodies by their names: read from packs and from rows, put together and unpacked.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use steersman_core::ContentHash;

use super::Reader;
use crate::StoreError;
use crate::bodies::{self, unpack};
use crate::name::{Name, PackId};
use crate::rows::BodyRow;
use crate::value::{Cell, Fields};

/// Packs that one question asks for; each is some 64 KiB when unpacked.
const PACKS_AT_ONCE: usize = 32;

/// Bodies by the bytes of their names; what retention took since is absent.
#[derive(Default)]
pub(super) struct Texts(BTreeMap<Vec<u8>, Bytes>);

impl Texts {
    /// Reads the bodies with these names.
    pub(super) async fn read(reader: &Reader, names: Vec<Name>) -> Result<Self, StoreError> {
        let mut found = BTreeMap::new();
        let mut places = Vec::new();
        for name in names {
            match name.place() {
                Some((pack, range)) => places.push((name, pack, range)),
                None => drop(whole(reader, name.as_bytes()).await?.map(|content| insert(&mut found, name, content))),
            }
        }
        let packs: Vec<PackId> = places.iter().map(|(_, pack, _)| *pack).collect::<BTreeSet<_>>().into_iter().collect();
        for some in packs.chunks(PACKS_AT_ONCE) {
            let read = unpacked(reader, some).await?;
            for (name, pack, range) in &places {
                if let Some(texts) = read.get(&pack[..]) {
                    let text = texts.get(range.clone()).ok_or(StoreError::Corrupt { what: "pack" })?;
                    found.insert(name.as_bytes().to_vec(), texts.slice_ref(text));
                }
            }
        }
        Ok(Self(found))
    }

    /// The body with this name.
    pub(super) fn get(&self, name: &Name) -> Option<&Bytes> {
        self.0.get(name.as_bytes())
    }

    /// The same as a row.
    pub(super) fn row(&self, name: &Name) -> Option<BodyRow> {
        let content = self.get(name)?;
        let hash = match name {
            Name::Hash(hash) => *hash,
            Name::Place(_) => ContentHash::of(content),
        };
        Some(BodyRow { hash: hash.to_string(), content: content.clone() })
    }
}

fn insert(found: &mut BTreeMap<Vec<u8>, Bytes>, name: Name, content: Vec<u8>) {
    found.insert(name.as_bytes().to_vec(), content.into());
}

async fn unpacked(reader: &Reader, ids: &[PackId]) -> Result<BTreeMap<Vec<u8>, Bytes>, StoreError> {
    let places: Vec<_> = (1..=ids.len()).map(|place| format!("${place}")).collect();
    let sql = format!("SELECT id, size, content FROM packs WHERE id IN ({})", places.join(", "));
    let values = ids.iter().map(|id| Cell::Blob(id.to_vec())).collect();
    let rows = reader.ask("read bodies", sql, values).await?;
    let read = |cells| {
        let mut fields = Fields::new("pack", cells);
        let (id, size) = (fields.blob()?, fields.number()?);
        Ok((id, Bytes::from(unpack(&fields.blob()?, size).ok_or_else(|| fields.corrupt())?)))
    };
    rows.into_iter().map(read).collect()
}

/// A body whole, put together from its parts where it is kept in some.
async fn whole(reader: &Reader, name: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let corrupt = || StoreError::Corrupt { what: "body" };
    let Some(body) = packed(reader, name).await? else { return Ok(None) };
    if !body.in_parts {
        return unpack(&body.content, body.size).ok_or_else(corrupt).map(Some);
    }
    let mut whole = Vec::with_capacity(body.size);
    for name in bodies::names(&body.content) {
        let part = packed(reader, name).await?.filter(|part| !part.in_parts).ok_or_else(corrupt)?;
        whole.extend(unpack(&part.content, part.size).ok_or_else(corrupt)?);
    }
    Ok(Some(whole))
}

/// A row of bodies.
struct Packed {
    size: usize,
    in_parts: bool,
    content: Vec<u8>,
}

async fn packed(reader: &Reader, name: &[u8]) -> Result<Option<Packed>, StoreError> {
    let sql = "SELECT size, parts, content FROM bodies WHERE hash = $1";
    let rows = reader.ask("read a body", sql.to_owned(), vec![Cell::Blob(name.to_vec())]).await?;
    let read = |cells| {
        let mut fields = Fields::new("body", cells);
        let (size, in_parts) = (fields.number()?, fields.maybe_int()?.is_some());
        Ok(Packed { size, in_parts, content: fields.blob()? })
    };
    rows.into_iter().next().map(read).transpose()
}
