//! A tool as the guard sees it: its contract, and what its name and description say it does.
//!
//! The contract decides which arguments are sinks and which output is attested. Name and description, the operator's
//! own words (pinned by digest elsewhere), only decide whether a request of the user's speaks of such an action.
//!
//! What never happens here: nothing is learnt from results, and a tool without a contract earns no trust.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use steersman_core::{Contract, Effect};

use crate::asking::phrasal;
use crate::request::{Mention, Request};
use crate::text;
use crate::words::{self, Nouns, Verbs};

/// A tool with its contract and the reading of its description.
#[derive(Debug, Clone)]
pub struct Tool {
    /// The operator's contract.
    pub contract: Contract,
    pub(crate) known: bool,
    profile: Profile,
    constants: HashMap<String, Vec<String>>,
    described: BTreeMap<String, Vec<String>>,
    numeric: HashMap<String, Numeric>,
}

#[derive(Debug, Clone, Default)]
struct Profile {
    verbs: Verbs,
    actions: Vec<String>,
    objects: Vec<String>,
    nouns: Nouns,
    weak: Vec<String>,
    weak_nouns: Nouns,
}

/// How a request speaks of a tool's action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// How often.
    pub(crate) times: usize,
    /// Whether of all members of a group.
    pub(crate) quantified: bool,
    /// In which sentences.
    pub(crate) sentences: Vec<u32>,
    /// Whether only a document to which the user delegated asks for it.
    pub(crate) delegated: bool,
}

impl Asked {
    /// Asked for once, by something other than words.
    pub(crate) const fn once() -> Self {
        Self { times: 1, quantified: false, sentences: Vec::new(), delegated: false }
    }
}

impl Tool {
    /// A tool from its contract, its description and the JSON Schema of its parameters.
    #[must_use]
    pub fn new(contract: Contract, description: &str, parameters: &Value) -> Self {
        let mut tool = Self {
            profile: Profile::read(&contract.name, description, parameters),
            contract,
            known: true,
            constants: HashMap::new(),
            described: BTreeMap::new(),
            numeric: HashMap::new(),
        };
        let properties = parameters.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            let mut constants = Vec::new();
            enumerated(schema, parameters, 0, &mut constants);
            tool.constants.insert(name.clone(), constants);
            let said = schema.get("description").and_then(Value::as_str).unwrap_or_default();
            tool.described.insert(name.clone(), text::tokens(said).map(|token| token.text.to_lowercase()).collect());
            tool.numeric.insert(name.clone(), numeric(schema));
        }
        tool
    }

    /// A tool of which nobody said anything.
    #[must_use]
    pub fn unknown(name: &str) -> Self {
        Self { known: false, ..Self::new(Contract::unknown(name), "", &Value::Null) }
    }

    /// Whether a call changes the world, as far as anyone knows.
    #[must_use]
    pub fn has_effect(&self) -> bool {
        self.contract.effect != Effect::Read
    }

    /// Whether the whole output is the platform's own.
    pub(crate) fn is_trusted(&self) -> bool {
        self.known && !self.contract.untrusted
    }

    /// Whether the contract attests the output field reached by these keys.
    pub(crate) fn attests(&self, keys: &[&str]) -> bool {
        if !self.known {
            return false;
        }
        let attested = &self.contract.attested;
        let named = |key: &str| attested.iter().any(|entry| entry == key);
        self.is_trusted() || named("*") || if keys.is_empty() { named("[]") } else { keys.iter().any(|key| named(key)) }
    }

    /// The values that the schema lists for an argument, in order.
    pub(crate) fn constants(&self, argument: &str) -> &[String] {
        self.constants.get(argument).map_or(&[], Vec::as_slice)
    }

    /// Whether a single word stands in the operator's own description of an argument (a discriminator such as "file").
    pub(crate) fn describes(&self, argument: &str, word: &str) -> bool {
        let word = word.to_lowercase();
        self.described.get(argument).is_some_and(|words| words.contains(&word))
    }

    /// Whether an argument is a quantity: something one calculates with, and no name or number of a thing.
    pub(crate) fn is_quantity(&self, argument: &str) -> bool {
        let words = text::identifier_words(argument);
        let stems: Vec<String> = words.iter().map(|word| words::stem(word)).collect();
        if stems.iter().any(|word| IDENTIFYING.contains(&word.as_str())) {
            return false;
        }
        match self.numeric.get(argument) {
            Some(Numeric::No) => false,
            Some(Numeric::Fraction) => true,
            Some(Numeric::Whole) | None => stems.iter().any(|word| QUANTITIES.contains(&word.as_str())),
        }
    }

    /// Whether an argument counts whole things, so that one of them is the least that can be asked for.
    pub(crate) fn is_count(argument: &str) -> bool {
        text::identifier_words(argument).iter().any(|word| COUNTS.contains(&words::stem(word).as_str()))
    }

    /// Whether an argument says who receives or is addressed.
    pub(crate) fn is_principal(argument: &str) -> bool {
        text::identifier_words(argument).iter().any(|word| PRINCIPALS.contains(&words::stem(word).as_str()))
    }

    /// Whether a call ends, takes or gives away something: what a general "do as it says" never covers.
    pub(crate) fn is_destructive(&self) -> bool {
        let paying = self.profile.verbs & words::PAY != 0 && self.profile.nouns & words::MONEY != 0;
        self.contract.effect == Effect::Irreversible || paying || self.profile.verbs & words::DESTRUCTIVE != 0
    }

    /// Whether the request asks for this tool's kind of action on its kind of object.
    /// `instance` says that the user named the very object that a call touches ("turn down Sara Lind's").
    pub(crate) fn asked_by(&self, request: &Request, instance: bool) -> Option<Asked> {
        let profile = &self.profile;
        let named = profile.objects.is_empty() || profile.objects.iter().any(|word| request.has_stem(word));
        let object =
            named || request.nouns & profile.nouns != 0 || request.implied & (profile.nouns | profile.weak_nouns) != 0;
        let weak =
            object || request.nouns & profile.weak_nouns != 0 || profile.weak.iter().any(|word| request.has_stem(word));
        let (mut times, mut quantified, mut sentences) = (0, false, Vec::new());
        let mild = !self.is_destructive();
        let ordered = |mention: &Mention| mild && profile.is_ordered_by(mention, named, object);
        let meant = |mention: &&Mention| profile.is_meant_by(mention, object, weak, instance) || ordered(mention);
        for mention in request.mentions.iter().filter(meant) {
            times += 1;
            quantified |= request.is_quantified(mention.sentence);
            sentences.push(mention.sentence);
        }
        (times > 0).then_some(Asked { times, quantified, sentences, delegated: false })
    }
}

/// Verbs that an operation called "update" carries out, when its object is named.
const CHANGES: Verbs =
    words::MOVE | words::ASSIGN | words::MARK | words::CLOSE | words::APPROVE | words::REJECT | words::OPEN;

const IDENTIFYING: &[&str] =
    &["id", "number", "no", "num", "code", "pin", "key", "ref", "referenc", "index", "iban", "phone", "zip"];
const QUANTITIES: &[&str] = &[
    "amount",
    "pric",
    "total",
    "quantit",
    "quantiti",
    "qti",
    "count",
    "sum",
    "cost",
    "fe",
    "limit",
    "budget",
    "valu",
    "rat",
    "percent",
    "duration",
    "dur",
    "night",
    "guest",
    "peopl",
    "siz",
    "hour",
    "minut",
    "dai",
    "day",
    "replica",
    "euro",
    "dollar",
    "usd",
    "eur",
    "cent",
    "celsiu",
    "degre",
    "temperatur",
    "level",
    "scor",
    "star",
    "discount",
    "tip",
];
const COUNTS: &[&str] = &[
    "quantit", "quantiti", "quantity", "qti", "qty", "count", "guest", "peopl", "siz", "night", "adult", "seat",
    "parti",
];
const PRINCIPALS: &[&str] = &[
    "recipient",
    "to",
    "cc",
    "bcc",
    "user",
    "email",
    "mail",
    "phon",
    "phone",
    "account",
    "iban",
    "paye",
    "payee",
    "addres",
    "participant",
    "invite",
    "invitee",
    "member",
    "assigne",
    "assignee",
    "owner",
    "destination",
    "contact",
    "attende",
    "attendee",
    "guest",
    "url",
    "link",
    "webhook",
    "host",
    "domain",
    "receiver",
    "target",
    "number",
];

impl Profile {
    /// Whether a verb of the user's means this tool, given whether the user names its object, clearly or by the way.
    fn is_meant_by(&self, mention: &Mention, object: bool, weak: bool, instance: bool) -> bool {
        let generic = words::is_generic(&mention.stem);
        let either = self.nouns | self.weak_nouns;
        let same = self.actions.contains(&mention.stem);
        let alike = mention.verbs & self.verbs != 0;
        let as_verb = mention.leading && self.objects.contains(&mention.stem);
        let telling = !generic
            && mention.verbs & words::SEND != 0
            && self.verbs & (words::SEND | words::POST) != 0
            && either & words::MESSAGE != 0;
        let paying = !generic && mention.verbs & words::PAY != 0 && alike && either & words::MONEY != 0;
        let changing = object && self.verbs & words::UPDATE != 0 && mention.verbs & CHANGES != 0;
        let placed =
            object || (weak && (!generic || same)) || (same && (mention.pronoun || !generic)) || (instance && !generic);
        telling || paying || changing || ((same || alike || as_verb) && placed)
    }

    /// Whether an order in a word that the lexicon does not know ("dispense the refill") names this tool's object: what is
    /// wanted is some effect on it. Only effects that take nothing away are read so, and only of a tool whose own verb says
    /// no more than "change": an unknown word is no request to create, archive or send.
    fn is_ordered_by(&self, mention: &Mention, named: bool, object: bool) -> bool {
        let unknown = mention.verbs == 0 && words::nouns(&mention.stem) == 0;
        let unknown = unknown && !words::is_reading(&mention.stem) && !words::is_stop(&mention.stem);
        let open = self.verbs & !words::UPDATE == 0;
        open && unknown && mention.leading && object && named && !self.objects.is_empty()
    }

    fn read(name: &str, description: &str, parameters: &Value) -> Self {
        let mut profile = Self::default();
        let name_words = text::identifier_words(name);
        let stems: Vec<String> = name_words.iter().map(|word| words::stem(word)).collect();
        let action = stems.iter().position(|stem| words::verbs(stem) != 0).unwrap_or_default();
        let first_said = text::tokens(description).next().map(|token| words::stem(token.text));
        for (at, stem) in stems.iter().enumerate() {
            if at == action {
                profile.actions.push(stem.clone());
                profile.verbs |= words::verbs(stem);
            } else if !words::is_stop(stem) && stem.len() > 1 {
                profile.objects.push(stem.clone());
                profile.nouns |= words::nouns(stem);
            }
        }
        // A description opens with what the tool does, also in a word that the lexicon does not know.
        let doing = |stem: &String| words::verbs(stem) != 0 || (words::nouns(stem) == 0 && !words::is_stop(stem));
        if let Some(stem) = first_said.filter(doing) {
            profile.verbs |= words::verbs(&stem) | coordinated(description);
            profile.actions.push(stem);
        }
        let keys = parameters.get("properties").and_then(Value::as_object).into_iter().flatten();
        let keys = keys.flat_map(|(key, _)| text::identifier_words(key));
        let sentence = description.split(['.', '\n']).next().unwrap_or_default();
        let said = text::tokens(sentence).skip(1).map(|token| token.text.to_lowercase());
        let meaningful = |word: &String| word.len() > 2 && !words::is_stop(word) && !GIVEN.contains(&word.as_str());
        profile.weak = keys.chain(said).filter(meaningful).map(|word| words::stem(&word)).collect();
        profile.weak_nouns = profile.weak.iter().fold(0, |classes, stem| classes | words::nouns(stem));
        profile
    }
}

/// The verbs beside the one with which a description opens: "Approve or turn down a request".
fn coordinated(description: &str) -> Verbs {
    let words: Vec<String> = text::tokens(description).take(12).map(|token| token.text.to_lowercase()).collect();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let (mut at, mut verbs) = (0, 0);
    while matches!(word(at + 1), "or" | "and") || matches!(word(at + 2), "or" | "and") {
        at += if matches!(word(at + 1), "or" | "and") { 2 } else { 3 };
        let found = words::verbs(&words::stem(word(at))) | phrasal(word(at), word(at + 1));
        if found == 0 {
            break;
        }
        verbs |= found;
    }
    verbs
}

/// Words that any description may use, whatever the tool does.
const GIVEN: &[&str] = &[
    "given",
    "returns",
    "user",
    "name",
    "new",
    "list",
    "value",
    "type",
    "string",
    "date",
    "time",
    "text",
    "content",
    "data",
    "description",
    "current",
];

fn enumerated(schema: &Value, root: &Value, depth: usize, into: &mut Vec<String>) {
    if depth > 4 {
        return;
    }
    for value in schema.get("enum").and_then(Value::as_array).into_iter().flatten() {
        into.extend(value.as_str().map(str::to_owned));
    }
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    if let Some(inner) = reference.and_then(|pointer| root.pointer(pointer)) {
        enumerated(inner, root, depth + 1, into);
    }
    into.extend(schema.get("const").and_then(Value::as_str).map(str::to_owned));
    for key in ["anyOf", "oneOf", "allOf"] {
        for inner in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
            enumerated(inner, root, depth + 1, into);
        }
    }
    if let Some(items) = schema.get("items") {
        enumerated(items, root, depth + 1, into);
    }
}

/// What the schema says of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numeric {
    No,
    Whole,
    Fraction,
}

fn numeric(schema: &Value) -> Numeric {
    let kinds = |schema: &Value| -> Vec<String> {
        let kind = schema.get("type");
        let several = kind.and_then(Value::as_array).into_iter().flatten();
        kind.into_iter().chain(several).filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let inner = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array).into_iter().flatten();
    let all: Vec<String> = kinds(schema).into_iter().chain(inner.flat_map(kinds)).collect();
    let has = |kind: &str| all.iter().any(|entry| entry == kind);
    match (has("number"), has("integer")) {
        (true, _) => Numeric::Fraction,
        (false, true) => Numeric::Whole,
        (false, false) => Numeric::No,
    }
}

/// The tools of an agent.
#[derive(Debug, Clone, Default)]
pub struct Toolbox {
    tools: Vec<Tool>,
    by_name: HashMap<String, u32>,
}

impl Toolbox {
    /// A toolbox of these tools. Of two with one name, the first counts.
    #[must_use]
    pub fn new(tools: impl IntoIterator<Item = Tool>) -> Self {
        let mut toolbox = Self::default();
        for tool in tools {
            if let Ok(at) = u32::try_from(toolbox.tools.len())
                && !toolbox.by_name.contains_key(&tool.contract.name)
            {
                toolbox.by_name.insert(tool.contract.name.clone(), at);
                toolbox.tools.push(tool);
            }
        }
        toolbox
    }

    /// A tool by its name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Tool> {
        self.tools.get(*self.by_name.get(name)? as usize)
    }

    /// Its index, the name of an issuer in labels.
    pub(crate) fn index(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// All tools, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter()
    }
}
