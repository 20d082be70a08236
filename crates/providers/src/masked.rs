//! A provider's error without the gateway's key in it: some repeat what they were sent, and their words on a client's
//! request are handed on to the client.
//!
//! What never happens here: a body that waits for its end. Of each piece only so much is held back as may be the
//! beginning of the key.

use bytes::Bytes;
use futures_util::StreamExt;
use steersman_core::{ByteStream, Secret};

/// What stands in the place of the key.
const MASK: &[u8] = b"[redacted:gateway_key]";
/// Shorter texts are no keys, and would be found in any prose.
const LEAST_BYTES: usize = 8;

/// The same body with every occurrence of `key` masked.
pub(crate) fn masked(body: ByteStream, key: &Secret) -> ByteStream {
    if key.expose().len() < LEAST_BYTES {
        return body;
    }
    let state = Some((body, key.expose().as_bytes().to_vec(), Vec::new()));
    Box::pin(futures_util::stream::unfold(state, |state| async move {
        let (mut body, key, mut held) = state?;
        match body.next().await {
            Some(Ok(piece)) => {
                held.extend_from_slice(&piece);
                let clean = take(&mut held, &key, key.len() - 1);
                Some((Ok(clean), Some((body, key, held))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Ok(take(&mut held, &key, 0)), None)),
        }
    }))
}

/// Takes what is known to be no part of a key, with whole keys masked; `keep` bytes stay.
fn take(held: &mut Vec<u8>, key: &[u8], keep: usize) -> Bytes {
    let (mut clean, mut at) = (Vec::with_capacity(held.len()), 0);
    while at + keep.max(1) <= held.len() {
        let rest = held.get(at..).unwrap_or_default();
        match rest.first() {
            _ if rest.starts_with(key) => {
                clean.extend_from_slice(MASK);
                at += key.len();
            }
            Some(byte) if rest.len() > keep => {
                clean.push(*byte);
                at += 1;
            }
            _ => break,
        }
    }
    held.drain(..at.min(held.len()));
    clean.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn through(pieces: &[&'static str]) -> String {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        let body: ByteStream = Box::pin(futures_util::stream::iter(pieces));
        let clean = masked(body, &Secret::new("key-of-the-gateway"));
        let clean: Vec<_> = clean.map(|piece| piece.unwrap().to_vec()).collect().await;
        String::from_utf8(clean.concat()).unwrap()
    }

    #[tokio::test]
    async fn the_key_is_masked_wherever_pieces_end_and_all_else_is_as_it_came() {
        let mask = std::str::from_utf8(MASK).unwrap();
        assert_eq!(through(&["no key, but key-of-the-gatewa"]).await, "no key, but key-of-the-gatewa");
        assert_eq!(through(&["a key-of-the-gateway b"]).await, format!("a {mask} b"));
        assert_eq!(through(&["key-of", "-the-", "gateway"]).await, mask);
        assert_eq!(through(&["xkey-of-the-gatewaykey-of-the-g", "ateway", "!"]).await, format!("x{mask}{mask}!"));
        assert_eq!(through(&[]).await, "");
    }
}
