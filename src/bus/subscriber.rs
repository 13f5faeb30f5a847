//! The read side of a stream.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::places::Outlet;
use super::stream::{Item, Shared};

/// A viewer's read side of a stream.
#[derive(Debug)]
pub struct Subscriber {
    shared: Arc<Shared>,
    number: usize,
}

impl Subscriber {
    pub(super) fn new(shared: Arc<Shared>, number: usize) -> Self {
        Self { shared, number }
    }

    /// Leaves `outlet` at its place: while there is nothing to read, frames that come go to it.
    pub fn beside(self, outlet: Arc<dyn Outlet>) -> Beside {
        Beside {
            subscriber: self,
            outlet,
        }
    }

    /// Waits for the next frame; the first is a key frame. Says how many were dropped before it.
    ///
    /// Safe to cancel: no frame is lost.
    pub async fn next(&mut self) -> (Arc<Item>, u64) {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Returns the next frame if it is there.
    pub fn try_next(&mut self) -> Option<(Arc<Item>, u64)> {
        match self.poll_next(&Context::from_waker(Waker::noop())) {
            Poll::Ready(read) => Some(read),
            Poll::Pending => None,
        }
    }

    fn poll_next(&self, cx: &Context<'_>) -> Poll<(Arc<Item>, u64)> {
        match self.shared.lock().poll(self.number, cx, None) {
            Poll::Ready(Next::Frame(item, dropped)) => Poll::Ready((item, dropped)),
            // Without an outlet nothing is kept.
            Poll::Ready(Next::Kept) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.shared.lock().leave(self.number);
    }
}

/// A subscriber with an outlet.
#[derive(Debug)]
pub struct Beside {
    subscriber: Subscriber,
    outlet: Arc<dyn Outlet>,
}

/// What comes next for a subscriber with an outlet.
#[derive(Debug)]
pub enum Next {
    /// A frame, and how many were dropped before it.
    Frame(Arc<Item>, u64),
    /// The outlet took a frame that has not left wholly: it must, before the subscriber asks again.
    Kept,
}

impl Beside {
    /// Waits for what the outlet does not see to: frames that were there before, and one that it has kept. Once it has
    /// waited, frames go to the outlet, also while it does not wait, until it returns.
    ///
    /// Safe to cancel: no frame is lost.
    pub async fn next(&mut self) -> Next {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Self::next`], without waiting.
    pub fn try_next(&mut self) -> Option<Next> {
        match self.poll_next(&Context::from_waker(Waker::noop())) {
            Poll::Ready(next) => Some(next),
            Poll::Pending => None,
        }
    }

    fn poll_next(&self, cx: &Context<'_>) -> Poll<Next> {
        let Subscriber { shared, number } = &self.subscriber;
        shared.lock().poll(*number, cx, Some(&self.outlet))
    }
}
