//! A thread that writes checkpoints, because a disk may take its time and rows must not wait for it.

use std::fs::File;
use std::io;

use tokio::sync::mpsc;

use super::state::State;
use super::store::Store;

/// One checkpoint to be written.
struct Job {
    state: State,
    /// Files whose content the checkpoint counts on.
    first: Vec<File>,
}

/// The thread, and what it is doing. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: std::sync::mpsc::Sender<Job>,
    outcomes: mpsc::UnboundedReceiver<io::Result<()>>,
    writing: bool,
}

impl Writer {
    pub(crate) fn start(store: Store) -> io::Result<Self> {
        let (jobs, work) = std::sync::mpsc::channel::<Job>();
        let (done, outcomes) = mpsc::unbounded_channel();
        std::thread::Builder::new().name("chorus-checkpoint".to_owned()).spawn(move || {
            while let Ok(Job { state, first }) = work.recv() {
                let synced = first.iter().try_for_each(File::sync_data);
                if done.send(synced.and_then(|()| store.write(&state))).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { jobs, outcomes, writing: false })
    }

    /// Whether a checkpoint is being written.
    pub(crate) fn is_writing(&self) -> bool {
        self.writing
    }

    /// Has `state` written, after `first` are synced. Only while nothing is being written.
    pub(crate) fn write(&mut self, state: State, first: Vec<File>) {
        // Without a thread there is no outcome either, and waiting for one says so.
        drop(self.jobs.send(Job { state, first }));
        self.writing = true;
    }

    /// What became of what is being written. Cancel safe.
    pub(crate) async fn outcome(&mut self) -> io::Result<()> {
        let outcome = self.outcomes.recv().await;
        self.writing = false;
        outcome.unwrap_or_else(|| Err(io::Error::other("the thread that writes checkpoints is gone")))
    }
}
