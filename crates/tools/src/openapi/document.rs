//! The text of an OpenAPI document as a value: JSON, or YAML 1.2.
//!
//! YAML's own scalars become JSON's, keys become text (a status `200:` is a key of `responses`), aliases are filled in.
//! The document is the operator's own file; nothing is fetched, and only the first document of a file is read.

use serde_json::{Map, Number, Value};
use yaml_rust2::{Yaml, YamlLoader};

use super::OpenApiError;

/// Reads a document.
///
/// # Errors
/// [`OpenApiError::Unreadable`] says where the text is neither JSON nor YAML.
pub fn read_document(text: &str) -> Result<Value, OpenApiError> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| OpenApiError::Unreadable(error.to_string()));
    }
    let documents = YamlLoader::load_from_str(text).map_err(|error| OpenApiError::Unreadable(error.to_string()))?;
    documents.into_iter().next().map_or(Ok(Value::Null), value)
}

fn value(yaml: Yaml) -> Result<Value, OpenApiError> {
    Ok(match yaml {
        Yaml::Real(text) => number(&text),
        Yaml::Integer(number) => Value::from(number),
        Yaml::String(text) => Value::String(text),
        Yaml::Boolean(truth) => Value::Bool(truth),
        Yaml::Null => Value::Null,
        Yaml::Array(items) => Value::Array(items.into_iter().map(value).collect::<Result<_, _>>()?),
        Yaml::Hash(members) => {
            let member = |(name, member): (Yaml, Yaml)| Ok((key(name)?, value(member)?));
            Value::Object(members.into_iter().map(member).collect::<Result<Map<_, _>, OpenApiError>>()?)
        }
        Yaml::Alias(_) | Yaml::BadValue => {
            return Err(OpenApiError::Unreadable("an alias leads nowhere, or into itself".to_owned()));
        }
    })
}

fn number(text: &str) -> Value {
    text.parse().ok().and_then(Number::from_f64).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn key(yaml: Yaml) -> Result<String, OpenApiError> {
    match yaml {
        Yaml::String(text) | Yaml::Real(text) => Ok(text),
        Yaml::Integer(number) => Ok(number.to_string()),
        Yaml::Boolean(truth) => Ok(truth.to_string()),
        Yaml::Null => Ok("null".to_owned()),
        _ => Err(OpenApiError::Unreadable("a list or a mapping is the name of a member".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_gives_the_value_that_the_same_document_in_json_gives() {
        let yaml = "
openapi: 3.0.4
x-limit: &limit { type: integer, maximum: 10, minimum: 0.5 }
paths:
  /countries/{code}:
    get:
      operationId: country
      description: |
        One country.
        By its code.
      parameters:
        - { name: code, in: path, schema: { type: string, enum: [no, se, 'true'] } }
        - { name: limit, in: cookie, schema: *limit }
      responses:
        200: { description: a country }
";
        let same = json!({ "openapi": "3.0.4", "x-limit": { "type": "integer", "maximum": 10, "minimum": 0.5 },
            "paths": { "/countries/{code}": { "get": {
                "operationId": "country", "description": "One country.\nBy its code.\n",
                "parameters": [
                    { "name": "code", "in": "path", "schema": { "type": "string", "enum": ["no", "se", "true"] } },
                    { "name": "limit", "in": "cookie", "schema": { "type": "integer", "maximum": 10, "minimum": 0.5 } },
                ],
                "responses": { "200": { "description": "a country" } } } } } });
        assert_eq!(read_document(yaml).unwrap(), same);
        assert_eq!(read_document(&same.to_string()).unwrap(), same);
        for broken in ["{", "paths: [", "a: *nowhere", "? [a]\n: b"] {
            assert!(matches!(read_document(broken), Err(OpenApiError::Unreadable(_))), "{broken}");
        }
    }
}
