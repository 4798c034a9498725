//! What happens to the cluster, and when.

use std::time::Duration;

use chorus::policy::Rng;

use crate::mishaps::Mishap;
use crate::shape::Shape;

/// Something that happens at one moment. Nodes are named by their numbers.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The process of a node is killed; it forgets its prepared statements.
    Kill(usize),
    Start(usize),
    /// A node is suspended with its connections open.
    Freeze(usize),
    Thaw(usize),
    /// Requests go wrong from now on; the number is for the end of it.
    Begin(usize, Mishap),
    End(usize),
    Forget(usize),
    /// A node joins the datacenter of that place.
    Join(usize),
    Leave(usize),
    Move(usize),
    Readdress(usize),
    /// A node is restarted with other shards.
    Reshard(usize, u16),
    /// The tablets of a table move, are halved or joined.
    Tablets(Tablets),
    /// The session changes the schema.
    Ddl(String),
    /// The time of day jumps by that many microseconds.
    Jump(i64),
    StopClock,
    /// The machine of the driver sleeps: all its timers find that much time gone.
    Suspend(Duration),
    /// The cluster says that a node is down or up although nothing happened to it.
    Rumour {
        node: usize,
        up: bool,
    },
    /// That many events at once.
    Storm(u32),
    /// Another session is opened, used and closed.
    Visit,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Tablets {
    Move { token: i64, to: usize, shard: u16 },
    Split,
    Merge,
}

/// Steps in the order in which they are taken, with their times since the begin of the story.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) steps: Vec<(Duration, Step)>,
    pub(crate) ends: Duration,
}

/// Who is in the cluster while a schedule is drawn: node numbers with the places of their datacenters.
struct Cast {
    members: Vec<(usize, usize)>,
    next: usize,
    least: usize,
}

impl Cast {
    fn any(&self, rng: &mut Rng) -> usize {
        self.members[rng.below(self.members.len() as u32) as usize].0
    }

    /// Removes a node whose datacenter has more than it needs.
    fn dismiss(&mut self, rng: &mut Rng) -> Option<usize> {
        let (node, home) = self.members[rng.below(self.members.len() as u32) as usize];
        let peers = self.members.iter().filter(|(_, other)| *other == home).count();
        if peers <= self.least {
            return None;
        }
        self.members.retain(|(other, _)| *other != node);
        Some(node)
    }
}

impl Schedule {
    pub(crate) fn draw(rng: &mut Rng, shape: &Shape, can_be_suspended: bool) -> Self {
        let ends = rng.between(300, 800);
        let count = rng.between(2, 7);
        let mut moments: Vec<u64> = (0..count).map(|_| rng.between(5, ends - 50)).collect();
        moments.sort_unstable();
        let members = (0..shape.nodes()).map(|node| (node, shape.home(node))).collect();
        let mut cast = Cast { members, next: shape.nodes(), least: shape.replication() };
        let mut steps = Vec::new();
        for (number, at) in moments.into_iter().enumerate() {
            let until = (at + rng.between(20, 400)).min(ends);
            let mut add = |at: u64, step| steps.push((Duration::from_millis(at), step));
            match rng.below(25) {
                0..=2 => {
                    let node = cast.any(rng);
                    add(at, Step::Kill(node));
                    add(until, Step::Start(node));
                }
                3 => {
                    // Everybody at once, or nearly.
                    let spared = rng.coin().then(|| cast.any(rng));
                    for (node, _) in cast.members.iter().filter(|(node, _)| Some(*node) != spared) {
                        add(at, Step::Kill(*node));
                        add(until, Step::Start(*node));
                    }
                }
                4 | 5 => {
                    let node = cast.any(rng);
                    add(at, Step::Freeze(node));
                    add(until, Step::Thaw(node));
                }
                6..=11 => {
                    add(at, Step::Begin(number, Mishap::draw(rng, cast.next)));
                    add(until, Step::End(number));
                }
                12 => add(at, Step::Forget(cast.any(rng))),
                13 => {
                    let home = rng.below(shape.datacenters.len() as u32) as usize;
                    cast.members.push((cast.next, home));
                    cast.next += 1;
                    add(at, Step::Join(home));
                }
                14 => match cast.dismiss(rng) {
                    Some(node) => add(at, Step::Leave(node)),
                    None => add(at, Step::Forget(cast.any(rng))),
                },
                15 => add(at, Step::Move(cast.any(rng))),
                16 => add(at, Step::Readdress(cast.any(rng))),
                17 if rng.coin() => {
                    // The whole cluster moves house.
                    cast.members.iter().for_each(|(node, _)| add(at, Step::Readdress(*node)));
                }
                17 | 18 => match shape.shards {
                    Some(_) if rng.coin() => add(at, Step::Reshard(cast.any(rng), rng.between(1, 5) as u16)),
                    Some(shards) if shape.tablets => {
                        let moved = Tablets::Move {
                            token: rng.next_u64() as i64,
                            to: cast.any(rng),
                            shard: rng.below(u32::from(shards)) as u16,
                        };
                        let change = [moved, Tablets::Split, Tablets::Merge][rng.below(3) as usize];
                        add(at, Step::Tablets(change));
                    }
                    _ => add(at, Step::Move(cast.any(rng))),
                },
                19 => add(at, Step::Ddl(ddl(rng, number))),
                20 => {
                    let hour = 3_600_000_000;
                    let jump = [-hour, hour, -1_500_000, 24 * hour, -3][rng.below(5) as usize];
                    add(at, if rng.below(4) == 0 { Step::StopClock } else { Step::Jump(jump) });
                }
                21 if can_be_suspended => {
                    add(at, Step::Suspend(Duration::from_millis(rng.between(10, 100_000))));
                }
                21 | 22 => {
                    let (node, up) = (cast.any(rng), rng.coin());
                    add(at, Step::Rumour { node, up });
                }
                23 => add(at, Step::Storm(rng.between(10, 2_000) as u32)),
                _ => add(at, Step::Visit),
            }
        }
        steps.sort_by_key(|(at, _)| *at);
        Self { steps, ends: Duration::from_millis(ends) }
    }
}

impl Schedule {
    /// How far timers jump in all.
    pub(crate) fn suspended(&self) -> Duration {
        let time = |step: &Step| if let Step::Suspend(time) = step { *time } else { Duration::ZERO };
        self.steps.iter().map(|(_, step)| time(step)).sum()
    }
}

fn ddl(rng: &mut Rng, number: usize) -> String {
    match rng.below(4) {
        0 => format!("CREATE TABLE IF NOT EXISTS sim.extra_{number} (id int PRIMARY KEY, value int)"),
        1 => format!("ALTER TABLE sim.echo ADD extra_{number} int"),
        2 => format!("CREATE TYPE IF NOT EXISTS sim.kind_{number} (a int, b text)"),
        _ => "DROP TABLE IF EXISTS sim.unused".to_owned(),
    }
}
