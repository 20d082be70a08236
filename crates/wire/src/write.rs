//! Writing JSON straight into a buffer, member by member, without a tree in between.

use serde_json::value::RawValue;

/// Appends `text` as a JSON string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("invariant: a string serialises into memory");
}

/// Appends an object whose members `fill` writes.
pub(crate) fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    fill(&mut Object { out, first: true });
    out.push(b'}');
}

/// An object that is being written.
pub(crate) struct Object<'w> {
    out: &'w mut Vec<u8>,
    first: bool,
}

impl Object<'_> {
    /// Starts a member and hands out the buffer for its value.
    pub(crate) fn member(&mut self, key: &str) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        string(self.out, key);
        self.out.push(b':');
        self.out
    }

    pub(crate) fn string(&mut self, key: &str, text: &str) {
        string(self.member(key), text);
    }

    pub(crate) fn raw(&mut self, key: &str, value: &RawValue) {
        self.json(key, value.get());
    }

    /// A value that is JSON text already.
    pub(crate) fn json(&mut self, key: &str, json: &str) {
        self.member(key).extend_from_slice(json.as_bytes());
    }

    pub(crate) fn value(&mut self, key: &str, value: impl Into<serde_json::Value>) {
        let value = value.into();
        serde_json::to_writer(self.member(key), &value).expect("invariant: a value serialises into memory");
    }

    pub(crate) fn optional(&mut self, key: &str, value: Option<impl Into<serde_json::Value>>) {
        if let Some(value) = value {
            self.value(key, value);
        }
    }

    pub(crate) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.member(key), fill);
    }

    /// An array of one object.
    pub(crate) fn list_of_one(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        let out = self.member(key);
        out.push(b'[');
        object(out, fill);
        out.push(b']');
    }

    /// An array of elements that are written already, with their commas.
    pub(crate) fn list(&mut self, key: &str, elements: &[u8]) {
        let out = self.member(key);
        out.push(b'[');
        out.extend_from_slice(elements);
        out.push(b']');
    }

    pub(crate) fn array<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Vec<u8>, T),
    ) {
        let out = self.member(key);
        array(out, items, &mut each);
    }
}

/// Appends an array with one element for each item.
pub(crate) fn array<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}
