//! A snapshot as JSON: for scripts, and for whoever has no types for it.

use std::fmt::{Display, Write};

use super::{
    ByReason, FailureReason, HostSnapshot, LatencySnapshot, MetricsSnapshot, StageTimes, TrafficSnapshot,
};
use crate::{RequestKind, RequestOutcome};
use chorus_topology::RoutingQuality;

impl MetricsSnapshot {
    /// Everything as one JSON object on one line: by session, host, connection, reactor and actor. Times are microseconds and say
    /// so in their names. Fields are added over time, and none is taken away.
    pub fn to_json(&self) -> String {
        let mut json = Json::default();
        json.object(|json| {
            json.field("requests", |json| {
                json.each(
                    RequestKind::ALL.into_iter().zip(&self.requests),
                    |kind| kind.name(),
                    |json, outcomes| {
                        json.numbers(
                            RequestOutcome::ALL.map(RequestOutcome::name).into_iter().zip(*outcomes),
                        );
                    },
                );
            });
            json.field("latency", |json| json.latencies(&self.latency));
            json.field("stages_us", |json| {
                json.numbers(StageTimes::NAMES.into_iter().zip(self.stages.all()))
            });
            json.field("timeouts", |json| {
                json.numbers(["written", "not_written"].into_iter().zip(self.timeouts))
            });
            json.field("routing", |json| {
                json.numbers(RoutingQuality::ALL.map(RoutingQuality::name).into_iter().zip(self.routing));
            });
            self.decisions(json);
            json.field("connects", |json| json.numbers(self.connects.iter().copied()));
            json.field("disconnects", |json| json.numbers(self.disconnects.iter().copied()));
            json.field("traffic", |json| json.traffic(&self.traffic));
            json.field("control", |json| {
                json.object(|json| {
                    json.value("connected", self.control.connected);
                    json.value("established", self.control.established);
                    let events = super::ControlSnapshot::EVENTS.into_iter().zip(self.control.events);
                    json.field("events", |json| json.numbers(events));
                    let refreshes = ["ok", "failed"].into_iter().zip(self.control.refreshes);
                    json.field("refreshes", |json| json.numbers(refreshes));
                });
            });
            json.field("hosts", |json| json.list(self.all_hosts(), Json::host));
            json.field("reactors", |json| {
                json.list(&self.reactors, |json, reactor| {
                    json.object(|json| {
                        json.value("index", reactor.index);
                        json.value("ticks", reactor.ticks.count());
                        json.value("busy_us", reactor.ticks.sum_us);
                        json.value("stalls", reactor.stalls);
                        json.value("requests", reactor.requests);
                        json.value("waiting", reactor.waiting);
                        json.value("in_flight", reactor.in_flight);
                        json.value("connections", reactor.connections);
                    });
                });
            });
            json.field("actors", |json| {
                json.list(&self.actors, |json, actor| {
                    json.object(|json| {
                        json.text("actor", actor.actor);
                        json.value("alive", actor.alive);
                        json.value("queue_depth", actor.queue_depth);
                        json.value("queue_depth_max", actor.queue_depth_max);
                        json.value("messages", actor.messages);
                        json.value("stalls", actor.stalls);
                        json.value("restarts", actor.restarts);
                        json.field("queue_wait", |json| json.latencies(&actor.queue_wait));
                    });
                });
            });
        });
        json.out
    }

    fn decisions(&self, json: &mut Json) {
        let by_reason = |counts: ByReason| FailureReason::NAMES.into_iter().zip(counts);
        json.field("retries", |json| {
            json.each(
                Self::DECISIONS.into_iter().zip(self.retries_by_reason),
                |name| name,
                |json, counts| {
                    json.numbers(by_reason(counts));
                },
            );
        });
        json.field("given_up", |json| json.numbers(by_reason(self.given_up_by_reason)));
        json.field("ignored", |json| json.numbers(by_reason(self.ignored_by_reason)));
        for (name, number) in [
            ("budget_refusals", self.budget_refusals),
            ("budget_left", self.budget_left),
            ("reprepares", self.reprepares),
            ("prepared_statements", self.prepared_statements),
            ("panics", self.panics),
            ("speculative_sent", self.speculative_sent),
            ("speculative_won", self.speculative_won),
            ("speculative_wasted", self.speculative_wasted),
            ("next_pages", self.next_pages),
            ("tablets_told", self.tablets_told),
            ("tablets_refused", self.tablets_refused),
            ("connections", self.connections),
            ("in_flight", self.in_flight),
            ("stale_reactors", self.stale_reactors),
        ] {
            json.value(name, number);
        }
    }
}

/// JSON under way.
#[derive(Default)]
struct Json {
    out: String,
}

impl Json {
    fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.comma();
        self.out.push('{');
        fill(self);
        self.out.push('}');
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        self.out.push('[');
        for item in items {
            each(self, item);
        }
        self.out.push(']');
    }

    /// A comma, unless something has just begun.
    fn comma(&mut self) {
        if !matches!(self.out.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.out.push(',');
        }
    }

    fn field(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        self.comma();
        self.quoted(name);
        self.out.push(':');
        value(self);
    }

    fn value(&mut self, name: &str, value: impl Display) {
        // Writing to a string cannot fail.
        self.field(name, |json| _ = write!(json.out, "{value}"));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.field(name, |json| json.quoted(text));
    }

    fn numbers(&mut self, numbers: impl IntoIterator<Item = (&'static str, u64)>) {
        self.object(|json| numbers.into_iter().for_each(|(name, number)| json.value(name, number)));
    }

    fn each<K, V>(
        &mut self,
        items: impl IntoIterator<Item = (K, V)>,
        name: impl Fn(K) -> &'static str,
        value: impl Fn(&mut Self, V),
    ) {
        self.object(|json| {
            items.into_iter().for_each(|(key, item)| json.field(name(key), |json| value(json, item)))
        });
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        for letter in text.chars() {
            match letter {
                '"' | '\\' => self.out.extend(['\\', letter]),
                letter if letter < ' ' => _ = write!(self.out, "\\u{:04x}", u32::from(letter)),
                letter => self.out.push(letter),
            }
        }
        self.out.push('"');
    }

    fn latencies(&mut self, latencies: &LatencySnapshot) {
        self.object(|json| {
            json.value("count", latencies.count());
            json.value("sum_us", latencies.sum_us());
            json.value("min_us", latencies.min_us());
            json.value("mean_us", latencies.mean_us());
            json.value("deviation_us", latencies.deviation_us());
            for (name, percent) in [
                ("p50_us", 50.0),
                ("p75_us", 75.0),
                ("p95_us", 95.0),
                ("p98_us", 98.0),
                ("p99_us", 99.0),
                ("p999_us", 99.9),
            ] {
                json.value(name, latencies.percentile_us(percent));
            }
            json.value("max_us", latencies.max_us());
        });
    }

    fn traffic(&mut self, traffic: &TrafficSnapshot) {
        self.object(|json| {
            json.field("outcomes", |json| json.numbers(traffic.outcomes()));
            let errors = FailureReason::NAMES.into_iter().zip(traffic.errors);
            json.field("errors", |json| json.numbers(errors));
            for (name, number) in [
                ("attempts", traffic.attempts),
                ("answers", traffic.answers),
                ("orphaned", traffic.orphaned),
                ("late_answers", traffic.late_answers),
                ("unknown_streams", traffic.unknown_streams),
                ("bytes_sent", traffic.bytes_sent),
                ("bytes_received", traffic.bytes_received),
                ("writes", traffic.writes),
                ("reads", traffic.reads),
                ("heartbeats", traffic.heartbeats),
            ] {
                json.value(name, number);
            }
            json.field("service", |json| json.latencies(&traffic.service));
            json.field("queue_wait", |json| json.latencies(&traffic.queue_wait));
        });
    }

    fn host(&mut self, host: &HostSnapshot) {
        self.object(|json| {
            json.text("address", &host.address.to_string());
            json.value("connections", host.connections);
            json.value("target", host.target);
            json.value("in_flight", host.in_flight);
            json.value("orphans", host.orphans);
            json.value("ups", host.ups);
            json.value("downs", host.downs);
            json.field("pool", |json| {
                json.list(&host.pool, |json, connection| {
                    json.object(|json| {
                        match connection.shard {
                            Some(shard) => json.value("shard", shard),
                            None => json.value("shard", "null"),
                        }
                        json.value("in_flight", connection.in_flight);
                        json.value("orphans", connection.orphans);
                    });
                });
            });
            json.field("traffic", |json| json.traffic(&host.traffic));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_quoted_and_nothing_is_separated_twice() {
        let mut json = Json::default();
        json.object(|json| {
            json.text("a\"b", "c\\d\n");
            json.field("list", |json| json.list([1, 2], |json, n| json.object(|json| json.value("n", n))));
            json.field("empty", |json| json.list([0; 0], |_, _: i32| {}));
            json.numbers_field();
        });
        assert_eq!(
            json.out,
            "{\"a\\\"b\":\"c\\\\d\\u000a\",\"list\":[{\"n\":1},{\"n\":2}],\"empty\":[],\"of\":{\"x\":1,\"y\":2}}"
        );
    }

    impl Json {
        fn numbers_field(&mut self) {
            self.field("of", |json| json.numbers([("x", 1), ("y", 2)]));
        }
    }

    #[test]
    fn a_snapshot_of_nothing_is_an_object() {
        let json = MetricsSnapshot::default().to_json();
        assert!(json.starts_with("{\"requests\":{\"read\":{\"ok\":0,") && json.ends_with("]}"), "{json}");
        assert_eq!(json.matches('{').count(), json.matches('}').count());
    }
}
