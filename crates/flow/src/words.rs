//! A small general lexicon of English: stems, classes of action verbs, classes of objects, measures.
//!
//! It serves one question: did the user's words ask for an action of this kind, on an object of this kind? The classes
//! are groups of near-synonyms as a thesaurus has them (Roget's heads of giving, ending, changing, telling and so on),
//! not the words of any tool set. Being in a class grants nothing by itself: values are checked apart.
//!
//! What never happens here: no look at untrusted text, no statistics, no model.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A set of classes of verbs.
pub(crate) type Verbs = u32;
/// A set of classes of objects.
pub(crate) type Nouns = u32;

pub(crate) const CREATE: Verbs = 1;
pub(crate) const SEND: Verbs = 1 << 1;
pub(crate) const PAY: Verbs = 1 << 2;
pub(crate) const DELETE: Verbs = 1 << 3;
pub(crate) const UPDATE: Verbs = 1 << 4;
pub(crate) const MOVE: Verbs = 1 << 5;
pub(crate) const SHARE: Verbs = 1 << 6;
pub(crate) const INVITE: Verbs = 1 << 7;
pub(crate) const APPEND: Verbs = 1 << 8;
pub(crate) const BOOK: Verbs = 1 << 9;
pub(crate) const BUY: Verbs = 1 << 10;
pub(crate) const POST: Verbs = 1 << 11;
pub(crate) const ASSIGN: Verbs = 1 << 12;
pub(crate) const CLOSE: Verbs = 1 << 13;
pub(crate) const APPROVE: Verbs = 1 << 14;
pub(crate) const REJECT: Verbs = 1 << 15;
pub(crate) const START: Verbs = 1 << 16;
pub(crate) const UNDO: Verbs = 1 << 17;
pub(crate) const MARK: Verbs = 1 << 18;
pub(crate) const COPY: Verbs = 1 << 19;
pub(crate) const OPEN: Verbs = 1 << 20;
pub(crate) const RETURN: Verbs = 1 << 21;
pub(crate) const JOIN: Verbs = 1 << 22;
pub(crate) const ESCALATE: Verbs = 1 << 23;
pub(crate) const STOP: Verbs = 1 << 24;
pub(crate) const RATE: Verbs = 1 << 25;
pub(crate) const LEND: Verbs = 1 << 26;
const SELL: Verbs = 1 << 27;
const LOCK: Verbs = 1 << 28;
const SILENCE: Verbs = 1 << 29;
const JUDGE: Verbs = 1 << 30;
pub(crate) const FORGIVE: Verbs = 1 << 31;

/// Actions that a general "do as it says" never covers: they end, take or give away something.
pub(crate) const DESTRUCTIVE: Verbs =
    DELETE | BUY | CLOSE | REJECT | STOP | UNDO | RETURN | APPROVE | START | SELL | FORGIVE;

const VERBS: &[(Verbs, &str)] = &[
    (
        CREATE,
        "create make add new write draft generate setup build compose register put establish insert produce prepare record log save enter note jot schedule plan start open file raise set submit lodge nominate propose suggest apply issue found design",
    ),
    (
        SEND,
        "send email mail message text forward reply respond answer notify tell inform write contact dm ping remind pass drop announce alert let update page whisper relay deliver say submit shoot",
    ),
    (
        PAY,
        "pay send transfer wire refund reimburse remit settle repay tip donate deposit return give compensate put move stash charge top",
    ),
    (
        DELETE,
        "delete remove erase drop trash discard clear purge wipe clean destroy eliminate cancel dispose bin kick expel ban uninvite unlink detach scrap revoke unregister withdraw retire decommission",
    ),
    (
        UPDATE,
        "update change modify edit adjust set alter correct fix revise amend replace rename increase decrease raise lower reduce bump switch move make refresh sync put mark double halve triple scale resize extend shorten turn configure rescale grow shrink bring warm cool dim brighten tune calibrate reroute redirect divert renew prolong grade merge",
    ),
    (
        MOVE,
        "move reschedule postpone shift delay push relocate rearrange change rebook advance bring transfer put reroute redirect divert swap exchange",
    ),
    (SHARE, "share grant give allow permit send show expose provide export authorize"),
    (INVITE, "invite add include join enroll bring get put ask"),
    (APPEND, "append add insert attach include put write extend log note jot record comment annotate save"),
    (BOOK, "book reserve schedule arrange order make plan get secure organize"),
    (BUY, "buy purchase order checkout get acquire"),
    (POST, "post publish tweet comment announce upload share write put broadcast blog"),
    (
        ASSIGN,
        "assign reassign delegate give allocate hand transfer appoint move set change hire staff roster put nominate",
    ),
    (CLOSE, "close resolve complete finish done archive end conclude settle shut"),
    (APPROVE, "approve accept confirm authorize sign grant okay"),
    (REJECT, "reject decline deny refuse dismiss"),
    (
        START,
        "start restart reboot reload run launch deploy release ship trigger execute rerun bounce kick activate enable resume begin rollout play fire water irrigate power boot feed print turn",
    ),
    (UNDO, "revert rollback undo restore reset roll back"),
    (MARK, "mark flag tag label star pin highlight categorize set bookmark archive classify"),
    (COPY, "copy duplicate clone export upload download backup save import replicate"),
    (OPEN, "open unlock reopen unblock"),
    (RETURN, "return refund back exchange"),
    (JOIN, "join enter subscribe follow enroll enrol register attend signup"),
    (ESCALATE, "escalate raise page alert notify forward prioritize"),
    (
        STOP,
        "stop disable pause suspend terminate cancel kill halt unsubscribe deactivate abort quit revoke leave call void withdraw freeze block end",
    ),
    (RATE, "rate review score leave write vote give"),
    (FORGIVE, "waive forgive excuse cancel remit"),
    (LEND, "lend loan borrow checkout renew issue hand"),
    (SELL, "sell trade auction offload liquidate"),
    (LOCK, "lock secure bolt shut close"),
    (SILENCE, "silence mute snooze quiet hush acknowledge"),
    (JUDGE, "grade mark give score assess evaluate set"),
];

/// Verbs that name no object of their own: with them the object has to be named too.
const GENERIC: &str = "create make add new set update change send get give put remove delete post open close write edit \
    modify move start stop cancel take do run use save schedule mark bring share leave";

/// Verbs that ask for no effect at all.
const READING: &str = "read find search look list show see view check verify compare count calculate compute summarise \
    summarize explain describe translate analyse analyze inspect review get fetch retrieve browse know tell give think \
    help want need like hope remember consider guess wonder determine identify figure estimate sort rank filter pick \
    choose select watch wait listen use mean seem believe understand learn decide recommend advise suggest extract parse \
    study examine assess evaluate investigate research track monitor test confirm ensure make";

const BASE: Nouns = 1;
pub(crate) const MESSAGE: Nouns = BASE;
pub(crate) const MONEY: Nouns = BASE << 1;
const EVENT: Nouns = BASE << 2;
const FILE: Nouns = BASE << 3;
const PERSON: Nouns = BASE << 4;
const WORK: Nouns = BASE << 5;
const PRODUCT: Nouns = BASE << 6;
const STAY: Nouns = BASE << 7;
const PLACE: Nouns = BASE << 8;
const TRAVEL: Nouns = BASE << 9;
const GROUP: Nouns = BASE << 10;
const NOTE: Nouns = BASE << 11;
const ORDER: Nouns = BASE << 12;
const SECRET: Nouns = BASE << 13;
const CODE: Nouns = BASE << 14;
const CLIMATE: Nouns = BASE << 15;
const LIGHT: Nouns = BASE << 16;
const HEALTH: Nouns = BASE << 17;
const VEHICLE: Nouns = BASE << 18;
const MEDIA: Nouns = BASE << 19;
const LEARNING: Nouns = BASE << 20;
const BOOKS: Nouns = BASE << 21;
const GARDEN: Nouns = BASE << 22;
const SHARES: Nouns = BASE << 23;
const DEVICE: Nouns = BASE << 24;
const DOOR: Nouns = BASE << 25;
const STAFF: Nouns = BASE << 26;
const HOME: Nouns = BASE << 27;

const NOUNS: &[(Nouns, &str)] = &[
    (
        MESSAGE,
        "message email mail dm text reply note inbox letter word line sms reminder notification answer chat tell inform notify ping response thread",
    ),
    (
        MONEY,
        "money payment transaction transfer amount rent bill fund cash price fee invoice refund dollar euro pound balance cost spend spent paid pay debt total iban salary expense saving savings goal tip deposit standing quote offer charge subscription",
    ),
    (
        EVENT,
        "event meeting appointment calendar call booking slot session lunch dinner breakfast interview entry lesson class date visit party reunion trip sync standup workshop schedule reminder",
    ),
    (
        FILE,
        "file document doc docx folder drive spreadsheet sheet report pdf attachment note list page slide presentation txt xlsx csv image photo picture",
    ),
    (
        PERSON,
        "user account profile member person people contact participant attendee guest colleague friend team info information detail customer client employee staff address invitee everyone",
    ),
    (
        WORK,
        "task ticket issue card todo bug story case request incident item job lead deal opportunity pipeline project",
    ),
    (PRODUCT, "product item article cart basket goods piece thing"),
    (STAY, "hotel lodging room accommodation stay apartment hostel reservation booking place flat night"),
    (PLACE, "restaurant table cafe bar place venue reservation seat"),
    (TRAVEL, "flight ticket train trip seat car rental ride taxi journey travel bus cab"),
    (GROUP, "channel room group team workspace server space forum board"),
    (NOTE, "note comment remark annotation memo log entry review feedback"),
    (ORDER, "order purchase parcel package delivery shipment checkout"),
    (SECRET, "password passcode pin credential secret key token"),
    (
        CLIMATE,
        "temperature thermostat degree celsius fahrenheit heating heat warm warmer cool cooler climate aircon ac",
    ),
    (LIGHT, "light lamp brightness lighting bulb"),
    (HEALTH, "patient prescription medication medicine drug dose doctor clinic appointment treatment refill"),
    (VEHICLE, "car vehicle truck van bike taxi ride fleet"),
    (LEARNING, "course class lesson essay grade exam assignment homework submission student pupil quiz thesis paper"),
    (BOOKS, "book novel title copy loan library volume atlas magazine reader"),
    (GARDEN, "irrigation sprinkler watering garden lawn hose plant zone tomato"),
    (SHARES, "share stock security position portfolio bond fund"),
    (DEVICE, "alarm device pump sensor machine siren printer robot"),
    (DOOR, "door lock gate garage window"),
    (STAFF, "shift roster rota leave holiday vacation employee staff worker"),
    (HOME, "lease rent tenant landlord property"),
    (MEDIA, "song track playlist music album video film movie podcast"),
    (
        CODE,
        "repository repo commit branch deploy service server build release replica instance deployment container pod launch rollout",
    ),
];

const STOP_WORDS: &str = "a an the of to in on at by for from with and or but if then so as is are was were be been it its this \
    that these those i me my mine we us our you your he him his she her they them their there here what which who whom \
    whose when where why how do does did done doing have has had having can could will would shall should may might \
    must not no yes please also just only very too any some all every each both either neither more most less least \
    other another than into about over under up down out off again once same s t re ll ve d m am pm im id ok okay new";

/// The direction in which a superlative points, and what it measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superlative {
    /// Whether the greatest value is meant, or the least.
    pub(crate) greatest: bool,
    /// What is compared.
    pub(crate) measure: Measure,
}

/// What a superlative compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Measure {
    /// Bytes, metres, anything large or small.
    Size,
    /// Dates and times.
    Time,
    /// Prices.
    Price,
    /// Ratings.
    Rating,
    /// Distances and durations.
    Length,
    /// Priorities.
    Urgency,
    /// Whatever the noun beside it says.
    Named,
}

const SUPERLATIVES: &[(&str, bool, Measure)] = &[
    ("largest", true, Measure::Size),
    ("biggest", true, Measure::Size),
    ("heaviest", true, Measure::Size),
    ("smallest", false, Measure::Size),
    ("tiniest", false, Measure::Size),
    ("lightest", false, Measure::Size),
    ("latest", true, Measure::Time),
    ("newest", true, Measure::Time),
    ("recent", true, Measure::Time),
    ("last", true, Measure::Time),
    ("freshest", true, Measure::Time),
    ("oldest", false, Measure::Time),
    ("earliest", false, Measure::Time),
    ("first", false, Measure::Time),
    ("soonest", false, Measure::Time),
    ("next", false, Measure::Time),
    ("cheapest", false, Measure::Price),
    ("expensive", true, Measure::Price),
    ("priciest", true, Measure::Price),
    ("dearest", true, Measure::Price),
    ("costliest", true, Measure::Price),
    ("affordable", false, Measure::Price),
    ("best", true, Measure::Rating),
    ("top", true, Measure::Rating),
    ("worst", false, Measure::Rating),
    ("finest", true, Measure::Rating),
    ("nearest", false, Measure::Length),
    ("closest", false, Measure::Length),
    ("shortest", false, Measure::Length),
    ("fastest", false, Measure::Length),
    ("quickest", false, Measure::Length),
    ("longest", true, Measure::Length),
    ("slowest", true, Measure::Length),
    ("farthest", true, Measure::Length),
    ("urgent", true, Measure::Urgency),
    ("critical", true, Measure::Urgency),
    ("highest", true, Measure::Named),
    ("lowest", false, Measure::Named),
    ("fewest", false, Measure::Named),
    ("greatest", true, Measure::Named),
];

/// Superlatives that need "most" or "least" before them.
const WITH_MOST: &str = "expensive recent affordable urgent critical";

const MEASURES: &[(Measure, &str)] = &[
    (Measure::Size, "size byte kb mb weight volume length count pages capacity"),
    (
        Measure::Time,
        "date time timestamp created updated modified received sent at on due start day opened posted placed departure depart arrival since when",
    ),
    (Measure::Price, "price cost amount total fee rate fare value charge nightly usd eur"),
    (Measure::Rating, "rating rated score star stars reviews review points"),
    (Measure::Length, "distance duration length minutes hours km miles metres meters travel"),
    (Measure::Urgency, "priority urgency severity importance"),
];

const QUANTIFIERS: &str =
    "all every each both everyone everybody everything individually respective any these those them";
const TLD_OR_PROVIDER: &str = "com org net io gmail hotmail yahoo outlook mail email www http https example info";

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::build);

struct Tables {
    verbs: HashMap<String, Verbs>,
    nouns: HashMap<String, Nouns>,
    stop: HashMap<&'static str, ()>,
    generic: HashMap<String, ()>,
    reading: HashMap<String, ()>,
}

impl Tables {
    fn build() -> Self {
        let mut verbs: HashMap<String, Verbs> = HashMap::new();
        for (class, words) in VERBS {
            for word in words.split_whitespace() {
                *verbs.entry(stem(word)).or_default() |= class;
            }
        }
        let mut nouns: HashMap<String, Nouns> = HashMap::new();
        for (class, words) in NOUNS {
            for word in words.split_whitespace() {
                *nouns.entry(stem(word)).or_default() |= class;
            }
        }
        let stop = STOP_WORDS.split_whitespace().map(|word| (word, ())).collect();
        let set = |words: &str| words.split_whitespace().map(|word| (stem(word), ())).collect();
        Self { verbs, nouns, stop, generic: set(GENERIC), reading: set(READING) }
    }
}

/// The classes of a verb by its stem; none for a word that is no known verb.
pub(crate) fn verbs(stem: &str) -> Verbs {
    TABLES.verbs.get(stem).copied().unwrap_or_default()
}

/// The classes of a noun by its stem.
pub(crate) fn nouns(stem: &str) -> Nouns {
    TABLES.nouns.get(stem).copied().unwrap_or_default()
}

/// Whether a verb says nothing about its object.
pub(crate) fn is_generic(stem: &str) -> bool {
    TABLES.generic.contains_key(stem)
}

/// Whether a verb only asks to read: to find, to show, to work out.
pub(crate) fn is_reading(stem: &str) -> bool {
    TABLES.reading.contains_key(stem)
}

/// Whether a lower-case word carries no meaning of its own.
pub(crate) fn is_stop(word: &str) -> bool {
    TABLES.stop.contains_key(word)
}

/// Whether a word speaks of all members of a group.
pub(crate) fn is_quantifier(word: &str) -> bool {
    QUANTIFIERS.split(' ').any(|entry| entry == word)
}

/// Whether a part of an address names nobody in particular.
pub(crate) fn is_address_noise(word: &str) -> bool {
    TLD_OR_PROVIDER.split(' ').any(|entry| entry == word)
}

/// The superlative that a word expresses, given the word before it.
pub(crate) fn superlative(before: &str, word: &str) -> Option<Superlative> {
    let &(_, greatest, measure) = SUPERLATIVES.iter().find(|(entry, ..)| *entry == word)?;
    if !WITH_MOST.split(' ').any(|entry| entry == word) {
        return Some(Superlative { greatest, measure });
    }
    match before {
        "most" => Some(Superlative { greatest, measure }),
        "least" => Some(Superlative { greatest: !greatest, measure }),
        _ if measure == Measure::Urgency => None,
        _ => None,
    }
}

/// Whether a field by this name holds what `measure` compares. `noun` is the word that the superlative stands beside.
pub(crate) fn measures(measure: Measure, noun: &[String], field_words: &[String]) -> bool {
    let named = field_words.iter().any(|word| noun.contains(&stem(word)));
    named
        || MEASURES
            .iter()
            .filter(|(entry, _)| *entry == measure)
            .flat_map(|(_, words)| words.split(' '))
            .any(|entry| field_words.iter().any(|word| word == entry || stem(word) == stem(entry)))
}

/// A light suffix stemmer (after Porter, "An algorithm for suffix stripping", 1980, steps 1a to 1c and a few endings
/// of step 3). Its stems are keys for equality, not words.
pub(crate) fn stem(word: &str) -> String {
    let mut s = word.to_lowercase();
    if s.len() <= 3 {
        return s;
    }
    for (suffix, with) in [("sses", "ss"), ("ies", "y"), ("ss", "ss"), ("us", "us"), ("s", "")] {
        if s.ends_with(suffix) {
            s.truncate(s.len() - suffix.len());
            s.push_str(with);
            break;
        }
    }
    for suffix in ["ation", "ing", "ed", "ment"] {
        let Some(rest) = s.strip_suffix(suffix) else { continue };
        if rest.len() >= 3 && rest.chars().any(|c| "aeiouy".contains(c)) {
            s.truncate(rest.len());
            undouble(&mut s);
            break;
        }
    }
    if s.len() > 3 && s.ends_with('e') {
        s.pop();
    }
    if s.len() > 3 && s.ends_with('y') {
        s.pop();
        s.push('i');
    }
    s
}

fn undouble(s: &mut String) {
    let mut last = s.chars().rev();
    let (a, b) = (last.next(), last.next());
    if a == b && a.is_some_and(|c| !"aeious".contains(c) && (c != 'l' || s.len() > 5)) {
        s.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_word_share_a_stem() {
        for (a, b) in [
            ("schedule", "scheduled"),
            ("delete", "deletes"),
            ("cancel", "cancelling"),
            ("reply", "replies"),
            ("move", "moving"),
            ("reserve", "reservation"),
            ("pin", "pinned"),
            ("adjust", "adjustment"),
        ] {
            assert_eq!(stem(a).trim_end_matches('l'), stem(b).trim_end_matches('l'), "{a} {b}");
        }
    }

    #[test]
    fn a_superlative_that_needs_most_is_none_without_it() {
        assert!(superlative("", "recent").is_none());
        assert!(superlative("most", "recent").is_some_and(|s| s.greatest));
        assert!(superlative("least", "expensive").is_some_and(|s| !s.greatest));
    }
}
