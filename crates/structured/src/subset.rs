//! What providers and their models take of JSON Schema, and which of them can be made to call one tool.
//!
//! A subset is a provider's, the level a model's: older models of a provider know no schemas, and models that think
//! refuse a forced tool, some always, some while they think. Each row cites the page it was read from.
//!
//! What never happens here: a model that nobody knows is sent a forced tool because of its vendor's name.

/// How strongly a form is enforced before an answer is checked, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The schema stands in the prompt.
    Prompt,
    /// The provider enforces JSON, and the schema stands in the prompt.
    JsonMode,
    /// The provider is told the schema and promises nothing.
    Schema,
    /// The schema is that of the one tool which the model must call; what it calls it with is the answer.
    Tool,
    /// The provider's decoder cannot leave the schema.
    Strict,
}

/// When a model can be made to call one tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Forced {
    /// Never, as far as is known.
    Never,
    /// Whatever else is asked.
    Always,
    /// Where the request does not ask it to think.
    UnlessThinking,
    /// Where the request asks it not to think: it does otherwise.
    OnlyWithoutThinking,
}

/// What one request says that bears on the level of its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asking<'m> {
    /// The model, by the name that its provider knows; empty for one of which nothing is known.
    pub model: &'m str,
    /// Whether it offers tools of its own.
    pub tools: bool,
    /// Whether it wants the model to think; `None` where it does not say.
    pub thinking: Option<bool>,
}

/// What is known of some models of a provider.
#[derive(Debug)]
pub struct Models {
    /// A part of their names; one that ends with `-` is also a whole name without it.
    pub named: &'static str,
    /// The strongest level that they have.
    pub level: Level,
    /// Whether they can be made to call one tool.
    pub forced: Forced,
}

/// What one provider takes.
#[derive(Debug)]
pub struct Subset {
    /// Its name in reports and in configuration.
    pub name: &'static str,
    /// Whether a model of which nothing else is known can be made to call one tool.
    pub forced: Forced,
    /// What is known of single models; the first row that fits counts.
    pub models: &'static [Models],
    /// The strongest level there is.
    pub level: Level,
    /// The level of a schema that cannot be written in the subset, where no tool can be forced either.
    pub otherwise: Level,
    /// Whether the provider's decoder enforces a schema that the client did not mark `strict`.
    pub always: bool,
    /// The root must be an object.
    pub(crate) object_root: bool,
    /// Each object must forbid unknown members.
    pub(crate) closed: bool,
    /// Each member must be required.
    pub(crate) all_required: bool,
    /// A schema may refer to itself.
    pub(crate) recursive: bool,
    /// Keywords that it does not know.
    pub(crate) unknown: &'static [&'static [&'static str]],
    /// Shaping keywords that it does know, see `SHAPING` in `lower.rs`.
    pub(crate) shaping: &'static [&'static str],
    /// The formats it knows; `None` if it takes any.
    pub(crate) formats: Option<&'static [&'static str]>,
    /// The largest `minItems`.
    pub(crate) min_items_max: u64,
    /// Deepest nesting.
    pub(crate) depth_max: usize,
    /// Most members in all.
    pub(crate) members_max: usize,
    /// Most members that may be absent.
    pub(crate) optional_max: usize,
    /// Most listed values in all.
    pub(crate) listed_max: usize,
    /// Most unions (`anyOf`, or several types) in all.
    pub(crate) unions_max: usize,
    /// Most characters of names and listed values in all.
    pub(crate) characters_max: usize,
}

const fn models(named: &'static str, level: Level, forced: Forced) -> Models {
    Models { named, level, forced }
}

const LOOSE: Subset = Subset {
    name: "as-sent",
    forced: Forced::Never,
    models: &[],
    level: Level::Schema,
    otherwise: Level::Schema,
    always: false,
    object_root: false,
    closed: false,
    all_required: false,
    recursive: true,
    unknown: &[],
    shaping: &[],
    formats: None,
    min_items_max: u64::MAX,
    depth_max: usize::MAX,
    members_max: usize::MAX,
    optional_max: usize::MAX,
    listed_max: usize::MAX,
    unions_max: usize::MAX,
    characters_max: usize::MAX,
};

/// Keywords that no vendor's strict mode has.
const UNSAID: &[&str] = &[
    "oneOf",
    "not",
    "dependentRequired",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "propertyNames",
    "default",
    "examples",
];

/// OpenAI's Structured Outputs. Source: platform.openai.com, guide "Structured model outputs", section "Supported
/// schemas" (as of February 2026): the root an object and no `anyOf`, every member required,
/// `additionalProperties: false`; at most 5,000 members, 10 levels, 1,000 listed values, 120,000 characters of names
/// and values; `pattern`, nine formats, bounds of numbers and arrays; no `allOf`, `not`, `if`, `dependent*`. Models
/// before `gpt-4o-2024-08-06` know no schemas but tools, and reasoning models take tools in this API only while they
/// are not asked to reason.
pub static OPENAI: Subset = Subset {
    name: "openai",
    forced: Forced::UnlessThinking,
    models: &[
        models("gpt-3.5", Level::Tool, Forced::Always),
        models("gpt-4-", Level::Tool, Forced::Always),
        models("gpt-4o-2024-05-13", Level::Tool, Forced::Always),
    ],
    level: Level::Strict,
    otherwise: Level::JsonMode,
    object_root: true,
    closed: true,
    all_required: true,
    formats: Some(&["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"]),
    unknown: &[UNSAID],
    depth_max: 10,
    members_max: 5_000,
    listed_max: 1_000,
    characters_max: 120_000,
    ..LOOSE
};

/// Anthropic's structured outputs and strict tools. Source: platform.claude.com, "Structured outputs", sections "JSON
/// Schema limitations" and "Schema complexity limits" (as of September 2026): `additionalProperties: false`, no
/// recursion, no bounds of numbers, strings and arrays but a `minItems` of 0 or 1, ten formats; at most 24 members that
/// may be absent and 16 unions. (The limit of 20 strict tools is one of the request, not of a schema.) The models
/// before Opus 4.1 know no schemas. "Extended thinking", section "Limitations": no forced tool while it thinks. From
/// Claude 5 on models think unless they are told not to, and some refuse a forced tool in any case, so only those of
/// which it is known are made to call one.
pub static ANTHROPIC: Subset = Subset {
    name: "anthropic",
    models: &[
        models("claude-3", Level::Tool, Forced::UnlessThinking),
        models("sonnet-4-2025", Level::Tool, Forced::UnlessThinking),
        models("sonnet-4@", Level::Tool, Forced::UnlessThinking),
        models("sonnet-4-0", Level::Tool, Forced::UnlessThinking),
        models("opus-4-2025", Level::Tool, Forced::UnlessThinking),
        models("opus-4@", Level::Tool, Forced::UnlessThinking),
        models("opus-4-0", Level::Tool, Forced::UnlessThinking),
        models("sonnet-4-", Level::Strict, Forced::UnlessThinking),
        models("opus-4-", Level::Strict, Forced::UnlessThinking),
        models("haiku-4-", Level::Strict, Forced::UnlessThinking),
    ],
    level: Level::Strict,
    otherwise: Level::Prompt,
    always: true,
    object_root: true,
    closed: true,
    recursive: false,
    formats: Some(&["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]),
    min_items_max: 1,
    optional_max: 24,
    unions_max: 16,
    unknown: &[UNSAID, &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "maxItems"]],
    ..LOOSE
};

/// Gemini's `responseJsonSchema`. Source: ai.google.dev, API reference, `GenerationConfig.responseJsonSchema` (as of
/// September 2026), which lists what it takes: `type`, `format`, `enum`, `items`, `prefixItems`, `minItems`,
/// `maxItems`, `minimum`, `maximum`, `anyOf`, `oneOf` (read as `anyOf`), `properties`, `additionalProperties`,
/// `required`, references. Cycles are unrolled and only allowed in members that may be absent, so a schema that refers
/// to itself goes by JSON mode. The older `responseSchema`, a subset of OpenAPI 3.0, is never sent.
pub static GEMINI: Subset = Subset {
    name: "gemini",
    level: Level::Strict,
    otherwise: Level::JsonMode,
    always: true,
    recursive: false,
    shaping: &["prefixItems"],
    unknown: &[UNSAID, &["const", "pattern", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]],
    ..LOOSE
};

/// A server whose decoder follows a grammar made from the schema (vLLM, Ollama, `steersman-local`).
pub static GRAMMAR: Subset = Subset { name: "grammar", level: Level::Strict, ..LOOSE };

/// `DeepSeek`: JSON and tools, no schemas. Source: api-docs.deepseek.com, "Thinking Mode" (as of November 2026): its
/// models think unless they are told not to, and refuse a forced tool while they do; `deepseek-chat` is one without
/// thinking.
pub static DEEPSEEK: Subset = Subset {
    name: "deepseek",
    level: Level::Tool,
    otherwise: Level::JsonMode,
    forced: Forced::OnlyWithoutThinking,
    models: &[models("deepseek-chat", Level::Tool, Forced::Always)],
    ..LOOSE
};

/// A provider that knows no schema and whose models can be made to call a tool.
pub static TOOL: Subset =
    Subset { name: "tool", level: Level::Tool, otherwise: Level::JsonMode, forced: Forced::Always, ..LOOSE };

/// A provider that enforces JSON and knows no schema.
pub static JSON_MODE: Subset =
    Subset { name: "json-mode", level: Level::JsonMode, otherwise: Level::JsonMode, ..LOOSE };

/// A provider of which nothing is known: the request goes on as it came, and the answer is checked.
pub static AS_SENT: Subset = LOOSE;

/// Every subset, for reports.
pub static SUBSETS: &[&Subset] = &[&OPENAI, &ANTHROPIC, &GEMINI, &GRAMMAR, &DEEPSEEK, &TOOL, &JSON_MODE, &AS_SENT];

impl Subset {
    /// Whether it does not know a keyword.
    pub(crate) fn lacks(&self, keyword: &str) -> bool {
        self.unknown.iter().any(|list| list.contains(&keyword))
    }

    /// The strongest level that a model has for schemas.
    #[must_use]
    pub fn level_of(&self, model: &str) -> Level {
        self.of(model).0
    }

    /// The strongest level of a model, and whether it can be made to call one tool.
    pub(crate) fn of(&self, model: &str) -> (Level, Forced) {
        let fits = |row: &&Models| model.contains(row.named) || row.named.strip_suffix('-') == Some(model);
        self.models.iter().find(fits).map_or((self.level, self.forced), |row| (row.level, row.forced))
    }

    /// Why this request cannot be answered by a forced tool; `None` if it can.
    pub(crate) fn obstacle(&self, asking: &Asking<'_>) -> Option<&'static str> {
        match (self.of(asking.model).1, asking.thinking) {
            _ if asking.tools => Some("the request has tools of its own"),
            (Forced::Never, _) => Some("no tool can be forced"),
            (Forced::UnlessThinking, Some(true)) | (Forced::OnlyWithoutThinking, Some(true) | None) => {
                Some("no tool can be forced while the model thinks")
            }
            _ => None,
        }
    }
}
