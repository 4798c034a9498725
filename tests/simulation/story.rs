//! A story: everything about it that its seed decides.

use std::fmt;

use chorus::policy::Rng;

use crate::client::Client;
use crate::schedule::Schedule;
use crate::shape::Shape;

#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) client: Client,
    pub(crate) schedule: Schedule,
    pub(crate) callers: usize,
    pub(crate) ending: Ending,
}

/// How the session ends, with requests under way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// It is given time to answer them.
    Drained,
    /// It is given hardly any.
    CutShort,
    /// Its last handle is dropped.
    Dropped,
}

impl Story {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut rng = Rng::seeded(seed);
        let shape = Shape::draw(&mut rng);
        let client = Client::draw(&mut rng);
        let schedule = Schedule::draw(&mut rng, &shape, client.can_be_suspended());
        let callers = rng.between(2, 6) as usize;
        let ending = [Ending::Drained, Ending::CutShort, Ending::Dropped][rng.below(3) as usize];
        Self { seed, shape, client, schedule, callers, ending }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, shape, client, schedule, callers, ending } = self;
        writeln!(f, "story {seed}: {callers} callers, ending {ending:?}")?;
        writeln!(f, "  {shape:?}")?;
        writeln!(f, "  {client:?}")?;
        for (at, step) in &schedule.steps {
            writeln!(f, "  {:>5} ms  {step:?}", at.as_millis())?;
        }
        writeln!(f, "  {:>5} ms  the faults are over", schedule.ends.as_millis())
    }
}
