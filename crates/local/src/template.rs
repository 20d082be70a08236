//! The file's own chat template.
//!
//! GGUF files carry the Jinja template that their model was trained with, written for Python's Jinja and the extras
//! that the `transformers` library adds. This is the same language for Rust: its whitespace rules, Python's string
//! methods, `raise_exception`, and a `tojson` that spells JSON as Python does, because that is what the model has seen.
//!
//! What never happens here: no clock (`strftime_now` stays undefined), no file is included.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value as JinjaValue};
use minijinja::{Environment, Error, ErrorKind, context};
use serde_json::Value;

/// What stands in for a template when the file has none: ChatML, which most instruct models know.
const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// How a model wants tools to be shown and called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolStyle {
    /// The template shows tools itself and the model answers in `<tool_call>` tags.
    Native,
    /// The template knows no tools, or answers in another form: they are described in the system message instead.
    Described,
}

/// A chat template, compiled.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
    tools: ToolStyle,
}

/// Why a template could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is not valid Jinja, or uses what this dialect lacks.
    #[error("the model's chat template cannot be read: {0:#}")]
    Invalid(#[source] Error),
    /// It refuses this conversation, or fails on it.
    #[error("the model's chat template does not take this conversation: {0:#}")]
    Refused(#[source] Error),
}

impl ChatTemplate {
    /// Compiles a template, or the stand-in for a file without one.
    ///
    /// # Errors
    /// [`TemplateError::Invalid`].
    pub fn new(source: Option<&str>, bos: &str, eos: &str) -> Result<Self, TemplateError> {
        let source = source.unwrap_or(CHATML);
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(TemplateError::Invalid)?);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", |value: JinjaValue, options: Kwargs| to_json(&value, &options));
        environment.add_function("raise_exception", raise_exception);
        environment.add_template_owned("chat", source.to_owned()).map_err(TemplateError::Invalid)?;
        let shows_tools = environment
            .get_template("chat")
            .map_err(TemplateError::Invalid)?
            .undeclared_variables(false)
            .contains("tools");
        let tools =
            if shows_tools && source.contains("<tool_call>") { ToolStyle::Native } else { ToolStyle::Described };
        Ok(Self { environment, bos: bos.to_owned(), eos: eos.to_owned(), tools })
    }

    /// How this model wants tools.
    #[must_use]
    pub fn tool_style(&self) -> ToolStyle {
        self.tools
    }

    /// Renders a conversation up to the point where the model speaks. `tools` is empty where none are offered.
    ///
    /// # Errors
    /// [`TemplateError::Refused`].
    pub fn render(&self, messages: &[Value], tools: &[Value]) -> Result<String, TemplateError> {
        let template = self.environment.get_template("chat").map_err(TemplateError::Invalid)?;
        let tools = if tools.is_empty() { JinjaValue::from(()) } else { JinjaValue::from(Serde(tools)) };
        let values = context! {
            messages => JinjaValue::from(Serde(messages)), tools, add_generation_prompt => true,
            bos_token => self.bos.as_str(), eos_token => self.eos.as_str(),
        };
        template.render(values).map_err(TemplateError::Refused)
    }
}

fn raise_exception(message: String) -> Result<JinjaValue, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// The `tojson` of `transformers`: `json.dumps(value, ensure_ascii=False)`, with its `indent`.
fn to_json(value: &JinjaValue, options: &Kwargs) -> Result<JinjaValue, Error> {
    let indent: Option<usize> = options.get("indent")?;
    options.get::<Option<bool>>("ensure_ascii")?;
    options.assert_all_used()?;
    let value = serde_json::to_value(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, "no JSON").with_source(error))?;
    let mut text = String::new();
    write_python(&value, indent, 0, &mut text);
    Ok(JinjaValue::from_safe_string(text))
}

/// JSON as Python's `json.dumps` spells it: a space after `:` and `,`, or one line for each member with an indent.
pub(crate) fn python_json(value: &Value) -> String {
    let mut text = String::new();
    write_python(value, None, 0, &mut text);
    text
}

fn write_python(value: &Value, indent: Option<usize>, depth: usize, out: &mut String) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                separate(at, indent, depth + 1, out);
                write_python(item, indent, depth + 1, out);
            }
            end_line(indent, depth, out);
            out.push(']');
        }
        Value::Object(members) if !members.is_empty() => {
            out.push('{');
            for (at, (name, member)) in members.iter().enumerate() {
                separate(at, indent, depth + 1, out);
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push_str(": ");
                write_python(member, indent, depth + 1, out);
            }
            end_line(indent, depth, out);
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn separate(at: usize, indent: Option<usize>, depth: usize, out: &mut String) {
    if at > 0 {
        out.push_str(if indent.is_some() { "," } else { ", " });
    }
    end_line(indent, depth, out);
}

fn end_line(indent: Option<usize>, depth: usize, out: &mut String) {
    if let Some(width) = indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', width * depth));
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn rendered(source: &str, messages: &[Value], tools: &[Value]) -> String {
        ChatTemplate::new(Some(source), "<s>", "</s>").unwrap().render(messages, tools).unwrap()
    }

    #[test]
    fn json_is_spelled_as_python_spells_it() {
        let source = "{{ tools[0] | tojson }}\n{{ tools[0] | tojson(indent=2) }}";
        let tool = json!({"zeta": ["é", "<a & 'b'>"], "alpha": {}, "n": 1.0});
        assert_snapshot!(rendered(source, &[], &[tool]), @r#"
        {"zeta": ["é", "<a & 'b'>"], "alpha": {}, "n": 1.0}
        {
          "zeta": [
            "é",
            "<a & 'b'>"
          ],
          "alpha": {},
          "n": 1.0
        }
        "#);
    }

    #[test]
    fn what_templates_in_the_wild_use_is_there() {
        let source = "{%- set ns = namespace(last='') -%}\n{% for m in messages %}\n  {% if m.content.startswith('a') and m['role'] != 'system' %}\n{{ bos_token }}{{ m.content.strip() | trim }}{% set ns.last = m.role %}\n  {% else %}{% continue %}\n  {% endif %}\n{% endfor %}\n{{ ns.last }}{{ eos_token }}{{ 'x' if strftime_now is defined else '' }}";
        let messages = [json!({"role": "user", "content": "a b "}), json!({"role": "user", "content": "b"})];
        assert_snapshot!(rendered(source, &messages, &[]), @"<s>a buser</s>");
    }

    #[test]
    fn a_template_that_refuses_says_why() {
        let template = ChatTemplate::new(Some("{{ raise_exception('roles must alternate') }}"), "", "").unwrap();
        let error = template.render(&[], &[]).unwrap_err().to_string();
        assert!(error.contains("roles must alternate"), "{error}");
    }

    #[test]
    fn tools_are_native_only_where_template_and_tags_agree() {
        for (source, style) in [
            ("{% if tools %}<tool_call>{% endif %}", ToolStyle::Native),
            ("{% if tools %}[AVAILABLE_TOOLS]{% endif %}", ToolStyle::Described),
            ("{{ messages }} <tool_call>", ToolStyle::Described),
            ("{% set tools = [] %}{{ tools }} <tool_call>", ToolStyle::Described),
        ] {
            assert_eq!(ChatTemplate::new(Some(source), "", "").unwrap().tool_style(), style, "{source}");
        }
    }

    #[test]
    fn a_file_without_a_template_is_spoken_to_in_chatml() {
        let template = ChatTemplate::new(None, "", "").unwrap();
        let text = template.render(&[json!({"role": "user", "content": "hi"})], &[]).unwrap();
        assert_eq!(text, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
    }
}
