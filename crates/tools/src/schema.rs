//! Arguments against the schema that a tool lists, before anything is sent: what the tool would refuse, it never sees.
//!
//! What never happens here: a schema is fetched.

use serde_json::Value;
use steersman_scope::ToolFault;
use steersman_structured::CompiledSchema;

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

/// Whether the schema of an object names this member.
pub(crate) fn has_argument(schema: &Value, argument: &str) -> bool {
    schema.get("properties").is_some_and(|properties| properties.get(argument).is_some())
}

/// The schema without the argument that carries the effect's key, which may be a member of its `body`: the gateway
/// writes that one, not the model.
pub(crate) fn without_argument(schema: &Value, argument: &str) -> Value {
    let mut schema = schema.clone();
    if has_argument(&schema, argument) {
        remove(&mut schema, argument);
    } else if let Some(body) = schema.pointer_mut("/properties/body") {
        remove(body, argument);
    }
    schema
}

fn remove(schema: &mut Value, argument: &str) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.shift_remove(argument);
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str() != Some(argument));
    }
}

/// Why no provider would take a tool with this schema, or no answer could be held against it.
pub(crate) fn unusable(schema: &Value) -> Option<String> {
    if schema.get("type").is_some_and(|kind| kind != "object") {
        return Some("its arguments are no object".to_owned());
    }
    CompiledSchema::new(schema).err().map(|error| error.to_string())
}
