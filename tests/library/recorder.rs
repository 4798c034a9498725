//! Whoever is told of spans and events, and keeps them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

/// Fields by name, as text.
pub(crate) type Fields = BTreeMap<String, String>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The target of whatever it is.
    pub(crate) target: &'static str,
    pub(crate) name: &'static str,
    pub(crate) fields: Fields,
    /// The span it was told in: that of an event, the parent of a span.
    pub(crate) within: Option<usize>,
    pub(crate) is_closed: bool,
    holders: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Tape {
    pub(crate) spans: Vec<Told>,
    pub(crate) events: Vec<Told>,
    /// Spans that were entered, on the one thread that tells.
    entered: Vec<usize>,
}

/// Keeps what is told with the targets of requests, and of the test's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Tape>>);

impl Recorder {
    /// Listens on this thread until the guard is dropped.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        let recorder = Self::default();
        let guard = tracing::subscriber::set_default(recorder.clone());
        (recorder, guard)
    }

    pub(crate) fn tape(&self) -> MutexGuard<'_, Tape> {
        self.0.lock().expect("nobody panics with it")
    }

    /// Forgets what was told.
    pub(crate) fn take(&self) -> Tape {
        let mut tape = self.tape();
        // Ids go on, for spans that are still there.
        let taken =
            Tape { spans: tape.spans.clone(), events: std::mem::take(&mut tape.events), entered: Vec::new() };
        tape.spans.iter_mut().for_each(|span| span.target = "");
        Tape {
            spans: taken.spans.into_iter().filter(|span| span.target == "chorus::request").collect(),
            ..taken
        }
    }
}

struct Visitor<'f>(&'f mut Fields);

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

fn is_heard(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("chorus::request")
        || metadata.target() == "chorus::slow"
        || metadata.target().starts_with("library")
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_heard(metadata)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut tape = self.tape();
        let within = match span.parent() {
            Some(parent) => Some(parent.into_u64() as usize - 1),
            None => span.is_contextual().then(|| tape.entered.last().copied()).flatten(),
        };
        let (target, name) = (span.metadata().target(), span.metadata().name());
        let mut told = Told { target, name, within, holders: 1, ..Told::default() };
        span.record(&mut Visitor(&mut told.fields));
        tape.spans.push(told);
        Id::from_u64(tape.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut tape = self.tape();
        values.record(&mut Visitor(&mut tape.spans[span.into_u64() as usize - 1].fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut tape = self.tape();
        let within = match event.parent() {
            Some(parent) => Some(parent.into_u64() as usize - 1),
            None => tape.entered.last().copied(),
        };
        let (target, name) = (event.metadata().target(), event.metadata().name());
        let mut told = Told { target, name, within, ..Told::default() };
        event.record(&mut Visitor(&mut told.fields));
        tape.events.push(told);
    }

    fn enter(&self, span: &Id) {
        self.tape().entered.push(span.into_u64() as usize - 1);
    }

    fn exit(&self, span: &Id) {
        let mut tape = self.tape();
        let place = tape.entered.iter().rposition(|entered| *entered == span.into_u64() as usize - 1);
        if let Some(place) = place {
            tape.entered.remove(place);
        }
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.tape().spans[span.into_u64() as usize - 1].holders += 1;
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let told = &mut self.tape().spans[span.into_u64() as usize - 1];
        told.holders -= 1;
        told.is_closed = told.holders == 0;
        told.is_closed
    }
}
