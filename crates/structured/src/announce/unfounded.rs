//! Words around the only document that say it rests on nothing: it is supposed, its source was never there, its values
//! were thought up.
//!
//! `If the review were positive, I would return {...}` shows what an answer would look like.
//! `{...}. I cannot see any reading in your message.` fills a form from nothing, if no member of it is left open: one
//! that is null or absent is what the words speak of.
//!
//! What never happens here: no model, no score. The phrases are listed, and the list is the documentation.

use super::fault::{Answer, clauses};
use super::made_up::{calls_it_made_up, is_made_up_remark, stands_for_another, uses_made_up};
use super::{ANSWERS, begins, leads, says, spaced, words_from};

/// How a sentence begins that supposes something.
const SUPPOSING: [&str; 17] = [
    "if",
    "suppose",
    "supposing",
    "imagine",
    "say",
    "were",
    "had",
    "hypothetically",
    "wenn",
    "falls",
    "angenommen",
    "si",
    "supposons",
    "supongamos",
    "se",
    "supponiamo",
    "suponha",
];
/// What then would be.
const WOULD: [&str; 17] = [
    "would",
    "could",
    "might",
    "d",
    "wäre",
    "würde",
    "sähe",
    "serait",
    "renverrais",
    "retournerais",
    "sería",
    "devolvería",
    "sarebbe",
    "restituirei",
    "seria",
    "devolveria",
    "retornaria",
];
/// Who has to choose supposes nothing.
const PRESSED: [&str; 5] = ["if i had to", "if i must", "if i were to", "if forced", "if asked"];
/// What says that I had nothing to look at.
const UNSEEN: [&str; 5] = ["see", "open", "read", "access", "view"];
const UNABLE: [&str; 15] = [
    "i cannot",
    "i can t",
    "i can not",
    "i could not",
    "i couldn t",
    "i do not",
    "i don t",
    "i did not",
    "i didn t",
    "i am unable to",
    "i m unable to",
    "i was unable to",
    "i am not able to",
    "i m not able to",
    "i was not able to",
];
const NO_ACCESS: [&str; 9] = [
    "i have no information",
    "i have no data",
    "i do not know",
    "i don t know",
    "i don t actually know",
    "i do not actually know",
    "i have no access",
    "i do not have access",
    "i don t have access",
];
/// The same in other languages.
const UNABLE_ELSEWHERE: [&str; 12] = [
    "no puedo ver",
    "no puedo leer",
    "no puedo abrir",
    "je ne peux pas voir",
    "je ne peux pas lire",
    "je ne vois pas",
    "ich sehe keine",
    "ich sehe keinen",
    "ich sehe kein",
    "non posso vedere",
    "não consigo ver",
    "ich kann das nicht",
];
/// What may well not be seen in a source that is there.
const FINDINGS: [&str; 15] = [
    "evidence",
    "sign",
    "signs",
    "mention",
    "indication",
    "duplicates",
    "error",
    "errors",
    "issue",
    "issues",
    "problem",
    "problems",
    "mistakes",
    "discrepancies",
    "reason",
];
/// Who asks for the source has not seen it.
const ASKING: [&str; 9] =
    ["please", "bitte", "once you", "as soon as you", "until you", "when you", "sobald", "dès que", "cuando"];
const HANDING_OVER: [&str; 19] = [
    "upload",
    "paste",
    "attach",
    "provide",
    "share",
    "send",
    "hochladen",
    "hoch",
    "anhängen",
    "schicken",
    "senden",
    "envoyez",
    "envoyer",
    "joindre",
    "télécharger",
    "adjunte",
    "suba",
    "sube",
    "carica",
];
const SOURCES: [&str; 24] = [
    "text",
    "document",
    "file",
    "image",
    "scan",
    "photo",
    "input",
    "content",
    "contents",
    "transcript",
    "message",
    "diff",
    "screenshot",
    "pdf",
    "rechnung",
    "dokument",
    "datei",
    "bild",
    "facture",
    "factura",
    "documento",
    "archivo",
    "source",
    "survey",
];
/// What is said of a source that is not there.
const NEVER_GIVEN: [&str; 25] = [
    "angehängt war",
    "angehängt wurde",
    "été joint",
    "été jointe",
    "fue adjuntado",
    "allegato",
    "was attached",
    "were attached",
    "is attached",
    "was provided",
    "were provided",
    "was uploaded",
    "were uploaded",
    "was pasted",
    "was supplied",
    "was enclosed",
    "was given",
    "were given",
    "was shared",
    "you did not attach",
    "you didn t attach",
    "you did not provide",
    "you didn t provide",
    "you did not upload",
    "not attached",
];
/// What denies it.
const NONE: [&str; 14] = [
    "kein", "keine", "aucun", "aucune", "ningún", "nessun", "no", "not", "nothing", "never", "none", "neither", "t",
    "without",
];
/// Who leaves something out tells of a customer; who is spoken to left the source out.
const OTHERS: [&str; 8] = ["customer", "user", "client", "caller", "author", "applicant", "patient", "he"];
/// An order not to use what follows.
const UNUSABLE: [&str; 12] = [
    "do not use the following",
    "don t use the following",
    "ignore the following",
    "disregard the following",
    "do not use them",
    "do not use these",
    "do not use it",
    "do not use this",
    "don t use them",
    "don t use these",
    "don t use it",
    "don t use this",
];

/// Whether the words suppose the document: `If it were positive, I would return ...`.
pub(crate) fn is_supposed(before: &str, behind: &str) -> bool {
    // "If you'd like to import it, here it is" supposes nothing of the document.
    let fenced = before.trim_end().rsplit_once('\n').filter(|(_, last)| last.trim_start().starts_with("```"));
    let before = fenced.map_or(before, |(words, _)| words);
    let sentence = before.rsplit(['.', '!', '?', '\n']).find(|part| part.contains(char::is_alphabetic)).unwrap_or("");
    let words = spaced(sentence);
    let first = words.split_whitespace().next().unwrap_or("");
    let offers = words.trim_start().starts_with("if you ");
    let supposes = !offers && SUPPOSING.contains(&first) && says(&words, &WOULD) && !says(&words, &PRESSED);
    let next = spaced(behind.lines().next().unwrap_or(""));
    let goes_on = before.contains(char::is_alphabetic) || !behind.starts_with('\n');
    supposes || (goes_on && (next.starts_with(" would be ") || next.starts_with(" would have been ")))
}

/// Whether the words say that there was nothing to take the values from.
pub(crate) fn has_no_source(before: &str, behind: &str) -> bool {
    let before = if has_another_source(&spaced(before)) { "" } else { before };
    [before, behind].iter().flat_map(|words| words.split(['.', '!', '?', '\n', ';', ','])).any(|clause| {
        let words = spaced(clause);
        let mine = words.contains(" i ");
        // `I cannot see any errors` is a finding.
        let verb =
            |rest: &str| UNSEEN.contains(&rest.split_whitespace().next().unwrap_or("")) && !says(rest, &FINDINGS);
        let unseen = mine && UNABLE.iter().any(|unable| words.split_once(unable).is_some_and(|(_, rest)| verb(rest)));
        let missing = says(&words, &NONE) && says(&words, &NEVER_GIVEN) && !says(&words, &OTHERS);
        unseen
            || is_unseen(&words)
            || is_unreadable(&words)
            || (mine && (says(&words, &NO_ACCESS) || lacks_source(&words)))
            || missing
            || asks_for_source(&words)
            || says(&words, &UNABLE_ELSEWHERE)
    })
}

/// `I haven't actually read the letter`; `I have never seen such a letter before` has seen this one.
fn is_unseen(words: &str) -> bool {
    const NOT: [&str; 6] = ["i have not", "i haven t", "i have never", "i never", "i did not", "i didn t"];
    const ADVERBS: [&str; 4] = ["actually", "really", "yet", "even"];
    const SEEN: [&str; 7] = ["seen", "opened", "read", "accessed", "viewed", "received", "got"];
    const BEFORE: [&str; 4] = ["before", "such", "like", "aloud"];
    const NEAR_WORDS: usize = 3;
    let unseen = |behind: &str| {
        let mut rest = behind.split_whitespace().skip_while(|word| ADVERBS.contains(word));
        let seen = rest.next().is_some_and(|verb| SEEN.contains(&verb));
        seen && rest.take(NEAR_WORDS).any(is_source) && !says(&format!(" {behind}"), &BEFORE)
    };
    words_from(words).any(|(_, rest)| NOT.iter().filter_map(|phrase| leads(rest, phrase)).any(unseen))
}

/// `The scan is unreadable`, `the attachment could not be opened`; `the second page is blank` speaks of a part.
fn is_unreadable(words: &str) -> bool {
    const STATES: [&str; 12] = [
        "is unreadable",
        "was unreadable",
        "is illegible",
        "was illegible",
        "is blank",
        "was blank",
        "is corrupted",
        "was corrupted",
        "could not be opened",
        "could not be read",
        "did not load",
        "is not readable",
    ];
    let mut rest = words.split_whitespace().skip_while(|word| matches!(*word, "as" | "since" | "but" | "so"));
    let (article, noun) = (rest.next().unwrap_or(""), rest.next().unwrap_or(""));
    let state = spaced(&rest.collect::<Vec<_>>().join(" "));
    matches!(article, "the" | "your" | "this")
        && is_source(noun)
        && STATES.iter().any(|phrase| begins(&state, phrase).is_some())
}

fn is_source(word: &str) -> bool {
    const BESIDE: [&str; 15] = [
        "attachment",
        "page",
        "receipt",
        "invoice",
        "letter",
        "email",
        "recording",
        "contract",
        "ticket",
        "report",
        "review",
        "article",
        "conversation",
        "thread",
        "story",
    ];
    SOURCES.contains(&word) || BESIDE.contains(&word)
}

/// `but from the text you pasted`; `but based on typical invoices` names no source.
fn has_another_source(words: &str) -> bool {
    const ANOTHER: [&str; 5] = ["but from", "but based on", "so based on", "but going by", "but judging by"];
    const NEAR_WORDS: usize = 6;
    let named = |behind: &str| {
        behind.split_whitespace().take(NEAR_WORDS).any(|word| matches!(word, "you" | "your") || SOURCES.contains(&word))
    };
    words_from(words).any(|(_, rest)| ANOTHER.iter().filter_map(|phrase| leads(rest, phrase)).any(named))
}

/// `I don't have the report`, `I have no flight data`; `I have no further information` takes leave.
fn lacks_source(words: &str) -> bool {
    const LACKING: [&str; 10] = [
        "i had no",
        "i did not have",
        "i didn t have",
        "i have no",
        "i don t have",
        "i do not have",
        "i did not receive",
        "i didn t receive",
        "i have not received",
        "i never received",
    ];
    const RECORDS: [&str; 8] = ["data", "information", "report", "letter", "invoice", "record", "records", "recipe"];
    const MORE: [&str; 6] = ["further", "additional", "other", "more", "any", "about"];
    // `I have no record of a second delivery`: one there was.
    const ANOTHER: [&str; 5] = ["second", "third", "another", "earlier", "later"];
    const NEAR_WORDS: usize = 4;
    // `I have no doubt that the text is right`, `no issues with the file`: something else is lacking.
    const ELSE: [&str; 19] = [
        "doubt",
        "doubts",
        "objection",
        "objections",
        "preference",
        "need",
        "trouble",
        "question",
        "questions",
        "opinion",
        "in",
        "on",
        "with",
        "for",
        "from",
        "that",
        "to",
        "is",
        "are",
    ];
    let named = |behind: &str| {
        let object = |word: &&str| !ELSE.contains(word) && !FINDINGS.contains(word);
        let has = |list: &[&str], words| {
            behind.split_whitespace().take(words).take_while(object).any(|word| list.contains(&word))
        };
        let at = || behind.split_whitespace().take(NEAR_WORDS).take_while(object).position(is_source);
        // `the email address` is a member, and no source.
        let whole =
            |at: usize| !matches!(behind.split_whitespace().nth(at + 1), Some("address" | "number" | "id" | "name"));
        let named = at().is_some_and(whole) || has(&RECORDS, NEAR_WORDS);
        named && !has(&MORE, NEAR_WORDS) && !has(&ANOTHER, NEAR_WORDS + 1)
    };
    words_from(words).any(|(_, rest)| LACKING.iter().filter_map(|phrase| leads(rest, phrase)).any(named))
}

/// `Please paste the text`, `once you upload the scan`.
fn asks_for_source(words: &str) -> bool {
    says(words, &ASKING) && says(words, &HANDING_OVER) && says(words, &SOURCES)
}

/// Whether the words before a document say that its values were thought up, and no other one is announced.
pub(crate) fn is_thought_up(before: &str, answer: &Answer) -> bool {
    let last = before.trim_end().rsplit(['.', '!', '?', '\n']).next().unwrap_or("");
    if says(&spaced(last), &ANSWERS) {
        return false;
    }
    before.split(['.', '!', '?', '\n', ';']).any(|sentence| {
        let alone = clauses(sentence).filter(|clause| clause.contains(char::is_alphanumeric)).count() == 1;
        let remark = alone || sentence.contains(['(', '—', '–']);
        clauses(sentence).any(|clause| {
            let words = spaced(clause);
            says(&words, &UNUSABLE)
                || uses_made_up(&words, answer)
                || calls_it_made_up(&words, answer)
                || (remark && is_made_up_remark(&words, answer))
                || stands_for_another(&words)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supposed_document_is_told_from_one_that_is_given() {
        for before in [
            "Suppose the parcel weighed 2 kg; then the record would be ",
            "If the review were positive, I would return ",
            "Nothing was sent. If there were a date, the answer would be:\n",
            "Wenn die Rechnung bezahlt wäre, würde ich antworten: ",
        ] {
            assert!(is_supposed(before, ""), "{before}");
        }
        for before in [
            "If I understand you, this is the record: ",
            "If I had to choose, I would say ",
            "The category would be ",
            "I would answer ",
            "",
        ] {
            assert!(!is_supposed(before, ""), "{before}");
        }
        assert!(is_supposed("Then ", " would be the record."));
        assert!(!is_supposed("", "\nWould you like another?"));
    }

    #[test]
    fn values_that_are_said_to_be_thought_up_are_told_from_words_that_are_listed() {
        let answer = |value: &'static str| {
            let names = ["vendor", "total"].map(std::borrow::Cow::Borrowed);
            Answer::new(names.into_iter(), std::iter::once((None, std::borrow::Cow::Borrowed(value))))
        };
        for words in [
            "Here is the response with the placeholder values:\n",
            "The object, filled with dummy data:\n",
            "Using made up numbers:\n",
            "Here is the record (invented):\n",
            "The scan is black. This is a wild guess:\n",
            "I would have to see the letter, but as a placeholder:\n",
            "Do not use the following, it is of the old form:\n",
        ] {
            assert!(is_thought_up(words, &answer("Acme")), "{words}");
        }
        for words in [
            "I extracted the attributes name, placeholder, required:\n",
            "Here is the output using the sample data:\n",
            "A model that was trained with fake data is described:\n",
            "My guess is as good as yours. The record:\n",
            "The ad uses a bag as a placeholder for the prize:\n",
        ] {
            assert!(!is_thought_up(words, &answer("Acme")), "{words}");
        }
        // A placeholder that says so is one all the same.
        assert!(is_thought_up("These are just placeholders: ", &answer("placeholder")));
        assert!(!is_thought_up("The photos are fake: ", &answer("fake")));
    }

    #[test]
    fn a_source_that_was_never_there_is_told_from_a_member_that_is_missing() {
        for (before, behind) in [
            ("", ". I cannot see any reading in your message."),
            ("", ", but no diff was attached."),
            ("I do not have access to the file. ", ""),
            ("", "\nYou did not attach the invoice."),
            ("The format:", "\nPlease paste the text so that I can fill it in."),
            ("Da kein Dokument angehängt war: ", ""),
            ("I don't have the report, but the format would be:\n", ""),
            ("", "\nI have no flight data."),
            ("", "\nI haven't actually read the letter."),
            ("", "\nI have not seen the article."),
            ("", "\n(I didn't have the email, so this is a likely one.)"),
            ("As the attachment could not be opened:\n", ""),
            ("", "\nThe scan was illegible."),
            ("I cannot open the attachment, but based on typical invoices it should be close:\n", ""),
            (
                "I cannot read it all, but from what you typed:\n",
                ". I do not have the second letter, no file was attached.",
            ),
        ] {
            assert!(has_no_source(before, behind), "{before}{behind}");
        }
        for (before, behind) in [
            ("I read the message: ", ""),
            ("", "\nThe customer did not provide a reason."),
            ("As provided in your message: ", ""),
            ("I can see one reading. ", ""),
            ("", "\nPlease send the payment before Friday."),
            ("I can't see any errors in the invoice. ", ""),
            ("", "\nThe vendor did not provide a tax id."),
            ("I am not able to open links, but from the text you pasted:\n", ""),
            ("", "\nI do not have any further information on this."),
            ("", "\nI have no doubt the text is positive."),
            ("", "\nI have no issues with the file."),
            ("", "\nI have never seen such a letter before."),
            ("", "\nThe second page is blank."),
            ("", "\nI had no trouble with the scan."),
            ("", "\nI don't have the email address."),
        ] {
            assert!(!has_no_source(before, behind), "{before}{behind}");
        }
    }
}
