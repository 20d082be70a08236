//! Who reads what others wrote: `guard.reader`, `tasks.NAME.reader`, and what may be learnt from a tool's results
//! (`tools.NAME.reading`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use steersman_engine::ReaderSettings;
use steersman_structured::CompiledSchema;

use super::error::ConfigError;
use super::typed::Reader;

/// Reads them. A task that has a reader and cannot use one refuses its requests.
pub(super) fn read(read: &Reader<'_>) -> Result<ReaderSettings, ConfigError> {
    let mut settings = ReaderSettings { model: read.text(&["guard", "reader"]), ..ReaderSettings::default() };
    for task in read.document.names("tasks") {
        let place = ["tasks", task, "reader"];
        let Some(model) = read.text(&place) else { continue };
        settings.tasks.insert(task.to_owned(), model);
    }
    settings.schemas = schemas(read)?;
    Ok(settings)
}

fn schemas(read: &Reader<'_>) -> Result<BTreeMap<String, Arc<Value>>, ConfigError> {
    let mut schemas = BTreeMap::new();
    for tool in read.document.names("tools") {
        let place = ["tools", tool, "reading"];
        let Some(file) = read.text(&place) else { continue };
        let (text, path) = read.file(&place, "schema", &file)?;
        let unusable =
            |why: String| read.wrong(&place, &format!("the schema `{}` cannot be used: {why}", path.display()));
        let schema: Value = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
        CompiledSchema::new(&schema).map_err(|error| unusable(error.to_string()))?;
        schemas.insert(tool.to_owned(), Arc::new(schema));
    }
    Ok(schemas)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Document};

    #[test]
    fn a_schema_of_what_may_be_learnt_is_read_and_refused_where_it_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("steersman.toml");
        std::fs::write(folder.path().join("mail.json"), r#"{"type":"object"}"#).unwrap();
        std::fs::write(folder.path().join("broken.json"), r#"{"type":7}"#).unwrap();
        let verdict = |schema: &str| {
            let text = format!(
                "[tasks.a]\nmodel = \"m\"\nreader = \"r\"\n[tools.t]\neffect = \"read\"\nreading = \"{schema}\"\n"
            );
            let document = Document::parse(&file.display().to_string(), &text).unwrap();
            match Config::from_document(&document, &|_| None) {
                Ok(config) => format!("{:?}, {} schemas", config.readers.tasks.get("a"), config.readers.schemas.len()),
                Err(error) => error.to_string(),
            }
        };
        assert_eq!(verdict("mail.json"), "Some(\"r\"), 1 schemas");
        assert!(verdict("broken.json").contains("cannot be used"));
        assert!(verdict("missing.json").contains("cannot be read"));
    }
}
