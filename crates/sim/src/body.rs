//! The body of an answer on its way out: paced, hung or cut as the script says, and booked when it ends.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame as HttpFrame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::bill::{Bill, Charge, Ended};
use crate::render::{Frame, Rendered};

/// One request on the bill, from its arrival to its end. Dropped without an end, it was cancelled by the client.
#[derive(Debug)]
pub(crate) struct Ticket {
    books: Arc<Mutex<Bill>>,
    request: u64,
    model: String,
    charge: Charge,
    sent: u64,
    ended: bool,
}

impl Ticket {
    /// Opens the account of a request.
    pub(crate) fn open(books: Arc<Mutex<Bill>>, request: u64, model: String) -> Self {
        let ticket = Self { books, request, model, charge: Charge::default(), sent: 0, ended: false };
        ticket.book(|bill, ticket| bill.account(&ticket.model).requests += 1);
        ticket
    }

    /// The answer's head goes out: from here on the prompt is charged.
    pub(crate) const fn begin(&mut self, charge: Charge) {
        self.charge = charge;
    }

    /// The request ended with an error answer.
    pub(crate) fn fail(mut self, status: u16) {
        self.ended = true;
        self.book(|bill, ticket| bill.error(&ticket.model, status));
    }

    pub(crate) fn end(&mut self, ended: Ended) {
        if !std::mem::replace(&mut self.ended, true) {
            self.book(|bill, ticket| bill.close(ticket.request, &ticket.model, ticket.charge, ticket.sent, ended));
        }
    }

    fn book(&self, entry: impl FnOnce(&mut Bill, &Self)) {
        entry(&mut self.books.lock().unwrap_or_else(PoisonError::into_inner), self);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(Ended::Cancelled);
    }
}

/// A place among the requests in flight: they are as many as its clones.
pub(crate) type Place = Arc<()>;

/// What may happen to a body on its way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Course {
    /// Time from one token to the next.
    pub(crate) pace: Option<Duration>,
    /// Stop for good after so many tokens.
    pub(crate) hang_after: Option<u64>,
    /// Break off after so many bytes.
    pub(crate) cut_after: Option<u64>,
}

/// A response body.
#[derive(Debug)]
pub(crate) struct SimBody {
    rendered: Arc<Rendered>,
    next: usize,
    course: Course,
    bytes_sent: u64,
    sleep: Option<Pin<Box<Sleep>>>,
    started: Option<Instant>,
    /// Whether the connection has had a chance to write what it was given.
    flushed: bool,
    broken: bool,
    ticket: Option<Ticket>,
    /// Held until the body is gone.
    _place: Option<Place>,
}

impl SimBody {
    /// A body that is charged to a ticket.
    pub(crate) fn billed(rendered: Arc<Rendered>, course: Course, mut ticket: Ticket, place: Place) -> Self {
        ticket.begin(rendered.charge);
        Self { ticket: Some(ticket), _place: Some(place), course, ..Self::plain(rendered) }
    }

    /// Bytes that nobody pays for.
    pub(crate) fn free(bytes: impl Into<Bytes>) -> Self {
        let frames = vec![Frame { bytes: bytes.into(), tokens: 0 }];
        Self::plain(Arc::new(Rendered { frames, charge: Charge::default(), streamed: false }))
    }

    fn plain(rendered: Arc<Rendered>) -> Self {
        let (course, ticket, place) = (Course::default(), None, None);
        Self {
            rendered,
            next: 0,
            course,
            bytes_sent: 0,
            sleep: None,
            started: None,
            flushed: true,
            broken: false,
            ticket,
            _place: place,
        }
    }

    fn end(&mut self, ended: Ended) {
        if let Some(mut ticket) = self.ticket.take() {
            ticket.end(ended);
        }
    }

    /// Waits for the frame's turn: hidden reasoning takes its time too.
    fn poll_turn(&mut self, tokens: u64, context: &mut Context<'_>) -> Poll<()> {
        let Some(pace) = self.course.pace.filter(|_| tokens > 0 && self.rendered.streamed) else {
            return Poll::Ready(());
        };
        let started = *self.started.get_or_insert_with(Instant::now);
        let sent = self.ticket.as_ref().map_or(0, |ticket| ticket.sent);
        let turn = u32::try_from(sent + tokens + self.rendered.charge.reasoning).unwrap_or(u32::MAX);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(started + pace * turn)));
        let turn = sleep.as_mut().poll(context);
        if turn.is_ready() {
            self.sleep = None;
        }
        turn
    }

    /// The bytes of the next frame, or what is left of them before the cut.
    fn hand_out(&mut self, frame: &Frame) -> Bytes {
        self.next += 1;
        self.flushed = false;
        let length = u64::try_from(frame.bytes.len()).unwrap_or(u64::MAX);
        let left = self.course.cut_after.map_or(u64::MAX, |cut| cut.saturating_sub(self.bytes_sent));
        self.bytes_sent += length;
        if length > left {
            self.broken = true;
            self.end(Ended::Cut);
            return frame.bytes.slice(..usize::try_from(left).unwrap_or(0));
        }
        if let Some(ticket) = &mut self.ticket {
            ticket.sent += frame.tokens;
        }
        if self.next == self.rendered.frames.len() {
            self.end(Ended::Complete);
        }
        frame.bytes.clone()
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<HttpFrame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if !std::mem::replace(&mut this.flushed, true) {
            // One turn of the loop between frames, so that each leaves in a write of its own.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.broken {
            return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut by the script"))));
        }
        let rendered = Arc::clone(&this.rendered);
        let Some(frame) = rendered.frames.get(this.next) else { return Poll::Ready(None) };
        let sent = this.ticket.as_ref().map_or(0, |ticket| ticket.sent);
        if this.course.hang_after.is_some_and(|limit| sent >= limit && frame.tokens > 0) {
            return Poll::Pending;
        }
        if this.poll_turn(frame.tokens, context).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(HttpFrame::data(this.hand_out(frame)))))
    }

    fn is_end_stream(&self) -> bool {
        self.next >= self.rendered.frames.len() && !self.broken
    }

    fn size_hint(&self) -> SizeHint {
        if self.rendered.streamed {
            return SizeHint::default();
        }
        let left = self.rendered.frames.iter().skip(self.next).map(|frame| frame.bytes.len()).sum::<usize>();
        SizeHint::with_exact(u64::try_from(left).unwrap_or(u64::MAX))
    }
}
