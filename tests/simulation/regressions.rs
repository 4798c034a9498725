//! Stories that failed once, each with what was wrong. They are written out, because what a seed means changes whenever the
//! stories get a new turn.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use chorus::{PoolSize, Statement};
use chorus_node::{Fault, Requests};

use crate::clock::JumpingClock;
use crate::mishaps::{Kind, Mishap};
use crate::report::{self, Findings};
use crate::schedule::{Schedule, Step};
use crate::story::Story;
use crate::workload::{self, CALM, Statements};
use crate::{healing, play};

/// Tells the story of a seed with another course of events; times are milliseconds.
fn tell(mut story: Story, steps: impl IntoIterator<Item = (u64, Step)>) {
    let mut steps: Vec<_> = steps.into_iter().map(|(at, step)| (Duration::from_millis(at), step)).collect();
    steps.sort_by_key(|(at, _)| *at);
    let ends = steps.last().map_or(Duration::ZERO, |(at, _)| *at) + Duration::from_millis(50);
    story.schedule = Schedule { steps, ends };
    report::conclude(&[play::tell(&story)]);
}

/// Orphans could fill a small window without being too many for the connection; then nothing was sent on it any more. And
/// what was queued on a connection that was replaced at last waited for a place that never came.
#[test]
fn orphans_that_fill_a_small_window_make_way_for_a_new_connection() {
    let mut story = Story::draw(4);
    story.client = story.client.with_window(4, 16).with_one_reactor();
    let silence = Mishap::everywhere(Kind::SwallowAnswers, 40);
    tell(story, [(20, Step::Begin(0, silence)), (400, Step::End(0))]);
}

/// A change that was announced while a control connection was being opened, behind the read of what had changed, was lost.
#[test]
fn a_change_while_the_control_connection_is_being_opened_is_not_missed() {
    for seed in 0..4 {
        let readdress = (0..4).map(|node| (30 + 40 * node, Step::Readdress(node as usize % 3)));
        tell(Story::draw(127 + seed), readdress.chain([(60, Step::Join(0))]));
    }
}

/// A session that could not be opened left a task behind, the one that wakes the callers of dedicated reactors.
#[test]
fn a_session_that_cannot_be_opened_leaves_nothing_behind() {
    let mut story = Story::draw(32);
    story.client = story.client.with_dedicated_reactors(2);
    let reset = Mishap::everywhere(Kind::Reset, 100);
    tell(story, [(10, Step::Begin(0, reset)), (20, Step::Visit), (700, Step::End(0))]);
}

/// A request that found one host after the other restarted was failed with "unprepared" by the third.
#[test]
fn a_statement_may_be_forgotten_by_every_host_on_the_way() {
    let rounds = (0..12).map(|round| (20 + 30 * round, Step::Forget(round as usize % 3)));
    let close = Mishap::of_prepares(Kind::CloseAfter, 60);
    tell(Story::draw(109), rounds.chain([(5, Step::Begin(0, close)), (420, Step::End(0))]));
}

/// A server that answered with nonsense once was left alone for a minute.
#[test]
fn a_server_that_talked_nonsense_is_tried_again_soon() {
    let nonsense = Mishap::everywhere(Kind::Garbage(vec![49, 222, 62, 179, 122, 119, 155, 57, 60, 144]), 60);
    tell(Story::draw(191), [(20, Step::Begin(0, nonsense)), (300, Step::End(0))]);
}

/// A reactor kept the connection to a foreign shard that it began with, beyond the size of its pool.
#[test]
fn a_connection_to_a_foreign_shard_is_given_up_when_its_own_are_there() {
    let mut story = Story::draw(57);
    story.client = story.client.with_dedicated_reactors(2);
    story.shape = story.shape.with_shards(4);
    let close = Mishap::everywhere(Kind::Close, 30);
    tell(story, [(20, Step::Begin(0, close)), (300, Step::End(0))]);
}

/// A session was taken for healed while an answer still trickled on a connection, to an attempt that a speculative one had
/// overtaken; what was sent behind it was lost with that connection, on which no heartbeat was answered, and after so many
/// faults the budget for retries was spent.
#[test]
fn a_session_is_not_healed_while_an_answer_trickles() {
    let mut story = Story::draw(106);
    // One connection to each host, so that everything to that host is behind the answer; and time enough for all else.
    story.client.pool = PoolSize::PerHost(NonZeroU16::MIN);
    story.client.timeout = CALM;
    let findings = Findings::default();
    let cluster = Arc::new(story.shape.start(story.seed));
    story.client.runtime().block_on(async {
        let session =
            story.client.builder(&cluster, &JumpingClock::default()).connect().await.expect("connects");
        workload::lay_out(&session, story.seed, &story.shape.keyspaces()).await.expect("laid out");
        let statements = Statements::prepare(&session).await.expect("prepared");
        let faults = cluster.faults();
        let rule =
            faults.add(Requests::containing("sim.pages").nth(1), Fault::Trickle(Duration::from_millis(1)));
        // The whole table takes longer than a heartbeat may; the speculative attempt has it at once.
        let table = Statement::new("SELECT n, answer FROM sim.pages WHERE part = 1").idempotent(true);
        session.query(table, ()).await.expect("answered");
        assert_eq!(faults.fired(rule), Some(1));
        // Until nothing else shows it: the attempt is an orphan, and as if another fault had swallowed an answer.
        while faults.trickling() > 0
            && session.metrics().await.expect("metrics").hosts.iter().all(|host| host.orphans == 0)
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        healing::heal(&story, &cluster, &session, 1, &findings).await;
        assert_eq!(faults.trickling(), 0);
        assert!(workload::every_host_writes(&session, &statements).await.is_empty());
    });
    assert_eq!(findings.into_parts().0, Vec::<String>::new());
}
