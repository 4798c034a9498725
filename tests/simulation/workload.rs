//! What the callers of a story do.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chorus::policy::{Distance, Rng};
use chorus::{Batch, DbError, Error, ErrorKind, FromRow, PreparedStatement, Session};
use futures::StreamExt;

use crate::ledger::{Fate, Ledger, marker};
use crate::punctuality::Punctuality;
use crate::report::Findings;

/// Rows of `sim.echo`: they are there from the start, and each says which one it is.
pub(crate) const ECHOES: i64 = 64;
/// Rows of the one partition of `sim.pages`, and how many come in a page.
pub(crate) const PAGED: i32 = 60;
const PAGE: u32 = 7;
/// Rows that callers contend for.
const CLAIMS: i64 = 12;

const TABLES: [&str; 8] = [
    "CREATE TABLE sim.echo (id bigint PRIMARY KEY, answer text)",
    "CREATE TABLE sim.pages (part int, n int, answer text, PRIMARY KEY (part, n))",
    "CREATE TABLE sim.log (id bigint PRIMARY KEY, value text)",
    "CREATE TABLE sim.pair (id bigint PRIMARY KEY, value text)",
    "CREATE TABLE sim.register (id bigint PRIMARY KEY, value bigint)",
    "CREATE TABLE sim.list (id int PRIMARY KEY, items list<bigint>)",
    "CREATE TABLE ring.counter (id int PRIMARY KEY, n counter)",
    "CREATE TABLE ring.claim (id bigint PRIMARY KEY, owner bigint)",
];

/// Makes the tables and what is in them from the start, in fair weather.
pub(crate) async fn lay_out(session: &Session, seed: u64, keyspaces: &[String]) -> Result<(), Error> {
    for cql in keyspaces.iter().map(String::as_str).chain(TABLES) {
        session.query(cql, ()).await?;
    }
    let insert = session.prepare("INSERT INTO sim.echo (id, answer) VALUES (?, ?)").await?.idempotent(true);
    session.bulk(&insert).load((0..ECHOES).map(|id| (id, marker(seed, id)))).await?;
    let insert =
        session.prepare("INSERT INTO sim.pages (part, n, answer) VALUES (1, ?, ?)").await?.idempotent(true);
    session.bulk(&insert).load((0..PAGED).map(|n| (n, marker(seed, n.into())))).await?;
    Ok(())
}

#[derive(Clone, Debug)]
pub(crate) struct Statements {
    pub(crate) echo: PreparedStatement,
    pub(crate) whole_echo: PreparedStatement,
    pages: PreparedStatement,
    log: PreparedStatement,
    log_twice: PreparedStatement,
    pair: PreparedStatement,
    logged: PreparedStatement,
    register: PreparedStatement,
    registered: PreparedStatement,
    append: PreparedStatement,
    increment: PreparedStatement,
    claim: PreparedStatement,
}

impl Statements {
    pub(crate) async fn prepare(session: &Session) -> Result<Self, Error> {
        let read = async |cql: &str| session.prepare(cql).await.map(|statement| statement.idempotent(true));
        let log = "INSERT INTO sim.log (id, value) VALUES (?, ?)";
        Ok(Self {
            echo: read("SELECT id, answer FROM sim.echo WHERE id = ?").await?,
            whole_echo: read("SELECT * FROM sim.echo WHERE id = ?").await?,
            pages: read("SELECT n, answer FROM sim.pages WHERE part = ?").await?.page_size(PAGE),
            log: session.prepare(log).await?,
            log_twice: read(log).await?,
            pair: session.prepare("INSERT INTO sim.pair (id, value) VALUES (?, ?)").await?,
            logged: read("SELECT id, value FROM sim.log WHERE id = ?").await?,
            register: read("UPDATE sim.register SET value = ? WHERE id = ?").await?,
            registered: read("SELECT value FROM sim.register WHERE id = ?").await?,
            append: session.prepare("UPDATE sim.list SET items = items + ? WHERE id = ?").await?,
            increment: session.prepare("UPDATE ring.counter SET n = n + 1 WHERE id = ?").await?,
            claim: session.prepare("INSERT INTO ring.claim (id, owner) VALUES (?, ?) IF NOT EXISTS").await?,
        })
    }
}

#[derive(FromRow)]
pub(crate) struct Echo<'r> {
    pub(crate) id: i64,
    pub(crate) answer: &'r str,
}

#[derive(FromRow)]
struct Claimed {
    #[chorus(rename = "[applied]")]
    applied: bool,
    #[chorus(default)]
    owner: Option<i64>,
}

/// One caller: sends one request, or one bundle of them, after the other.
pub(crate) struct Caller {
    pub(crate) number: i64,
    pub(crate) seed: u64,
    pub(crate) session: Session,
    pub(crate) statements: Statements,
    pub(crate) timeout: Duration,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) findings: Arc<Findings>,
    pub(crate) punctuality: Punctuality,
    pub(crate) rng: Rng,
    pub(crate) sent: i64,
}

impl Caller {
    /// Goes on until told to stop.
    pub(crate) async fn run(mut self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            self.call().await;
            match self.rng.below(4) {
                0 => tokio::time::sleep(Duration::from_millis(u64::from(self.rng.below(8)))).await,
                _ => tokio::task::yield_now().await,
            }
        }
    }

    async fn call(&mut self) {
        match self.rng.below(20) {
            0..=3 => self.read().await,
            4 => self.read_text().await,
            5 => self.read_pages().await,
            6 => self.read_many().await,
            7..=9 => self.insert().await,
            10 | 11 => self.set_register().await,
            12 | 13 => self.increment().await,
            14 | 15 => self.append().await,
            16 | 17 => self.claim().await,
            18 => self.batch().await,
            _ => self.load().await,
        }
    }

    /// An id nobody else uses.
    fn next_id(&mut self) -> i64 {
        self.sent += 1;
        self.number << 32 | self.sent
    }

    fn random_echo(&mut self) -> i64 {
        self.rng.between(0, ECHOES as u64 - 1) as i64
    }

    /// Carries out one request, or leaves in the middle of it: then nobody knows what became of it, and this is `None`.
    async fn send<T>(
        &mut self,
        what: &str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Option<Result<T, Error>> {
        let call = pin!(call);
        let patience = (self.rng.below(10) == 0).then(|| Duration::from_micros(self.rng.between(0, 20_000)));
        let limit = self.timeout;
        let outcome = match patience {
            Some(patience) => {
                let patient = tokio::time::timeout(patience, self.punctuality.watch(what, limit, call));
                patient.await.ok().flatten()
            }
            None => self.punctuality.watch(what, limit, call).await,
        };
        match &outcome {
            Some(Ok(_)) => self.findings.count("done"),
            Some(Err(error)) => judge(&self.findings, what, error),
            None => self.findings.count("cancelled"),
        }
        outcome
    }

    fn check_echo(&self, what: &str, asked: i64, result: Result<Echo<'_>, Error>) {
        match result {
            Ok(Echo { id, answer }) => {
                let right = id == asked && answer == marker(self.seed, asked);
                self.findings.unless(right, || format!("{what}: asked for row {asked}, got {id}: {answer}"));
            }
            Err(error) => judge(&self.findings, what, &error),
        }
    }

    async fn read(&mut self) {
        let asked = self.random_echo();
        let (session, statements) = (self.session.clone(), self.statements.clone());
        let statement = if self.rng.coin() { statements.echo } else { statements.whole_echo };
        if let Some(Ok(result)) = self.send("a read", session.execute(&statement, (asked,))).await {
            self.check_echo("a read", asked, result.single_row());
        }
    }

    async fn read_text(&mut self) {
        let asked = self.random_echo();
        let session = self.session.clone();
        // Each text is another one.
        let cql = format!("SELECT id, answer FROM sim.echo WHERE id = {asked}");
        if let Some(Ok(result)) = self.send("a text", session.query(cql, ())).await {
            self.check_echo("a text", asked, result.single_row());
        }
    }

    async fn read_pages(&mut self) {
        let (session, statement) = (self.session.clone(), self.statements.pages.clone());
        let Some(Ok(pages)) = self.send("the first page", session.execute_iter(&statement, (1,))).await
        else {
            return;
        };
        let mut pages = pages;
        let mut expected = 0;
        loop {
            let page = match self.send("a page", pages.next_page()).await {
                Some(Ok(Some(page))) => page,
                Some(Ok(None)) => break,
                Some(Err(_)) | None => return,
            };
            let rows = match page.rows::<(i32, String)>() {
                Ok(rows) => rows,
                Err(error) => return judge(&self.findings, "a page", &error),
            };
            for row in rows {
                match row {
                    Ok((n, answer)) => {
                        let right = n == expected && answer == marker(self.seed, n.into());
                        self.findings
                            .unless(right, || format!("row {expected} of the pages is {n}: {answer}"));
                        expected += 1;
                    }
                    Err(error) => return judge(&self.findings, "a page", &error),
                }
            }
        }
        self.findings.unless(expected == PAGED, || format!("{expected} of {PAGED} rows in all pages"));
    }

    async fn read_many(&mut self) {
        let asked: Vec<i64> = (0..self.rng.between(2, 60)).map(|_| self.random_echo()).collect();
        let concurrency = self.rng.between(1, 30) as usize;
        let rows = asked.clone().into_iter().map(|id| (id,));
        let many =
            self.session.execute_concurrent_with_args(&self.statements.echo, rows).concurrency(concurrency);
        // One after the other they may take that many times as long.
        let limit = self.timeout * (asked.len().div_ceil(concurrency) as u32 + 1);
        let results = self.punctuality.watch("many reads", limit, many.run_all()).await;
        let Some(Ok(results)) = results else {
            return self.findings.add("many reads: no results");
        };
        self.findings
            .unless(results.len() == asked.len(), || format!("{} results of {}", results.len(), asked.len()));
        for (asked, result) in asked.into_iter().zip(results) {
            match result {
                Ok(result) => {
                    self.findings.count("done");
                    self.check_echo("one of many reads", asked, result.single_row());
                }
                Err(error) => judge(&self.findings, "one of many reads", &error),
            }
        }
    }

    async fn insert(&mut self) {
        let id = self.next_id();
        let (session, statements) = (self.session.clone(), self.statements.clone());
        let statement = if self.rng.coin() { &statements.log } else { &statements.log_twice };
        let values = (id, marker(self.seed, id));
        let fate = fate(&self.send("an insert", session.execute(statement, values)).await);
        self.ledger.row(id, fate, false);
        if fate == Fate::Done && self.rng.coin() {
            self.read_back(id).await;
        }
    }

    /// Reads what was acknowledged.
    async fn read_back(&mut self, id: i64) {
        let (session, statements) = (self.session.clone(), self.statements.clone());
        let Some(Ok(result)) =
            self.send("a read of a write", session.execute(&statements.logged, (id,))).await
        else {
            return;
        };
        match result.first_row::<(i64, String)>() {
            Ok(Some((found, value))) => {
                let right = found == id && value == marker(self.seed, id);
                self.findings.unless(right, || format!("asked for write {id}, got {found}: {value}"));
            }
            Ok(None) => self.findings.add(format!("write {id} was acknowledged and is not there")),
            Err(error) => judge(&self.findings, "a read of a write", &error),
        }
    }

    async fn set_register(&mut self) {
        let (id, value) = (self.number, self.next_id());
        let (session, statements) = (self.session.clone(), self.statements.clone());
        let fate = fate(&self.send("an update", session.execute(&statements.register, (value, id))).await);
        self.ledger.with(|books| books.registers.entry(id).or_default().note(value, fate));
        let read = self.send("a read of a register", session.execute(&statements.registered, (id,))).await;
        let Some(Ok(result)) = read else { return };
        match result.first_row::<(Option<i64>,)>() {
            Ok(row) => {
                let found = row.and_then(|(value,)| value);
                let possible = self.ledger.with(|books| books.registers[&id].possible.clone());
                self.findings.unless(possible.contains(&found), || {
                    format!("register {id} is {found:?}, and may be one of {possible:?}")
                });
            }
            Err(error) => judge(&self.findings, "a read of a register", &error),
        }
    }

    async fn increment(&mut self) {
        let id = self.rng.below(4) as i32;
        let (session, statements) = (self.session.clone(), self.statements.clone());
        let fate = fate(&self.send("an increment", session.execute(&statements.increment, (id,))).await);
        self.ledger.with(|books| {
            let counter = books.counters.entry(id).or_default();
            counter.done += i64::from(fate == Fate::Done);
            counter.unknown += i64::from(fate == Fate::Unknown);
        });
    }

    async fn append(&mut self) {
        let (id, item) = (self.rng.below(4) as i32, self.next_id());
        let (session, statements) = (self.session.clone(), self.statements.clone());
        let fate = fate(&self.send("an append", session.execute(&statements.append, (vec![item], id))).await);
        self.ledger.with(|books| books.items.entry(id).or_default().insert(item, fate));
    }

    async fn claim(&mut self) {
        let (id, owner) = (self.rng.between(0, CLAIMS as u64 - 1) as i64, self.next_id());
        let (session, statements) = (self.session.clone(), self.statements.clone());
        let outcome = self.send("a claim", session.execute(&statements.claim, (id, owner))).await;
        let mut told = fate(&outcome);
        let claimed = match outcome {
            Some(Ok(result)) => match result.single_row::<Claimed>() {
                Ok(claimed) => Some(claimed),
                Err(error) => {
                    judge(&self.findings, "a claim", &error);
                    told = Fate::Unknown;
                    None
                }
            },
            _ => None,
        };
        let findings = &self.findings;
        self.ledger.with(|books| {
            let claim = books.claims.entry(id).or_default();
            if told == Fate::Unknown {
                claim.unknown.push(owner);
            }
            let Some(Claimed { applied, owner: other }) = claimed else { return };
            let now = if applied { Some(owner) } else { other };
            findings.unless(now.is_some(), || format!("claim {id} was refused for nobody"));
            findings.unless(claim.owner.is_none() || claim.owner == now, || {
                format!("claim {id} is {now:?}'s, and was {:?}'s", claim.owner)
            });
            claim.owner = now;
        });
    }

    /// Two rows in two tables, of which there must not be one without the other.
    async fn batch(&mut self) {
        let id = self.next_id();
        let value = marker(self.seed, id);
        let (session, mut batch) = (self.session.clone(), Batch::logged().idempotent(self.rng.coin()));
        for statement in [&self.statements.log, &self.statements.pair] {
            batch.bind(statement, (id, value.as_str())).expect("the values fit");
        }
        let fate = fate(&self.send("a batch", session.batch(&batch)).await);
        self.ledger.row(id, fate, true);
    }

    async fn load(&mut self) {
        let ids: Vec<i64> = (0..self.rng.between(1, 80)).map(|_| self.next_id()).collect();
        let statement = if self.rng.coin() { &self.statements.log } else { &self.statements.log_twice };
        let rows: Vec<_> = ids.iter().map(|id| (*id, marker(self.seed, *id))).collect();
        let concurrency = self.rng.between(1, 100) as usize;
        let load = self.session.bulk(statement).concurrency(concurrency).errors_allowed(ids.len()).load(rows);
        let limit = self.timeout * (ids.len().div_ceil(concurrency) as u32 + 1);
        let Some(Ok(report)) = self.punctuality.watch("a load", limit, load).await else {
            self.findings.add("a load: no report");
            return ids.iter().for_each(|id| self.ledger.row(*id, Fate::Unknown, false));
        };
        let mut fates = vec![Fate::Done; ids.len()];
        for error in &report.failed {
            judge(&self.findings, "a row of a load", error);
            match error.index() {
                Some(place) => fates[place as usize] = Fate::of(&Err::<(), _>(error.clone())),
                None => self.findings.add(format!("a row of a load failed without its place: {error}")),
            }
        }
        let done = fates.iter().filter(|fate| **fate == Fate::Done).count();
        self.findings
            .unless(done as u64 == report.written, || format!("{done} rows done, {} told", report.written));
        ids.iter().zip(fates).for_each(|(id, fate)| self.ledger.row(*id, fate, false));
    }
}

fn fate<T>(outcome: &Option<Result<T, Error>>) -> Fate {
    outcome.as_ref().map_or(Fate::Unknown, Fate::of)
}

/// Whether a call may fail so in a story in which nobody has made a mistake.
pub(crate) fn judge(findings: &Findings, what: &str, error: &Error) {
    let outcome = match error.kind() {
        ErrorKind::Timeout => Some("timeout"),
        ErrorKind::ConnectionLost => Some("connection lost"),
        ErrorKind::NoHostAvailable => Some("no host"),
        ErrorKind::Overloaded => Some("overloaded"),
        // Answers that were cut short.
        ErrorKind::Protocol | ErrorKind::Rows | ErrorKind::Result => Some("unreadable"),
        ErrorKind::Db => match error.db().map(|body| &body.error) {
            Some(
                DbError::Overloaded
                | DbError::WriteTimeout { .. }
                | DbError::ReadTimeout { .. }
                | DbError::Unavailable { .. }
                | DbError::ServerError
                | DbError::IsBootstrapping,
            ) => Some("database"),
            _ => None,
        },
        _ => None,
    };
    match outcome {
        Some(outcome) => findings.count(outcome),
        None => findings.add(format!("{what}: {error:?}")),
    }
}

/// What a request may take when it is the machine that is slow.
pub(crate) const CALM: Duration = Duration::from_secs(10);

/// A write through every host, each of which must succeed.
pub(crate) async fn every_host_writes(session: &Session, statements: &Statements) -> Vec<Error> {
    let mut errors = Vec::new();
    let state = session.state();
    for host in state.route.hosts().iter().filter(|host| host.member && host.distance != Distance::Ignored) {
        let statement = statements.register.clone().on_host(&host.host).timeout(CALM);
        errors.extend(session.execute(&statement, (1_i64, -1_i64)).await.err());
    }
    errors
}

/// Reads that all must succeed, `count` of them at a time.
pub(crate) async fn all_read(session: &Session, statement: &PreparedStatement, count: i64) -> Vec<Error> {
    let statement = &statement.clone().timeout(CALM);
    let reads = (0..count).map(|n| session.execute(statement, (n % ECHOES,)));
    let results: Vec<_> = futures::stream::iter(reads).buffer_unordered(32).collect().await;
    results.into_iter().filter_map(Result::err).collect()
}
