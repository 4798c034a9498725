//! Many requests with a bounded number in flight.
//!
//! They are one job, not one future each: requests are encoded into chunks for their connections, the engine keeps the
//! window full, and the caller is woken once for many answers.
//!
//! ```text
//!  iterator ──write_next──> job ──chunks──> engine
//!  caller  <──reorder.rs── driver <──────── answers
//! ```

mod awaited;
mod driver;
mod source;
mod stream;

use std::fmt;

pub use source::{Source, StatementSource, ValueSource};
pub use stream::ConcurrentStream;

use self::driver::Driver;
use crate::Session;
use crate::error::{Error, UsageProblem};
use crate::result::QueryResult;

/// Many requests, not sent yet: made by [`Session::execute_concurrent`] and [`Session::execute_concurrent_with_args`].
///
/// | end | results | at an error |
/// |---|---|---|
/// | [`run`](Self::run) | all, in input order | the first to arrive ends it |
/// | [`run_all`](Self::run_all) | all, in input order | it stands in its place |
/// | [`stream`](Self::stream) | one by one, as the caller takes them | as [`stop_at_first_error`](Self::stop_at_first_error) says |
///
/// The input is consumed lazily, never more than `concurrency` items ahead of the results. Each request has the timeout of
/// its statement or profile. Of a paged result only the first page is fetched. An item that fails before it is sent, such as
/// a value that does not fit, counts as that item's error. Errors know the [index](Error::index) of their item.
///
/// Dropping the future or the stream stops scheduling; requests that were written may still take effect.
#[must_use = "nothing is sent before run(), run_all() or stream()"]
pub struct Concurrent<S> {
    session: Session,
    source: S,
    concurrency: usize,
    ordered: bool,
    stop_at_first_error: bool,
}

impl<S: Source> Concurrent<S> {
    /// How many requests are in flight unless told otherwise.
    pub const DEFAULT_CONCURRENCY: usize = 100;

    pub(crate) fn new(session: Session, source: S) -> Self {
        Self {
            session,
            source,
            concurrency: Self::DEFAULT_CONCURRENCY,
            ordered: true,
            stop_at_first_error: true,
        }
    }

    /// How many requests may be in flight. Defaults to 100; zero is an error of the end that is called.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests;
        self
    }

    /// Whether [`stream`](Self::stream) yields results in the order of the input, holding back those that arrive early, or
    /// in the order of their arrival. Defaults to true. Vectors are always in input order.
    pub fn ordered(mut self, ordered: bool) -> Self {
        self.ordered = ordered;
        self
    }

    /// Whether [`stream`](Self::stream) ends after the first error it yields. Defaults to true.
    pub fn stop_at_first_error(mut self, stop: bool) -> Self {
        self.stop_at_first_error = stop;
        self
    }

    /// Carries out everything and returns the results in the order of the input.
    ///
    /// # Errors
    ///
    /// The first failure to arrive, at once: nothing more is scheduled then, and what is in flight is not cancelled on the
    /// server. [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a concurrency of zero.
    pub async fn run(self) -> Result<Vec<QueryResult>, Error> {
        let mut results = Gathered::with_capacity(&self.source);
        let mut driver = self.start()?;
        while let Some((index, result)) = driver.next_arrival(0).await {
            results.put(index, result?);
            while let Some((index, result)) = driver.arrived() {
                results.put(index, result?);
            }
        }
        match driver.broken() {
            Some(error) => Err(error.clone()),
            None => Ok(results.into_vec(|_| unreachable!("each item of the input has an outcome"))),
        }
    }

    /// Carries out everything and returns each item's result or error, in the order of the input.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a concurrency of zero. Failures of items are in the vector.
    pub async fn run_all(self) -> Result<Vec<Result<QueryResult, Error>>, Error> {
        let mut results = Gathered::with_capacity(&self.source);
        let mut driver = self.start()?;
        while let Some((index, result)) = driver.next_arrival(0).await {
            results.put(index, result);
            while let Some((index, result)) = driver.arrived() {
                results.put(index, result);
            }
        }
        results.reach(driver.taken());
        Ok(results.into_vec(|index| match driver.broken() {
            Some(error) => Err(error.clone().at(index)),
            None => unreachable!("each item of the input has an outcome"),
        }))
    }

    /// The results as a stream, each with the index of its item. Driven by demand: requests are sent while the stream is
    /// polled, and never more than `concurrency` results are in flight or held back, so a slow consumer does not fill memory.
    ///
    /// With [`stop_at_first_error`](Self::stop_at_first_error), an ordered stream yields the results before the failed item,
    /// then its error, and ends.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a concurrency of zero.
    pub fn stream(self) -> Result<ConcurrentStream<S>, Error> {
        let (ordered, stop) = (self.ordered, self.stop_at_first_error);
        Ok(ConcurrentStream::new(self.start()?, ordered, stop))
    }

    fn start(self) -> Result<Driver<S>, Error> {
        if self.concurrency == 0 {
            return Err(UsageProblem::ZeroConcurrency.into());
        }
        self.session.check_process()?;
        Ok(Driver::new(self.session, self.source, self.concurrency))
    }
}

impl<S> fmt::Debug for Concurrent<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concurrent").field("concurrency", &self.concurrency).finish_non_exhaustive()
    }
}

/// Results being put in input order as they arrive.
struct Gathered<T>(Vec<Option<T>>);

impl<T> Gathered<T> {
    /// An iterator may claim any length; only so much is believed before it has delivered.
    const MOST_RESERVED: usize = 1 << 16;

    fn with_capacity<S: Source>(source: &S) -> Self {
        Self(Vec::with_capacity(source.remaining().min(Self::MOST_RESERVED)))
    }

    fn put(&mut self, index: u64, result: T) {
        let place = index as usize;
        if place == self.0.len() {
            // Mostly they arrive in order.
            self.0.push(Some(result));
            return;
        }
        self.reach(index + 1);
        self.0[place] = Some(result);
    }

    /// Makes room for so many results.
    fn reach(&mut self, count: u64) {
        let count = usize::try_from(count).expect("as many items as fit into memory");
        if count > self.0.len() {
            self.0.resize_with(count, || None);
        }
    }

    /// All results, with `missing` in the gaps.
    fn into_vec(self, missing: impl Fn(u64) -> T) -> Vec<T> {
        self.0
            .into_iter()
            .enumerate()
            .map(|(index, result)| result.unwrap_or_else(|| missing(index as u64)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_gathered_in_input_order() {
        let mut gathered = Gathered(Vec::new());
        for index in [2, 0, 3, 1] {
            gathered.put(index, index);
        }
        gathered.reach(6);
        assert_eq!(gathered.into_vec(|index| 10 * index), [0, 1, 2, 3, 40, 50]);
        assert!(Gathered::<u8>(Vec::new()).into_vec(|_| 0).is_empty());
    }
}
