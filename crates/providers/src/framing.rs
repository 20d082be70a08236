//! Bedrock's binary stream, handed on as the server-sent events that it carries.

use futures_util::StreamExt;
use steersman_core::{ByteStream, UpstreamError};
use steersman_wire::eventstream::EventStreamDecoder;
use steersman_wire::hosted::event_of;

/// The content type of such a stream.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";
/// The largest message; the service's own limit is 16 MiB.
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// The same stream as server-sent events. Whole messages come out as soon as they are there.
pub(crate) fn as_events(body: ByteStream) -> ByteStream {
    let state = (body, EventStreamDecoder::new(MAX_MESSAGE_BYTES), false);
    Box::pin(futures_util::stream::unfold(state, |(mut body, mut decoder, mut ended)| async move {
        loop {
            let mut events = Vec::new();
            loop {
                match decoder.next_message() {
                    Ok(Some(message)) => events.extend(event_of(&message).unwrap_or_default()),
                    Ok(None) => break,
                    Err(error) if !ended => {
                        ended = true;
                        return Some((Err(UpstreamError::Broken(error.to_string())), (body, decoder, ended)));
                    }
                    Err(_) => return None,
                }
            }
            if !events.is_empty() {
                return Some((Ok(events.into()), (body, decoder, ended)));
            }
            if ended {
                return None;
            }
            match body.next().await {
                Some(Ok(piece)) => decoder.push(&piece),
                Some(Err(error)) => {
                    ended = true;
                    return Some((Err(error), (body, decoder, ended)));
                }
                None if decoder.is_empty() => return None,
                None => {
                    ended = true;
                    let cut = UpstreamError::Broken("the stream ended within a message".to_owned());
                    return Some((Err(cut), (body, decoder, ended)));
                }
            }
        }
    }))
}
