//! Carries a schedule out, on a thread of its own: the clock of the story may jump.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chorus::protocol::Event;
use chorus::protocol::response::{StatusChangeKind, TopologyChangeKind};
use chorus_node::{EmbeddedCluster, RuleId, StartError};
use tokio::sync::mpsc::UnboundedSender;

use crate::clock::JumpingClock;
use crate::errands::Errand;
use crate::schedule::{Schedule, Step, Tablets};
use crate::shape::Shape;

pub(crate) struct Director<'a> {
    pub(crate) cluster: &'a EmbeddedCluster,
    pub(crate) clock: &'a JumpingClock,
    pub(crate) errands: UnboundedSender<Errand>,
    rules: HashMap<usize, (RuleId, bool)>,
    /// Requests that will never be answered.
    swallowed: u64,
}

impl<'a> Director<'a> {
    pub(crate) fn new(
        cluster: &'a EmbeddedCluster,
        clock: &'a JumpingClock,
        errands: UnboundedSender<Errand>,
    ) -> Self {
        Self { cluster, clock, errands, rules: HashMap::new(), swallowed: 0 }
    }

    /// Takes every step at its time, and heals what is left. Returns how many requests were swallowed.
    pub(crate) fn direct(mut self, schedule: &Schedule) -> u64 {
        let began = Instant::now();
        let wait = |until: Duration| std::thread::sleep(until.saturating_sub(began.elapsed()));
        for (at, step) in &schedule.steps {
            wait(*at);
            self.take(step);
        }
        wait(schedule.ends);
        self.heal(schedule);
        self.swallowed
    }

    fn take(&mut self, step: &Step) {
        let cluster = self.cluster;
        match step {
            Step::Kill(node) => cluster.stop_node(*node),
            Step::Start(node) => self.start(*node),
            Step::Freeze(node) => cluster.freeze_node(*node),
            Step::Thaw(node) => cluster.thaw_node(*node),
            Step::Begin(number, mishap) => {
                let rule = cluster.faults().add(mishap.requests(), mishap.kind.fault());
                self.rules.insert(*number, (rule, mishap.swallows()));
            }
            Step::End(number) => self.end(*number),
            Step::Forget(node) => cluster.forget_prepared(*node),
            Step::Join(home) => {
                cluster.add_node(&Shape::datacenter(*home)).expect("there is an address left");
            }
            Step::Leave(node) => cluster.remove_node(*node),
            Step::Move(node) => allow_removed(cluster.move_node(*node)),
            Step::Readdress(node) => allow_removed(cluster.readdress_node(*node).map(drop)),
            Step::Reshard(node, shards) => allow_removed(cluster.reshard_node(*node, *shards)),
            Step::Tablets(change) => self.change_tablets(*change),
            Step::Ddl(cql) => self.send(Errand::Ddl(cql.clone())),
            Step::Jump(micros) => self.clock.jump(*micros),
            Step::StopClock => self.clock.stop(),
            Step::Suspend(time) => self.send(Errand::Suspend(*time)),
            Step::Rumour { node, up } => {
                let kind = if *up { StatusChangeKind::Up } else { StatusChangeKind::Down };
                cluster.send_event(Event::StatusChange { kind, address: cluster.address(*node) });
            }
            Step::Storm(count) => {
                for number in 0..*count {
                    let address = cluster.address(number as usize % 3);
                    cluster.send_event(match number % 2 {
                        0 => Event::TopologyChange { kind: TopologyChangeKind::NewNode, address },
                        _ => Event::StatusChange { kind: StatusChangeKind::Up, address },
                    });
                }
            }
            Step::Visit => self.send(Errand::Visit),
        }
    }

    fn start(&self, node: usize) {
        allow_removed(self.cluster.start_node(node));
    }

    fn send(&self, errand: Errand) {
        self.errands.send(errand).expect("errands are run until the story is over");
    }

    fn end(&mut self, number: usize) {
        let Some((rule, swallows)) = self.rules.remove(&number) else { return };
        let fired = self.cluster.faults().remove(rule).unwrap_or_default();
        self.swallowed += if swallows { fired } else { 0 };
    }

    fn change_tablets(&self, change: Tablets) {
        let table = "log";
        // What cannot be done is left: the tablet is there already, or there is only one.
        let _ = match change {
            Tablets::Split => self.cluster.split_tablets("sim", table),
            Tablets::Merge => self.cluster.merge_tablets("sim", table),
            Tablets::Move { token, to, shard } => {
                let tablets = self.cluster.tablets("sim", table).unwrap_or_default();
                let there =
                    |node: usize| self.cluster.move_tablet("sim", table, token, node, (to, shard)).is_ok();
                let holders = tablets.iter().flat_map(|tablet| &tablet.replicas).map(|(node, _)| *node);
                holders.into_iter().find(|node| there(*node));
                Ok(())
            }
        };
    }

    fn heal(&mut self, schedule: &Schedule) {
        for number in 0..schedule.steps.len() {
            self.end(number);
        }
        for (_, step) in &schedule.steps {
            match step {
                Step::Freeze(node) => self.cluster.thaw_node(*node),
                Step::Kill(node) => self.start(*node),
                _ => {}
            }
        }
    }
}

/// Nodes that have left the cluster take no part in what was planned for them.
fn allow_removed(outcome: Result<(), StartError>) {
    match outcome {
        Ok(()) | Err(StartError::Removed(_)) => {}
        Err(error) => panic!("{error}"),
    }
}
