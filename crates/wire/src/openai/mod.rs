//! What both OpenAI dialects say in the same way: images as addresses, the choice of a tool, the form of an answer.
//!
//! They differ in nesting alone: chat completions put a name below `function` and a schema below `json_schema`,
//! responses put both at once. The callers hand in where theirs lies.

pub(crate) mod think;

use serde_json::value::RawValue;
use steersman_core::{Image, ResponseFormat, ToolChoice};

use crate::error::DecodeError;
use crate::extra::{Extra, Extras, keep};
use crate::fields::{Fields, Path, as_text};
use crate::write::Object;

/// A base64 data URL becomes its parts; any other address stays one.
pub(crate) fn image_of(url: String) -> Image {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match inline {
        Some((media_type, data)) => Image::Base64 { media_type: media_type.to_owned(), data: data.to_owned() },
        None => Image::Url(url),
    }
}

/// The address of an image; a data URL for one that is inline.
pub(crate) fn image_url(image: &Image) -> String {
    match image {
        Image::Url(url) => url.clone(),
        Image::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
    }
}

/// The choice of a tool, if the canonical form models it. `nest` is the member that holds the name's object.
pub(crate) fn tool_choice(raw: &RawValue, nest: Option<&str>) -> Option<ToolChoice> {
    if let Some(word) = as_text(raw) {
        return match word.as_ref() {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            "required" => Some(ToolChoice::Required),
            _ => None,
        };
    }
    let mut choice = Fields::of(raw, Path::Root).ok()?;
    if choice.string("type").ok()?? != "function" {
        return None;
    }
    match nest {
        Some(nest) => Fields::of(choice.take(nest)?, Path::Root).ok()?.string("name").ok()?.map(ToolChoice::Tool),
        None => choice.string("name").ok()?.map(ToolChoice::Tool),
    }
}

/// Writes the member `tool_choice`, if there is a choice.
pub(crate) fn write_tool_choice(choice: Option<&ToolChoice>, nest: Option<&str>, out: &mut Object<'_>) {
    match choice {
        None => {}
        Some(ToolChoice::Auto) => out.string("tool_choice", "auto"),
        Some(ToolChoice::None) => out.string("tool_choice", "none"),
        Some(ToolChoice::Required) => out.string("tool_choice", "required"),
        Some(ToolChoice::Tool(name)) => out.object("tool_choice", |out| {
            out.string("type", "function");
            match nest {
                Some(nest) => out.object(nest, |out| out.string("name", name)),
                None => out.string("name", name),
            }
        }),
    }
}

/// The form of an answer. A kind that is not modelled is kept under `pointer`. `nest` is the member that holds the
/// schema.
pub(crate) fn decode_format(
    raw: &RawValue,
    path: Path<'_>,
    nest: Option<&str>,
    pointer: &str,
    extra: &mut Extra,
) -> Result<Option<ResponseFormat>, DecodeError> {
    let mut format = Fields::of(raw, path)?;
    match format.required_string("type")?.as_str() {
        "text" => Ok(Some(ResponseFormat::Text)),
        "json_object" => Ok(Some(ResponseFormat::JsonObject)),
        "json_schema" => {
            let mut named = match nest {
                Some(nest) => Fields::of(format.required(nest)?, path.member(nest))?,
                None => format,
            };
            let name = named.string("name")?.unwrap_or_else(|| "response".to_owned());
            let (schema, strict) = (named.required("schema")?.to_owned(), named.boolean("strict")?);
            keep(extra, "/response_format", &named);
            Ok(Some(ResponseFormat::JsonSchema { name, schema, strict }))
        }
        _ => {
            extra.push((pointer.to_owned(), raw.to_owned()));
            Ok(None)
        }
    }
}

/// Writes the form of an answer as the member `key`, if there is one.
pub(crate) fn write_format(
    key: &str,
    format: Option<&ResponseFormat>,
    nest: Option<&str>,
    extras: &Extras<'_>,
    out: &mut Object<'_>,
) {
    let Some(format) = format else { return };
    out.object(key, |out| match format {
        ResponseFormat::Text => out.string("type", "text"),
        ResponseFormat::JsonObject => out.string("type", "json_object"),
        ResponseFormat::JsonSchema { name, schema, strict } => {
            out.string("type", "json_schema");
            let named = |out: &mut Object<'_>| {
                out.string("name", name);
                out.raw("schema", schema);
                out.optional("strict", *strict);
                extras.write_at("/response_format", out);
            };
            match nest {
                Some(nest) => out.object(nest, named),
                None => named(out),
            }
        }
    });
}
