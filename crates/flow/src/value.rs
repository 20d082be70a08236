//! Where an argument value stands: said by the user, chosen by the user, computed, or vouched for by nobody.
//!
//! This is the re-derivation that lets the guard work with unchanged agents. What a model emits after untrusted input
//! is untrusted; but if the very value, found by a deterministic matcher, stands in a source of higher integrity, then
//! it may be taken to come from there. The matchers know types: a number that is a quantity, a moment, a name, an id.
//!
//! What never happens here: no untrusted value gains trust by resembling a trusted one.

use crate::binding::{self, Checked};
use crate::bound;
use crate::codes;
use crate::counted;
use crate::derive;
use crate::described::SHORT;
use crate::egress::{self, Link};
use crate::figure::number_of;
use crate::leaf::Leaf;
use crate::mention::Mention;
use crate::policy::Policy;
use crate::record::{Field, Row, bind};
use crate::request::Request;
use crate::selection::Selection;
use crate::text;
use crate::tool::{Asked, Tool};
use crate::transcript::{Query, Source, Transcript};
use crate::vocabulary::Reading;
use crate::wordlist::WordList;
use crate::words::{self, End};

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The user or the operator wrote it, or it follows from what they wrote.
    Said,
    /// A platform attests it and the user's words choose it; its row.
    Chosen(u32),
    /// A quantity that a platform attests or that follows from such.
    Quantity,
    /// One of a few values that the operator's schema lists.
    Constant,
    /// A platform attests it, but nothing chooses it.
    NotChosen,
    /// No trusted source vouches for it.
    Untrusted,
}

/// The matchers, for one call.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) transcript: &'a Transcript,
    pub(crate) policy: &'a Policy,
    pub(crate) tool: &'a Tool,
    pub(crate) asked: &'a Asked,
    /// The sink values of the call, in strict form.
    pub(crate) given: &'a [String],
}

impl Values<'_> {
    /// The standings of several sink values, in order.
    pub(crate) fn standings(&self, leaves: &[Leaf<'_>]) -> Vec<Standing> {
        let mut standings: Vec<Standing> = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            standings.push(self.standing_behind(leaf, leaves, &standings));
        }
        standings
    }

    /// The standing of a sink value behind others that are known; what stands twice among the nearest is judged once.
    pub(crate) fn standing_behind(&self, leaf: &Leaf<'_>, leaves: &[Leaf<'_>], known: &[Standing]) -> Standing {
        let same = |other: &Leaf<'_>| {
            other.value == leaf.value && (&other.argument, &other.name) == (&leaf.argument, &leaf.name)
        };
        let mut near = leaves.iter().zip(known).skip(known.len().saturating_sub(NEAR));
        near.find(|(other, _)| same(other)).map_or_else(|| self.standing(leaf), |(_, standing)| *standing)
    }

    /// The standing of one sink value. Cost: hash look-ups, and a scan of one result for a selection.
    pub(crate) fn standing(&self, leaf: &Leaf<'_>) -> Standing {
        let user = &self.transcript.user;
        let text = leaf.text();
        if leaf.value == false || self.tool.is_default(leaf.name.as_str(), leaf.value) {
            return Standing::Constant;
        }
        if leaf.value == true {
            return if is_wide(leaf.name.as_str()) && !self.is_flag_said(leaf) {
                Standing::Untrusted
            } else {
                Standing::Constant
            };
        }
        if let Some(number) = number_of(leaf.value) {
            return self.number(leaf, number, &text);
        }
        if let Some(standing) = self.constant(leaf.name.as_str(), &text) {
            return standing;
        }
        let operator = text.len() > 3 && self.transcript.operator.says(&text);
        let said = user.says(&text) && (!leaf.name.naming.is_principal() || user.is_addressed(&text));
        if said || operator || derive::is_users(self.transcript, &text, Some(self.given)) {
            return Standing::Said;
        }
        let everybody = || {
            words::is_quantifier(&text)
                && self.asked.quantified
                && user.has_word(&text)
                && !leaf.name.naming.is_principal()
        };
        if codes::means(user, &text) || everybody() {
            return Standing::Said;
        }
        if self.is_state(leaf, &text) {
            return Standing::Said;
        }
        match self.attested(leaf, &text, self.transcript.attested(&text)) {
            Standing::Untrusted
                if self.tool.describes(leaf.name.as_str(), &text)
                    && text.len() < 16
                    && !is_wide(&text)
                    && !leaf.name.naming.is_principal() =>
            {
                Standing::Constant
            }
            Standing::Untrusted | Standing::NotChosen if user.composes(&text) && !leaf.name.naming.is_principal() => {
                Standing::Said
            }
            standing => standing,
        }
    }

    /// Whether a word names the state that the user's verb leads to: "approved" where the user approves.
    fn is_state(&self, leaf: &Leaf<'_>, text: &str) -> bool {
        let plain = (4..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase());
        if !plain || leaf.name.naming.is_principal() {
            return false;
        }
        let stem = words::stem(words::plain(text).unwrap_or(text));
        let leads = |mention: &Mention| mention.stem == stem || words::verbs(&stem) & mention.verbs & STATES != 0;
        words::verbs(&stem) != 0 && self.transcript.user.mentions.iter().any(leads)
    }

    /// Whether the user has a word of a flag's name.
    fn is_flag_said(&self, flag: &Leaf<'_>) -> bool {
        flag.name.stems.iter().any(|stem| self.transcript.user.has_stem(stem))
    }

    /// A value that the schema lists: allowed unless the user's words point at another one of the list.
    fn constant(&self, argument: &str, text: &str) -> Option<Standing> {
        if !self.tool.lists(argument, text) {
            return None;
        }
        let constants = self.tool.constants(argument);
        let points = |constant: &str| {
            let constant = constant.to_lowercase();
            let words = text::identifier_words(&constant);
            let user = &self.transcript.user;
            let meant = |word: &String| {
                let stem = words::stem(words::plain(word).unwrap_or(word));
                user.has_stem(&stem) || words::verbs(&stem) & user.verbs & STATES != 0
            };
            words.iter().any(meant)
                || (constant.len() == 1
                    && user.words.iter().any(|word| word.lower.len() > 2 && word.lower.starts_with(&constant)))
        };
        if points(text) || codes::means(&self.transcript.user, text) {
            return Some(Standing::Said);
        }
        if constants.iter().any(|constant| points(constant)) || (constants.len() > 1 && is_wide(text)) {
            return Some(Standing::Untrusted);
        }
        Some(Standing::Constant)
    }

    pub(crate) fn attested(&self, leaf: &Leaf<'_>, text: &str, fields: &[u32]) -> Standing {
        let fields =
            || fields.iter().filter_map(|at| self.transcript.field(*at)).filter(|field| field.attested).take(256);
        match fields().find(|field| self.is_chosen(leaf, text, field)) {
            Some(field) => Standing::Chosen(field.row),
            None if !leaf.argument.naming.is_principal()
                && fields().next().is_some()
                && self.transcript.is_around_touched(text) =>
            {
                Standing::Said
            }
            None if fields().next().is_some() && leaf.argument.naming.is_payer() && self.is_read_there(text) => {
                Standing::Said
            }
            None if fields().next().is_some() && counted::is_selected(self.transcript, leaf, text) => Standing::Said,
            None if fields().next().is_some() => Standing::NotChosen,
            None if counted::is_selected_by_name(self.transcript, leaf, text) => Standing::Said,
            None => self.confirmed(leaf, text).map_or(Standing::Untrusted, Standing::Chosen),
        }
    }

    /// The row that a look-up gave for a value that nobody vouched for, if what the platform says there is what the
    /// user's words name: the number of the order that is Lindqvist's, wherever it came from. No recipient is found so.
    fn confirmed(&self, leaf: &Leaf<'_>, text: &str) -> Option<u32> {
        if leaf.argument.naming.is_principal() || text.contains('@') || text.contains("://") {
            return None;
        }
        let meant = |field: &Field| {
            let (row, source) = (self.transcript.row(field.row)?, self.transcript.source(field.source)?);
            (!self.transcript.is_outdone(source, row)).then_some(row)
        };
        let mut rows = self.transcript.confirmed(text).filter_map(|field| Some((field, meant(field)?)));
        let named = |row: &Row| row.bind & (bind::LITERAL | bind::DESCRIBED);
        let hinted = |row: &Row| row.bind & bind::HINTED != 0 && binding::is_alone(self.transcript, row, u16::MAX);
        rows.find(|(_, row)| hinted(row) || (named(row) != 0 && binding::is_alone(self.transcript, row, named(row))))
            .map(|(field, _)| field.row)
    }

    /// Whether an attested value may fill an argument by what both are called: a price is no number of a thing and
    /// nobody's name.
    fn is_of_kind(&self, leaf: &Leaf<'_>, field: &Field) -> bool {
        if leaf.name.naming.is_identifier() && !leaf.name.naming.is_principal() && field.raw.contains('@') {
            return field.name.words.last() == leaf.name.words.last();
        }
        if leaf.name.naming.is_principal()
            && !leaf.name.naming.is_identifier()
            && binding::is_of_a_thing(&leaf.name, field)
        {
            return false;
        }
        if field.number.is_none() || field.is_name() || field.name.is_empty() {
            return true;
        }
        let quantity = field.name.naming.is_quantity();
        if leaf.argument.naming.is_principal() && quantity {
            return false;
        }
        if !leaf.name.naming.is_identifier() || !(self.tool.takes_number(leaf) || quantity) {
            return true;
        }
        field.name.stems.iter().any(|stem| leaf.name.stems.contains(stem))
    }

    /// Whether the user's words choose the row in which this attested value stands.
    fn is_chosen(&self, leaf: &Leaf<'_>, value: &str, field: &Field) -> bool {
        let (Some(row), Some(source)) = (self.transcript.row(field.row), self.transcript.source(field.source)) else {
            return false;
        };
        // What the schema does not have is the model's own.
        if !self.tool.has_argument(leaf.argument.as_str()) || !self.is_of_kind(leaf, field) {
            return false;
        }
        let user = &self.transcript.user;
        let has = |reasons: u16| row.bind & reasons != 0;
        let principal = leaf.argument.naming.is_principal() || value.contains('@') || value.contains("://");
        if binding::is_excepted(self.transcript, row) {
            return false;
        }
        // An effect makes things, and nobody.
        if has(bind::CREATED) && !principal {
            return true;
        }
        if self.transcript.has_namesake(field) || (principal && binding::is_of_a_source(user, value)) {
            return false;
        }
        // A code names nobody by what it begins with.
        let code = !value.contains('@') && value.bytes().any(|b| b.is_ascii_digit());
        if principal && !code && binding::carries_name(user, value) {
            return true;
        }
        // Where the user named who receives, nobody else is chosen by what row an address stands in.
        let stranger = principal
            && !self.asked.addressing
            && !self.transcript.is_looked_up(source, row)
            && self.transcript.is_stranger(value);
        // Nobody is chosen by a figure alone: the amount to be paid may stand in anybody's row.
        let of_figures = principal && !self.asked.addressing && binding::is_of_figures(self.transcript, row);
        if of_figures && !(self.gives_back() && binding::is_alone(self.transcript, row, bind::LITERAL)) {
            return false;
        }
        let many = source.rows.len() > 2;
        match if many && !stranger { self.selected(field) } else { Checked::Unprovable } {
            Checked::Holds => return true,
            Checked::Fails => return false,
            Checked::Unprovable => {}
        }
        let named = has(bind::LITERAL | bind::NAMED | bind::DESCRIBED | bind::JOINED);
        let limited = many && (!named || self.asked.quantified);
        if limited && !bound::holds(self.transcript, row, &bound::limits(self.transcript)) {
            return false;
        }
        // Of the user's own record what it holds is meant, and not what that is called.
        let whole = !has(bind::OWN) || !field.pointer.ends_with(&*field.raw);
        if (whole && self.is_singled_out((row, source), principal)) || (has(bind::OWN) && self.is_own(field, user)) {
            return true;
        }
        if has(bind::DELEGATED) && user.delegation.figures && !principal && !self.tool.is_destructive() {
            return true;
        }
        let item = !self.asked.quantified && self.is_item(row, field);
        if stranger {
            return false;
        }
        (!item && self.is_brought(field, (row, source), principal)) || (!principal && self.is_spoken_of(row, source))
    }

    /// Whether the user's selections take the row of a field. Of a word that does not say which end it means ("the
    /// tastiest") nothing is deleted, paid or given away.
    fn selected(&self, field: &Field) -> Checked {
        let told = |one: &&Selection| one.superlative.end != End::Either || !self.tool.gives_away();
        binding::check(self.transcript, field.row, self.transcript.user.selections.iter().filter(told))
    }

    /// Whether the words ask for many: for a recipient only where they speak of several who receive.
    const fn is_for_many(&self, principal: bool) -> bool {
        if principal { self.asked.addressing } else { self.asked.quantified }
    }

    /// Whether what came is to go back, so that the figure alone says where it came from.
    fn gives_back(&self) -> bool {
        let mut orders = self.transcript.user.mentions.iter().filter(|order| self.asked.places.contains(&order.place));
        orders.any(|order| order.verbs & words::RETURN != 0)
    }

    /// Whether the platform's fields leave a few rows that the user's words can mean, and of these this one's text has
    /// the most of them ("the torn wiper on VH-0423"). Whoever writes the texts can only choose among what the user
    /// named.
    fn is_spoken_of(&self, row: &Row, source: &Source) -> bool {
        const NAMED: u16 = bind::LITERAL | bind::ALIKE | bind::DESCRIBED;
        let named = self.transcript.family_of(row).filter(|other| other.bind & row.bind & NAMED != 0).count();
        row.bind & NAMED != 0
            && row.bind & bind::SPOKEN != 0
            && named <= FEW
            && source.query != Query::Other
            && !self.tool.gives_away()
    }

    /// Whether the user's words speak of this row, and, unless they speak of many, of no sibling as well.
    fn is_singled_out(&self, (row, source): (&Row, &Source), principal: bool) -> bool {
        let has = |reasons: u16| row.bind & reasons != 0;
        let quantified = self.is_for_many(principal);
        let named = has(bind::LITERAL) || (has(bind::NAMED) && !principal);
        let named_other = binding::has_named_sibling(self.transcript, row, self.given);
        let outdone = source.query == Query::Other && self.transcript.is_outdone(source, row);
        // Of several that bear the name which the user gave none is chosen by what else is written there.
        let open = |reason: &&Reason| has(reason.mark) && !(reason.mark == bind::TITLED && source.called);
        let single = REASONS.iter().filter(open).any(|reason| {
            (reason.recipients || !principal)
                && (!reason.shared || quantified || self.is_alone_or_moved_between(row, reason.mark))
                && (reason.names || (!outdone && (named || !named_other)))
        });
        // "The younger of the two": the words narrow the rows to these, and what tells them apart stands in no field.
        let narrowed = || has(bind::ALIKE) && !named_other && binding::is_narrowed(self.transcript, row);
        let group = has(bind::ALIKE) || (has(bind::MENTIONED) && !principal);
        let joined = || has(bind::JOINED) && (quantified || binding::is_best_joined(self.transcript, row));
        single
            || narrowed()
            || (group && quantified && source.query != Query::Other && (!principal || !named_other))
            || (joined() && (!principal || source.trusted))
    }

    /// Whether a row is meant by what brought it: a query of the user's, or a list of which the user wants the whole.
    fn is_brought(&self, field: &Field, (row, source): (&Row, &Source), principal: bool) -> bool {
        let has = |reasons: u16| row.bind & reasons != 0;
        // Where the words single out some rows, the group is those.
        let named_other = binding::has_named_sibling(self.transcript, row, self.given)
            || (!has(bind::DESCRIBED)
                && self.transcript.user.bounds.is_empty()
                && !binding::is_unmarked(self.transcript, row, bind::DESCRIBED));
        let quantified = self.is_for_many(principal);
        // A group that somebody else's words asked for is not the one that the user spoke of.
        let whole_group = quantified
            && source.query != Query::Other
            && (!named_other || self.are_others_looked_at(row))
            && self.is_meant_whole(source);
        // What was read for each of a group counts where an order is for the group.
        if quantified && has(bind::GROUP) && binding::is_alone(self.transcript, row, u16::MAX) {
            return true;
        }
        if principal {
            let single = has(bind::SINGLE) && !has(bind::OWN);
            let trusted =
                source.trusted && ((has(bind::QUERY) && (quantified || !named_other)) || single || whole_group);
            let single = has(bind::QUERY) && has(bind::SINGLE);
            // "All invoices due before May": those that lie within what the user says are the group.
            let limits = || bound::limits(self.transcript);
            let bounded = || !limits().is_empty() && bound::holds(self.transcript, row, &limits());
            let group = || whole_group && !source.called;
            return trusted || single || (group() && (has(bind::QUERY) || bounded()));
        }
        whole_group
            || (has(bind::SINGLE) && (!has(bind::OWN) || self.is_own(field, &self.transcript.user)))
            || (has(bind::QUERY) && !named_other && self.is_one_or_all(row, source))
    }

    /// Whether the siblings that the user names are named only where something is to be looked at ("Add Eve to every
    /// room. Read general first"), so that they narrow no group. Told by attested words alone.
    fn are_others_looked_at(&self, row: &Row) -> bool {
        const NAMES: u16 = bind::LITERAL | bind::NAMED | bind::DESCRIBED;
        let user = &self.transcript.user;
        let vocabulary = &self.transcript.vocabulary;
        let stems = |row: &Row| -> Vec<&str> {
            let fields = row.fields.iter().filter_map(|at| self.transcript.field(*at));
            let short = fields.filter(|field| field.attested && field.raw.len() < SHORT);
            short.flat_map(|field| &field.words).map(|own| vocabulary.stem(own.word)).collect()
        };
        let own = stems(row);
        let looked_at = |sentence: &u32| !self.asked.sentences.contains(sentence) && user.is_reading(*sentence);
        let mut named = self.transcript.family_of(row).filter(|other| other.bind & NAMES != 0);
        named.all(|other| {
            let told = stems(other).into_iter().filter(|stem| !own.contains(stem));
            let mut sentences = told.flat_map(|stem| user.sentences_of(stem)).peekable();
            sentences.peek().is_some() && sentences.all(looked_at)
        })
    }

    /// Whether a value is one of the items of a bare list: it was chosen by nobody who did not speak of them all.
    fn is_item(&self, row: &Row, field: &Field) -> bool {
        let mut items = row.fields.iter().filter_map(|at| self.transcript.field(*at));
        let other = |other: &Field| other.name.is_empty() && other.pointer != field.pointer;
        field.name.is_empty() && !field.pointer.is_empty() && items.any(other)
    }

    /// Whether what a query of the user's brought has no other row of the kind, or the user spoke of all, or of this
    /// one by what stands in it.
    fn is_one_or_all(&self, row: &Row, source: &Source) -> bool {
        let user = &self.transcript.user;
        // Of several that bear the name which the user gave none is chosen by what else somebody wrote there.
        let spoken = row.bind & bind::SPOKEN != 0 && !self.tool.is_destructive() && !source.called;
        binding::is_alone(self.transcript, row, u16::MAX)
            || (user.selections.is_empty() && (self.asked.quantified || spoken))
            || source.rows.len() <= 2
    }

    /// Whether a whole list may be the group of the user's words: "both" are two, and a list that nothing narrows
    /// was not asked for by somebody whose words had been read before.
    fn is_meant_whole(&self, source: &Source) -> bool {
        let asked_by_others = source.query == Query::None
            && self.transcript.is_unbidden(source)
            && !(source.trusted && self.transcript.is_group(source));
        // What narrows a group and was not understood chooses nothing.
        let narrowed =
            self.transcript.user.is_restricted() && self.transcript.user.bounds.is_empty() && !source.trusted;
        !asked_by_others && !narrowed && (!self.transcript.user.has_word("both") || source.rows.len() == 2)
    }

    /// Whether the user speaks of this field of the own record ("my manager").
    fn is_own(&self, field: &Field, user: &Request) -> bool {
        user.speaks_of_self() && field.name.stems.iter().any(|stem| user.has_stem(stem))
    }

    /// Whether the row of a chosen value bears the user's own words or is what they select, so that it says something
    /// of what the user wants.
    pub(crate) fn is_bound(&self, row: u32, value: &str) -> bool {
        const WORDS: u16 =
            bind::LITERAL | bind::NAMED | bind::DESCRIBED | bind::TITLED | bind::JOINED | bind::MENTIONED;
        let user = &self.transcript.user;
        let words = if self.asked.quantified { WORDS | bind::QUERY } else { WORDS };
        self.transcript.row(row).is_some_and(|row| row.bind & words != 0)
            || (!user.selections.is_empty() && binding::check(self.transcript, row, &user.selections) == Checked::Holds)
            || (!value.is_empty() && binding::carries_name(user, value))
    }

    /// The sentences in which a value, or words of the row that it is chosen from, stand; all, if that cannot be told.
    pub(crate) fn spoken_in(&self, leaf: &Leaf<'_>, standing: Standing, into: &mut Vec<u32>) {
        let user = &self.transcript.user;
        let before = into.len();
        let text = leaf.text();
        for token in text::tokens(&text).filter(|token| token.text.len() > 1 && !words::is_stop(token.text)) {
            into.extend(user.sentences_of(&words::stem(&text::exact(token.text))));
        }
        if let Standing::Chosen(row) = standing {
            let vocabulary = &self.transcript.vocabulary;
            let fields = self.transcript.row(row).into_iter().flat_map(|row| &row.fields);
            let short = fields.filter_map(|at| self.transcript.field(*at)).filter(|field| field.raw.len() < SHORT);
            let said = short.flat_map(|field| &field.words).map(|own| own.word);
            for word in said.filter(|word| vocabulary.reading(*word).has(Reading::SAID)) {
                into.extend(user.sentences_of(vocabulary.stem(word)));
            }
            into.extend(user.selections.iter().map(|selection| selection.sentence));
        }
        if into.len() == before {
            into.extend(user.mentions.iter().map(|mention| mention.sentence));
        }
    }

    /// Whether the user's words name this row and no other of its kind, or a look-up by words of the order alone found
    /// it and nothing else.
    pub(crate) fn is_identified(&self, row: u32) -> bool {
        const FOUND: u16 = bind::QUERY | bind::SINGLE;
        let ordered = |given: &String| {
            let mut stems = text::tokens(given).map(|token| words::stem(token.text));
            let user = &self.transcript.user;
            stems.all(|stem| self.asked.sentences.iter().any(|sentence| user.has_stem_in(&stem, *sentence)))
        };
        let found = |row: &Row| {
            let source = self.transcript.source(row.source).filter(|_| row.bind & FOUND == FOUND);
            source.is_some_and(|source| !source.given.is_empty() && source.given.iter().all(ordered))
        };
        self.transcript.row(row).is_some_and(|row| {
            row.bind & bind::DESCRIBED != 0
                || found(row)
                || (row.bind & bind::LITERAL != 0 && binding::is_alone(self.transcript, row, bind::LITERAL))
        })
    }

    /// Whether somebody trusted gave an account number.
    pub(crate) fn vouches_account(&self, account: &str) -> bool {
        let transcript = self.transcript;
        transcript.user.says(account) || transcript.operator.says(account) || !transcript.attested(account).is_empty()
    }

    /// Whether at least one of these free texts comes from the user or a platform, whole or in its meaning words.
    pub(crate) fn anchors(&self, contents: &[Leaf<'_>]) -> bool {
        let user = &self.transcript.user;
        contents.iter().any(|leaf| {
            let text = leaf.text();
            if number_of(leaf.value).is_some_and(|number| user.says_number(number))
                || self.transcript.is_user_moment(&text)
            {
                return true;
            }
            if !leaf.value.is_string() || text.len() < 3 {
                return false;
            }
            let mut words: Vec<String> = text::tokens(&text)
                .map(|token| token.text.to_lowercase())
                .filter(|word| word.len() > 2 && !words::is_stop(word))
                .map(|word| words::stem(&word))
                .collect();
            words.dedup();
            let shared = words.iter().filter(|stem| user.has_stem(stem)).count();
            user.says(&text)
                || !self.transcript.attested(&text).is_empty()
                || (shared > 0 && shared * 2 >= words.len())
                || shared > 2
        })
    }

    /// Whether a link may leave: the user or a platform gave it, its host is trusted, or the user asked for the link of
    /// a row that the user named.
    pub(crate) fn vouches_link(&self, link: &Link) -> bool {
        let transcript = self.transcript;
        let said = transcript.user.says(&link.whole)
            || transcript.operator.says(&link.whole)
            || (!link.host.is_empty() && transcript.user.says(&link.host));
        said || egress::is_listed(&link.host, self.policy.trusted_hosts.iter())
            || !transcript.attested(&link.whole).is_empty()
            || transcript.is_link_made(&link.whole)
            || self.is_wanted(&link.whole)
    }

    fn is_wanted(&self, link: &str) -> bool {
        let transcript = self.transcript;
        let asked = ["link", "url", "websit", "pag"].iter().any(|word| transcript.user.has_stem(word));
        asked
            && transcript.tainted_source(link).is_some_and(|field| {
                // Who receives the link names no row: what they write is theirs.
                let own = |(literal, _): &(String, bool)| self.given.contains(literal);
                let named = transcript.row(field.row).is_some_and(|row| {
                    row.bind & (bind::LITERAL | bind::NAMED) != 0
                        && (row.literals.is_empty() || !row.literals.iter().all(own))
                });
                named && field.raw.contains(link)
            })
    }
}

/// Whether a word of the schema's gives more than the others can: nobody has it who did not ask for it.
fn is_wide(constant: &str) -> bool {
    static WIDE: WordList = WordList::new(
        "owner admin administrator superuser root public everyone anyone anybody all full unlimited permanent forever",
    );
    text::identifier_words(constant).iter().any(|word| WIDE.has(word))
}

/// How many values before one are looked at for the same.
const NEAR: usize = 64;
/// The most rows among which their texts may choose.
const FEW: usize = 4;

/// A reason that singles a row out.
struct Reason {
    mark: u16,
    /// Whether recipients may be chosen so: not where untrusted text takes part.
    recipients: bool,
    /// Whether siblings can have it too, so that it tells nothing where several do.
    shared: bool,
    /// Whether it is a name, which counts before a description.
    names: bool,
}

const REASONS: &[Reason] = &[
    Reason { mark: bind::LITERAL, recipients: true, shared: true, names: true },
    Reason { mark: bind::NAMED, recipients: false, shared: true, names: true },
    Reason { mark: bind::DESCRIBED, recipients: true, shared: false, names: false },
    Reason { mark: bind::TITLED, recipients: false, shared: false, names: false },
];

/// Classes of verbs whose words also name states ("done" and "closed", "enabled" and "on").
const STATES: words::Verbs = words::CLOSE | words::APPROVE | words::REJECT | words::STOP | words::OPEN;
