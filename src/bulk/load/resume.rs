//! May a load go on from a checkpoint?
//!
//! Only when everything that decides what is written is as it was: the inputs, the table, the mapping, how cells are
//! read. Otherwise nothing is touched and the difference is named.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::BulkLoader;
use super::input::Input;
use crate::bulk::checkpoint::{
    Asked, InputState, Keeper, Lock, ResumeError, State, Store, Totals, VERSION, WrittenWith,
};
use crate::bulk::progress::Progress;
use crate::bulk::rejects::{KeptRejects, RejectFiles};
use crate::bulk::report::clock_micros;

/// A run that keeps a checkpoint: a new one, or one that goes on.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) store: Store,
    /// Held from before the checkpoint was read.
    lock: Option<Lock>,
    pub(super) state: State,
    pub(super) resumed: bool,
}

impl Beginning {
    /// Of what the loader was told; nothing when it keeps no checkpoint.
    pub(super) fn of(
        loader: &BulkLoader,
        inputs: &[Input],
        rejects: &[RejectFiles],
    ) -> Result<Option<Self>, ResumeError> {
        let Some(directory) = &loader.run_directory else { return Ok(None) };
        let store = directory.store.clone();
        let now = state(loader, inputs, rejects)?;
        if directory.resumed {
            let lock = Some(store.lock()?);
            let state = store.read()?;
            check(&state, &now, loader.reject_files.is_some())?;
            return Ok(Some(Self { store, lock, state, resumed: true }));
        }
        if store.exists() {
            return Err(ResumeError::Taken { folder: store.folder().to_owned() });
        }
        Ok(Some(Self { store, lock: None, state: now, resumed: false }))
    }

    /// When the load began, as files are dated: their clock may be a tick behind.
    pub(super) fn began(&self) -> SystemTime {
        const TICK: Duration = Duration::from_millis(10);
        let since = Duration::from_nanos(u64::try_from(self.state.began_ns).unwrap_or(0));
        UNIX_EPOCH + since.saturating_sub(TICK)
    }

    /// Whether rows of any input may be in the table.
    pub(super) fn has_begun(&self) -> bool {
        self.resumed && self.state.inputs.iter().any(|input| input.written_with.is_some())
    }

    /// Notes how rows of an input are written, which has to be as before.
    pub(super) fn written_with(&mut self, input: usize, now: WrittenWith) -> Result<(), ResumeError> {
        let known = &mut self.state.inputs[input].written_with;
        match known.as_ref().and_then(|was| was.change(&now)) {
            Some(difference) => Err(ResumeError::Differs { differences: vec![difference] }),
            None => {
                *known = Some(now);
                Ok(())
            }
        }
    }

    /// Begins to keep checkpoints. A folder that cannot be created now is tried again with each of them.
    pub(super) fn keep(self, every: Duration, progress: &Progress) -> Result<Keeper, ResumeError> {
        let lock = match self.lock {
            Some(lock) => Some(lock),
            None => match self.store.lock() {
                Ok(lock) => Some(lock),
                Err(ResumeError::Io { .. }) => None,
                Err(error) => return Err(error),
            },
        };
        let path = self.store.folder().to_owned();
        Keeper::start(self.store, lock, self.state, every, progress.clone())
            .map_err(|source| ResumeError::Io { path, source })
    }
}

/// The state of a load that has not begun.
fn state(loader: &BulkLoader, inputs: &[Input], rejects: &[RejectFiles]) -> Result<State, ResumeError> {
    let mut states = Vec::with_capacity(inputs.len());
    for (input, rejects) in inputs.iter().zip(rejects) {
        let Some(file) = &input.file else {
            return Err(ResumeError::NotAFile { input: input.name.clone() });
        };
        states.push(InputState {
            path: file.text.clone(),
            fingerprint: file.fingerprint.clone(),
            written_with: None,
            left: None,
            rejects: KeptRejects::of(rejects),
        });
    }
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let asked = Asked {
        table: loader.table.to_string(),
        delimiter: text(&[loader.dialect.delimiter]),
        quote: text(&[loader.dialect.quote]),
        record_limit: loader.dialect.record_limit,
        mapping: loader.mapping.texts(),
        nulls: loader.format.nulls.iter().map(|null| String::from_utf8_lossy(null).into_owned()).collect(),
        write_nulls: loader.format.write_nulls,
        epoch: format!("{:?}", loader.format.epoch).to_lowercase(),
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(State {
        version: VERSION,
        began_ns: i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        finished: false,
        asked,
        totals: Totals::default(),
        timestamp: clock_micros() + 1,
        inputs: states,
    })
}

/// Whether what is asked for `now` is what was begun.
fn check(then: &State, now: &State, rejects_named: bool) -> Result<(), ResumeError> {
    let mut differences = then.asked.differences(&now.asked);
    if then.inputs.len() != now.inputs.len() {
        differences.push(format!(
            "the number of files was {} and is {}",
            then.inputs.len(),
            now.inputs.len()
        ));
    }
    for (was, is) in then.inputs.iter().zip(&now.inputs) {
        if was.path != is.path {
            differences.push(format!("the file was {} and is {}", was.path, is.path));
        }
        let (before, after) = (was.rejects.files(), is.rejects.files());
        if rejects_named && before != after {
            let (before, after) = (before.rows().display(), after.rows().display());
            differences.push(format!("rejected rows went to {before} and would go to {after}"));
        }
    }
    if !differences.is_empty() {
        return Err(ResumeError::Differs { differences });
    }
    for (was, is) in then.inputs.iter().zip(&now.inputs) {
        if let Some(change) = was.fingerprint.change(&is.fingerprint) {
            return Err(ResumeError::Changed { input: was.path.clone(), change });
        }
    }
    Ok(())
}
