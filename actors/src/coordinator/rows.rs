//! Rows of chunks, as connections see them: written straight from their chunk, acknowledged by number, and sent on their own
//! when they fail.

use chorus_protocol::{FrameHeader, STREAM_OFFSET};
use chorus_topology::{HostIndex, TableId};

use super::port::{Cause, CoordinatorPort};
use crate::{
    bulk::Chunk,
    connection::{ConnectionHandle, InFlight, Occupant, Outbound},
    reactor::deadline_after,
    request::{Request, RequestErrorKind, RowHome},
};

impl CoordinatorPort {
    /// The table of a row under way.
    pub(crate) fn table_of_row(&self, chunk: u32, row: u32) -> Option<TableId> {
        self.chunks.borrow()[chunk as usize].options(row).table
    }

    /// Rows of a chunk were acknowledged.
    #[inline]
    pub(crate) fn rows_applied(&self, chunk: u32, rows: u32) {
        self.rows_finished(chunk, rows, |_| {});
    }

    /// A row was answered with something to keep.
    pub(crate) fn row_answered(
        &self,
        chunk: u32,
        row: u32,
        header: &FrameHeader,
        body: &[u8],
        host: HostIndex,
    ) {
        self.rows_finished(chunk, 1, |chunk| chunk.store(row, header.opcode, header.flags, host, body));
    }

    /// A row failed: from here it travels as a request of its own.
    pub(crate) fn row_failed(&self, chunk: u32, row: u32, cause: Cause, connection: &ConnectionHandle) {
        let request = self.row_request(chunk, row, connection.host);
        self.failed(request, cause, connection);
    }

    /// The rows from `next` on were never written.
    /// Returns how many they are.
    pub(crate) fn rows_unsent(
        &self,
        chunk: u32,
        next: u32,
        cause: Cause,
        connection: &ConnectionHandle,
    ) -> u32 {
        let rows = self.chunks.borrow()[chunk as usize].len();
        for row in next..rows {
            self.row_failed(chunk, row, cause.clone(), connection);
        }
        rows - next
    }

    /// Whether the rows of a chunk from `next` on have waited too long to be sent at all.
    pub(crate) fn rows_expired(&self, chunk: u32, next: u32, now: u64) -> bool {
        let chunks = self.chunks.borrow();
        let chunk = &chunks[chunk as usize];
        let deadline = deadline_after(chunk.stamps.admitted_us, chunk.options(next).timeout);
        deadline != 0 && deadline <= now
    }

    /// Writes rows of a chunk from `first` on, at most `room`, and returns how many and whether that was all.
    pub(crate) fn send_rows(
        &self,
        chunk: u32,
        first: u32,
        room: usize,
        now: u64,
        outbound: &mut Outbound,
        in_flight: &mut InFlight,
    ) -> (u32, bool) {
        let mut chunks = self.chunks.borrow_mut();
        let Chunk { bytes, rows, runs, stamps, .. } = &mut *chunks[chunk as usize];
        let admitted_us = stamps.admitted_us;
        if first == 0 {
            stamps.written_us = now;
        }
        let last = (first as usize).saturating_add(room).min(rows.len());
        let run_start = if first == 0 { 0 } else { rows[first as usize - 1].end as usize };
        let mut start = run_start;
        let mut run = runs.partition_point(|run| run.end <= first);
        let verbatim = outbound.is_verbatim();
        let mut row = first;
        let mut deadline = 0;
        let mut deadline_until = 0;
        for mark in &rows[first as usize..last] {
            if !verbatim && !outbound.has_room() {
                break;
            }
            if row >= deadline_until {
                deadline = deadline_after(admitted_us, runs[run].options.timeout);
                deadline_until = runs[run].end;
                run += 1;
            }
            let Some(stream) = in_flight.reserve() else { break };
            in_flight.occupy(stream, Occupant::Row { chunk, row }, now, deadline);
            let end = mark.end as usize;
            if verbatim {
                bytes[start + STREAM_OFFSET..start + STREAM_OFFSET + 2]
                    .copy_from_slice(&stream.to_be_bytes());
            } else {
                outbound.append(&bytes[start..end], stream);
            }
            start = end;
            row += 1;
        }
        if verbatim && row > first {
            outbound.append_verbatim(&bytes[run_start..start], row - first);
        }
        (row - first, row as usize == rows.len())
    }

    #[inline]
    pub(super) fn rows_finished(&self, key: u32, rows: u32, note: impl FnOnce(&mut Chunk)) {
        let mut chunks = self.chunks.borrow_mut();
        let chunk = &mut chunks[key as usize];
        note(chunk);
        chunk.remaining -= rows;
        if chunk.remaining == 0 {
            let chunk = chunks.remove(key as usize);
            drop(chunks);
            self.stats.borrow_mut().chunk_done(&chunk, self.clock().now_us());
            if let Some(waker) = chunk.finish() {
                self.wake_caller(waker);
            }
        }
    }

    /// A row was destroyed on its way.
    pub(super) fn lose_row(&self, RowHome { chunk, row }: RowHome) {
        if self.chunks.borrow().contains(chunk as usize) {
            self.rows_finished(chunk, 1, |chunk| {
                chunk.failures.push((row, RequestErrorKind::EngineLost.into()))
            });
        }
    }

    fn row_request(&self, chunk: u32, row: u32, host: HostIndex) -> Box<Request> {
        let chunks = self.chunks.borrow();
        let source = &chunks[chunk as usize];
        let mut request = Box::new(Request::new());
        request.frame.extend_from_slice(&source.bytes[source.span(row)]);
        request.frame[STREAM_OFFSET..STREAM_OFFSET + 2].fill(0);
        request.options = source.options(row).as_ref().clone();
        request.options.token = source.rows[row as usize].token;
        request.progress.stamps = source.stamps;
        request.progress.deadline_us = deadline_after(source.stamps.admitted_us, request.options.timeout);
        request.progress.row = Some(RowHome { chunk, row });
        request.progress.host = Some(host);
        request.progress.tried.push(host);
        request.progress.by_control =
            self.control.borrow().as_ref().is_some_and(|control| control.host == host);
        request
    }
}
