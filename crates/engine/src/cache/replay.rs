//! A kept answer as the client wants it: as it was, or by way of the canonical form from a stream to a whole and back,
//! and from one dialect to another.

use bytes::Bytes;
use steersman_core::Event;
use steersman_wire::json::RawObject;
use steersman_wire::sse::SseDecoder;
use steersman_wire::{Answer, Loss, dialect, openai_responses};

use super::KeptAnswer;
use crate::forced::Hearing;
use crate::judged;
use crate::prepare::Prepared;
use crate::reply::Inbound;

/// The largest frame of a kept stream.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// The body of a reply.
pub(super) enum Body {
    /// A JSON document.
    Whole(Bytes),
    /// Frames of a stream.
    Frames(Vec<Bytes>),
}

/// The answer for this client, and what its dialect has no words for; `None` if it cannot be read any more.
pub(super) fn body(answer: &KeptAnswer, inbound: &Inbound, prepared: &Prepared) -> Option<(Body, Vec<Loss>)> {
    let as_it_is = answer.dialect == inbound.dialect.name()
        && answer.streamed == prepared.stream
        && (!prepared.stream || answer.include_usage == prepared.include_usage)
        && !has_own_id(inbound);
    if as_it_is {
        let body = if prepared.stream { Body::Frames(frames(&answer.body)?) } else { Body::Whole(answer.body.clone()) };
        return Some((body, Vec::new()));
    }
    let events = events(answer)?;
    let options = inbound.answer_options(prepared.include_usage);
    if !prepared.stream {
        let whole = Answer::collect(&events);
        let encoded = inbound.dialect.encode_answer(&whole, &options);
        return Some((Body::Whole(Bytes::from(encoded.body)), encoded.losses));
    }
    let mut encoder = inbound.dialect.answer_encoder(options);
    let mut written = Vec::new();
    events.iter().for_each(|event| encoder.event(event, &mut written));
    let losses = encoder.losses().to_vec();
    Some((Body::Frames(frames(&Bytes::from(written))?), losses))
}

/// Whether each answer needs an id of its own, because it can be asked for and gone on from by that id.
fn has_own_id(inbound: &Inbound) -> bool {
    let Ok(object) = RawObject::parse(&inbound.body) else { return true };
    inbound.dialect.name() == openai_responses::NAME && object.get("store").is_none_or(|store| store.get() != "false")
}

fn events(answer: &KeptAnswer) -> Option<Vec<Event>> {
    let dialect = dialect(&answer.dialect)?;
    let mut events = if answer.streamed {
        judged::events(Hearing::plain(dialect), std::slice::from_ref(&answer.body)).ok()?
    } else {
        dialect.decode_answer(&answer.body).ok()?
    };
    // A stream whose client wanted no usage has none; it is known all the same.
    let end = events.iter().position(|event| *event == Event::Done).unwrap_or(events.len());
    if !events.iter().any(|event| matches!(event, Event::Usage(_))) {
        events.insert(end, Event::Usage(answer.usage));
    }
    Some(events)
}

fn frames(body: &Bytes) -> Option<Vec<Bytes>> {
    let mut decoder = SseDecoder::new(MAX_FRAME_BYTES);
    decoder.push(body.clone());
    let mut frames = Vec::new();
    while let Some(frame) = decoder.next_frame().ok()? {
        frames.push(frame.raw().clone());
    }
    frames.extend(decoder.finish().map(|frame| frame.raw().clone()));
    Some(frames)
}
