//! Faults by rule: what a test wants to go wrong, and when; and watches, which count requests and leave them alone.
//!
//! Rules are tried in the order they were added; the first that matches a request decides about it. All randomness
//! comes from the seed of the rule set, so a run with one connection can be repeated exactly.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chorus_protocol::{CustomPayload, DbError, Opcode};
use tokio::sync::watch;

/// Which requests a rule is about. Every condition that is set must hold.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Requests {
    opcode: Option<Opcode>,
    statement: Option<String>,
    node: Option<usize>,
    shard: Option<u16>,
    connection: Option<u64>,
    nth_on_connection: Option<u64>,
    skip: u64,
    limit: Option<u64>,
    probability: Option<f64>,
    payload: Option<(String, Vec<u8>)>,
}

impl Requests {
    /// Every request.
    pub fn all() -> Self {
        Self::default()
    }

    /// Requests of one kind.
    pub fn opcode(opcode: Opcode) -> Self {
        Self::default().with_opcode(opcode)
    }

    /// Requests with a statement that contains `text`, ignoring case. EXECUTE counts with the text it was prepared from,
    /// BATCH with any of its statements.
    pub fn containing(text: impl Into<String>) -> Self {
        Self::default().with_statement(text)
    }

    /// Only requests of that kind.
    pub fn with_opcode(mut self, opcode: Opcode) -> Self {
        self.opcode = Some(opcode);
        self
    }

    /// Only requests with a statement that contains `text`, ignoring case.
    pub fn with_statement(mut self, text: impl Into<String>) -> Self {
        self.statement = Some(text.into().to_lowercase());
        self
    }

    /// Only requests that reach the node of that number, the first being 0.
    pub fn on_node(mut self, node: usize) -> Self {
        self.node = Some(node);
        self
    }

    /// Only requests that arrive at that shard of a node. Without effect on nodes that have none: no request arrives there.
    pub fn on_shard(mut self, shard: u16) -> Self {
        self.shard = Some(shard);
        self
    }

    /// Only requests on the `n`th connection that a node has accepted, the first being 1.
    pub fn on_connection(mut self, n: u64) -> Self {
        self.connection = Some(n);
        self
    }

    /// Only the `n`th request on each connection, the first being 1; those of the handshake count.
    pub fn nth_on_connection(mut self, n: u64) -> Self {
        self.nth_on_connection = Some(n);
        self
    }

    /// Only the `n`th request the other conditions hold for, the first being 1.
    pub fn nth(self, n: u64) -> Self {
        self.after(n.saturating_sub(1)).times(1)
    }

    /// Spares the first `count` requests the other conditions hold for.
    pub fn after(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// At most `count` requests. Defaults to no limit.
    pub fn times(mut self, count: u64) -> Self {
        self.limit = Some(count);
        self
    }

    /// Only requests whose custom payload has that key with these bytes.
    pub fn with_payload(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.payload = Some((key.into(), value.into()));
        self
    }

    /// A share of the requests, between 0 and 1, drawn from the seed of the rule set.
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }
}

/// What goes wrong with a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fault {
    /// The request is carried out, and its answer held back for that long.
    Delay(Duration),
    /// The request is carried out, and its answer held back for as long as the rule is there. When it is removed, the answers
    /// go out in the order of their requests, connection by connection.
    Hold,
    /// The request is carried out, and never answered.
    DropAnswer,
    /// The request is not carried out, and never answered.
    DropRequest,
    /// The connection is closed without carrying the request out. Answers to earlier requests are sent first.
    Close,
    /// The request is carried out, and the connection closed instead of answering it.
    CloseAfter,
    /// The request is carried out, and the connection closed after that many bytes of its answer; before the last one in any
    /// case.
    CloseMidAnswer(usize),
    /// The connection is reset without carrying the request out. Answers to earlier requests may be lost.
    Reset,
    /// The request is not carried out, and answered with an error and its message.
    Error(DbError, String),
    /// The request is carried out, and its answer comes with these warnings and this custom payload. Without effect before
    /// version 4, and on answers that have a payload of their own.
    Beside(Vec<String>, CustomPayload),
    /// Those bytes are sent as they are instead of an answer, whatever they mean.
    Garbage(Vec<u8>),
    /// The request is carried out, and the body of its answer ends after that many bytes, as its header says.
    Truncate(usize),
    /// The request is carried out, and its answer sent on the stream that many numbers further, modulo those there are.
    WrongStream(i16),
    /// The request is carried out, and answered twice.
    AnswerTwice,
    /// The request is carried out, and its answer has a custom payload of that one key and value before it. Without effect on
    /// answers that are compressed, traced, or have a payload already.
    Payload(String, Vec<u8>),
    /// The request is carried out, and its answer sent byte by byte with that pause before each. What comes behind it on the
    /// connection waits, even after the rule is gone: [`FaultRules::trickling`] tells for how long.
    Trickle(Duration),
}

/// Names a rule, to remove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RuleId(u64);

/// Counts the requests of a kind, for as long as it is kept. Made by [`FaultRules::watch`].
#[derive(Debug)]
#[must_use = "it counts for as long as it is kept"]
pub struct Watch(Arc<AtomicU64>);

impl Watch {
    /// How many such requests have arrived since it was made.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// The rules of a cluster. Cheap when there are none.
#[derive(Debug)]
pub struct FaultRules {
    /// Of rules and watches.
    count: AtomicUsize,
    trickling: Arc<AtomicUsize>,
    /// Changes whenever a rule goes.
    removals: watch::Sender<()>,
    state: Mutex<State>,
}

/// A connection on which an answer trickles, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Trickling(Arc<AtomicUsize>);

impl Drop for Trickling {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct State {
    rules: Vec<Rule>,
    watches: Vec<Watched>,
    next_id: u64,
    random: u64,
}

#[derive(Debug)]
struct Rule {
    id: RuleId,
    requests: Requests,
    fault: Fault,
    seen: u64,
    fired: u64,
}

#[derive(Debug)]
struct Watched {
    requests: Requests,
    count: Arc<AtomicU64>,
}

/// A request as rules see it.
pub(crate) struct Seen<'a> {
    pub(crate) node: usize,
    pub(crate) shard: Option<u16>,
    /// Which of the node's connections it came on, the first being 1.
    pub(crate) connection: u64,
    /// Which request on that connection it is, the first being 1.
    pub(crate) number: u64,
    pub(crate) opcode: u8,
    pub(crate) statements: &'a [&'a str],
    pub(crate) payload: &'a CustomPayload,
}

impl FaultRules {
    /// No rules, and a seed for those that will ask for chance.
    pub fn new(seed: u64) -> Self {
        // A zero state would stay zero.
        let random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        Self {
            count: AtomicUsize::new(0),
            trickling: Arc::default(),
            removals: watch::Sender::new(()),
            state: Mutex::new(State { rules: Vec::new(), watches: Vec::new(), next_id: 0, random }),
        }
    }

    /// Adds a rule behind those there are.
    pub fn add(&self, requests: Requests, fault: Fault) -> RuleId {
        let mut state = self.state.lock().expect("no code panics with the lock held");
        let id = RuleId(state.next_id);
        state.next_id += 1;
        state.rules.push(Rule { id, requests, fault, seen: 0, fired: 0 });
        self.recount(&state);
        id
    }

    /// Counts requests from now on, whatever rules do with them. A client has requests of its own (it reads the schema again
    /// after a change, and asks connections whether they live): a test that counts says which ones it means.
    ///
    /// [`times`](Requests::times), [`after`](Requests::after) and [`with_probability`](Requests::with_probability) have no
    /// effect here.
    pub fn watch(&self, requests: Requests) -> Watch {
        let mut state = self.state.lock().expect("no code panics with the lock held");
        let count = Arc::new(AtomicU64::new(0));
        state.watches.push(Watched { requests, count: Arc::clone(&count) });
        self.recount(&state);
        Watch(count)
    }

    /// Removes a rule and says how many requests it was applied to; `None` when it is not there.
    pub fn remove(&self, id: RuleId) -> Option<u64> {
        let mut state = self.state.lock().expect("no code panics with the lock held");
        let position = state.rules.iter().position(|rule| rule.id == id)?;
        let rule = state.rules.remove(position);
        self.recount(&state);
        self.removals.send_replace(());
        Some(rule.fired)
    }

    /// Removes every rule. Watches go on.
    pub fn clear(&self) {
        let mut state = self.state.lock().expect("no code panics with the lock held");
        state.rules.clear();
        self.recount(&state);
        self.removals.send_replace(());
    }

    fn recount(&self, state: &State) {
        self.count.store(state.rules.len() + state.watches.len(), Ordering::Release);
    }

    /// How many requests a rule was applied to; `None` when it is not there.
    pub fn fired(&self, id: RuleId) -> Option<u64> {
        let state = self.state.lock().expect("no code panics with the lock held");
        state.rules.iter().find(|rule| rule.id == id).map(|rule| rule.fired)
    }

    /// Changes whenever a rule is removed.
    pub(crate) fn removals(&self) -> watch::Receiver<()> {
        self.removals.subscribe()
    }

    /// On how many connections an answer trickles now, or waits to. A connection is free again when its last answer is
    /// through, or when it has ended.
    pub fn trickling(&self) -> usize {
        self.trickling.load(Ordering::Relaxed)
    }

    /// Counts a connection on which an answer trickles from now on.
    pub(crate) fn begin_trickling(&self) -> Trickling {
        self.trickling.fetch_add(1, Ordering::Relaxed);
        Trickling(Arc::clone(&self.trickling))
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// What shall go wrong with this request, and the rule that says so.
    pub(crate) fn decide(&self, request: &Seen<'_>) -> Option<(RuleId, Fault)> {
        let mut guard = self.state.lock().expect("no code panics with the lock held");
        let state = &mut *guard;
        let watches = state.watches.len();
        state.watches.retain(|watched| {
            // Whoever watched holds the other one.
            let is_kept = Arc::strong_count(&watched.count) > 1;
            if is_kept && watched.requests.hold_for(request) {
                watched.count.fetch_add(1, Ordering::Release);
            }
            is_kept
        });
        if state.watches.len() < watches {
            self.recount(state);
        }
        for rule in &mut state.rules {
            if !rule.requests.hold_for(request) {
                continue;
            }
            rule.seen += 1;
            if rule.seen <= rule.requests.skip || rule.requests.limit.is_some_and(|limit| rule.fired >= limit)
            {
                continue;
            }
            if rule.requests.probability.is_some_and(|share| next_share(&mut state.random) >= share) {
                continue;
            }
            rule.fired += 1;
            return Some((rule.id, rule.fault.clone()));
        }
        None
    }
}

impl Requests {
    fn hold_for(&self, request: &Seen<'_>) -> bool {
        self.opcode.is_none_or(|opcode| opcode.as_u8() == request.opcode)
            && self.node.is_none_or(|node| node == request.node)
            && self.shard.is_none_or(|shard| Some(shard) == request.shard)
            && self.connection.is_none_or(|connection| connection == request.connection)
            && self.nth_on_connection.is_none_or(|number| number == request.number)
            && self.payload.as_ref().is_none_or(|(key, value)| {
                request.payload.get(key).is_some_and(|bytes| bytes[..] == value[..])
            })
            && self.statement.as_ref().is_none_or(|text| {
                request.statements.iter().any(|statement| statement.to_lowercase().contains(text.as_str()))
            })
    }
}

/// The next number between 0 and 1 of an xorshift sequence.
fn next_share(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query<'a>(statements: &'a [&'a str]) -> Seen<'a> {
        seen(0, Opcode::Query, statements)
    }

    fn seen<'a>(node: usize, opcode: Opcode, statements: &'a [&'a str]) -> Seen<'a> {
        static NO_PAYLOAD: CustomPayload = CustomPayload::new();
        let opcode = opcode.as_u8();
        Seen { node, shard: None, connection: 1, number: 3, opcode, statements, payload: &NO_PAYLOAD }
    }

    fn fires(rules: &FaultRules, request: &Seen<'_>) -> bool {
        rules.decide(request).is_some()
    }

    #[test]
    fn a_rule_for_the_third_request_fires_once() {
        let rules = FaultRules::new(1);
        let id = rules.add(Requests::containing("insert into t").nth(3), Fault::DropAnswer);
        let fired: Vec<bool> =
            (0..5).map(|_| fires(&rules, &query(&["INSERT INTO t (a) VALUES (1)"]))).collect();
        assert_eq!(fired, [false, false, true, false, false]);
        assert!(!fires(&rules, &query(&["SELECT 1"])));
        assert_eq!(rules.remove(id), Some(1));
        assert!(rules.is_empty());
    }

    #[test]
    fn all_conditions_of_a_rule_must_hold() {
        let rules = FaultRules::new(1);
        rules.add(Requests::opcode(Opcode::Execute).on_node(2).with_statement("x"), Fault::Close);
        let mut request = seen(2, Opcode::Execute, &["axb"]);
        assert!(fires(&rules, &request));
        request.node = 1;
        assert!(!fires(&rules, &request));
        request = seen(2, Opcode::Query, &["x"]);
        assert!(!fires(&rules, &request));
        request = seen(2, Opcode::Execute, &[]);
        assert!(!fires(&rules, &request));
    }

    #[test]
    fn shards_and_connections_are_conditions_like_any_other() {
        let rules = FaultRules::new(1);
        rules.add(Requests::all().on_shard(3).on_connection(7).nth_on_connection(2), Fault::Close);
        let right = Seen { shard: Some(3), connection: 7, number: 2, ..query(&[]) };
        assert!(fires(&rules, &right));
        assert!(!fires(&rules, &Seen { shard: Some(2), ..right }));
        assert!(!fires(&rules, &Seen { shard: None, ..right }));
        assert!(!fires(&rules, &Seen { connection: 6, ..right }));
        assert!(!fires(&rules, &Seen { number: 1, ..right }));
    }

    #[test]
    fn a_payload_is_a_condition_by_key_and_bytes() {
        let rules = FaultRules::new(1);
        rules.add(Requests::all().with_payload("k", "v"), Fault::Close);
        let payload = |value: &'static str| CustomPayload::from_iter([("k", value)]);
        assert!(fires(&rules, &Seen { payload: &payload("v"), ..query(&[]) }));
        assert!(!fires(&rules, &Seen { payload: &payload("w"), ..query(&[]) }));
        assert!(!fires(&rules, &query(&[])));
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = FaultRules::new(1);
        rules.add(Requests::all().times(1), Fault::DropRequest);
        rules.add(Requests::all(), Fault::DropAnswer);
        assert!(matches!(rules.decide(&query(&[])), Some((_, Fault::DropRequest))));
        assert!(matches!(rules.decide(&query(&[])), Some((_, Fault::DropAnswer))));
    }

    #[test]
    fn a_watch_counts_what_it_is_about_whatever_rules_do_and_for_as_long_as_it_is_kept() {
        let rules = FaultRules::new(1);
        rules.add(Requests::all().times(1), Fault::DropRequest);
        let watch = rules.watch(Requests::containing("insert into t"));
        assert!(fires(&rules, &query(&["INSERT INTO t (a) VALUES (1)"])));
        rules.clear();
        assert!(!rules.is_empty(), "somebody watches");
        assert!(!fires(&rules, &query(&["INSERT INTO t (a) VALUES (2)"])));
        assert!(!fires(&rules, &query(&["SELECT a FROM t"])));
        assert_eq!(watch.count(), 2);
        drop(watch);
        assert!(!fires(&rules, &query(&[])));
        assert!(rules.is_empty(), "nobody does any more");
    }

    #[test]
    fn chance_repeats_with_its_seed_and_keeps_its_share() {
        let outcomes = |seed| {
            let rules = FaultRules::new(seed);
            rules.add(Requests::all().with_probability(0.25), Fault::DropAnswer);
            (0..4000).map(|_| fires(&rules, &query(&[]))).collect::<Vec<bool>>()
        };
        assert_eq!(outcomes(7), outcomes(7));
        assert_ne!(outcomes(7), outcomes(8));
        let share = outcomes(7).iter().filter(|fired| **fired).count();
        assert!((900..1100).contains(&share), "{share}");
    }
}
