//! Parts of the engine by themselves.

use chorus_actors::bench::{Histogram, Rig};
use criterion::{Criterion, Throughput};
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::{Builder, Runtime};

use super::server_side::ServerSide;
use super::{Subject, timed};

/// Requests under way at a time.
pub(crate) const IN_FLIGHT: u64 = 64;

/// A request from its caller through the inbox and the coordinator to a connection that answers at once, and back.
pub(crate) fn coordinator_hop() -> Subject {
    let runtime = runtime();
    let rig = runtime.block_on(async { Rig::coordinator() });
    round_trips(runtime, rig)
}

/// A request from a connection's queue over a pipe in memory to a peer that answers VOID, and back.
pub(crate) fn connection_round_trip() -> Subject {
    let runtime = runtime();
    let rig = runtime.block_on(async {
        let (near, far) = tokio::io::duplex(1024 * 1024);
        tokio::spawn(ServerSide::new(answer(far)));
        Rig::connection(near)
    });
    round_trips(runtime, rig)
}

/// Times rounds of so many requests at once.
pub(crate) fn rounds(criterion: &mut Criterion, name: &str, mut subject: Subject) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(IN_FLIGHT));
    group.bench_function(format!("round of {IN_FLIGHT}"), |bencher| {
        bencher.iter_custom(|times| timed(&mut subject, times * IN_FLIGHT));
    });
    group.finish();
}

/// Records a latency that differs from the one before.
pub(crate) fn histogram_record() -> Subject {
    let mut histogram = Histogram::default();
    Box::new(move |times| (0..times).for_each(|value| histogram.record(value % 10_000)))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

fn round_trips(runtime: Runtime, rig: Rig) -> Subject {
    Box::new(move |times| {
        runtime.block_on(async {
            let caller = async |times: u64| {
                for next in 0..times {
                    rig.request(&FRAME, next as i64).await.expect("it is answered");
                }
            };
            let callers = (0..IN_FLIGHT).map(|caller_id| caller((times + caller_id) / IN_FLIGHT));
            join_all(callers).await;
        });
    })
}

/// An EXECUTE of protocol v4 with an id, and values of 120 bytes that nobody looks at.
const FRAME: [u8; 160] = {
    let mut frame = [0x70; 160];
    let head = [4, 0, 0, 0, 0x0A, 0, 0, 0, 151, 0, 16];
    let mut at = 0;
    while at < head.len() {
        frame[at] = head[at];
        at += 1;
    }
    frame
};

/// The server: a VOID for each frame, on its stream.
async fn answer(mut pipe: DuplexStream) {
    let (mut requests, mut answers) = (Vec::new(), Vec::new());
    while pipe.read_buf(&mut requests).await.is_ok_and(|bytes| bytes > 0) {
        let frames = requests.chunks_exact(FRAME.len());
        let rest = frames.remainder().len();
        for frame in frames {
            answers.extend_from_slice(&[0x84, 0, frame[2], frame[3], 0x08, 0, 0, 0, 4, 0, 0, 0, 1]);
        }
        requests.drain(..requests.len() - rest);
        if pipe.write_all(&answers).await.is_err() {
            return;
        }
        answers.clear();
    }
}
