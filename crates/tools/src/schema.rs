//! Arguments against the schema that a tool lists, before anything is sent: what the tool would refuse, it never sees.

use serde_json::Value;
use steersman_scope::ToolFault;

/// A checker of one tool's arguments. A schema that cannot be read checks nothing: the tool itself will.
pub(crate) struct Arguments(Option<jsonschema::Validator>);

impl Arguments {
    pub(crate) fn of(schema: &Value) -> Self {
        Self(jsonschema::validator_for(schema).ok())
    }

    /// The first few things that are wrong, for the model to read.
    pub(crate) fn check(&self, arguments: &Value) -> Result<(), ToolFault> {
        const MOST: usize = 3;
        let Some(validator) = &self.0 else { return Ok(()) };
        let wrong: Vec<String> = validator
            .iter_errors(arguments)
            .take(MOST)
            .map(|error| format!("{} at `{}`", error, error.instance_path()))
            .collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(ToolFault::Failed(format!("the arguments are wrong: {}", wrong.join("; "))))
        }
    }
}

/// The schema without the argument that carries the effect's key: the gateway writes that one, not the model.
pub(crate) fn without_argument(schema: &Value, argument: &str) -> Value {
    let mut schema = schema.clone();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.shift_remove(argument);
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str() != Some(argument));
    }
    schema
}
