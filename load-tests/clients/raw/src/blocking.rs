//! A thread that blocks in each system call: two of them a turn, and nobody to ask which socket is ready.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use crate::exchange::Exchange;

/// Sends and receives until the phases are over; see [`Exchange::counted`].
pub(crate) fn carry_out(mut exchange: Exchange, mut socket: TcpStream) -> io::Result<(u64, Vec<u32>)> {
    loop {
        if !exchange.output().is_empty() {
            socket.write_all(exchange.output())?;
            exchange.sent();
        }
        let read = socket.read(exchange.space())?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !exchange.received(read) {
            return Ok(exchange.counted());
        }
    }
}
