//! An answer's body as a bounded stream of bytes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::{Body, Incoming};
use steersman_core::UpstreamError;

/// Yields the data frames of a body and fails once it grows past its limit. Trailers are dropped.
pub(crate) struct BodyStream {
    incoming: Incoming,
    left: usize,
    limit: usize,
}

impl BodyStream {
    pub(crate) const fn new(incoming: Incoming, limit: usize) -> Self {
        Self { incoming, left: limit, limit }
    }
}

impl Stream for BodyStream {
    type Item = Result<Bytes, UpstreamError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.incoming).poll_frame(context)) else {
                return Poll::Ready(None);
            };
            match frame {
                Err(error) => return Poll::Ready(Some(Err(UpstreamError::Broken(error.to_string())))),
                Ok(frame) => {
                    let Ok(data) = frame.into_data() else { continue };
                    let Some(left) = self.left.checked_sub(data.len()) else {
                        return Poll::Ready(Some(Err(UpstreamError::TooLarge(self.limit))));
                    };
                    self.left = left;
                    return Poll::Ready(Some(Ok(data)));
                }
            }
        }
    }
}
