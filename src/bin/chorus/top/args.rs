//! What can be said to `chorus top`.

use std::time::Duration;

use clap::Args;

use super::source::Endpoint;
use crate::args::duration;

/// Where a program is looked for unless somebody says otherwise.
pub(crate) const DEFAULT_ENDPOINT: &str = "127.0.0.1:9184";

const EXAMPLES: &str = "\
Examples:
  A load that serves its metrics, and a look at it from another terminal
    chorus load events.csv --to app.events --host db --metrics 127.0.0.1:9184
    chorus top

  Any program with a PrometheusEndpoint, on another machine
    chorus top http://10.0.0.7:9404

  For scripts: one report over five seconds
    chorus top db-client:9404 --once --interval 5s --json";

const EXIT_CODES: &str = "\
Exit codes:
  0    a report was printed, or somebody quit
  2    wrong usage
  4    the endpoint cannot be reached, or is none of a Chorus program
  130  interrupted; 143 when terminated";

#[derive(Debug, Args)]
#[command(before_long_help = EXAMPLES, after_long_help = EXIT_CODES, after_help = EXIT_CODES)]
pub(crate) struct TopArgs {
    /// Where the program serves its metrics: http://HOST:PORT, HOST:PORT or HOST.
    #[arg(value_name = "ENDPOINT", default_value = DEFAULT_ENDPOINT)]
    pub(crate) endpoint: Endpoint,

    /// How often to look, and over how long rates and percentiles are taken, as in 500ms, 2s or 1m.
    ///
    /// Programs gather their metrics once a second, so less than that shows nothing more.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = interval)]
    pub(crate) interval: Duration,

    /// Print one report over one interval, and end. So it is without a terminal, too.
    #[arg(long)]
    pub(crate) once: bool,

    /// Print the report as one JSON object.
    #[arg(long, requires = "once")]
    pub(crate) json: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    let allowed = Duration::from_millis(200)..=Duration::from_secs(3600);
    if allowed.contains(&interval) { Ok(interval) } else { Err("must be from 200ms to 1h".to_owned()) }
}
