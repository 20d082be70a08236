//! Golden transcripts of answers: what they mean, what the other dialects make of them, and that neither depends on
//! where the bytes were cut.

use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::Bytes;
use steersman_core::{Event, Usage};
use steersman_wire::sse::SseDecoder;
use steersman_wire::{Answer, AnswerOptions, DIALECTS, Dialect};

/// The dialect that a file is in, and the others.
fn dialects_of(file: &str) -> (&'static dyn Dialect, Vec<&'static dyn Dialect>) {
    let native = match file.split_once('_') {
        Some(("openai", _)) => "openai.chat",
        Some(("responses", _)) => "openai.responses",
        Some(("gemini", _)) => "google.gemini",
        _ => "anthropic.messages",
    };
    let others = DIALECTS.iter().copied().filter(|dialect| dialect.name() != native).collect();
    (steersman_wire::dialect(native).expect("a dialect"), others)
}

fn golden(extension: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    assert!(!files.is_empty());
    let name = |path: &PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read(path).expect("a file"))).collect()
}

/// Decodes a stream that arrives in these chunks.
fn decode<'c>(dialect: &dyn Dialect, chunks: impl Iterator<Item = &'c [u8]>) -> Vec<Event> {
    let (mut frames, mut decoder) = (SseDecoder::new(1 << 20), dialect.answer_decoder());
    let mut events = Vec::new();
    for chunk in chunks {
        frames.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = frames.next_frame().expect("small frames") {
            if let Some(data) = frame.data() {
                events.extend(decoder.frame(frame.event(), data).expect("a frame of the dialect"));
            }
        }
    }
    events
}

fn options() -> AnswerOptions {
    AnswerOptions { created_unix_s: 1_772_000_000, include_usage: true, ..AnswerOptions::default() }
}

fn encode(dialect: &dyn Dialect, events: &[Event]) -> (Vec<u8>, String) {
    let mut encoder = dialect.answer_encoder(options());
    let mut out = Vec::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    (out, losses(encoder.losses()))
}

fn losses(losses: &[steersman_wire::Loss]) -> String {
    losses.iter().fold(String::new(), |mut text, loss| {
        writeln!(text, "{}: {}", loss.param, loss.what).expect("memory");
        text
    })
}

fn listed(events: &[Event]) -> String {
    events.iter().fold(String::new(), |mut text, event| {
        writeln!(text, "{event:?}").expect("memory");
        text
    })
}

/// What an answer says, whatever the size of the pieces it was said in.
fn meaning(events: &[Event]) -> String {
    let answer = Answer::collect(events);
    let mut foreign: Vec<String> = answer.foreign.iter().map(|event| format!("{event:?}")).collect();
    foreign.sort();
    let Answer { id, model, choices, usage, error, complete, .. } = &answer;
    format!("{id} {model} {usage:?} {error:?} {complete}\n{choices:#?}\n{foreign:#?}")
}

#[test]
fn streams_mean_what_the_golden_files_say_in_every_dialect() {
    for (name, stream) in golden("sse") {
        let (native, others) = dialects_of(&name);
        let events = decode(native, std::iter::once(stream.as_slice()));
        let mut text = listed(&events);
        for other in others {
            let (translated, lost) = encode(other, &events);
            let whole = other.encode_answer(&Answer::collect(&events), &options());
            write!(
                text,
                "\n=== streamed as {}\n{}\n=== losses\n{lost}\n=== whole as {}\n{}\n=== losses\n{}",
                other.name(),
                String::from_utf8_lossy(&translated),
                other.name(),
                String::from_utf8_lossy(&whole.body),
                losses(&whole.losses),
            )
            .expect("memory");
        }
        insta::with_settings!({snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(name.as_str(), text);
        });
    }
}

#[test]
fn whole_answers_mean_what_the_golden_files_say_in_every_dialect() {
    for (name, body) in golden("json") {
        let (native, others) = dialects_of(&name);
        let events = native.decode_answer(&body).expect("an answer of the dialect");
        let mut text = listed(&events);
        for other in others {
            let whole = other.encode_answer(&Answer::collect(&events), &options());
            let (body, lost) = (String::from_utf8_lossy(&whole.body), losses(&whole.losses));
            write!(text, "\n=== whole as {}\n{body}\n=== losses\n{lost}", other.name()).expect("memory");
        }
        insta::with_settings!({snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(name.as_str(), text);
        });
        let again = native.encode_answer(&Answer::collect(&events), &options());
        assert_eq!(losses(&again.losses), "", "{name}");
        let events_again = native.decode_answer(&again.body).expect("what was written is read");
        assert_eq!(meaning(&events_again), meaning(&events), "{name}");
    }
}

#[test]
fn events_do_not_depend_on_where_the_bytes_were_cut() {
    for (name, stream) in golden("sse") {
        let (native, _) = dialects_of(&name);
        let events = decode(native, std::iter::once(stream.as_slice()));
        assert_eq!(decode(native, stream.chunks(1)), events, "{name}, byte by byte");
        for cut in 1..stream.len() {
            let (head, tail) = stream.split_at(cut);
            assert_eq!(decode(native, [head, tail].into_iter()), events, "{name}, cut at {cut}");
        }
    }
}

#[test]
fn an_answer_that_goes_back_to_its_dialect_says_the_same() {
    for (name, stream) in golden("sse") {
        let (native, _) = dialects_of(&name);
        let events = decode(native, std::iter::once(stream.as_slice()));
        let (again, lost) = encode(native, &events);
        assert_eq!(lost, "", "{name}");
        assert_eq!(meaning(&decode(native, std::iter::once(again.as_slice()))), meaning(&events), "{name}");
    }
}

#[test]
fn text_thinking_and_tools_survive_the_way_through_each_other_dialect() {
    for name in [
        "openai_text",
        "openai_tools",
        "openai_interleaved_tools",
        "anthropic_text",
        "anthropic_cached_tools",
        "anthropic_thinking",
        "responses_text",
        "responses_parallel_tools",
        "responses_reasoning",
        "gemini_text",
        "gemini_thinking_tools",
    ] {
        let stream = golden("sse").into_iter().find(|(found, _)| found == name).expect("the transcript").1;
        let (native, others) = dialects_of(name);
        let mut events = decode(native, std::iter::once(stream.as_slice()));
        events.retain(|event| !matches!(event, Event::Foreign { .. }));
        for other in others {
            let mut events = events.clone();
            // Gemini does not count cache writes, and says so where there were some.
            for event in events.iter_mut().filter(|_| other.name() == "google.gemini") {
                if let Event::Usage(usage) = event {
                    usage.cache_write_tokens = None;
                }
            }
            let (translated, _) = encode(other, &events);
            let back = decode(other, std::iter::once(translated.as_slice()));
            assert_eq!(meaning(&back), meaning(&events), "{name} as {}", other.name());
        }
    }
}

#[test]
fn facts_read_from_bytes_agree_with_the_events() {
    for (name, stream) in golden("sse") {
        let (native, _) = dialects_of(&name);
        let events = decode(native, std::iter::once(stream.as_slice()));
        let (mut frames, mut reader) = (SseDecoder::new(1 << 20), native.facts_reader());
        let (mut usage, mut finishes, mut model, mut done, mut error, mut content_frames) =
            (Usage::default(), vec![], None, false, None, 0);
        frames.push(Bytes::from(stream));
        while let Some(frame) = frames.next_frame().expect("small frames") {
            let Some(facts) = frame.data().and_then(|data| reader.frame(data)) else { continue };
            usage.update(&facts.usage.unwrap_or_default());
            finishes.extend(facts.finishes.iter().copied());
            model = model.or(facts.model.map(|model| model.into_owned()));
            error = error.or(facts.error.map(|error| (error.kind.into_owned(), error.message.into_owned())));
            done |= facts.done;
            content_frames += usize::from(facts.has_content);
        }
        let answer = Answer::collect(&events);
        assert_eq!(usage, answer.usage.unwrap_or_default(), "{name}");
        assert_eq!(model.unwrap_or_default(), answer.model, "{name}");
        assert_eq!((done, error), (answer.complete, answer.error), "{name}");
        assert!(content_frames > 0, "{name}");
        for (choice, reason) in finishes {
            let expected = answer.choices[choice as usize].finish.expect("finished");
            assert_eq!(reason, expected, "{name}");
        }
    }
}

#[test]
fn facts_of_whole_bodies_agree_with_the_events() {
    for (name, body) in golden("json") {
        let (native, _) = dialects_of(&name);
        let answer = Answer::collect(&native.decode_answer(&body).expect("an answer"));
        let mut reader = native.facts_reader();
        let facts = reader.body(&body).expect("an answer");
        assert_eq!(facts.usage, answer.usage, "{name}");
        assert_eq!(facts.model.as_deref(), Some(answer.model.as_str()), "{name}");
        assert_eq!(facts.id.as_deref(), Some(answer.id.as_str()), "{name}");
        assert_eq!(facts.finishes.first().map(|(_, reason)| *reason), answer.choices[0].finish, "{name}");
        assert!(facts.has_content != name.ends_with("blocked") && !facts.usage_only, "{name}");
    }
}
