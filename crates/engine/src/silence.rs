//! The pieces of a stream as they come, and how long it may say nothing.
//!
//! A provider's burst reaches this process in one read and the engine in many pieces. Pieces that are there already are
//! joined, so that a burst leaves in one write as it came: that is the larger part of what a stream costs.
//!
//! A timer for each piece costs as much as passing the piece on. Here one is set for the whole stream; it is looked at
//! only while there is nothing to read, and moved only when it rings and something was heard meanwhile.
//!
//! What never happens here: a piece waits for one that has not come.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use steersman_core::{ByteStream, UpstreamError};
use tokio::time::{Instant, Sleep, sleep_until};

/// Pieces are joined up to this size, the size of a TLS record and of most socket reads.
const MAX_JOINED_BYTES: usize = 16 << 10;

/// A piece that came so soon after it was asked for was there already: it is one of a burst.
const SOON: Duration = Duration::from_micros(100);
/// How often the reading task gets its turn before a piece of a burst leaves alone.
const BURST_TURNS: u32 = 4;

/// A piece, the end, or why there is neither.
type Piece = Result<Option<Bytes>, UpstreamError>;

/// The reading side of one stream.
pub(crate) struct Silence {
    idle: Duration,
    deadline: Instant,
    /// When the last piece was asked for.
    since: Instant,
    timer: Pin<Box<Sleep>>,
    /// What came after the pieces that were handed on, if that was no piece.
    ahead: Option<Piece>,
    /// Whether the last piece was one of a burst: pieces of a stream mostly come as those before them.
    in_company: bool,
}

impl Silence {
    /// Waits `idle` for each piece, and until `deadline` for all of them.
    pub(crate) fn new(idle: Duration, deadline: Instant) -> Self {
        let since = Instant::now();
        let timer = Box::pin(sleep_until(deadline.min(since + idle)));
        Self { idle, deadline, since, timer, ahead: None, in_company: true }
    }

    /// The next piece of a body with those that have come already, or a time-out by name.
    pub(crate) async fn next(&mut self, body: &mut ByteStream) -> Piece {
        if let Some(ahead) = self.ahead.take() {
            return ahead;
        }
        self.since = Instant::now();
        let Some(first) = poll_fn(|context| self.poll(body, context)).await? else { return Ok(None) };
        let soon = self.since.elapsed() < SOON;
        let turns = if soon { BURST_TURNS } else { u32::from(self.in_company) };
        let mut joined = BytesMut::new();
        while joined.len().max(first.len()) < MAX_JOINED_BYTES {
            match at_hand(body, turns).await {
                None => break,
                Some(Ok(Some(piece))) => {
                    if joined.is_empty() {
                        joined.extend_from_slice(&first);
                    }
                    joined.extend_from_slice(&piece);
                }
                Some(end) => {
                    self.ahead = Some(end);
                    break;
                }
            }
        }
        self.in_company = soon || !joined.is_empty();
        Ok(Some(if joined.is_empty() { first } else { joined.freeze() }))
    }

    fn poll(&mut self, body: &mut ByteStream, context: &mut Context<'_>) -> Poll<Piece> {
        if let Poll::Ready(piece) = body.poll_next_unpin(context) {
            return Poll::Ready(piece.transpose());
        }
        loop {
            ready!(self.timer.as_mut().poll(context));
            let due = self.deadline.min(self.since + self.idle);
            if self.timer.deadline() >= due {
                let kind = if due == self.deadline { "total" } else { "idle" };
                return Poll::Ready(Err(UpstreamError::Timeout { kind, limit: due - self.since }));
            }
            self.timer.as_mut().reset(due);
        }
    }
}

/// What the body has ready once the task that reads the connection had its turn; `None` if that is nothing.
async fn at_hand(body: &mut ByteStream, turns: u32) -> Option<Piece> {
    for _ in 0..turns {
        // Not a wake-up of one's own: another worker would take this task and look before the reading one has run.
        tokio::task::yield_now().await;
        let look = poll_fn(|context| Poll::Ready(body.poll_next_unpin(context)));
        if let Poll::Ready(piece) = look.await {
            return Some(piece.transpose());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;
    use tokio::time::sleep;

    use super::*;

    /// A body with a piece after each of these pauses, and then nothing, for ever.
    fn body(pauses_s: &'static [u64]) -> ByteStream {
        let pieces = stream::iter(pauses_s).then(|pause| async {
            sleep(Duration::from_secs(*pause)).await;
            Ok(Bytes::from_static(b"x"))
        });
        Box::pin(pieces.chain(stream::pending()))
    }

    async fn ends(pauses_s: &'static [u64], total_s: u64) -> (u64, &'static str) {
        let began = Instant::now();
        let mut silence = Silence::new(Duration::from_secs(10), began + Duration::from_secs(total_s));
        let mut body = body(pauses_s);
        loop {
            match silence.next(&mut body).await {
                Ok(Some(_)) => {}
                Err(UpstreamError::Timeout { kind, .. }) => return (began.elapsed().as_secs(), kind),
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_burst_is_one_piece_and_what_ends_it_comes_after() {
        let (sender, pieces) = tokio::sync::mpsc::channel::<Result<Bytes, UpstreamError>>(1);
        let mut body: ByteStream = Box::pin(stream::unfold(pieces, |mut pieces| async move {
            let piece = pieces.recv().await?;
            Some((piece, pieces))
        }));
        // One at a time, as a connection hands them over.
        let connection = tokio::spawn(async move {
            for piece in ["a", "b", "c"] {
                sender.send(Ok(Bytes::from_static(piece.as_bytes()))).await.unwrap();
            }
            sender.send(Err(UpstreamError::Broken("cut".to_owned()))).await.unwrap();
        });
        let mut silence = Silence::new(Duration::from_secs(10), Instant::now() + Duration::from_secs(10));
        assert_eq!(silence.next(&mut body).await.unwrap().unwrap(), "abc");
        assert!(matches!(silence.next(&mut body).await, Err(UpstreamError::Broken(_))));
        assert!(silence.next(&mut body).await.unwrap().is_none());
        connection.await.unwrap();
    }

    #[tokio::test]
    async fn a_piece_that_is_alone_does_not_wait() {
        let mut body: ByteStream = Box::pin(stream::iter([Ok(Bytes::from_static(b"x"))]).chain(stream::pending()));
        let mut silence = Silence::new(Duration::from_secs(10), Instant::now() + Duration::from_secs(10));
        assert_eq!(silence.next(&mut body).await.unwrap().unwrap(), "x");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_lone_piece_nobody_looks_for_company() {
        let polls = Arc::new(AtomicUsize::new(0));
        let (mut pieces, counted) = (body(&[1, 1, 1]), Arc::clone(&polls));
        let mut body: ByteStream = Box::pin(stream::poll_fn(move |context| {
            counted.fetch_add(1, Ordering::Relaxed);
            pieces.poll_next_unpin(context)
        }));
        let mut silence = Silence::new(Duration::from_secs(10), Instant::now() + Duration::from_secs(100));
        for expected in [3, 2, 2] {
            let before = polls.load(Ordering::Relaxed);
            assert_eq!(silence.next(&mut body).await.unwrap().unwrap(), "x");
            assert_eq!(polls.load(Ordering::Relaxed) - before, expected, "asked, woken, and at first one look more");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_last_piece_and_never_passes_the_deadline() {
        assert_eq!(ends(&[], 100).await, (10, "idle"));
        assert_eq!(ends(&[9, 9, 1], 100).await, (29, "idle"));
        assert_eq!(ends(&[9, 9, 9], 25).await, (25, "total"));
        assert_eq!(ends(&[], 4).await, (4, "total"));
    }
}
