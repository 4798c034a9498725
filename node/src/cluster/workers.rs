//! The threads a cluster runs on.

use std::cell::Cell;
use std::io;
use std::thread::JoinHandle;

use tokio::runtime;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// Runs on a worker's thread, inside its runtime, and may spawn tasks there.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// A cluster's own threads, each with a runtime of one thread. A connection lives on one of them and never moves, so
/// serving it takes no lock and no wake-up of another thread.
///
/// Dropping the workers drops every task on them and joins the threads.
pub(crate) struct Workers {
    threads: Vec<JoinHandle<()>>,
    handle: WorkersHandle,
}

/// Hands jobs to workers. Does not keep them running.
#[derive(Clone)]
pub(crate) struct WorkersHandle {
    queues: Vec<mpsc::WeakUnboundedSender<Job>>,
}

thread_local! {
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

impl Workers {
    /// Starts `count` threads.
    pub(crate) fn start(count: usize, cluster: &str) -> io::Result<(Self, Vec<mpsc::UnboundedSender<Job>>)> {
        let mut queues = Vec::new();
        let mut threads = Vec::new();
        for number in 0..count.max(1) {
            let (queue, mut jobs) = mpsc::unbounded_channel::<Job>();
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            let thread =
                std::thread::Builder::new().name(format!("{cluster}-node-{number}")).spawn(move || {
                    let tasks = LocalSet::new();
                    tasks.block_on(&runtime, async {
                        while let Some(job) = jobs.recv().await {
                            job();
                        }
                    });
                    // Sockets are deregistered while their runtime still exists.
                    drop(tasks);
                })?;
            queues.push(queue);
            threads.push(thread);
        }
        let handle = WorkersHandle { queues: queues.iter().map(mpsc::UnboundedSender::downgrade).collect() };
        Ok((Self { threads, handle }, queues))
    }

    pub(crate) fn handle(&self) -> WorkersHandle {
        self.handle.clone()
    }

    /// Waits for the threads. The senders that [`Workers::start`] gave out must be gone, or this waits for ever.
    pub(crate) fn join(&mut self) {
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the embedded node panicked");
            }
        }
    }
}

impl WorkersHandle {
    /// Runs a job on the worker of that number, counted round. False when the workers have stopped.
    pub(crate) fn run_on(&self, worker: usize, job: Job) -> bool {
        match self.queues[worker % self.queues.len()].upgrade() {
            Some(queue) => queue.send(job).is_ok(),
            None => false,
        }
    }

    /// Runs a job on some worker, each in turn.
    pub(crate) fn run(&self, job: Job) -> bool {
        let worker = NEXT.with(|next| {
            next.set(next.get().wrapping_add(1));
            next.get()
        });
        self.run_on(worker, job)
    }
}
