//! Results one by one, at the pace of whoever takes them.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::Source;
use super::driver::Driver;
use crate::error::Error;
use crate::result::QueryResult;

/// The results of concurrent requests, each with the index of its item; made by
/// [`Concurrent::stream`](super::Concurrent::stream).
#[must_use = "a stream does nothing unless it is polled"]
pub struct ConcurrentStream<S: Source> {
    driver: Driver<S>,
    /// Results held back until their turn comes; `None` for an unordered stream.
    reorder: Option<Reorder<Result<QueryResult, Error>>>,
    stop_at_first_error: bool,
    ended: bool,
}

impl<S: Source> ConcurrentStream<S> {
    pub(super) fn new(driver: Driver<S>, ordered: bool, stop_at_first_error: bool) -> Self {
        Self { driver, reorder: ordered.then(Reorder::default), stop_at_first_error, ended: false }
    }

    fn hand_out(
        &mut self,
        index: u64,
        result: Result<QueryResult, Error>,
    ) -> Poll<Option<Result<(u64, QueryResult), Error>>> {
        if result.is_err() && self.stop_at_first_error {
            self.ended = true;
            self.driver.stop();
        }
        Poll::Ready(Some(result.map(|result| (index, result))))
    }
}

// Nothing in it is ever pinned.
impl<S: Source> Unpin for ConcurrentStream<S> {}

impl<S: Source> Stream for ConcurrentStream<S> {
    type Item = Result<(u64, QueryResult), Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        loop {
            let held = match &mut this.reorder {
                None => 0,
                Some(reorder) => {
                    if let Some((index, result)) = reorder.pop() {
                        return this.hand_out(index, result);
                    }
                    reorder.held
                }
            };
            let Some((index, result)) = ready!(this.driver.poll_arrival(cx, held)) else {
                this.ended = true;
                // Results behind a gap are not handed out: nobody knows what became of the gap.
                return Poll::Ready(this.driver.broken().cloned().map(Err));
            };
            // Nothing behind a failure will be yielded, so nothing more needs to be sent.
            if result.is_err() && this.stop_at_first_error {
                this.driver.stop();
            }
            match &mut this.reorder {
                None => return this.hand_out(index, result),
                Some(reorder) => reorder.put(index, result),
            }
        }
    }
}

impl<S: Source> fmt::Debug for ConcurrentStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrentStream").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// A window over the input whose first item is the next to be handed out.
#[derive(Debug)]
struct Reorder<T> {
    window: VecDeque<Option<T>>,
    /// Index of the first place.
    first: u64,
    /// Results in the window.
    held: usize,
}

impl<T> Default for Reorder<T> {
    fn default() -> Self {
        Self { window: VecDeque::new(), first: 0, held: 0 }
    }
}

impl<T> Reorder<T> {
    fn put(&mut self, index: u64, result: T) {
        let place = usize::try_from(index - self.first).expect("the window is as small as the concurrency");
        if place >= self.window.len() {
            self.window.resize_with(place + 1, || None);
        }
        self.window[place] = Some(result);
        self.held += 1;
    }

    fn pop(&mut self) -> Option<(u64, T)> {
        let result = self.window.front_mut()?.take()?;
        self.window.pop_front();
        self.held -= 1;
        self.first += 1;
        Some((self.first - 1, result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_wait_for_those_before_them() {
        let mut reorder = Reorder::default();
        reorder.put(2, 'c');
        reorder.put(1, 'b');
        assert_eq!((reorder.pop(), reorder.held), (None, 2));
        reorder.put(0, 'a');
        assert_eq!(reorder.pop(), Some((0, 'a')));
        assert_eq!(reorder.pop(), Some((1, 'b')));
        assert_eq!((reorder.pop(), reorder.held), (Some((2, 'c')), 0));
        assert_eq!(reorder.pop(), None);
        reorder.put(3, 'd');
        assert_eq!(reorder.pop(), Some((3, 'd')));
    }
}
