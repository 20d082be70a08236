//! A tool as the guard sees it: its contract, and what its name and description say it does.
//!
//! The contract decides which arguments are sinks and which output is attested. Name and description, the operator's
//! own words (pinned by digest elsewhere), only decide whether a request of the user's speaks of such an action.
//!
//! What never happens here: nothing is learnt from results, and a tool without a contract earns no trust.

use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;
use steersman_core::{Contract, Effect};

use crate::figure::number_of;
use crate::hashed::{HashMap, HashSet};
use crate::leaf::Leaf;
use crate::mention::Mention;
use crate::naming::Name;
use crate::parameter::{Numeric, Parameter};
pub(crate) use crate::profile::{Evidence, Level};
use crate::profile::{Fit, Profile, Signs};
use crate::request::Request;
use crate::words::{self, Verbs};

/// A tool with its contract and the reading of its description.
#[derive(Debug, Clone)]
pub struct Tool {
    /// The operator's contract.
    pub contract: Contract,
    pub(crate) known: bool,
    profile: Profile,
    /// Its place among the tools of its agent.
    place: Option<usize>,
    /// Arguments, and members of the objects in them, by their names.
    parameters: HashMap<String, Parameter>,
    /// The members of the objects in each argument, by the schema.
    members: HashMap<String, HashSet<String>>,
}

/// How a request speaks of a tool's action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// How often.
    pub(crate) times: usize,
    /// Whether of all members of a group.
    pub(crate) quantified: bool,
    /// Whether it is to reach several: a plural of what is sent or paid is none of who receives it.
    pub(crate) addressing: bool,
    /// In which sentences.
    pub(crate) sentences: Vec<u32>,
    /// By the orders at these places.
    pub(crate) places: Vec<usize>,
    /// Whether every order for it is done to one thing that it points back at ("pay it").
    pub(crate) single: bool,
    /// Whether only a document to which the user delegated asks for it.
    pub(crate) delegated: bool,
}

impl Asked {
    /// Asked for once, by something other than words.
    pub(crate) const fn once() -> Self {
        Self {
            times: 1,
            quantified: false,
            addressing: false,
            sentences: Vec::new(),
            places: Vec::new(),
            single: false,
            delegated: false,
        }
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
            place: None,
            parameters: HashMap::default(),
            members: HashMap::default(),
        };
        for (name, schema) in parameters.get("properties").and_then(Value::as_object).into_iter().flatten() {
            // An argument counts before a member of another that is called alike.
            tool.parameters.insert(name.clone(), Parameter::read(name, schema, parameters));
            tool.read_members(name, schema, parameters, 0);
        }
        tool
    }

    /// Whether an argument takes an object by the schema, as far as that says.
    pub(crate) fn takes_object(&self, argument: &str) -> bool {
        self.parameters.get(argument).is_none_or(|parameter| !parameter.flat)
    }

    /// The members of objects in an argument, a few levels deep. One whose name is an argument's too is read as that.
    fn read_members(&mut self, argument: &str, schema: &Value, root: &Value, depth: usize) {
        if depth > 4 {
            return;
        }
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
        let inner = [reference.and_then(|pointer| root.pointer(pointer)), schema.get("items")];
        for inner in inner.into_iter().flatten() {
            self.read_members(argument, inner, root, depth + 1);
        }
        for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            self.members.entry(argument.to_owned()).or_default().insert(name.clone());
            self.parameters.entry(name.clone()).or_insert_with(|| Parameter::read(name, member, root));
            self.read_members(argument, member, root, depth + 1);
        }
    }

    /// Whether the schema has a member of this name in the objects of an argument.
    pub(crate) fn has_member(&self, argument: &str, name: &str) -> bool {
        self.members.get(argument).is_some_and(|members| members.contains(name))
    }

    /// Whether an argument says from which of the user's own accounts something is taken.
    pub(crate) fn takes_from_an_account(&self) -> bool {
        self.parameters.values().any(|parameter| parameter.name.naming.is_payer())
    }

    /// Whether a value is what the operator's schema takes when nothing is given.
    pub(crate) fn is_default(&self, name: &str, value: &Value) -> bool {
        self.parameters.get(name).is_some_and(|parameter| parameter.default.as_ref() == Some(value))
    }

    /// Whether the tool says what day it is, by its own description.
    pub(crate) fn tells_today(&self) -> bool {
        self.profile.tells_today()
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
        self.parameters.get(argument).map_or(&[], |parameter| &parameter.constants)
    }

    /// Whether the schema lists a value for an argument.
    pub(crate) fn lists(&self, argument: &str, value: &str) -> bool {
        self.constants(argument).iter().any(|constant| constant == value)
    }

    /// Whether a single word stands in the operator's own description of an argument (a discriminator such as "file").
    pub(crate) fn describes(&self, argument: &str, word: &str) -> bool {
        let word = word.to_lowercase();
        self.parameters.get(argument).is_some_and(|parameter| parameter.described.contains(&word))
    }

    /// Whether a value is a quantity: something one calculates with, and no name or number of a thing.
    pub(crate) fn is_quantity(&self, leaf: &Leaf<'_>) -> bool {
        if leaf.name.naming.is_identifying() {
            return false;
        }
        match self.parameters.get(leaf.name.as_str()).map(|parameter| parameter.numeric) {
            // "25.00 EUR"
            Some(Numeric::No) => {
                let unit = |c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '-' | ' ');
                leaf.name.naming.is_quantity() && number_of(leaf.value).is_some() && leaf.text().contains(unit)
            }
            Some(Numeric::Fraction) => true,
            Some(Numeric::Whole) | None => leaf.name.naming.is_quantity(),
        }
    }

    /// The name of an argument, read.
    pub(crate) fn name_of(&self, argument: &str) -> Arc<Name> {
        self.parameters.get(argument).map_or_else(|| Name::of(argument), |parameter| Arc::clone(&parameter.name))
    }

    /// Whether an argument holds a number, by the schema or by what is in it.
    pub(crate) fn takes_number(&self, leaf: &Leaf<'_>) -> bool {
        leaf.value.is_number()
            || self.parameters.get(leaf.name.as_str()).is_some_and(|parameter| parameter.numeric != Numeric::No)
    }

    /// Whether the schema has this argument; one without arguments says nothing.
    pub(crate) fn has_argument(&self, argument: &str) -> bool {
        self.parameters.is_empty() || self.parameters.contains_key(argument)
    }

    /// The actions that the arguments of a call choose among those that the tool can do ("operation": "revoke"): each
    /// value that the operator's schema lists, or the description of its argument, and that is a verb.
    pub(crate) fn chosen_actions(&self, leaves: &[Leaf<'_>]) -> Vec<String> {
        let listed = |leaf: &&Leaf<'_>| {
            let text = leaf.text();
            let plain = text.len() < 24 && text.bytes().all(|b| b.is_ascii_alphabetic());
            plain && (self.lists(leaf.name.as_str(), &text) || self.describes(leaf.name.as_str(), &text))
        };
        let stems = leaves.iter().filter(listed).map(|leaf| words::stem(&leaf.text().to_lowercase()));
        // "file" and "document" say what is enclosed.
        let thing = |stem: &str| words::nouns(stem) & (words::FILE | words::NOTE | words::MESSAGE) != 0;
        stems.filter(|stem| words::verbs(stem) != 0 && !thing(stem)).collect()
    }

    /// Whether a call ends, takes or gives away something: what a general "do as it says" never covers.
    pub(crate) fn is_destructive(&self) -> bool {
        let paying = self.profile.verbs & words::PAY != 0 && self.profile.nouns & words::MONEY != 0;
        self.contract.effect == Effect::Irreversible || paying || self.profile.verbs & words::DESTRUCTIVE != 0
    }

    /// Whether a call cannot be taken back, pays, deletes, approves, sends or hands something over.
    pub(crate) fn gives_away(&self) -> bool {
        const AWAY: Verbs =
            words::DELETE | words::FORGIVE | words::BUY | words::PAY | words::APPROVE | words::RETURN | words::UNDO;
        let sent = self.profile.actions.iter().any(|stem| stem == "send");
        self.contract.effect == Effect::Irreversible || self.profile.verbs & AWAY != 0 || sent
    }

    /// Whether a call ends or gives away something for good, so that an unknown word is no request for it.
    pub(crate) fn is_final(&self) -> bool {
        let bare = if self.profile.objects.is_empty() { self.profile.weak_nouns } else { 0 };
        let paying = self.profile.verbs & words::PAY != 0 && (self.profile.nouns | bare) & words::MONEY != 0;
        self.contract.effect == Effect::Irreversible || paying || self.is_ending()
    }

    /// Whether a call ends something, so that a word of many senses is no request for it.
    fn is_ending(&self) -> bool {
        const FINAL: Verbs =
            words::DELETE | words::FORGIVE | words::UNDO | words::RETURN | words::REJECT | words::BUY | words::CLOSE;
        const MILD: Verbs = words::BOOK | words::UPDATE | words::MEET | words::SHIP | words::RECORD;
        self.profile.verbs & FINAL != 0 && self.profile.verbs & MILD == 0
    }

    /// Whether the request asks for this tool's kind of action on its kind of object. The less the verb says, the more
    /// the values have to: `evidence` is how far they tell by themselves that the user meant the call ("turn down Sara
    /// Lind's"), and is looked at only where the verb leaves that open. `actions` are those that the call's arguments
    /// choose: they are what is done, whatever the tool can do besides.
    pub(crate) fn asked_by(
        &self,
        request: &Request,
        evidence: &impl Deref<Target = Evidence>,
        actions: &[String],
    ) -> Option<Asked> {
        let chosen;
        let profile = if actions.is_empty() {
            &self.profile
        } else {
            chosen = self.profile.doing(actions, request);
            &chosen
        };
        let fit = self.fit(request);
        let named = actions.iter().all(|stem| request.has_stem(stem));
        let meant = |mention: &&Mention| {
            // "Check the prescriptions" asks to read where a tool reads them.
            let reads = mention.reads && !profile.actions.contains(&mention.stem);
            let stands = mention.leading || mention.ordering || mention.pronoun || mention.wish;
            if reads {
                return false;
            }
            let signs = if actions.is_empty() { self.signs(mention) } else { profile.signs(mention) };
            if !stands && !signs.name_it() {
                return false;
            }
            let among_best = profile.is_among_best(mention, signs);
            among_best && profile.is_meant_by(mention, signs, fit)
                || among_best
                    && profile.is_like(mention, signs)
                    && evidence.level > Level::None
                    && (!mention.is_generic()
                        || !mention.explained
                        || !actions.is_empty()
                        || (evidence.level == Level::Whole
                            && !mention.addressed
                            && profile.actions.contains(&mention.stem)))
                    && (!self.is_ending()
                        || profile.says_more_than_generic(mention, signs)
                        || profile.ends_alike(mention, evidence))
                || named
                    && !(self.is_ending() && (mention.wish || mention.bidden))
                    && (!self.is_final() || signs.are_best(mention))
                    && profile.is_left_for(mention, signs, fit, evidence)
                    && (!self.is_final() || evidence.level == Level::Whole)
        };
        let (mut times, mut quantified, mut sentences, mut places) = (0, false, Vec::new(), Vec::new());
        let (mut single, mut addressing) = (true, false);
        for mention in request.mentions.iter().filter(meant) {
            times += 1;
            single &= mention.pronoun && request.word(Some(mention.place + 1)) == "it";
            let many = mention.plural || request.is_quantified(mention.sentence);
            quantified |= many;
            addressing |= many && request.several.contains(&mention.sentence);
            sentences.push(mention.sentence);
            places.push(mention.place);
        }
        (times > 0).then_some(Asked { times, quantified, addressing, sentences, places, single, delegated: false })
    }

    /// Whether a word of the request is a request for this tool, whatever the values of a call are.
    pub(crate) fn explains(&self, request: &Request, mention: &Mention) -> bool {
        let profile = &self.profile;
        let beside = mention.pronoun
            || mention.addressed
            || mention.beside.iter().any(|stem| {
                profile.objects.contains(stem)
                    || words::nouns(stem) & (profile.nouns | profile.weak_nouns) & !words::BROAD != 0
            });
        profile.is_meant_by(mention, self.signs(mention), self.fit(request))
            && (beside || !words::is_generic(&mention.stem))
    }

    /// How well this tool fits a clause. Cost: an index, once the tools at hand have been looked at.
    pub(crate) fn signs(&self, mention: &Mention) -> Signs {
        let known = self.place.and_then(|place| mention.signs.get(place));
        known.copied().unwrap_or_else(|| self.profile.signs(mention))
    }

    /// Whether a clause has this tool's object beside a verb that can mean its action.
    pub(crate) fn is_placed_by(&self, mention: &Mention) -> bool {
        let head = self.profile.objects.last().is_some_and(|head| mention.beside.contains(head));
        head && self.profile.is_like(mention, self.signs(mention))
    }

    /// Whether a word names this tool's object, or what its description says that it is for.
    pub(crate) fn is_for(&self, stem: &str) -> bool {
        let has = |words: &[String]| words.iter().any(|word| word == stem);
        let holds = |words: &[String]| words.iter().any(|word| HOLDERS.contains(&word.as_str()));
        let (objects, weak) = (&self.profile.objects, &self.profile.weak);
        let holder = HOLDERS.contains(&stem) && (holds(objects) || holds(weak));
        DIARIES.contains(&stem) && (has(objects) || has(weak) || holder)
    }

    /// Whether this tool reads what a word of the user's stands beside.
    pub(crate) fn is_read_by(&self, mention: &Mention) -> bool {
        let named = |stem: &String| {
            self.profile.objects.contains(stem) || (self.profile.actions.contains(stem) && words::verbs(stem) == 0)
        };
        !self.has_effect() && mention.beside.iter().any(named)
    }

    /// How clearly the request names the tool's object.
    fn fit(&self, request: &Request) -> Fit {
        let profile = &self.profile;
        let named = profile.objects.iter().any(|word| request.has_stem(word));
        let object =
            named || request.nouns & profile.nouns != 0 || request.implied & (profile.nouns | profile.weak_nouns) != 0;
        // A tool that names no object can be for any.
        let weak = object
            || profile.objects.is_empty()
            || request.nouns & profile.weak_nouns != 0
            || profile.weak.iter().any(|word| request.has_stem(word));
        match (named, object, weak) {
            (true, ..) => Fit::Named,
            (_, true, _) => Fit::Kind,
            (.., true) => Fit::Beside,
            _ => Fit::None,
        }
    }
}

/// Stems of what holds entries with a day, by whatever name.
const HOLDERS: &[&str] = &["calendar", "diari", "agenda", "schedul"];

/// Whether a stem is that of what holds entries with a day.
pub(crate) fn is_holder(stem: &str) -> bool {
    HOLDERS.contains(&stem)
}

/// Stems of what holds entries with a day, and of the entries.
pub(crate) const DIARIES: &[&str] =
    &["calendar", "diari", "agenda", "schedul", "reminder", "entri", "event", "appoint"];

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
        for mut tool in tools {
            tool.place = Some(toolbox.tools.len());
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
