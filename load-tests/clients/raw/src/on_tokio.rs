//! What any driver on tokio has to do: a current-thread runtime, whose one task writes, waits for the socket to become readable, and
//! reads. There is no second task, no channel and no timer.

use std::io;
use std::net::TcpStream;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::exchange::Exchange;

/// The same as [`blocking::carry_out`](crate::blocking::carry_out).
pub(crate) fn carry_out(mut exchange: Exchange, socket: TcpStream) -> io::Result<(u64, Vec<u32>)> {
    socket.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut socket = tokio::net::TcpStream::from_std(socket)?;
        // A task of its own, as in a program that does other things too.
        let task = tokio::spawn(async move {
            loop {
                if !exchange.output().is_empty() {
                    socket.write_all(exchange.output()).await?;
                    exchange.sent();
                }
                let read = socket.read(exchange.space()).await?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                if !exchange.received(read) {
                    return Ok(exchange.counted());
                }
            }
        });
        task.await.map_err(io::Error::other)?
    })
}
