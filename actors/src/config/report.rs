//! What the server is told about the settings of a session, so that an operator sees them in `system_views.clients`.

use std::time::Duration;

use super::{EngineConfig, PoolSize, ShardAwareness};

/// Longer reports are not sent.
const MOST_BYTES: usize = 32 << 10;

/// The settings as a JSON object: its version, and groups of numbers and words of ours. Nothing in it was given by the program
/// as text, so there is nothing to escape and nothing secret. `None` when it is not to be sent.
pub(crate) fn report(config: &EngineConfig) -> Option<String> {
    if !config.report_config {
        return None;
    }
    let (per, connections) = match config.pool_size {
        PoolSize::PerHost(count) => ("host", count),
        PoolSize::PerShard(count) => ("shard", count),
    };
    let shards = match config.shard_awareness {
        ShardAwareness::Full => "full",
        ShardAwareness::NoPort => "no-port",
        ShardAwareness::Off => "off",
    };
    let report = format!(
        concat!(
            r#"{{"version":1,"#,
            r#""connection":{{"connect_timeout_ms":{},"heartbeat_interval_ms":{},"heartbeat_timeout_ms":{}}},"#,
            r#""pool":{{"connections":{},"per":"{}","shard_awareness":"{}","in_flight_per_connection":{}}},"#,
            r#""request":{{"timeout_ms":{},"speculation":{}}},"#,
            r#""schema":{{"fetch":{},"agreement_timeout_ms":{}}}}}"#
        ),
        config.connect_timeout.as_millis(),
        config.heartbeat.interval.as_millis(),
        config.heartbeat.timeout.as_millis(),
        connections,
        per,
        shards,
        config.limits.in_flight_per_connection,
        config.request_timeout.map_or_else(|| "null".to_owned(), milliseconds),
        config.speculative.is_some(),
        config.fetch_schema,
        config.schema_agreement_timeout.as_millis(),
    );
    (report.len() <= MOST_BYTES).then_some(report)
}

fn milliseconds(time: Duration) -> String {
    time.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_json_of_the_first_version_and_can_be_left_out() {
        let mut config = EngineConfig::new(["127.0.0.1".parse::<std::net::IpAddr>().unwrap()]);
        let text = report(&config).expect("on by default");
        assert!(text.starts_with(r#"{"version":1,"connection":{"connect_timeout_ms":5000,"#), "{text}");
        assert!(text.contains(r#""request":{"timeout_ms":10000,"speculation":false}"#), "{text}");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
        config.request_timeout = None;
        assert!(report(&config).expect("on").contains(r#""timeout_ms":null"#));
        config.report_config = false;
        assert_eq!(report(&config), None);
    }
}
