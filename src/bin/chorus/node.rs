//! `chorus node`: the embedded node alone.

use crate::args::NodeArgs;
use crate::exit::{Exit, Failure};
use crate::screen::{out, say};
use crate::{embedded, runtime, signals};

pub(crate) fn node(args: &NodeArgs) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        let mut stop = signals::Stop::listen()?;
        let cluster = embedded::many(args)?;
        say("embedded in-memory node; nothing is kept when it ends; Ctrl-C ends it");
        for address in cluster.addresses() {
            out(format_args!("listening on {address}"));
        }
        stop.requested().await;
        drop(cluster);
        // To be stopped is what it is for.
        Ok(Exit::Success)
    })
}
