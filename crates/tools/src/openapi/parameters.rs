//! Where an argument of an OpenAPI operation goes in a request, written as the document says (OpenAPI 3.0.4, "Style
//! Values"): `simple` in paths and headers, `form` and `deepObject` in queries, `form` in cookies. Pure.
//!
//! What never happens here: an argument never leaves its place; everything but unreserved characters is encoded.

use serde_json::Value;

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
    Cookie,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) place: Place,
    explode: bool,
    deep: bool,
}

impl Parameter {
    /// Reads a parameter object; `None` for one that has no name or no known place.
    pub(crate) fn read(parameter: &Value) -> Option<Self> {
        let place = match parameter.get("in").and_then(Value::as_str) {
            Some("path") => Place::Path,
            Some("query") => Place::Query,
            Some("header") => Place::Header,
            Some("cookie") => Place::Cookie,
            _ => return None,
        };
        let name = parameter.get("name").and_then(Value::as_str)?.to_owned();
        let explode = parameter.get("explode").and_then(Value::as_bool).unwrap_or(place == Place::Query);
        let deep = parameter.get("style").and_then(Value::as_str) == Some("deepObject");
        Some(Self { name, place, explode, deep })
    }

    /// The value in the style `simple`: for paths and cookies, where it is encoded, and headers, where it is not.
    pub(crate) fn simple(&self, value: &Value) -> String {
        let text = |value: &Value| match self.place {
            Place::Header => plain(value),
            Place::Path | Place::Query | Place::Cookie => encoded(&plain(value)),
        };
        match value {
            Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
            Value::Object(members) => {
                let between = if self.explode { "=" } else { "," };
                members
                    .iter()
                    .map(|(key, member)| format!("{key}{between}{}", text(member)))
                    .collect::<Vec<_>>()
                    .join(",")
            }
            scalar => text(scalar),
        }
    }

    /// The value as one pair of a cookie. What the specification leaves undefined there (lists that explode) is one
    /// value.
    pub(crate) fn cookie(&self, value: &Value) -> String {
        format!("{}={}", encoded(&self.name), self.simple(value))
    }

    /// The value as pairs of a query.
    pub(crate) fn pairs(&self, value: &Value) -> Vec<String> {
        let pair = |name: &str, value: &Value| format!("{}={}", encoded(name), encoded(&plain(value)));
        match value {
            Value::Array(items) if self.explode => items.iter().map(|item| pair(&self.name, item)).collect(),
            Value::Object(members) if self.deep => {
                members.iter().map(|(key, member)| pair(&format!("{}[{key}]", self.name), member)).collect()
            }
            Value::Object(members) if self.explode => members.iter().map(|(key, member)| pair(key, member)).collect(),
            Value::Array(_) | Value::Object(_) => vec![format!("{}={}", encoded(&self.name), self.simple(value))],
            scalar => vec![pair(&self.name, scalar)],
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Percent-encodes all but the unreserved characters of RFC 3986, section 2.3: an argument cannot leave its place.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    // A path of dots alone would climb.
    if out.bytes().all(|byte| byte == b'.') { out.replace('.', "%2E") } else { out }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_style_is_written_as_the_specification_says() {
        let check = |parameter: Value, value: Value, expected: &str| {
            let parameter = Parameter::read(&parameter).unwrap();
            let written = match parameter.place {
                Place::Query => parameter.pairs(&value).join("&"),
                Place::Path | Place::Header => parameter.simple(&value),
                Place::Cookie => parameter.cookie(&value),
            };
            assert_eq!(written, expected);
        };
        let (list, object) = (json!(["blue", "bl&ck"]), json!({ "R": 100, "G": "a b" }));
        check(json!({ "name": "c", "in": "query" }), list.clone(), "c=blue&c=bl%26ck");
        check(json!({ "name": "c", "in": "query", "explode": false }), list.clone(), "c=blue,bl%26ck");
        check(json!({ "name": "c", "in": "query" }), object.clone(), "R=100&G=a%20b");
        check(
            json!({ "name": "c", "in": "query", "style": "deepObject" }),
            object.clone(),
            "c%5BR%5D=100&c%5BG%5D=a%20b",
        );
        check(json!({ "name": "c", "in": "path" }), list.clone(), "blue,bl%26ck");
        check(json!({ "name": "c", "in": "path" }), object.clone(), "R,100,G,a%20b");
        check(json!({ "name": "c", "in": "path", "explode": true }), object, "R=100,G=a%20b");
        check(json!({ "name": "c", "in": "header" }), list, "blue,bl&ck");
        check(json!({ "name": "c", "in": "path" }), json!("../a"), "..%2Fa");
        check(json!({ "name": "c", "in": "cookie" }), json!("a; admin=1"), "c=a%3B%20admin%3D1");
        check(json!({ "name": "c", "in": "cookie" }), json!([1, 2]), "c=1,2");
        assert_eq!(Parameter::read(&json!({ "name": "c", "in": "elsewhere" })), None);
    }
}
