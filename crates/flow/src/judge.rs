//! One call against one state: is it asked for, is every value in it vouched for, does it carry anything out?
//!
//! The order of the questions is the order of the witnesses: what the operator forbids, what nobody asked for, values
//! that nobody vouches for, values that nobody chose, and what leaves with them. The first that fails is reported.
//!
//! What never happens here: no change of state, and no text of the model's taken as a reason.

use std::cell::LazyCell;
use std::ops::Deref;

use steersman_core::Effect;

use crate::calls::{call_hash, touched};
use crate::decision::{Origin, Place, PlanSlot, ProposedCall, Rule, Witness};
use crate::derive;
use crate::dictated;
use crate::egress;
use crate::guard::Grant;
use crate::leaf::{Leaf, leaves};
use crate::mention::{Mention, Quote};
use crate::moment;
use crate::policy::{Clearance, Policy};
use crate::record::Field;
use crate::text;
use crate::tool::{Asked, Evidence, Level, Tool, Toolbox};
use crate::transcript::{Moment, Transcript};
use crate::value::{Standing, Values};
use crate::words;

/// The judge of the calls of one batch.
pub(crate) struct Judge<'a> {
    tools: &'a Toolbox,
    policy: &'a Policy,
    transcript: &'a Transcript,
    grants: &'a [Grant],
    batch: &'a [ProposedCall],
    struck: bool,
}

/// What is known of a call while it is judged.
struct Case<'a> {
    call: &'a ProposedCall,
    tool: &'a Tool,
    asked: Asked,
    sinks: Vec<Leaf<'a>>,
    contents: Vec<Leaf<'a>>,
}

impl<'a> Judge<'a> {
    pub(crate) const fn new(
        tools: &'a Toolbox,
        policy: &'a Policy,
        transcript: &'a Transcript,
        grants: &'a [Grant],
        batch: &'a [ProposedCall],
        struck: bool,
    ) -> Self {
        Self { tools, policy, transcript, grants, batch, struck }
    }

    /// Judges one call of the batch.
    pub(crate) fn call(&self, call: &ProposedCall) -> Result<(), Box<Witness>> {
        if !call.readable {
            return Err(whole(call, Rule::Unreadable));
        }
        let unknown;
        let tool = if let Some(tool) = self.tools.named(&call.tool) {
            tool
        } else {
            unknown = Tool::unknown(&call.tool);
            &unknown
        };
        let (sinks, contents) = leaves(tool, &call.arguments);
        // Whether the words speak of many counts before it is known which of them ask for this call.
        let user = &self.transcript.user;
        let plural = !user.quantified.is_empty() || user.mentions.iter().any(|mention| mention.plural);
        let addressing = plural && !user.several.is_empty();
        let once = Asked { quantified: plural, addressing, ..Asked::once() };
        let given: Vec<String> = sinks.iter().map(|leaf| text::exact(&leaf.text())).collect();
        let values = Values { transcript: self.transcript, policy: self.policy, tool, asked: &once, given: &given };
        let all: Vec<Leaf<'_>> =
            if self.policy.rules.is_empty() { Vec::new() } else { sinks.iter().chain(&contents).cloned().collect() };
        let ruling = self.policy.check(call, &all, &values);
        if self.is_approved(call) && !ruling.as_ref().is_err_and(|witness| matches!(witness.rule, Rule::Policy(_))) {
            return Ok(());
        }
        if let Some(cleared) = ruling? {
            return self.cleared(call, &sinks, &values, &cleared);
        }
        if let Some(slot) = &call.slot {
            return self.planned(call, tool, slot, (sinks, contents));
        }
        if tool.contract.effect == Effect::Read {
            return self.read(call, tool, &sinks, &contents);
        }
        if !self.transcript.is_tainted() {
            return self.private(call, &sinks, &contents);
        }
        if !tool.known {
            return Err(whole(call, Rule::UnknownTool));
        }
        // What the tool's schema does not take says nothing that could be looked at.
        if let Some(leaf) = contents.iter().find(|leaf| leaf.value.is_object()) {
            return Err(self.about(call, leaf, Rule::UntrustedSink));
        }
        let evidence = LazyCell::new(|| self.evidence(&values, &sinks));
        let asked = self.asked(tool, &evidence, &tool.chosen_actions(&sinks));
        let asked = asked.or_else(|| dictated::asked(&values, &evidence, &contents, sinks.is_empty()));
        drop(evidence);
        let asked = asked.ok_or_else(|| whole(call, Rule::NotAskedFor)).or_else(|witness| {
            if self.is_granted(call, &Rule::NotAskedFor) { Ok(Asked::once()) } else { Err(witness) }
        })?;
        let case = Case { call, tool, asked, sinks, contents };
        let values =
            Values { transcript: self.transcript, policy: self.policy, tool, asked: &case.asked, given: &given };
        self.sinks(&case, &values)?;
        self.times(&case, &values)?;
        self.contents(&case, &values)?;
        self.private(call, &case.sinks, &case.contents)
    }

    /// A call that the operator's rules allow for what stands in some of its arguments: nobody has to have asked for
    /// it, and the other sinks hold what somebody vouches for.
    fn cleared(
        &self,
        call: &ProposedCall,
        sinks: &[Leaf<'_>],
        values: &Values<'_>,
        cleared: &Clearance,
    ) -> Result<(), Box<Witness>> {
        let open = |leaf: &&Leaf<'_>| !cleared.covers(leaf.argument.as_str());
        let untrusted = |leaf: &&Leaf<'_>| {
            matches!(values.standing(leaf), Standing::Untrusted)
                && !self.policy.grants(values.tool, leaf, self.transcript)
        };
        let foreign = sinks.iter().filter(open).find(untrusted).filter(|_| self.transcript.is_tainted());
        foreign.map_or(Ok(()), |leaf| Err(self.about(call, leaf, Rule::UntrustedSink)))
    }

    /// A call of a plan that was fixed before anything untrusted was read: that it is made, and how often, is the
    /// plan's word. What stands in its variables is judged by where it came from: a field that a platform attests was
    /// chosen by the plan, and the same text from elsewhere was not.
    fn planned<'v>(
        &self,
        call: &ProposedCall,
        tool: &Tool,
        slot: &PlanSlot,
        (mut sinks, mut contents): (Vec<Leaf<'v>>, Vec<Leaf<'v>>),
    ) -> Result<(), Box<Witness>> {
        sinks.retain(|leaf| !slot.fixed.contains(leaf.argument.as_str()));
        contents.retain(|leaf| !slot.fixed.contains(leaf.argument.as_str()));
        if tool.contract.effect == Effect::Read {
            return self.read(call, tool, &sinks, &contents);
        }
        if !tool.known && self.transcript.is_tainted() {
            return Err(whole(call, Rule::UnknownTool));
        }
        let asked = Asked::once();
        let values = Values { transcript: self.transcript, policy: self.policy, tool, asked: &asked, given: &[] };
        for leaf in &sinks {
            let said = matches!(values.standing(leaf), Standing::Said | Standing::Constant | Standing::Chosen(_));
            let attested = slot.origin(&leaf.pointer()).is_some_and(|place| self.attests_at(&place));
            let vouched = said || attested || self.covers(call, leaf);
            if !vouched && !self.policy.grants(tool, leaf, self.transcript) {
                return Err(self.about(call, leaf, Rule::UntrustedSink));
            }
        }
        for leaf in sinks.iter().chain(&contents) {
            self.carries_nothing_foreign(call, &values, leaf)?;
        }
        self.private(call, &sinks, &contents)
    }

    /// Whether what stands at this place of a result is attested.
    fn attests_at(&self, place: &Place) -> bool {
        let came = self.transcript.sources.iter().filter(|source| *source.call == *place.call);
        let rows = came.flat_map(|source| self.transcript.rows_of(source));
        let mut fields = rows.flat_map(|row| &row.fields).filter_map(|at| self.transcript.field(*at));
        fields.any(|field| *field.pointer == *place.pointer && field.attested)
    }

    /// How far the sink values alone tell that the user meant this call.
    fn evidence(&self, values: &Values<'_>, sinks: &[Leaf<'_>]) -> Evidence {
        let (mut bound, mut loose) = (0, 0);
        let mut sentences = Vec::new();
        for (leaf, standing) in sinks.iter().zip(values.standings(sinks)) {
            let own = leaf.value.is_string() || leaf.text().len() > 2;
            match standing {
                Standing::Said if own => {
                    bound += 1;
                    values.spoken_in(leaf, standing, &mut sentences);
                }
                Standing::Chosen(row) if values.is_bound(row, &leaf.text()) => {
                    bound += 1;
                    values.spoken_in(leaf, standing, &mut sentences);
                }
                Standing::Said | Standing::Constant | Standing::Quantity => {}
                Standing::Chosen(_) | Standing::NotChosen | Standing::Untrusted => loose += 1,
            }
        }
        let level = match (bound, loose) {
            (0, _) => Level::None,
            (_, 0) => Level::Whole,
            _ => Level::Some,
        };
        Evidence { level, sentences }
    }

    fn asked(&self, tool: &Tool, evidence: &impl Deref<Target = Evidence>, actions: &[String]) -> Option<Asked> {
        let user = &self.transcript.user;
        tool.asked_by(user, evidence, actions).or_else(|| {
            let handed = user.delegation.actions && !tool.is_destructive();
            let document = &self.transcript.delegated;
            let asked = handed.then(|| tool.asked_by(document, &&Evidence::default(), actions)).flatten()?;
            // A document speaks of no group of the user's.
            Some(Asked { delegated: true, quantified: false, addressing: false, ..asked })
        })
    }

    fn is_approved(&self, call: &ProposedCall) -> bool {
        let hash = LazyCell::new(|| call_hash(&call.tool, &call.arguments));
        self.grants.iter().any(|grant| grant.call == *hash)
    }

    fn is_granted(&self, call: &ProposedCall, rule: &Rule) -> bool {
        self.grants.iter().any(|grant| grant.tool == call.tool && grant.rule == *rule && grant.argument.is_none())
    }

    /// A read changes nothing, but its arguments reach whoever serves it: declared sinks and composed links are exits.
    fn read<'v>(
        &self,
        call: &ProposedCall,
        tool: &Tool,
        sinks: &[Leaf<'v>],
        contents: &[Leaf<'v>],
    ) -> Result<(), Box<Witness>> {
        if !self.transcript.is_tainted() {
            return Ok(());
        }
        let asked = Asked::once();
        let values = Values { transcript: self.transcript, policy: self.policy, tool, asked: &asked, given: &[] };
        for leaf in sinks.iter().chain(contents) {
            let text = leaf.text();
            let name = leaf.argument.as_str();
            let declared = tool.contract.sink.iter().any(|sink| sink == name || name.is_empty());
            let link = egress::links(&text).into_iter().any(|link| {
                // A link that stood whole in what was read carries nothing that its author did not know.
                let verbatim =
                    self.transcript.tainted_source(&link.whole).is_some_and(|field| field.raw.contains(&link.whole));
                !verbatim && !values.vouches_link(&link)
            });
            if link {
                return Err(self.about(call, leaf, Rule::ForeignLink));
            }
            if declared
                && !text.is_empty()
                && matches!(values.standing(leaf), Standing::Untrusted)
                && egress::links(&text).is_empty()
            {
                return Err(self.about(call, leaf, Rule::UntrustedSink));
            }
        }
        Ok(())
    }

    fn sinks(&self, case: &Case<'_>, values: &Values<'_>) -> Result<(), Box<Witness>> {
        let all = LazyCell::new(|| values.standings(&case.sinks));
        let mut standings: Vec<Standing> = Vec::with_capacity(case.sinks.len());
        for leaf in &case.sinks {
            let standing = values.standing_behind(leaf, &case.sinks, &standings);
            standings.push(standing);
            let rule = match standing {
                Standing::Said | Standing::Constant => continue,
                Standing::Chosen(_) | Standing::Quantity if !self.struck => continue,
                Standing::Chosen(_) | Standing::Quantity => Rule::AfterRefusal,
                Standing::Untrusted if !self.struck && values.is_adjustment(leaf, &all) => continue,
                Standing::NotChosen => Rule::NotChosen,
                Standing::Untrusted => Rule::UntrustedSink,
            };
            if !self.covers(case.call, leaf) && !self.policy.grants(case.tool, leaf, self.transcript) {
                return Err(self.about(case.call, leaf, rule));
            }
        }
        let anchored = standings.iter().any(|standing| !matches!(standing, Standing::Quantity | Standing::Constant));
        let quantities = standings.iter().any(|standing| matches!(standing, Standing::Quantity));
        if quantities && !anchored {
            return Err(whole(case.call, Rule::NoAnchor));
        }
        // A state that only the schema lists says nothing of the user's will, if nothing else in the call does.
        let said = standings.iter().any(|standing| match standing {
            Standing::Said | Standing::Quantity => true,
            Standing::Chosen(_) | Standing::Constant | Standing::NotChosen | Standing::Untrusted => false,
        });
        let chosen = standings.iter().any(|standing| matches!(standing, Standing::Chosen(_)));
        let listed = case.sinks.iter().zip(&standings).find(|(leaf, standing)| {
            matches!(standing, Standing::Constant)
                && !leaf.value.is_boolean()
                && (!case.tool.constants(leaf.name.as_str()).is_empty() || (!chosen && leaf.value.is_string()))
        });
        match listed {
            Some((leaf, _)) if !said && !self.covers(case.call, leaf) => {
                Err(self.about(case.call, leaf, Rule::NotChosen))
            }
            _ => Ok(()),
        }
    }

    /// Whether an approval for another value of this argument covers this one: it stands in the row that was approved.
    fn covers(&self, call: &ProposedCall, leaf: &Leaf<'_>) -> bool {
        let text = leaf.text();
        self.grants.iter().filter(|grant| grant.tool == call.tool).any(|grant| {
            let same = grant.argument.as_deref() == Some(leaf.argument.as_str());
            let row = grant.row.and_then(|row| self.transcript.row(row));
            same && row.is_some_and(|row| {
                row.fields
                    .iter()
                    .filter_map(|at| self.transcript.field(*at))
                    .any(|field| text.len() > 2 && field.raw.contains(&*text))
            })
        })
    }

    /// How often: no effect twice, and no more calls of one tool than the user's words have room for.
    fn times(&self, case: &Case<'_>, values: &Values<'_>) -> Result<(), Box<Witness>> {
        let done =
            || self.transcript.calls.iter().filter(|past| past.effect && !past.refused && past.tool == case.call.tool);
        let beside = || self.batch.iter().filter(|other| other.tool == case.call.tool);
        let user = &self.transcript.user;
        let again = user.has_word("twice") || user.has_word("again") || user.has_stem("tim");
        let twin = |other: &&ProposedCall| other.arguments == case.call.arguments;
        let hash = LazyCell::new(|| call_hash(&case.call.tool, &case.call.arguments));
        if !again && (beside().filter(twin).nth(1).is_some() || done().any(|past| past.hash == *hash)) {
            return Err(whole(case.call, Rule::Repeated));
        }
        let before = done().count() + beside().count().saturating_sub(1);
        let meant = |sentence: u32| case.asked.sentences.is_empty() || case.asked.sentences.contains(&sentence);
        let selections = user.selections.iter().filter(|one| !one.of_whom && meant(one.sentence));
        let room = case.asked.times.max(selections.map(|one| one.count).sum());
        // Another thing that the user's words name: a literal not yet used, or a row of its own that none was made
        // with.
        let fresh = |leaf: &Leaf<'_>| {
            let text = text::exact(&leaf.text());
            match values.standing(leaf) {
                // A word that the schema lists names no other thing.
                Standing::Said if case.tool.lists(leaf.name.as_str(), &leaf.text()) => false,
                Standing::Said => !done().any(|past| past.literals.contains(&text) || past.touches(leaf)),
                Standing::Chosen(row) => {
                    !case.asked.single && values.is_identified(row) && !done().any(|past| past.touched.contains(&text))
                }
                _ => false,
            }
        };
        let object = touched(case.tool, &case.call.arguments);
        let same = |other: &&ProposedCall| !object.is_empty() && touched(case.tool, &other.arguments) == object;
        let anew = !object.is_empty() && done().any(|past| past.touched == object);
        // In one turn the same sinks are one effect, whatever the text beside them.
        let told = done().any(|past| past.touched == object && past.turn == self.transcript.turns);
        let twice = (anew && told) || beside().filter(same).nth(1).is_some();
        if twice && !again && !self.is_granted_more(case) {
            return Err(whole(case.call, Rule::TooMany));
        }
        if before < room
            || (case.asked.quantified && !anew)
            || case.sinks.iter().any(fresh)
            || self.is_granted_more(case)
        {
            return Ok(());
        }
        Err(whole(case.call, Rule::TooMany))
    }

    fn is_granted_more(&self, case: &Case<'_>) -> bool {
        case.sinks.iter().any(|leaf| self.covers(case.call, leaf)) || self.is_granted(case.call, &Rule::TooMany)
    }

    fn contents(&self, case: &Case<'_>, values: &Values<'_>) -> Result<(), Box<Witness>> {
        if case.sinks.is_empty() && !case.contents.is_empty() && !values.anchors(&case.contents) {
            return Err(whole(case.call, Rule::NoAnchor));
        }
        if case.sinks.is_empty()
            && let Some(leaf) = self.other_day(&case.contents)
        {
            return Err(self.about(case.call, leaf, Rule::NoAnchor));
        }
        if !case.sinks.is_empty() {
            for leaf in &case.contents {
                self.carries_nothing_foreign(case.call, values, leaf)?;
            }
        }
        self.dictated(case)
    }

    /// A day in an effect that touches nobody, where the user says which day is meant and the call has another.
    fn other_day<'b, 'v>(&self, contents: &'b [Leaf<'v>]) -> Option<&'b Leaf<'v>> {
        let said = &self.transcript.user.moments;
        let days = || contents.iter().filter_map(|leaf| Some((leaf, moment::parse(&leaf.text())?.0?)));
        // A model that does not know the year takes any.
        let meant = |day: moment::Day| {
            derive::is_user_day(self.transcript, day)
                || said.iter().filter_map(|said| said.day).any(|said| (said.month, said.day) == (day.month, day.day))
                || self.transcript.moments.iter().any(|known| known.day == Some(day) && self.is_of_meant_row(known))
        };
        let told = said.iter().any(|said| said.day.is_some());
        days().find(|(_, day)| told && !meant(*day)).map(|(leaf, _)| leaf)
    }

    /// Whether a row in which a platform attests a day has something to do with the user's words.
    fn is_of_meant_row(&self, known: &Moment) -> bool {
        known.rows.iter().filter_map(|row| self.transcript.row(*row)).any(|row| row.bind != 0)
    }

    /// Neither a link nor an account that nobody vouches for.
    fn carries_nothing_foreign(
        &self,
        call: &ProposedCall,
        values: &Values<'_>,
        leaf: &Leaf<'_>,
    ) -> Result<(), Box<Witness>> {
        let text = leaf.text();
        if egress::links(&text).into_iter().any(|link| !values.vouches_link(&link)) {
            return Err(self.about(call, leaf, Rule::ForeignLink));
        }
        if egress::accounts(&text).iter().any(|account| !values.vouches_account(account)) {
            return Err(self.about(call, leaf, Rule::ForeignAccount));
        }
        Ok(())
    }

    /// What the user put between quotation marks, in the sentence that asks for this action, has to be in the call.
    fn dictated(&self, case: &Case<'_>) -> Result<(), Box<Witness>> {
        let texts: Vec<&Leaf<'_>> = case.contents.iter().filter(|leaf| leaf.value.is_string()).collect();
        let Some(first) = texts.first() else { return Ok(()) };
        let user = &self.transcript.user;
        let open = user.quotes.iter().filter(|quote| {
            // What another order dictates is for the tool that it asks for.
            let order = |mention: &&Mention| mention.acts() || case.asked.places.contains(&mention.place);
            let before = user.mentions.iter().filter(|mention| mention.place < quote.place).filter(order);
            let foreign = before.max_by_key(|mention| mention.place).is_some_and(|order| {
                (order.explained || order.open)
                    && order.sentence == quote.sentence
                    && !case.asked.places.contains(&order.place)
            });
            !foreign
                && !self.transcript.is_used_elsewhere(&quote.text, &case.call.tool)
                && (case.asked.sentences.contains(&quote.sentence)
                    || case.asked.sentences.iter().any(|asked| asked + 1 == quote.sentence))
        });
        // Who receives it is no text of it; beside that, only what is introduced as text is.
        let addressed = |quote: &Quote| case.sinks.iter().any(|leaf| quote.is_in(&leaf.text()));
        let open: Vec<&Quote> = open.collect();
        let text: Vec<&Quote> = if open.iter().any(|quote| addressed(quote)) {
            open.into_iter().filter(|quote| !addressed(quote) && self.is_introduced(case, quote)).collect()
        } else {
            open
        };
        if text.is_empty() || text.iter().any(|quote| texts.iter().any(|leaf| quote.is_in(&leaf.text()))) {
            return Ok(());
        }
        Err(self.about(case.call, first, Rule::NotDictated))
    }

    /// Whether a quotation is introduced as a text to be written: by what an argument is called, or by a word for it.
    fn is_introduced(&self, case: &Case<'_>, quote: &Quote) -> bool {
        const TEXTS: &[&str] =
            &["titl", "subject", "descript", "messag", "text", "bodi", "note", "sai", "tell", "call"];
        let before = self.transcript.user.words.get(quote.place.saturating_sub(3)..quote.place).unwrap_or_default();
        let argument = |stem: &str| case.contents.iter().any(|leaf| words::stem(leaf.argument.as_str()) == stem);
        let ordered = quote.place.checked_sub(1).is_some_and(|place| case.asked.places.contains(&place));
        (ordered && quote.text.split(' ').nth(2).is_some())
            || before.iter().any(|word| TEXTS.contains(&word.stem.as_str()) || argument(&word.stem))
    }

    /// Private data leaves only if the user asked for it, and then only to those the user named.
    fn private<'v>(&self, call: &ProposedCall, sinks: &[Leaf<'v>], contents: &[Leaf<'v>]) -> Result<(), Box<Witness>> {
        let user = &self.transcript.user;
        let asked_for = |tool: &str| {
            let words = text::identifier_words(tool);
            words.iter().any(|word| {
                let stem = words::stem(word);
                words::verbs(&stem) == 0
                    && !words::is_stop(word)
                    && (user.has_stem(&stem) || words::nouns(&stem) & user.nouns != 0)
            })
        };
        let hidden =
            self.transcript.sources.iter().filter(|source| source.private).any(|source| !asked_for(&source.tool));
        if !hidden || sinks.iter().all(|leaf| leaf.value.is_null()) {
            return Ok(());
        }
        for leaf in sinks.iter().chain(contents).filter(|leaf| leaf.value.is_string() || leaf.value.is_object()) {
            let text = leaf.text();
            let mut tokens = text::tokens(&text);
            let own =
                text.is_empty() || user.says(&text) || tokens.all(|token| user.has_word(&token.text.to_lowercase()));
            let platform = self.transcript.attested(&text).iter().filter_map(|at| self.transcript.field(*at));
            let mut public = platform.filter_map(|field| self.transcript.source(field.source));
            if !own && !public.any(|source| !source.private) {
                return Err(self.about(call, leaf, Rule::Private));
            }
        }
        Ok(())
    }

    fn about(&self, call: &ProposedCall, leaf: &Leaf<'_>, rule: Rule) -> Box<Witness> {
        let text = leaf.text();
        let attested = self.transcript.attested(&text).first().and_then(|at| self.transcript.field(*at));
        let field = match rule {
            Rule::NotChosen | Rule::AfterRefusal => attested.or_else(|| self.transcript.tainted_source(&text)),
            _ => self.transcript.tainted_source(&text),
        };
        Box::new(Witness {
            tool: call.tool.clone(),
            argument: Some(leaf.argument.as_str().to_owned()),
            pointer: leaf.pointer(),
            value: text.chars().take(200).collect(),
            rule,
            origin: field.map(|field| self.origin(field)),
        })
    }

    fn origin(&self, field: &Field) -> Origin {
        let source = self.transcript.source(field.source);
        Origin {
            message: source.map_or(0, |source| source.message),
            tool: source.map_or_else(String::new, |source| source.tool.to_string()),
            pointer: field.pointer.to_string(),
            row: field.row,
        }
    }
}

/// A witness against the call as a whole.
pub(crate) fn whole(call: &ProposedCall, rule: Rule) -> Box<Witness> {
    Box::new(Witness {
        tool: call.tool.clone(),
        argument: None,
        pointer: String::new(),
        value: String::new(),
        rule,
        origin: None,
    })
}
