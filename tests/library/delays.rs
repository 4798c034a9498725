//! Code of the program never runs where requests are carried: whoever is slow holds up himself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chorus::blocking::Session;
use chorus::{CqlType, FromCql, QueryResult, RequestInfo, RequestListener, ValueError};
use chorus_node::EmbeddedCluster;

use crate::stage::{KEYSPACE, NUMBERS};

/// More than a hundred requests take.
const PATIENCE: Duration = Duration::from_secs(20);

fn session() -> (EmbeddedCluster, Session) {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    // One reactor, over one connection for all requests.
    let session = Session::connect(chorus::Session::builder().contact_points(cluster.addresses()));
    let session = session.expect("the node is reachable");
    session.query(KEYSPACE, ()).expect("created");
    session.query(NUMBERS, ()).expect("created");
    session.query("INSERT INTO ks.numbers (id, value) VALUES (1, 1)", ()).expect("written");
    (cluster, session)
}

/// A hundred requests, and then word of it.
fn others(session: &Session, done: &Sender<()>) {
    let select = session.prepare("SELECT id FROM ks.numbers WHERE id = ?").expect("prepared");
    for id in 0..100 {
        session.execute(&select, (id,)).expect("served");
    }
    done.send(()).expect("somebody waits");
}

/// Waits in the middle of one request until a hundred others are answered.
#[derive(Debug)]
struct Slow {
    others: Mutex<Receiver<()>>,
    in_time: AtomicBool,
}

impl RequestListener for Slow {
    fn started(&self, request: &RequestInfo) {
        self.wait(request);
    }

    fn succeeded(&self, request: &RequestInfo, _: &QueryResult, _: Duration) {
        self.wait(request);
    }
}

impl Slow {
    fn wait(&self, request: &RequestInfo) {
        if request.text().contains("slow") {
            let came = self.others.lock().expect("no panic").recv_timeout(PATIENCE).is_ok();
            self.in_time.fetch_and(came, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_listener_that_is_slow_holds_up_its_own_request_and_no_other() {
    let (_cluster, session) = session();
    let (done, wait) = channel();
    let slow = Arc::new(Slow { others: Mutex::new(wait), in_time: AtomicBool::new(true) });
    let listener: Arc<dyn RequestListener> = Arc::clone(&slow) as _;
    session.add_request_listener(&listener);
    std::thread::scope(|scope| {
        scope.spawn(|| session.query("SELECT value AS slow FROM ks.numbers", ()).expect("read"));
        // One hundred for the beginning of the slow one, and one hundred for its end.
        others(&session, &done);
        others(&session, &done);
    });
    assert!(slow.in_time.load(Ordering::Relaxed), "others waited for the listener");
}

/// The channel that a row waits for, for the one test that reads such rows.
static OTHERS: Mutex<Option<Receiver<()>>> = Mutex::new(None);

/// A cell that takes its time to be read.
struct Patient(i32);

impl<'f> FromCql<'f> for Patient {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        i32::check(typ)
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let others = OTHERS.lock().expect("no panic");
        let others = others.as_ref().expect("there is one");
        others.recv_timeout(PATIENCE).expect("others are served meanwhile");
        i32::from_cql(typ, cell).map(Patient)
    }
}

#[test]
fn a_row_that_is_slow_to_read_holds_up_its_reader_and_no_other() {
    let (_cluster, session) = session();
    let (done, wait) = channel();
    *OTHERS.lock().expect("no panic") = Some(wait);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let result = session.query("SELECT value FROM ks.numbers", ()).expect("read");
            result.single_row::<(Patient,)>().expect("one row").0.0
        });
        others(&session, &done);
        assert_eq!(reader.join().expect("no panic"), 1);
    });
}
