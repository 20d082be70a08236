//! Tools as a model is shown them and as it is made to call them.
//!
//! Whatever the template, calls come back in one form, `<tool_call>{"name": .., "arguments": {..}}</tool_call>`, which
//! Qwen and Hermes models were trained on. A template that knows no tools gets them described in the system message. A
//! forced call is begun on the model's behalf, and the rest is decoded under the tool's own schema, so it is always
//! well formed.

use serde_json::{Value, json};
use steersman_core::{ToolCall, ToolSpec};

use crate::template::python_json;

/// What begins a call.
pub(crate) const OPEN_TAG: &str = "<tool_call>";
/// What ends a call.
pub(crate) const CLOSE_TAG: &str = "</tool_call>";

/// The tools of a request in the form that templates expect: OpenAI's.
#[must_use]
pub(crate) fn for_template(tools: &[ToolSpec]) -> Vec<Value> {
    tools
        .iter()
        .map(|tool| {
            let parameters = parameters_of(tool);
            let function = match &tool.description {
                Some(description) => json!({"name": tool.name, "description": description, "parameters": parameters}),
                None => json!({"name": tool.name, "parameters": parameters}),
            };
            json!({"type": "function", "function": function})
        })
        .collect()
}

/// The description for a model whose template knows no tools, to be put under its system message.
#[must_use]
pub(crate) fn described(tools: &[Value]) -> String {
    let listed: Vec<String> = tools.iter().map(python_json).collect();
    format!(
        "You can call these functions:\n<tools>\n{}\n</tools>\nTo call one, answer with its name and arguments as JSON between tags:\n{OPEN_TAG}\n{{\"name\": \"function name\", \"arguments\": {{\"argument\": \"value\"}}}}\n{CLOSE_TAG}\nIf no function helps, answer in words.",
        listed.join("\n")
    )
}

/// An earlier call, as text of the assistant's turn.
#[must_use]
pub(crate) fn call_as_text(call: &ToolCall) -> String {
    let name = Value::from(call.name.as_str());
    format!("{OPEN_TAG}\n{{\"name\": {name}, \"arguments\": {}}}\n{CLOSE_TAG}", call.arguments)
}

/// The result of an earlier call, as text of a user's turn.
#[must_use]
pub(crate) fn result_as_text(text: &str) -> String {
    format!("<tool_response>\n{text}\n</tool_response>")
}

/// A call that the model must make.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Forced {
    /// What the assistant's turn is begun with.
    pub(crate) begun: String,
    /// The schema of what the model writes after that.
    pub(crate) schema: Value,
    /// The one tool it can be; `None` when the model chooses.
    pub(crate) tool: Option<String>,
}

/// Makes the model call one of these tools.
#[must_use]
pub(crate) fn force(tools: &[&ToolSpec]) -> Forced {
    if let [only] = tools {
        let name = Value::from(only.name.as_str());
        return Forced {
            begun: format!("{OPEN_TAG}\n{{\"name\": {name}, \"arguments\": "),
            schema: parameters_of(only),
            tool: Some(only.name.clone()),
        };
    }
    let calls: Vec<Value> = tools
        .iter()
        .map(|tool| {
            json!({
                "type": "object",
                "properties": {"name": {"const": tool.name}, "arguments": parameters_of(tool)},
                "required": ["name", "arguments"],
                "additionalProperties": false
            })
        })
        .collect();
    Forced { begun: format!("{OPEN_TAG}\n"), schema: json!({"anyOf": calls}), tool: None }
}

/// The schema of a tool's arguments; a tool without one takes an empty object.
fn parameters_of(tool: &ToolSpec) -> Value {
    let given = tool.parameters.as_ref().and_then(|schema| serde_json::from_str(schema.get()).ok());
    given.unwrap_or_else(|| json!({"type": "object", "properties": {}, "additionalProperties": false}))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::value::RawValue;

    use super::*;

    fn tool(name: &str, schema: Option<&str>) -> ToolSpec {
        ToolSpec {
            name: name.to_owned(),
            description: Some("does it".to_owned()),
            parameters: schema.map(|schema| RawValue::from_string(schema.to_owned()).unwrap()),
            strict: None,
        }
    }

    #[test]
    fn a_model_without_tools_in_its_template_is_told_of_them() {
        let tools = for_template(&[
            tool("weather", Some(r#"{"type":"object","properties":{"city":{"type":"string"}}}"#)),
            tool("now", None),
        ]);
        assert_snapshot!(described(&tools), @r#"
        You can call these functions:
        <tools>
        {"type": "function", "function": {"name": "weather", "description": "does it", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
        {"type": "function", "function": {"name": "now", "description": "does it", "parameters": {"type": "object", "properties": {}, "additionalProperties": false}}}
        </tools>
        To call one, answer with its name and arguments as JSON between tags:
        <tool_call>
        {"name": "function name", "arguments": {"argument": "value"}}
        </tool_call>
        If no function helps, answer in words.
        "#);
    }

    #[test]
    fn one_forced_tool_leaves_only_its_arguments_to_the_model() {
        let forced = force(&[&tool("we\"ird", Some(r#"{"type":"object"}"#))]);
        assert_eq!(forced.begun, "<tool_call>\n{\"name\": \"we\\\"ird\", \"arguments\": ");
        assert_eq!((forced.schema, forced.tool.as_deref()), (json!({"type": "object"}), Some("we\"ird")));
    }

    #[test]
    fn of_several_forced_tools_the_model_chooses_one_with_its_own_schema() {
        let forced = force(&[&tool("a", Some(r#"{"type":"object"}"#)), &tool("b", None)]);
        assert_eq!(forced.tool, None);
        assert_eq!(forced.schema["anyOf"][0]["properties"]["name"], json!({"const": "a"}));
        assert_eq!(forced.schema["anyOf"][1]["properties"]["arguments"]["additionalProperties"], json!(false));
    }
}
